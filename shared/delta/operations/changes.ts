import { CHANGE, FILE } from '../../columnar/relation.ts';
import type { Relation, RelationSession } from '../../columnar/relation.ts';
import { TableError } from '../../errors.ts';
import { fileKey } from '../actions.ts';
import type { Action, AddFile, CommitInfo, RemoveFile } from '../actions.ts';
import { difference } from '../positions.ts';
import type { Snapshot } from '../snapshot.ts';
import type { RowTable } from './row-table.ts';
import { VectorReader, scanFiles } from './scan.ts';
import type { ScannedFile } from './scan.ts';
import { withoutPlace } from './change-rows.ts';

/** What one version did to rows: file actions with dataChange alone, for a rewrite that changes no row is no change. */
export interface ChangedVersion {
  readonly version: bigint;
  readonly adds: readonly AddFile[];
  readonly removes: readonly RemoveFile[];
  /** Why rows were removed, as its writer said; null: a foreign writer, or none were. */
  readonly intent: CommitInfo['intent'] | null;
}

export function changedVersion(version: bigint, actions: readonly Action[]): ChangedVersion {
  return {
    version,
    adds: actions.flatMap(({ add }) => (add?.dataChange ? [add] : [])),
    removes: actions.flatMap(({ remove }) => (remove?.dataChange ? [remove] : [])),
    intent: actions.find(({ commitInfo }) => commitInfo)?.commitInfo?.intent ?? null,
  };
}

/** Netted changes of a range of versions. */
export interface NetChanges {
  /** One row a key: the columns asked for, CHANGE (`added`, `replaced`, `removed`) and FILE. */
  readonly rows: Relation;
  /** Keys that are gone, by the version that took them and its intent; `files` are the values of FILE they have in `rows`. */
  readonly removals: readonly { readonly version: bigint; readonly intent: ChangedVersion['intent']; readonly files: readonly number[]; readonly rows: number }[];
}

/**
 * The rows that versions changed, netted by `key`, from the log and the vectors alone (semantics.md, section 6). A row that comes back equal
 * in `columns` is unchanged; a key that the same version adds again was replaced, whoever wrote it. Of a file whose vector grew, only the
 * rows in between are read. The removed files must still be there: TableError `storage/missing-file` once they were vacuumed.
 */
export async function changesSince(
  session: RelationSession, table: RowTable, snapshot: Snapshot,
  { versions, key, columns }: { readonly versions: readonly ChangedVersion[]; readonly key: readonly string[]; readonly columns: readonly string[] },
): Promise<NetChanges> {
  const moves = await rowMoves(table, versions);
  const side = async (files: readonly ScannedFile[]) => scanFiles(session, table, snapshot, files);
  const added = withoutPlace(session, await side(moves.added));
  const rows = await session.net({ added, removed: await side(moves.removed) }, { key, columns: [...new Set([...key, ...columns])] });
  return { rows, removals: moves.removed.length === 0 ? [] : await removalsOf(session, rows, moves.removed) };
}

interface Removed extends ScannedFile { readonly by: ChangedVersion }

interface RowMoves {
  readonly added: readonly ScannedFile[];
  /** Ascending by version: the greatest FILE of a key is the last removal. */
  readonly removed: readonly Removed[];
}

interface WholeFile { readonly added: ScannedFile[]; readonly removed: Removed[] }

/** Which rows of which files came and went. Whole files that come and go inside the range are left out, where that hides no other intent. */
export async function rowMoves(table: RowTable, versions: readonly ChangedVersion[]): Promise<RowMoves> {
  const vectors = new VectorReader(table);
  const whole = new Map<string, WholeFile>();
  const [added, removed]: [ScannedFile[], Removed[]] = [[], []];
  for (const version of versions) {
    const adds = new Map(version.adds.map((add) => [add.path, add]));
    for (const remove of version.removes) {
      const again = adds.get(remove.path);
      if (again) {
        adds.delete(remove.path);
        const [before, after] = await Promise.all([vectors.read(remove), vectors.read(again)]);
        removed.push({ file: again, only: difference(after, before), by: version });
        added.push({ file: again, only: difference(before, after) });
      } else {
        wholeFile(whole, remove).removed.push({ file: remove, by: version });
      }
    }
    for (const add of adds.values()) wholeFile(whole, add).added.push({ file: add });
  }
  const intents = new Set(versions.flatMap(({ removes, intent }) => (removes.length > 0 ? [intent] : [])));
  for (const file of whole.values()) {
    // A file may come twice without having gone, where a rewrite without data change took it in between.
    const cancelled = intents.size > 1 ? 0 : Math.min(file.added.length, file.removed.length);
    added.push(...file.added.slice(cancelled));
    removed.push(...file.removed.slice(cancelled));
  }
  for (const { file } of removed) checkValues(file, table);
  const hasRows = ({ only }: ScannedFile) => only === undefined || only.length > 0;
  return { added: added.filter(hasRows), removed: removed.filter(hasRows).sort((a, b) => (a.by.version < b.by.version ? -1 : a.by.version > b.by.version ? 1 : 0)) };
}

function wholeFile(files: Map<string, WholeFile>, file: AddFile | RemoveFile): WholeFile {
  const known = files.get(fileKey(file)) ?? { added: [], removed: [] };
  files.set(fileKey(file), known);
  return known;
}

async function removalsOf(session: RelationSession, rows: Relation, removed: readonly Removed[]): Promise<NetChanges['removals']> {
  const gone = session.where(rows, { op: '=', column: CHANGE, value: 'removed' });
  const { tuples } = await session.coded(session.select(gone, [FILE]), [FILE], 'removal');
  const byVersion = Map.groupBy(tuples, ({ values }) => removed[values[FILE] as number].by);
  return [...byVersion].map(([{ version, intent }, files]) => ({
    version, intent, files: files.map(({ values }) => values[FILE] as number), rows: files.reduce((sum, tuple) => sum + tuple.rows, 0),
  }));
}

/** PROTOCOL.md leaves the partition values of a remove optional; without them its rows can't be told. */
function checkValues({ path, partitionValues }: ScannedFile['file'], { delta }: RowTable): void {
  if (partitionValues || delta.snapshot.metaData.partitionColumns.length === 0) return;
  throw new TableError('delta/remove-without-values', `${delta.source.table}: the removal of ${path} does not say its partition values, so what it took away can't be told; read the table whole`);
}
