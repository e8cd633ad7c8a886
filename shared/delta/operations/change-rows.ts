import { FILE, ROW } from '../../columnar/relation.ts';
import type { Relation, RelationSession } from '../../columnar/relation.ts';
import { TransientError, assert } from '../../errors.ts';
import { removeOf } from '../actions.ts';
import type { Action, AddFile, DeletionVector } from '../actions.ts';
import { packVectors, withVector } from '../deletion-vector-file.ts';
import { union } from '../positions.ts';
import { checkWritable, writesVectors } from '../protocol.ts';
import type { Snapshot } from '../snapshot.ts';
import { numRecords } from '../stats.ts';
import type { RowTable } from './row-table.ts';
import { scanFiles, vectorsOf } from './scan.ts';
import type { VectorReader } from './scan.ts';
import { earliest, writeFiles } from './write.ts';
import type { NewFiles } from './write.ts';

/** Rows of live files, by position: ascending, each once, none deleted already. */
export type RowPositions = ReadonlyMap<AddFile, BigInt64Array>;

/** What a change of rows does to the table's files, and to the log. */
export interface FileChange {
  readonly actions: readonly Action[];
  readonly adds: readonly AddFile[];
  /** Files without a row left. */
  readonly emptied: readonly AddFile[];
  /** Files whose rows that stay are among `adds`. */
  readonly rewritten: readonly AddFile[];
  /** Files that keep their place under a larger vector. */
  readonly shrunk: readonly AddFile[];
  /** Null where nobody counted. */
  readonly rowsRemoved: number | null;
  readonly writtenAtMs: number | undefined;
}

/** None in the log itself, though that would spare a file: Spark's VACUUM (delta-spark 4.4.0) ends with a MatchError on a table that has one. */
const INLINE_BYTES_MAX = 0;

/**
 * Takes rows away and brings others, in new files and vectors that no commit names yet. By deletion vectors where the table has them
 * (`delta.enableDeletionVectors`), else by writing what is left of a touched file anew, as also of one whose rows were never counted. A file
 * that keeps no row just goes.
 */
export async function changeRows(session: RelationSession, table: RowTable, snapshot: Snapshot, change: { readonly remove: RowPositions; readonly add: Relation | null }): Promise<FileChange> {
  const hasVectors = writesVectors(snapshot);
  if (change.remove.size > 0) checkWritable(snapshot.protocol, snapshot.metaData, table.delta.source.table, change.add || !hasVectors ? 'change' : 'remove');
  const { emptied, touched, rowsRemoved } = await planRemovals(vectorsOf(session, table), change.remove);
  const isShrunk = ({ file }: Removal) => hasVectors && mayShrink(file);
  const [shrinking, rewriting] = [touched.filter(isShrunk), touched.filter((removal) => !isShrunk(removal))];
  const kept = rewriting.length === 0 ? null : await scanFiles(session, table, snapshot, rewriting.map(({ file, deleted }) => ({ file: { ...file, deletionVector: null }, except: deleted })));
  const rows = kept && change.add ? session.union(withoutPlace(session, kept), change.add) : kept ?? change.add;
  const written = rows ? await writeFiles(session, table, snapshot, rows) : NO_FILES;
  const vectors = await writeVectors(table, shrinking.map(({ deleted }) => deleted));
  const [rewritten, shrunk] = [rewriting.map(({ file }) => file), shrinking.map(({ file }) => file)];
  const actions = [
    ...fileActions(table, { removed: [...emptied, ...rewritten, ...shrunk], adds: written.adds }),
    ...shrunk.map((file, i) => ({ add: { ...withVector(file, vectors.descriptors[i]), dataChange: true } })),
  ];
  return { actions, adds: written.adds, emptied, rewritten, shrunk, rowsRemoved, writtenAtMs: earliest([written.writtenAtMs, vectors.writtenAtMs]) };
}

/**
 * Under a vector. A file whose rows were never counted can't be; one whose path in the log is percent-encoded should not: Polars (2.1.0) drops
 * its vector, and deleted rows come back.
 */
