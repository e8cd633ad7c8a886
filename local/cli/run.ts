import { lakeAccess } from './local-lake.ts';
import type { Command } from './command.ts';
import { feedOptions } from '../run/feed.ts';
import { runOnce } from '../run/once.ts';

export const runCommand: Command = {
  name: 'run',
  usage: '[--events N --seed S | --input FILE [--event-type T] | --brokers HOST:PORT] [--topic T]... [--lake URL] [--json]',
  summary: 'The whole pipeline once: produce if asked, ingest, refine, score, monitor, until everything that was there is drained',
  options: feedOptions,
  run: async ({ flags, out }) => {
    const access = await lakeAccess(flags);
    try {
      return await runOnce({ access, flags, out });
    } finally {
      await access.close();
    }
  },
};
