import { ConfigError } from '../../shared/errors.ts';
import { homeOf } from './home.ts';
import { lakeAccess } from './local-lake.ts';
import type { Command, Flags } from './command.ts';
import { feedOptions } from '../run/feed.ts';
import { refuseSecondStart, runLive } from '../run/live.ts';
import { runOnce } from '../run/once.ts';

const HTTP_PORT = 7071;
const PORT_MAX = 65_535;

export const startCommand: Command = {
  name: 'start',
  usage: '[--lake URL] [--port N] [--brokers HOST:PORT] [--topic T]... [--rate R --seed S] [--once [--events N | --input FILE [--event-type T]] [--json]]',
  summary: 'The whole pipeline on this machine until Ctrl-C: storage, event log, producer, functions, page (--once: drain and exit)',
  options: { ...feedOptions, once: { type: 'boolean' }, port: { type: 'string' } },
  run: async ({ flags, out }) => {
    const port = portOf(flags);
    // Before storage is started for it.
    if (!flags.has('once')) refuseSecondStart(homeOf());
    const access = await lakeAccess(flags);
    try {
      return flags.has('once') ? await runOnce({ access, flags, out }) : await runLive({ access, flags, out, port });
    } finally {
      await access.close();
    }
  },
};

function portOf(flags: Flags): number {
  const port = flags.integer('port', HTTP_PORT);
  if (port > PORT_MAX) throw new ConfigError('cli/options', `--port is ${port}; give a whole number from 0 (any free port) to ${PORT_MAX}`);
  return port;
}
