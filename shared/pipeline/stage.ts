import { TableError } from '../errors.ts';
import type { AddFile } from '../delta/actions.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { numRecords } from '../delta/stats.ts';

/** What one run of a stage came to. `more`: there is work left; run again without waiting. */
export type StageOutcome =
  | { readonly kind: 'committed'; readonly rows: number; readonly version: bigint; readonly more: boolean }
  | { readonly kind: 'nothing-to-do' }
  | { readonly kind: 'paused' };

/** What several runs of a stage, one a pipeline, came to together. Rows are summed; the version is that of the last one that committed. */
export function together(outcomes: readonly StageOutcome[]): StageOutcome {
  const committed = outcomes.filter((outcome) => outcome.kind === 'committed');
  const last = committed.at(-1);
  if (last) return { ...last, rows: committed.reduce((sum, { rows }) => sum + rows, 0), more: committed.some(({ more }) => more) };
  return outcomes.find(({ kind }) => kind === 'paused') ?? { kind: 'nothing-to-do' };
}

/** `<stage>/<metaData.id of the source>`: where a stage keeps the source version it has consumed (semantics.md, section 6). */
export function stageAppId(stage: string, sourceId: string): string {
  return `${stage}/${sourceId}`;
}

/** Whether a stage has consumed its source up to this snapshot. */
export function isConsumed(stage: string, source: Snapshot, target: Snapshot): boolean {
  return (progressOf(target, stageAppId(stage, source.metaData.id)) ?? -1n) >= source.version;
}

/** One table's id under another id's progress would re-read everything: refused until somebody says so. */
export function checkSourceUnchanged(stage: string, sourceId: string, appIds: Iterable<string>): void {
  const others = [...appIds].filter((appId) => appId.startsWith(`${stage}/`) && appId !== stageAppId(stage, sourceId));
  if (others.length === 0) return;
  throw new TableError('pipeline/source-changed', `${stage} has progress for ${others.join(', ')} but its source is now ${sourceId}: the source table was replaced; run assay adopt once that is intended`);
}

export function rowsOf(adds: Iterable<AddFile>): bigint {
  let rows = 0n;
  for (const add of adds) rows += rowsOfFile(add);
  return rows;
}

/** Rows that a reader sees. numRecords is written by every engine we know; a file without it cannot be counted without being read. */
export function rowsOfFile(add: AddFile): bigint {
  const rows = numRecords(add);
  if (rows !== null) return rows - BigInt(add.deletionVector?.cardinality ?? 0);
  throw new TableError('delta/no-statistics', `${add.path} has no numRecords in its statistics; rewrite the file (OPTIMIZE) with an engine that writes them`);
}

export function bytesOf(adds: Iterable<Pick<AddFile, 'size'>>): number {
  let bytes = 0;
  for (const add of adds) bytes += add.size;
  return bytes;
}