export function mayShrink(file: AddFile): boolean {
  return numRecords(file) !== null && !file.path.includes('%');
}

const NO_FILES: NewFiles = { adds: [], writtenAtMs: undefined };

interface Removal {
  readonly file: AddFile;
  /** All deleted positions, those of its vector before included. */
  readonly deleted: BigInt64Array;
}

interface Removals {
  /** Without a row left. */
  readonly emptied: readonly AddFile[];
  readonly touched: readonly Removal[];
  readonly rowsRemoved: number;
}

async function planRemovals(vectors: VectorReader, remove: RowPositions): Promise<Removals> {
  const removals = await Promise.all([...remove].filter(([, rows]) => rows.length > 0).map(async ([file, rows]): Promise<Removal> => {
    const before = await vectors.read(file);
    const deleted = union(before, rows);
    assert(deleted.length === before.length + rows.length, `rows of ${file.path} are deleted twice`);
    return { file, deleted };
  }));
  const isEmptied = ({ file, deleted }: Removal) => BigInt(deleted.length) === numRecords(file);
  return {
    emptied: removals.filter(isEmptied).map(({ file }) => file),
    touched: removals.filter((removal) => !isEmptied(removal)),
    rowsRemoved: [...remove.values()].reduce((sum, rows) => sum + rows.length, 0),
  };
}

export function fileActions({ clock }: RowTable, { removed, adds }: { removed: readonly AddFile[]; adds: readonly AddFile[] }): Action[] {
  const nowMs = clock.nowMs();
  return [...removed.map((file) => ({ remove: removeOf(file, { nowMs, dataChange: true }) })), ...adds.map((add) => ({ add }))];
}

/** Puts what is too large for the log into one file. A vector must be there before a commit names it. */
export async function writeVectors(table: RowTable, vectors: readonly BigInt64Array[]): Promise<{ descriptors: readonly DeletionVector[]; writtenAtMs: number | undefined }> {
  const { store, table: name } = table.delta.source;
  const { descriptors, file } = packVectors(vectors, { uuid: table.clock.uuid(), inlineBytesMax: INLINE_BYTES_MAX });
  if (file === null) return { descriptors, writtenAtMs: undefined };
  // Before the put: then the age of the attempt is never understated.
  const writtenAtMs = store.nowMs();
  // `exists` under a fresh name is our own put, sent twice.
  const outcome = await store.putIfAbsent(file.key, file.body);
  if (outcome !== 'unknown' || (await store.head(file.key)) !== null) return { descriptors, writtenAtMs };
  throw new TransientError('delta/vector-unknown', `writing ${vectors.length} deletion vectors of ${name} to ${file.key}: the store gave no answer and the file is not there; nothing was committed, try again`, { facts: { table: name, key: file.key } });
}

/** Where rows of a scan are: by the scanned file they are in. Positions come ascending and once each. */
export async function positionsOf(session: RelationSession, rows: Relation, files: readonly AddFile[]): Promise<Map<AddFile, BigInt64Array>> {
  const found = new Map<number, bigint[]>();
  for await (const { rows: count, columns } of session.chunks(session.select(rows, [FILE, ROW]), [FILE, ROW])) {
    const [fileOf, rowOf] = columns as [ArrayLike<number>, ArrayLike<bigint>];
    for (let i = 0; i < count; i++) {
      const list = found.get(fileOf[i]);
      if (list) list.push(rowOf[i]);
      else found.set(fileOf[i], [rowOf[i]]);
    }
  }
  return new Map([...found].map(([file, list]) => [files[file], sortedUnique(list)]));
}

export function sortedUnique(positions: readonly bigint[]): BigInt64Array {
  const sorted = BigInt64Array.from(positions).sort();
  let kept = 0;
  for (const position of sorted) if (kept === 0 || sorted[kept - 1] !== position) sorted[kept++] = position;
  return sorted.subarray(0, kept);
}

export function withoutPlace(session: RelationSession, scan: Relation): Relation {
  return session.select(scan, scan.columns.map(({ name }) => name).filter((name) => name !== FILE && name !== ROW));
}
