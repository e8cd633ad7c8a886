import type { Action } from '../../shared/delta/actions.ts';
import { LOG_FOLDER, parseLogPath } from '../../shared/delta/log-path.ts';
import type { DeltaTable } from '../../shared/delta/table.ts';
import type { Command } from './command.ts';
import { withNamedTable } from './read-lake.ts';
import { Grid } from './row-sink.ts';
import { timeText } from './text.ts';

export const tableHistoryCommand: Command = {
  name: 'table history',
  usage: 'NAME|URL [--limit N] [--json]',
  summary: 'Show the commits of a table, the newest first, as far as its log still tells',
  options: { limit: { type: 'string' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, async ({ table }) => {
    const grid = new Grid(COLUMNS.map((name) => ({ name, type: name === 'version' ? 'long' : 'string' })), (line) => out.row(null, () => line), 300);
    let left = flags.integer('limit', Number.MAX_SAFE_INTEGER, 1);
    for await (const entry of newestFirst(table.delta)) {
      if (out.json) out.row(entry, () => '');
      else await grid.rows([[entry.version, entry.timestamp ?? '–', entry.operation ?? '–', entry.intent ?? '', pairs(entry.operationMetrics), pairs(entry.operationParameters), entry.engineInfo ?? '–']]);
      left--;
      if (left === 0) break;
    }
    if (!out.json) await grid.end();
    return 0;
  }),
};

const COLUMNS = ['version', 'timestamp', 'operation', 'intent', 'metrics', 'parameters', 'engine'];
const VERSIONS_AT_ONCE = 50n;

interface HistoryEntry {
  readonly version: bigint;
  /** What the writer's clock said; where the table keeps in-commit timestamps, those. */
  readonly timestamp: string | null;
  readonly operation: string | null;
  readonly operationParameters: Readonly<Record<string, string>>;
  readonly operationMetrics: Readonly<Record<string, string>>;
  /** Ours: why rows were removed. */
  readonly intent: string | null;
  readonly isBlindAppend: boolean | null;
  readonly readVersion: bigint | number | null;
  readonly engineInfo: string | null;
}

/** As Spark's DESCRIBE HISTORY: what commitInfo says, from the newest version down to the oldest whose commit is still in the log. */
async function* newestFirst(delta: DeltaTable): AsyncIterable<HistoryEntry> {
  const oldest = await oldestCommit(delta);
  for (let to = delta.snapshot.version; to >= oldest; to -= VERSIONS_AT_ONCE) {
    const from = to - VERSIONS_AT_ONCE + 1n > oldest ? to - VERSIONS_AT_ONCE + 1n : oldest;
    const block: HistoryEntry[] = [];
    for await (const { version, actions } of delta.versions(from, to)) block.push(entryOf(version, actions));
    yield* block.reverse();
  }
}

/** The first of the commits that reach up to the newest without a gap; beyond the newest where only a checkpoint is left. */
async function oldestCommit({ source, snapshot }: DeltaTable): Promise<bigint> {
  const commits = new Set<bigint>();
  for await (const { key } of source.store.list(LOG_FOLDER)) {
    const path = parseLogPath(key);
    if (path?.kind === 'commit') commits.add(path.version);
  }
  let oldest = snapshot.version + 1n;
  while (commits.has(oldest - 1n)) oldest--;
  return oldest;
}

function entryOf(version: bigint, actions: readonly Action[]): HistoryEntry {
  const info = actions.find(({ commitInfo }) => commitInfo)?.commitInfo;
  const inCommit = (info as { inCommitTimestamp?: number } | undefined)?.inCommitTimestamp;
  return {
    version, timestamp: timeText(inCommit ?? info?.timestamp ?? null), operation: info?.operation ?? null,
    operationParameters: info?.operationParameters ?? {}, operationMetrics: info?.operationMetrics ?? {}, intent: info?.intent ?? null,
    isBlindAppend: info?.isBlindAppend ?? null, readVersion: info?.readVersion ?? null, engineInfo: info?.engineInfo ?? null,
  };
}

function pairs(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values).map(([name, value]) => `${name}=${String(value)}`).join(' ');
}
