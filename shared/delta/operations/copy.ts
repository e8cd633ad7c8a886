import { ConfigError } from '../../errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Action, AddFile } from '../actions.ts';
import { writeCheckpoint } from '../checkpoint.ts';
import { createTable } from '../commit.ts';
import { LOG_FOLDER } from '../log-path.ts';
import { loadSnapshotAt } from '../log-reader.ts';
import { checkWritable, withDeletionVectors, withoutDeletionVectors } from '../protocol.ts';
import type { Snapshot } from '../snapshot.ts';
import { withoutPlace } from './change-rows.ts';
import { planBins } from './plan-compaction.ts';
import type { RowTable } from './row-table.ts';
import { scanLive } from './scan.ts';
import { writeFiles } from './write.ts';

export interface CopyOptions {
  /** The version to copy. */
  readonly snapshot: Snapshot;
  /** Where to: its store, and where that lies below the root that the table's engine was opened on, ending in a slash. */
  readonly target: { readonly table: string; readonly store: ObjectStore; readonly folder: string };
  /** False: the copy needs no reader that knows deletion vectors; rows of it are replaced by writing their files again. Null: as the table has it. */
  readonly hasVectors: boolean | null;
}

export interface Copied {
  readonly version: bigint;
  readonly files: number;
  readonly bytes: number;
}

/**
 * A table's rows in files of their own, in another folder: deleted rows are left out, small files of a partition become one. It is the same table
 * elsewhere: it has the id, the properties and all progress, and its log begins with the version that was copied, as one does that was cleaned
 * (PROTOCOL.md, "Metadata Cleanup"). So it may take the table's place: who has read that up to this version goes on from there. Nothing of it can be
 * seen before all is there; what a crash leaves are files that no log names. Memory: what one file of up to 128 MB takes.
 * Failures: ConfigError `delta/copy-target` where a log is already; TableError for a table whose features this code can't write.
 */
export async function copyTable(from: RowTable, { snapshot, target, hasVectors }: CopyOptions): Promise<Copied> {
  checkWritable(snapshot.protocol, snapshot.metaData, from.delta.source.table, 'rewrite');
  const source = { ...from.delta.source, store: target.store, table: target.table };
  for await (const { key } of target.store.list(LOG_FOLDER)) throw occupied(from, target.table, key);
  const adds: AddFile[] = [];
  for (const files of groupsOf(snapshot)) adds.push(...(await copyFiles({ ...from, folder: target.folder }, from, snapshot, files)));
  const copy: Snapshot = {
    ...snapshot, ...headOf(snapshot, hasVectors),
    files: new Map(adds.map((add) => [add.path, add])), tombstones: new Map(), checkpointVersion: -1n,
  };
  // The checkpoint alone is the whole table. Of two that copy to one place the first one's stays.
  await writeCheckpoint(source, copy);
  const written = await loadSnapshotAt(source, copy.version);
  if (written === null || !adds.every(({ path }) => written.files.has(path))) throw occupied(from, target.table, 'checkpoint of another copy');
  await createTable(source, actionsOf(copy), from.clock, { version: copy.version, operation: 'CLONE' });
  return { version: copy.version, files: adds.length, bytes: adds.reduce((sum, { size }) => sum + size, 0) };
}

function headOf(snapshot: Snapshot, hasVectors: boolean | null): Partial<Snapshot> {
  if (hasVectors === null) return {};
  return hasVectors ? withDeletionVectors(snapshot) : withoutDeletionVectors(snapshot);
}

/** Small ones of a partition together; large ones, and those in Z-order, each for itself. */
function groupsOf(snapshot: Snapshot): AddFile[][] {
  const bins = planBins(snapshot, { filesMin: 1 });
  const binned = new Set(bins.flat());
  return [...bins, ...[...snapshot.files.values()].filter((file) => !binned.has(file)).map((file) => [file])];
}

async function copyFiles(to: RowTable, from: RowTable, snapshot: Snapshot, files: readonly AddFile[]): Promise<AddFile[]> {
  const { adds } = await from.engine.session(async (session) => writeFiles(session, to, snapshot, withoutPlace(session, await scanLive(session, from, snapshot, files))));
  // What is said of one file is true of its copy, whose rows are in its order.
  const [tags] = files.length === 1 ? files.map((file) => file.tags) : [];
  return adds.map((add) => (tags ? { ...add, tags } : add));
}

/** All that the copied version says, in one commit. */
function actionsOf({ protocol, metaData, txns, domains, files }: Snapshot): Action[] {
  return [
    { protocol }, { metaData }, ...[...txns.values()].map((txn) => ({ txn })),
    ...[...domains.values()].filter(({ removed }) => !removed).map((domainMetadata) => ({ domainMetadata })), ...[...files.values()].map((add) => ({ add })),
  ];
}

function occupied({ delta }: RowTable, target: string, found: string): ConfigError {
  return new ConfigError('delta/copy-target', `copying ${delta.source.table} to ${target}: there is a ${found} already; nothing of it was changed. Name a folder without a table`, { facts: { target } });
}
