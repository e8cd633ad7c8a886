import { TableError } from '../../errors.ts';
import { removeOf } from '../actions.ts';
import type { Action, AddFile, MetaData, Txn } from '../actions.ts';
import { vectorKey } from '../deletion-vector.ts';
import { objectKey } from '../object-key.ts';
import type { Snapshot } from '../snapshot.ts';
import type { DeltaTable } from '../table.ts';
import { untilSettled } from '../until-settled.ts';

export interface RestoreOptions {
  readonly version: bigint;
  readonly nowMs: number;
  /** Progress that the version did not have yet, and what it goes back to. */
  readonly initialProgress: (appId: string, current: Snapshot) => bigint;
}

export interface Restored {
  readonly snapshot: Snapshot;
  readonly filesRestored: number;
  readonly filesRemoved: number;
  /** Every progress that changed. */
  readonly progress: readonly { readonly appId: string; readonly from: bigint; readonly to: bigint }[];
}

/**
 * The rows, the columns and the progress of an older version, as a new version (as Spark's RESTORE, which leaves progress where it is: then
 * what a stage consumed since would be missing for good). The protocol never goes back. Null: the table is like that already.
 * Failures: TableError `delta/no-such-version`, and `delta/missing-file` where VACUUM took files that it would need.
 */
export async function restore(table: DeltaTable, options: RestoreOptions): Promise<Restored | null> {
  const target = await table.at(options.version);
  return untilSettled(`restoring ${table.source.table} to version ${options.version}`, async () => {
    const current = await table.refresh();
    const restored = [...target.files].flatMap(([key, file]) => (current.files.has(key) ? [] : [file]));
    const removed = [...current.files].flatMap(([key, file]) => (target.files.has(key) ? [] : [file]));
    const txns = progressBack(current, target, options);
    const metaData = metaDataBack(current, target);
    if (restored.length + removed.length + txns.length + metaData.length === 0) return { value: null };
    await checkThere(table, restored);
    const outcome = await table.commit(current, {
      operation: 'RESTORE',
      operationParameters: { version: JSON.stringify(String(options.version)) },
      operationMetrics: { numRestoredFiles: String(restored.length), numRemovedFiles: String(removed.length) },
      removalIntent: 'replace',
      actions: [...metaData, ...txns.map((txn) => ({ txn })), ...fileActions({ restored, removed }, options.nowMs)],
      reads: 'table',
    });
    if (outcome.kind === 'clash') return null;
    const progress = txns.map(({ appId, version }) => ({ appId, from: current.txns.get(appId)!.version, to: version }));
    return { value: { snapshot: outcome.snapshot, filesRestored: restored.length, filesRemoved: removed.length, progress } };
  }).then(({ value }) => value);
}

function fileActions({ restored, removed }: { restored: readonly AddFile[]; removed: readonly AddFile[] }, nowMs: number): Action[] {
  return [...removed.map((file) => ({ remove: removeOf(file, { nowMs, dataChange: true }) })), ...restored.map((file) => ({ add: { ...file, dataChange: true } }))];
}

function metaDataBack(current: Snapshot, target: Snapshot): Action[] {
  const back = { ...target.metaData, id: current.metaData.id };
  return metaDataText(back) === metaDataText(current.metaData) ? [] : [{ metaData: back }];
}

/** What a reader or a writer goes by. Commits and checkpoints differ in the order of fields, and in which nulls they have. */
function metaDataText({ name, description, format, schemaString, partitionColumns, configuration }: MetaData): string {
  const properties = Object.entries(configuration).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([name ?? null, description ?? null, format.provider, schemaString, partitionColumns, properties]);
}

function progressBack(current: Snapshot, target: Snapshot, { nowMs, initialProgress }: RestoreOptions): Txn[] {
  return [...current.txns.values()].flatMap(({ appId, version }) => {
    const back = target.txns.get(appId)?.version ?? initialProgress(appId, current);
    return back === version ? [] : [{ appId, version: back, lastUpdated: nowMs }];
  });
}

const REQUESTS_AT_ONCE = 16;

/** A table whose files are gone would be lost for good: asked for before anything is committed. */
async function checkThere({ source: { store, table } }: DeltaTable, files: readonly AddFile[]): Promise<void> {
  const keys = [...new Set(files.flatMap((file) => [objectKey(file.path, store.url), file.deletionVector ? vectorKey(file.deletionVector, store.url) : null].filter((key) => key !== null)))];
  const missing: string[] = [];
  for (let start = 0; start < keys.length; start += REQUESTS_AT_ONCE) {
    const found = await Promise.all(keys.slice(start, start + REQUESTS_AT_ONCE).map(async (key) => ({ key, info: await store.head(key) })));
    missing.push(...found.filter(({ info }) => info === null).map(({ key }) => key));
  }
  if (missing.length === 0) return;
  throw new TableError('delta/missing-file', `restoring ${table}: ${missing.length} of ${keys.length} files it would need are gone, as VACUUM leaves it: ${missing.slice(0, 5).join(', ')}; choose a newer version`);
}
