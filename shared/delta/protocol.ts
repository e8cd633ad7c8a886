import { TableError } from '../errors.ts';
import type { MetaData, Protocol } from './actions.ts';
import { mappingMode, physicalSchema } from './column-mapping.ts';
import { parseSchema } from './schema.ts';
import type { DataType } from './schema.ts';

/** What this code does with a table that has the feature (PROTOCOL.md, "Table Features"). */
interface Feature {
  readonly read: boolean;
  /** `if-unused`: listed is fine; refused as soon as schema or properties make use of it. */
  readonly write: 'yes' | 'if-unused' | 'no';
}

const FEATURES: Readonly<Record<string, Feature>> = {
  appendOnly: { read: true, write: 'if-unused' },
  invariants: { read: true, write: 'if-unused' },
  checkConstraints: { read: true, write: 'if-unused' },
  changeDataFeed: { read: true, write: 'if-unused' },
  generatedColumns: { read: true, write: 'if-unused' },
  identityColumns: { read: true, write: 'if-unused' },
  allowColumnDefaults: { read: true, write: 'if-unused' },
  columnMapping: { read: true, write: 'if-unused' },
  deletionVectors: { read: true, write: 'no' },
  timestampNtz: { read: true, write: 'yes' },
  // What some writers call timestampNtz (delta-kernel-rs#2557).
  timestampWithoutTimezone: { read: true, write: 'no' },
  typeWidening: { read: true, write: 'no' },
  'typeWidening-preview': { read: true, write: 'no' },
  v2Checkpoint: { read: true, write: 'no' },
  domainMetadata: { read: true, write: 'no' },
  rowTracking: { read: true, write: 'no' },
  inCommitTimestamp: { read: true, write: 'no' },
  clustering: { read: true, write: 'no' },
  vacuumProtocolCheck: { read: true, write: 'no' },
};

/** Features that versions below 3/7 imply (PROTOCOL.md, "Valid Feature Names in Table Features"). */
const LEGACY_WRITER: readonly (readonly [version: number, feature: string])[] = [
  [2, 'appendOnly'], [2, 'invariants'], [3, 'checkConstraints'], [4, 'changeDataFeed'], [4, 'generatedColumns'], [5, 'columnMapping'], [6, 'identityColumns'],
];

const READER_VERSION_MAX = 3;
const WRITER_VERSION_MAX = 7;

/** Refuses, with the feature's name, before any data is touched. Unknown writer-only features never block reading. */
export function checkReadable(protocol: Protocol, metaData: MetaData, table: string): void {
  const { minReaderVersion: version } = protocol;
  if (!(version >= 1 && version <= READER_VERSION_MAX)) {
    throw new TableError('delta/protocol', `${table} needs reader version ${version}; this reader knows 1 to ${READER_VERSION_MAX}`);
  }
  if (version === READER_VERSION_MAX && !protocol.readerFeatures) {
    throw new TableError('delta/protocol', `${table} has reader version ${version} but does not list its reader features; its writer is at fault`);
  }
  const unsupported = (protocol.readerFeatures ?? []).filter((name) => !FEATURES[name]?.read);
  if (unsupported.length > 0) {
    throw new TableError('delta/protocol', `${table} needs the reader features ${unsupported.join(', ')}, which this reader lacks`);
  }
  if (metaData.format.provider !== 'parquet') {
    throw new TableError('delta/protocol', `${table} keeps its data as ${metaData.format.provider}; this reader knows parquet`);
  }
  physicalSchema(parseSchema(metaData.schemaString), mappingMode(metaData));
}

/** Refuses before anything is written. */
export function checkWritable(protocol: Protocol, metaData: MetaData, table: string): void {
  checkReadable(protocol, metaData, table);
  const { minWriterVersion: version } = protocol;
  if (!(version >= 1 && version <= WRITER_VERSION_MAX)) {
    throw new TableError('delta/protocol', `${table} needs writer version ${version}; this writer knows 1 to ${WRITER_VERSION_MAX}`);
  }
  const listed = version === WRITER_VERSION_MAX
    ? (protocol.writerFeatures ?? [])
    : LEGACY_WRITER.filter(([since]) => version >= since).map(([, name]) => name);
  const refused = listed.filter((name) => {
    const write = FEATURES[name]?.write ?? 'no';
    return write === 'no' || (write === 'if-unused' && isUsed(name, metaData));
  });
  if (refused.length > 0) {
    throw new TableError('delta/protocol', `${table} uses the writer features ${refused.join(', ')}, which this writer lacks; nothing was written`);
  }
}

function isUsed(feature: string, { configuration, schemaString }: MetaData): boolean {
  const fieldHas = (key: string) => someField(parseSchema(schemaString), (metadata) => Object.keys(metadata).some((name) => name.startsWith(key)));
  switch (feature) {
    case 'appendOnly': return isTrue(configuration['delta.appendOnly']);
    case 'invariants': return fieldHas('delta.invariants');
    case 'checkConstraints': return Object.keys(configuration).some((key) => key.startsWith('delta.constraints.'));
    case 'changeDataFeed': return isTrue(configuration['delta.enableChangeDataFeed']);
    case 'generatedColumns': return fieldHas('delta.generationExpression');
    case 'identityColumns': return fieldHas('delta.identity.');
    case 'allowColumnDefaults': return fieldHas('CURRENT_DEFAULT');
    case 'columnMapping': return mappingMode({ configuration }) !== 'none';
    default: return true;
  }
}

/** As Java reads a boolean. */
function isTrue(text: string | undefined): boolean {
  return text?.toLowerCase() === 'true';
}

function someField(type: DataType, test: (metadata: Readonly<Record<string, unknown>>) => boolean): boolean {
  if (typeof type === 'string') return false;
  if (type.type === 'array') return someField(type.elementType, test);
  if (type.type === 'map') return someField(type.keyType, test) || someField(type.valueType, test);
  return type.fields.some((field) => test(field.metadata ?? {}) || someField(field.type, test));
}
