import type { Relation, RelationSession, ScanColumn, ScanFile } from '../../columnar/relation.ts';
import { TableError } from '../../errors.ts';
import type { AddFile } from '../actions.ts';
import { columnId, mappingMode, physicalSchema } from '../column-mapping.ts';
import { deletedRows, vectorKey } from '../deletion-vector.ts';
import { objectKey } from '../object-key.ts';
import { union } from '../positions.ts';
import type { Snapshot } from '../snapshot.ts';
import type { RowTable } from './row-table.ts';

/** A file that an add or a remove of the log names, and which of its rows are meant: those that its vector leaves, less `except`; or `only` these. */
export interface ScannedFile {
  readonly file: Pick<AddFile, 'path' | 'deletionVector'> & { readonly partitionValues?: AddFile['partitionValues'] | null };
  readonly except?: BigInt64Array;
  readonly only?: BigInt64Array;
}

/** The table's columns, FILE (index into `files`) and ROW. Costs: the vectors' files, then what the engine reads. */
export async function scanFiles(session: RelationSession, table: RowTable, snapshot: Snapshot, files: readonly ScannedFile[]): Promise<Relation> {
  const vectors = vectorsOf(session, table);
  const { url } = table.delta.source.store;
  const scanned = await Promise.all(files.map(async ({ file, except, only }): Promise<ScanFile> => {
    const place = { key: table.folder + objectKey(file.path, url), partitionValues: file.partitionValues ?? {} };
    if (only) return { ...place, rows: { only } };
    const deleted = union(await vectors.read(file), except ?? NONE);
    return deleted.length === 0 ? place : { ...place, rows: { except: deleted } };
  }));
  return session.scan({ columns: scanColumns(snapshot), files: scanned });
}

/** All live rows, or those of some live files. */
export function scanLive(session: RelationSession, table: RowTable, snapshot: Snapshot, files: Iterable<AddFile> = snapshot.files.values()): Promise<Relation> {
  return scanFiles(session, table, snapshot, [...files].map((file) => ({ file })));
}

/** How the files of this snapshot have its columns (PROTOCOL.md, "Column Mapping"). */
export function scanColumns({ schema, metaData }: Snapshot): ScanColumn[] {
  const mode = mappingMode(metaData);
  const { fields } = physicalSchema(schema, mode);
  return schema.fields.map((field, i) => ({
    name: field.name, type: field.type, physicalName: fields[i].name, physicalType: fields[i].type,
    isPartition: metaData.partitionColumns.includes(field.name),
    ...(mode === 'id' ? { fieldId: columnId(field) } : {}),
  }));
}

const NONE = new BigInt64Array();

const ofSessions = new WeakMap<RelationSession, Map<RowTable, VectorReader>>();

/** One reader a table, for as long as the session: what an operation read to find rows, it does not read again to take them away. */
export function vectorsOf(session: RelationSession, table: RowTable): VectorReader {
  const readers = ofSessions.get(session) ?? new Map<RowTable, VectorReader>();
  ofSessions.set(session, readers);
  const reader = readers.get(table) ?? new VectorReader(table);
  readers.set(table, reader);
  return reader;
}

/** Deleted positions of files. One file of vectors serves many data files, and is read once. */
export class VectorReader {
  readonly #table: RowTable;
  readonly #files = new Map<string, Promise<Uint8Array | null>>();

  constructor(table: RowTable) {
    this.#table = table;
  }

  /** Ascending; empty without a vector. Failures: TableError `delta/missing-file`, `delta/deletion-vector`, `delta/roaring-damaged`. */
  async read({ path, deletionVector }: ScannedFile['file']): Promise<BigInt64Array> {
    if (!deletionVector) return NONE;
    const { store, table } = this.#table.delta.source;
    const key = vectorKey(deletionVector, store.url);
    if (key === null) return deletedRows(deletionVector, null);
    const reading = this.#files.get(key) ?? store.get(key);
    this.#files.set(key, reading);
    const bytes = await reading;
    if (bytes !== null) return deletedRows(deletionVector, bytes);
    throw new TableError('delta/missing-file', `${table}: ${path} has its deletion vector in ${key}, which is not there. Was it vacuumed? Restore it, or restore the table to a version without it.`, { facts: { table, key } });
  }
}
