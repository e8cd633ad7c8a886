import type { ScanColumn, ScanFile } from '../../shared/columnar/relation.ts';
import { parsePartitionValue } from '../../shared/delta/partition-values.ts';
import { TableError } from '../../shared/errors.ts';
import { castOf, chain } from './memory-cast.ts';
import type { DataFile } from './memory-file.ts';

/** What a scan of the memory engine makes of a file's rows. */

interface Source {
  readonly key: string;
  readonly partitionValues: ScanFile['partitionValues'];
  readonly file: DataFile;
}

/** The value of a row of the file for a column of the table. */
export function valueReader(column: ScanColumn, { key, partitionValues, file }: Source): (row: readonly unknown[]) => unknown {
  const { physicalName, physicalType, type, isPartition, fieldId } = column;
  if (isPartition) {
    const value = partitionValue(partitionValues[physicalName], column, key);
    return () => value;
  }
  // Files of this engine carry no field ids: such a column is not in them.
  const place = fieldId === undefined ? file.columns.findIndex(({ name }) => name === physicalName) : -1;
  if (place < 0) return () => null;
  const cast = chain(castOf(file.columns[place].type, physicalType, 'name'), castOf(physicalType, type, 'order'));
  return cast === null ? (row) => row[place] : (row) => cast(row[place]);
}

function partitionValue(text: string | null | undefined, { name, physicalType, type }: ScanColumn, key: string): unknown {
  if (text === null || text === undefined || text === '') return null;
  const isText = typeof physicalType === 'string' && physicalType.startsWith('decimal');
  const value = isText ? text : physicalType === 'binary' ? new TextEncoder().encode(text) : parsePartitionValue(text, physicalType as string);
  if (value === undefined) throw new TableError('columnar/partition-value', `${key}: ${JSON.stringify(text)} is no ${JSON.stringify(physicalType)}, which partition column ${name} has`);
  const cast = castOf(physicalType, type, 'order');
  return cast === null ? value : cast(value);
}

/** Positions of the rows that are wanted, ascending. */
export function rowsOf({ rows: all }: DataFile, { rows }: ScanFile): number[] {
  if (rows !== undefined && 'only' in rows) return Array.from(rows.only, Number).filter((position) => position < all.length);
  const left = new Set(rows === undefined ? [] : Array.from(rows.except, Number));
  return Array.from(all.keys()).filter((position) => !left.has(position));
}
