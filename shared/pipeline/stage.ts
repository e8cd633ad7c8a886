import { TableError } from '../errors.ts';
import type { AddFile } from '../delta/actions.ts';
import { progressOf } from '../delta/snapshot.ts';
import { numRecords } from '../delta/stats.ts';
import type { DeltaTable } from '../delta/table.ts';

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

/**
 * Whether a stage has consumed its source up to the source's snapshot. TableError `pipeline/source-behind` where it has consumed versions that the source
 * does not have, as after an older copy took the table's place: what comes under their numbers would be passed over.
 */
export async function isConsumed(stage: string, source: DeltaTable, target: DeltaTable): Promise<boolean> {
  const { version } = source.snapshot;
  const consumed = progressOf(target.snapshot, stageAppId(stage, source.id)) ?? -1n;
  if (consumed <= version) return consumed === version;
  // Others may have consumed what came since this worker looked.
  const { version: newest } = await source.refresh();
  if (consumed <= newest) return consumed === newest;
  const [from, to] = [source.source.table, target.source.table];
  throw new TableError('pipeline/source-behind', `${stage} has consumed ${from} up to version ${consumed}, but the newest is ${newest}: an older copy of ${from} took its place. Put the newer one back, or restore ${to} to a version at which ${stage} had consumed no more than ${newest} ("assay table history ${to}", "assay table restore ${to}")`);
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
