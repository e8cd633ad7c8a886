import type { DeltaTable } from '../../shared/delta/table.ts';
import { countRows } from '../../shared/pipeline/balance-facts.ts';
import { lastCommitMs } from '../../shared/pipeline/monitor.ts';
import { bytesOf } from '../../shared/pipeline/stage.ts';
import type { Command } from './command.ts';
import { withReadLake } from './read-lake.ts';
import { gridText } from './row-sink.ts';
import { bytesText, countText, timeText } from './text.ts';

export const tableListCommand: Command = {
  name: 'table list',
  usage: '[--lake URL] [--json]',
  summary: 'Show the tables of a lake: version, rows, files, bytes, last commit with rows',
  options: {},
  run: ({ flags, out }) => withReadLake(flags, async ({ lake }) => {
    const found = (await Promise.all(lake.names.map((name) => lake.find(name)))).filter((table) => table !== null);
    const facts = found.map(tableFacts);
    const grid = await gridText(['table', 'version', 'rows', 'files', 'size', 'last rows'],
      facts.map(({ name, version, rows, files, bytes, lastRows }) => [name, String(version), countText(rows), countText(files), bytesText(bytes), lastRows ?? '–']),
      ['version', 'rows', 'files', 'size']);
    if (facts.length === 0) out.note(`Nothing is there yet in ${lake.store.url}: "assay start" or "assay run --events 1000" makes its tables.`);
    if (facts.length > 0 || out.json) out.result(facts, () => grid);
    return 0;
  }),
};

/** `rows` is null where a file has no statistics. */
function tableFacts({ delta }: { readonly delta: DeltaTable }) {
  const { snapshot } = delta;
  const files = [...snapshot.files.values()];
  return { name: delta.source.table, version: snapshot.version, rows: countRows(files), files: files.length, bytes: bytesOf(files), lastRows: timeText(lastCommitMs(snapshot)) };
}
