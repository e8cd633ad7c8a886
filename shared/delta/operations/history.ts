import type { Action, CommitInfo } from '../actions.ts';
import { LOG_FOLDER, parseLogPath } from '../log-path.ts';
import type { DeltaTable } from '../table.ts';

/** One version, as its writer described it. */
export interface HistoryEntry {
  readonly version: bigint;
  /** What the writer's clock said; where the table keeps in-commit timestamps, those. */
  readonly timestampMs: number | null;
  readonly operation: string | null;
  readonly operationParameters: Readonly<Record<string, string>>;
  readonly operationMetrics: Readonly<Record<string, string>>;
  /** Ours: why rows were removed. */
  readonly intent: CommitInfo['intent'] | null;
  readonly isBlindAppend: boolean | null;
  readonly readVersion: bigint | number | null;
  readonly engineInfo: string | null;
}

const VERSIONS_AT_ONCE = 50n;

/** As Spark's DESCRIBE HISTORY: what commitInfo says, from the newest version down to the oldest whose commit is still in the log. */
export async function* history(delta: DeltaTable): AsyncIterable<HistoryEntry> {
  const { version: newest } = delta.snapshot;
  const oldest = await oldestCommit(delta, newest);
  for (let to = newest; to >= oldest; to -= VERSIONS_AT_ONCE) {
    const from = to - VERSIONS_AT_ONCE + 1n > oldest ? to - VERSIONS_AT_ONCE + 1n : oldest;
    const block: HistoryEntry[] = [];
    for await (const { version, actions } of delta.versions(from, to)) block.push(entryOf(version, actions));
    yield* block.reverse();
  }
}

/** The first of the commits that reach up to the newest without a gap; beyond the newest where only a checkpoint is left. */
export async function oldestCommit({ source }: DeltaTable, newest: bigint): Promise<bigint> {
  const commits = new Set<bigint>();
  for await (const { key } of source.store.list(LOG_FOLDER)) {
    const path = parseLogPath(key);
    if (path?.kind === 'commit') commits.add(path.version);
  }
  let oldest = newest + 1n;
  while (commits.has(oldest - 1n)) oldest--;
  return oldest;
}

function entryOf(version: bigint, actions: readonly Action[]): HistoryEntry {
  const info = actions.find(({ commitInfo }) => commitInfo)?.commitInfo;
  const inCommit = (info as { inCommitTimestamp?: number } | undefined)?.inCommitTimestamp;
  return {
    version, timestampMs: inCommit ?? info?.timestamp ?? null, operation: info?.operation ?? null,
    operationParameters: info?.operationParameters ?? {}, operationMetrics: info?.operationMetrics ?? {}, intent: info?.intent ?? null,
    isBlindAppend: info?.isBlindAppend ?? null, readVersion: info?.readVersion ?? null, engineInfo: info?.engineInfo ?? null,
  };
}
