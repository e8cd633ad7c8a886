import { TableError } from '../errors.ts';
import type { DataType, StructType } from './schema.ts';

/**
 * Refuses rows for a schema with a NOT NULL inside a column: written files tell the nulls of whole columns only. NOT NULL columns themselves are
 * checked file by file, by those counts. Failures: TableError `delta/nullability`.
 */
export function checkNullability(schema: StructType, table: string): void {
  const column = schema.fields.find(({ type }) => demandsValues(type));
  if (column) throw new TableError('delta/nullability', `${table} has NOT NULL inside column ${column.name}, which this writer can't check; nothing was written. Write with an engine that does, or drop the condition`);
}

function demandsValues(type: DataType): boolean {
  if (typeof type === 'string') return false;
  if (type.type === 'array') return !type.containsNull || demandsValues(type.elementType);
  if (type.type === 'map') return !type.valueContainsNull || demandsValues(type.keyType) || demandsValues(type.valueType);
  return type.fields.some(({ nullable, type: inner }) => !nullable || demandsValues(inner));
}
