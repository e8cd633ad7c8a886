import { lakeAccess } from './local-lake.ts';
import type { Command } from './command.ts';
import { feedOptions } from '../run/feed.ts';
import { runLive } from '../run/live.ts';
import { runOnce } from '../run/once.ts';

export const startCommand: Command = {
  name: 'start',
  usage: '[--lake URL] [--port N] [--brokers HOST:PORT --topic T] [--rate R --seed S] [--once [--events N | --input FILE [--event-type T]] [--json]]',
  summary: 'The whole pipeline on this machine until Ctrl-C: storage, event log, producer, functions, page (--once: drain and exit)',
  options: { ...feedOptions, once: { type: 'boolean' }, port: { type: 'string' } },
  run: async ({ flags, out }) => {
    const access = await lakeAccess(flags);
    try {
      return flags.has('once') ? await runOnce({ access, flags, out }) : await runLive({ access, flags, out });
    } finally {
      await access.close();
    }
  },
};
