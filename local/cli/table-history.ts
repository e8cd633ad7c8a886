import { history } from '../../shared/delta/operations/history.ts';
import type { Command } from './command.ts';
import { withNamedTable } from './read-lake.ts';
import { Grid } from './row-sink.ts';
import { timeText } from './text.ts';

export const tableHistoryCommand: Command = {
  name: 'table history',
  usage: 'NAME|URL [--limit N] [--json]',
  wordsMax: 1,
  summary: 'Show the commits of a table, the newest first, as far as its log still tells',
  options: { limit: { type: 'string' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, async ({ table }) => {
    const grid = new Grid(COLUMNS.map((name) => ({ name, type: name === 'version' ? 'long' : 'string' })), (line) => out.row(null, () => line), 300);
    let left = flags.integer('limit', Number.MAX_SAFE_INTEGER, 1);
    for await (const { version, timestampMs, ...facts } of history(table.delta)) {
      const timestamp = timeText(timestampMs);
      const { operation, intent, operationMetrics, operationParameters, engineInfo } = facts;
      if (out.json) out.row({ version, timestamp, ...facts }, () => '');
      else await grid.rows([[version, timestamp ?? '–', operation ?? '–', intent ?? '', pairs(operationMetrics), pairs(operationParameters), engineInfo ?? '–']]);
      left--;
      if (left === 0) break;
    }
    if (!out.json) await grid.end();
    return 0;
  }),
};

const COLUMNS = ['version', 'timestamp', 'operation', 'intent', 'metrics', 'parameters', 'engine'];

function pairs(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values).map(([name, value]) => `${name}=${String(value)}`).join(' ');
}
