import { compare } from '../../shared/columnar/predicate.ts';
import type { Predicate } from '../../shared/columnar/predicate.ts';
import { mayHold } from '../../shared/delta/skipping.ts';
import type { Lake } from '../../shared/pipeline/lake.ts';
import { BRONZE, GOLD, SILVER } from '../../shared/pipeline/tables.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';

export const DATA_TABLES = [BRONZE, SILVER, GOLD];

/** Bytes that a table has cost in storage, as far as nothing was deleted. */
export interface Written {
  /** Files of rows as stages wrote them, with those written again because a row was replaced. */
  readonly first: number;
  /** Files of rows that maintain wrote anew. */
  readonly again: number;
  readonly vectors: number;
  readonly commits: number;
  readonly checkpoints: number;
}

/** What a reader meets. */
export interface Shape {
  readonly files: number;
  readonly bytes: number;
  /** Commits after the newest checkpoint: what a new reader gets one by one. */
  readonly commitsAfter: number;
  /** That a query for one key, and one for the last hour by event time, must open. */
  readonly filesById: number;
  readonly filesLastHour: number;
}

const HOUR_US = 3_600_000_000n;

/** By what is in the folder and who wrote it. */
export async function writtenOf(store: ObjectStore, table: string, rewritten: ReadonlySet<string>): Promise<Written> {
  const sums = { first: 0, again: 0, vectors: 0, commits: 0, checkpoints: 0 };
  for await (const { key, size } of store.list(`${table}/`)) {
    const path = key.slice(table.length + 1);
    if (!path.startsWith('_delta_log/')) sums[path.endsWith('.bin') ? 'vectors' : rewritten.has(path) ? 'again' : 'first'] += size;
    else sums[path.endsWith('.json') ? 'commits' : 'checkpoints'] += size;
  }
  return sums;
}

/** Paths of the files that OPTIMIZE made. */
export async function rewrittenBy(lake: Lake, table: string): Promise<Set<string>> {
  const { delta } = await lake.table(table);
  const paths = new Set<string>();
  for await (const { actions } of delta.versions(0n, delta.snapshot.version)) {
    if (!actions.some(({ commitInfo }) => commitInfo?.['operation'] === 'OPTIMIZE')) continue;
    for (const { add } of actions) if (add) paths.add(decodeURIComponent(add.path));
  }
  return paths;
}

export async function shapeOf(lake: Lake, table: string, { id, nowMs }: { readonly id: string; readonly nowMs: number }): Promise<Shape> {
  const snapshot = await (await lake.table(table)).delta.refresh();
  const files = [...snapshot.files.values()];
  const opened = (predicate: Predicate) => files.filter((file) => mayHold(predicate, file, snapshot)).length;
  const time = table === BRONZE ? 'kafka_timestamp' : 'timestamp';
  return {
    files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), commitsAfter: Number(snapshot.version - snapshot.checkpointVersion),
    filesById: table === BRONZE ? opened(compare('offset', '=', 0n)) : opened(compare('event_id', '=', id)),
    filesLastHour: opened(compare(time, '>=', BigInt(nowMs) * 1_000n - HOUR_US)),
  };
}
