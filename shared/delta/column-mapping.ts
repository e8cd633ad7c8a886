import { TableError } from '../errors.ts';
import type { MetaData } from './actions.ts';
import type { DataType, StructField, StructType } from './schema.ts';

/** Column mapping (PROTOCOL.md, "Column Mapping"): files, partition values and statistics may know a column by another name, or by an id. */
export type MappingMode = 'none' | 'name' | 'id';

const MODE = 'delta.columnMapping.mode';
const PHYSICAL_NAME = 'delta.columnMapping.physicalName';
const ID = 'delta.columnMapping.id';

export function mappingMode({ configuration }: Pick<MetaData, 'configuration'>): MappingMode {
  const mode = (configuration[MODE] ?? 'none').toLowerCase();
  if (mode === 'none' || mode === 'name' || mode === 'id') return mode;
  throw new TableError('delta/protocol', `the table's columnMapping has the mode ${mode}; this reader knows none, name and id`);
}

/** The schema as the files have it: the same fields in the same order under their physical names, at every depth. */
export function physicalSchema(schema: StructType, mode: MappingMode): StructType {
  return mode === 'none' ? schema : physicalType(schema) as StructType;
}

/** The id that Parquet files carry for a column. */
export function columnId(field: StructField): number {
  const id = field.metadata[ID];
  if (Number.isSafeInteger(id)) return id as number;
  throw new TableError('delta/protocol', `the table maps columns by id, but column ${field.name} has no ${ID}`);
}

function physicalType(type: DataType): DataType {
  if (typeof type === 'string') return type;
  if (type.type === 'array') return { ...type, elementType: physicalType(type.elementType) };
  if (type.type === 'map') return { ...type, keyType: physicalType(type.keyType), valueType: physicalType(type.valueType) };
  return { ...type, fields: type.fields.map((field) => ({ ...field, name: physicalName(field), type: physicalType(field.type) })) };
}

export function physicalName(field: StructField): string {
  const name = field.metadata[PHYSICAL_NAME];
  if (typeof name === 'string' && name !== '') return name;
  throw new TableError('delta/protocol', `the table maps columns, but column ${field.name} has no ${PHYSICAL_NAME}`);
}
