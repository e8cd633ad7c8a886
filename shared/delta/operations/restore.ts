import { TableError } from '../../errors.ts';
import { removeOf } from '../actions.ts';
import type { Action, AddFile, MetaData } from '../actions.ts';
import { vectorKey } from '../deletion-vector.ts';
import { objectKey } from '../object-key.ts';
import { progressOf } from '../snapshot.ts';
import type { Snapshot } from '../snapshot.ts';
import type { DeltaTable } from '../table.ts';
import { untilSettled } from '../until-settled.ts';

export interface RestoreOptions {
  readonly version: bigint;
  readonly nowMs: number;
  /** Progress that the version did not have yet, and what it goes back to. */
  readonly initialProgress: (appId: string, current: Snapshot) => bigint;
  /** Progress that becomes something else than it was then. */
  readonly otherProgress?: ReadonlyMap<string, bigint>;
}

/** `from` is null where there was none. */
export interface ProgressChange { readonly appId: string; readonly from: bigint | null; readonly to: bigint }

/** What a restore changes; nothing at all where the table is like that already. */
export interface RestorePlan {
  readonly current: Snapshot;
  readonly restored: readonly AddFile[];
  readonly removed: readonly AddFile[];
  readonly metaData: MetaData | null;
  readonly progress: readonly ProgressChange[];
}

export interface Restored extends RestorePlan {
  readonly snapshot: Snapshot;
}

/**
 * The rows, the columns and the progress of an older version, as a new version (as Spark's RESTORE, which leaves progress where it is: then
 * what a stage consumed since would be missing for good). The protocol never goes back. Null: the table is like that already.
 * Failures: TableError `delta/no-such-version`, and `delta/missing-file` where VACUUM took files that it would need.
 */
export async function restore(table: DeltaTable, options: RestoreOptions): Promise<Restored | null> {
  const target = await table.at(options.version);
  return untilSettled(`restoring ${table.source.table} to version ${options.version}`, async () => {
    const plan = await planOn(table, target, options);
    if (isNothing(plan)) return { value: null };
    const { restored, removed, metaData, progress } = plan;
    const outcome = await table.commit(plan.current, {
      operation: 'RESTORE',
      operationParameters: { version: JSON.stringify(String(options.version)) },
      operationMetrics: { numRestoredFiles: String(restored.length), numRemovedFiles: String(removed.length) },
      removalIntent: 'replace',
      actions: [
        ...(metaData ? [{ metaData }] : []),
        ...progress.map(({ appId, to }) => ({ txn: { appId, version: to, lastUpdated: options.nowMs } })),
        ...fileActions({ restored, removed }, options.nowMs),
      ],
      reads: 'table',
    });
    return outcome.kind === 'clash' ? null : { value: { ...plan, snapshot: outcome.snapshot } };
  }).then(({ value }) => value);
}

/** What `restore` would do now; it fails as `restore` does. Null: nothing. */
export async function planRestore(table: DeltaTable, options: RestoreOptions): Promise<RestorePlan | null> {
  const plan = await planOn(table, await table.at(options.version), options);
  return isNothing(plan) ? null : plan;
}

async function planOn(table: DeltaTable, target: Snapshot, options: RestoreOptions): Promise<RestorePlan> {
  const current = await table.refresh();
  const restored = [...target.files].flatMap(([key, file]) => (current.files.has(key) ? [] : [file]));
  const removed = [...current.files].flatMap(([key, file]) => (target.files.has(key) ? [] : [file]));
  await checkThere(table, restored);
  return { current, restored, removed, metaData: metaDataBack(current, target), progress: progressBack(current, target, options) };
}

function isNothing({ restored, removed, metaData, progress }: RestorePlan): boolean {
  return restored.length + removed.length + progress.length === 0 && metaData === null;
}

function fileActions({ restored, removed }: { restored: readonly AddFile[]; removed: readonly AddFile[] }, nowMs: number): Action[] {
  return [...removed.map((file) => ({ remove: removeOf(file, { nowMs, dataChange: true }) })), ...restored.map((file) => ({ add: { ...file, dataChange: true } }))];
}

/** Null: as it is. */
function metaDataBack(current: Snapshot, target: Snapshot): MetaData | null {
  const back = { ...target.metaData, id: current.metaData.id };
  return metaDataText(back) === metaDataText(current.metaData) ? null : back;
}

/** What a reader or a writer goes by. Commits and checkpoints differ in the order of fields, and in which nulls they have. */
function metaDataText({ name, description, format, schemaString, partitionColumns, configuration }: MetaData): string {
  const properties = Object.entries(configuration).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([name ?? null, description ?? null, format.provider, schemaString, partitionColumns, properties]);
}

function progressBack(current: Snapshot, target: Snapshot, { initialProgress, otherProgress = new Map<string, bigint>() }: RestoreOptions): ProgressChange[] {
  return [...new Set([...current.txns.keys(), ...otherProgress.keys()])].flatMap((appId) => {
    const from = progressOf(current, appId);
    const to = otherProgress.get(appId) ?? progressOf(target, appId) ?? initialProgress(appId, current);
    return to === from ? [] : [{ appId, from, to }];
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
