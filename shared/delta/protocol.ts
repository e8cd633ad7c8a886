import { TableError, assert } from '../errors.ts';
import type { Action, MetaData, Protocol } from './actions.ts';
import { mappingMode, physicalSchema } from './column-mapping.ts';
import { checkNullability } from './nullability.ts';
import { parseSchema } from './schema.ts';
import type { DataType, StructField } from './schema.ts';

/** What a write does to a table, as far as a feature may have a say in it. */
type Effect = 'a commit' | 'new files' | 'new rows' | 'removed rows' | 'replaced rows' | 'new metadata';

/**
 * What somebody is about to do, for a check before the work: `remove` takes rows out by vectors or with their whole file, `change` also
 * puts rows in, `rewrite` keeps the rows and moves them to other files, `clean` is a checkpoint, a vacuum or the end of old log entries.
 */
export type WriteIntent = 'append' | 'remove' | 'change' | 'rewrite' | 'alter' | 'clean';

const EFFECTS: Readonly<Record<WriteIntent, readonly Effect[]>> = {
  append: ['a commit', 'new files', 'new rows'],
  remove: ['a commit', 'removed rows'],
  change: ['a commit', 'new files', 'new rows', 'removed rows', 'replaced rows'],
  rewrite: ['a commit', 'new files'],
  alter: ['a commit', 'new metadata'],
  clean: [],
};

/** What this code makes of a feature (PROTOCOL.md, "Table Features"). It reads all that stand here. */
interface Feature {
  /** Readers must know it too. */
  readonly forReaders?: true;
  /** What this writer can't do while the feature is in use. `everything`: not even a checkpoint, used or not. */
  readonly lacks: readonly Effect[] | 'everything';
  /** Whether schema or properties make use of it. Without: it binds as soon as it is listed. */
  readonly isUsed?: (metaData: MetaData) => boolean;
  /** It binds as soon as it is listed, used or not. */
  readonly bindsUnused?: true;
}

const isOn = (property: string) => ({ configuration }: MetaData) => isTrue(configuration[property]);
const inAField = (key: string) => ({ schemaString }: MetaData) =>
  someType(parseSchema(schemaString), (type) => fieldsOf(type).some(({ metadata }) => Object.keys(metadata ?? {}).some((name) => name.startsWith(key))));

const FEATURES: Readonly<Record<string, Feature>> = {
  appendOnly: { lacks: ['removed rows'], isUsed: isOn('delta.appendOnly') },
  // Conditions on rows are not evaluated. Rows that are there already fulfil them, wherever they are moved.
  invariants: { lacks: ['new rows'], isUsed: inAField('delta.invariants') },
  checkConstraints: { lacks: ['new rows'], isUsed: ({ configuration }) => Object.keys(configuration).some((key) => key.startsWith('delta.constraints.')) },
  generatedColumns: { lacks: ['new rows'], isUsed: inAField('delta.generationExpression') },
  identityColumns: { lacks: ['new rows'], isUsed: inAField('delta.identity.') },
  allowColumnDefaults: { lacks: ['new rows'], isUsed: inAField('CURRENT_DEFAULT') },
  // Change files are needed only where rows are updated; the rest readers see from adds, removes and vectors.
  changeDataFeed: { lacks: ['replaced rows'], isUsed: isOn('delta.enableChangeDataFeed') },
  // Every new file would need physical names and field ids.
  columnMapping: { forReaders: true, lacks: ['new files', 'new metadata'], isUsed: (metaData) => mappingMode(metaData) !== 'none' },
  deletionVectors: { forReaders: true, lacks: [], isUsed: isOn('delta.enableDeletionVectors') },
  timestampNtz: { forReaders: true, lacks: [], isUsed: ({ schemaString }) => someType(parseSchema(schemaString), (type) => type === 'timestamp_ntz') },
  // What some writers call timestampNtz (delta-kernel-rs#2557).
  timestampWithoutTimezone: { forReaders: true, lacks: 'everything' },
  // New files have the current types; the metadata of fields goes along with the schema.
  typeWidening: { forReaders: true, lacks: [], isUsed: isOn('delta.enableTypeWidening') },
  'typeWidening-preview': { forReaders: true, lacks: [] },
  // Classic checkpoints stay permitted.
  v2Checkpoint: { forReaders: true, lacks: [], isUsed: ({ configuration }) => configuration['delta.checkpointPolicy'] === 'v2' },
  // Replay and checkpoints carry every domain on; no commit of ours touches one.
  domainMetadata: { lacks: [] },
  // New files would need row ids; adds and removes of old ones repeat theirs.
  rowTracking: { lacks: ['new files'], isUsed: isOn('delta.enableRowTracking'), bindsUnused: true },
  inCommitTimestamp: { lacks: ['a commit'], isUsed: isOn('delta.enableInCommitTimestamps') },
  // Clustering columns must have statistics, wherever they stand in the schema.
  clustering: { lacks: ['new files'] },
  // Every operation that deletes files checks the writer's protocol first.
  vacuumProtocolCheck: { forReaders: true, lacks: [] },
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
  const unsupported = (protocol.readerFeatures ?? []).filter((name) => !Object.hasOwn(FEATURES, name));
  if (unsupported.length > 0) {
    throw new TableError('delta/protocol', `${table} needs the reader features ${unsupported.join(', ')}, which this reader lacks`);
  }
  if (metaData.format.provider !== 'parquet') {
    throw new TableError('delta/protocol', `${table} keeps its data as ${metaData.format.provider}; this reader knows parquet`);
  }
  physicalSchema(parseSchema(metaData.schemaString), mappingMode(metaData));
}

/**
 * Refuses before anything is written: an intent before the work, the actions themselves before the commit. Failures: TableError
 * `delta/protocol`, `delta/nullability`.
 */
export function checkWritable(protocol: Protocol, metaData: MetaData, table: string, write: WriteIntent | readonly Action[] = 'change'): void {
  checkReadable(protocol, metaData, table);
  const { minWriterVersion: version } = protocol;
  if (!(version >= 1 && version <= WRITER_VERSION_MAX)) {
    throw new TableError('delta/protocol', `${table} needs writer version ${version}; this writer knows 1 to ${WRITER_VERSION_MAX}`);
  }
  const effects = typeof write === 'string' ? EFFECTS[write] : effectsOf(write);
  const refused = writerFeatures(protocol).flatMap((name) => {
    const feature = Object.hasOwn(FEATURES, name) ? FEATURES[name] : null;
    if (feature === null || feature.lacks === 'everything') return [name];
    const missing = effects.filter((effect) => feature.lacks.includes(effect));
    return missing.length > 0 && isBinding(feature, metaData) ? [`${name} (for ${missing.join(', ')})`] : [];
  });
  if (refused.length > 0) {
    throw new TableError('delta/protocol', `${table} uses the writer features ${refused.join(', ')}, which this writer lacks; nothing was written. Write with an engine that has them`);
  }
  if (effects.includes('new rows')) checkNullability(parseSchema(metaData.schemaString), table);
  if (typeof write !== 'string') checkOutcome(protocol, metaData, table, write);
}

/** What the commit itself brings must be supported too, and allow for its vectors. */
function checkOutcome(protocol: Protocol, metaData: MetaData, table: string, actions: readonly Action[]): void {
  const next = { protocol: actions.find((action) => action.protocol)?.protocol, metaData: actions.find((action) => action.metaData)?.metaData };
  if (next.protocol ?? next.metaData) checkWritable(next.protocol ?? protocol, next.metaData ?? metaData, table, 'clean');
  const hasVectors = actions.some(({ add }) => add?.deletionVector);
  assert(!hasVectors || writerFeatures(next.protocol ?? protocol).includes('deletionVectors'), `a commit to ${table} has a deletion vector, which the table's protocol does not list`);
}

function effectsOf(actions: readonly Action[]): Effect[] {
  const removes = actions.flatMap(({ remove }) => remove ?? []);
  const removed = new Set(removes.map(({ path }) => path));
  // Removed and added, a path is an old file under another vector.
  const fresh = actions.flatMap(({ add }) => (add && !removed.has(add.path) ? [add] : []));
  const addsRows = fresh.some(({ dataChange }) => dataChange);
  const removesRows = removes.some(({ dataChange }) => dataChange);
  const effects: [Effect, boolean][] = [
    ['a commit', true],
    ['new files', fresh.length > 0],
    ['new rows', addsRows],
    ['removed rows', removesRows],
    ['replaced rows', addsRows && removesRows],
    ['new metadata', actions.some((action) => action.metaData ?? action.protocol)],
  ];
  return effects.filter(([, does]) => does).map(([effect]) => effect);
}

/** Whether rows are to be deleted by vectors; where not, their file is rewritten. Vectors that are there count in any case. */
export function writesVectors({ protocol, metaData }: { readonly protocol: Protocol; readonly metaData: MetaData }): boolean {
  return writerFeatures(protocol).includes('deletionVectors') && FEATURES['deletionVectors'].isUsed!(metaData);
}

/** Of a new table: 1/2, which every engine co-writes, unless its schema or properties need more. */
export function protocolFor(metaData: MetaData): Protocol {
  return withFeaturesFor({ minReaderVersion: 1, minWriterVersion: 2 }, metaData);
}

/**
 * The protocol under which schema and properties mean what they say; itself where nothing is missing. Versions and features only grow, and what
 * the former version implied is listed (PROTOCOL.md, "Table Features for New and Existing Tables").
 */
export function withFeaturesFor(protocol: Protocol, metaData: MetaData): Protocol {
  const listed = writerFeatures(protocol);
  const added = Object.keys(FEATURES).filter((name) => FEATURES[name].isUsed?.(metaData) && !listed.includes(name));
  if (added.length === 0) return protocol;
  const writers = { minWriterVersion: WRITER_VERSION_MAX, writerFeatures: [...listed, ...added].sort() };
  const forReaders = added.filter((name) => FEATURES[name].forReaders);
  if (forReaders.length === 0) return { ...protocol, ...writers };
  return { ...protocol, minReaderVersion: READER_VERSION_MAX, readerFeatures: [...readerFeatures(protocol), ...forReaders].sort(), ...writers };
}

/** What a table needs that deletes rows by vectors from now on. */
export function withDeletionVectors({ protocol, metaData }: { readonly protocol: Protocol; readonly metaData: MetaData }): { readonly protocol: Protocol; readonly metaData: MetaData } {
  const changed = { ...metaData, configuration: { ...metaData.configuration, 'delta.enableDeletionVectors': 'true' } };
  return { metaData: changed, protocol: withFeaturesFor(protocol, changed) };
}

/** What a table that has no deletion vector, and makes none, needs of readers and writers; the rest as it was. */
export function withoutDeletionVectors({ protocol, metaData }: { readonly protocol: Protocol; readonly metaData: MetaData }): { readonly protocol: Protocol; readonly metaData: MetaData } {
  const others = (features: readonly string[]) => features.filter((name) => name !== 'deletionVectors');
  const [readers, writers] = [others(readerFeatures(protocol)), others(writerFeatures(protocol))];
  const legacy = LEGACY_WRITER.filter(([since]) => since <= 2).map(([, name]) => name);
  const isPlain = readers.length === 0 && writers.every((name) => legacy.includes(name));
  const forReaders = readers.length === 0 ? { minReaderVersion: 1 } : { minReaderVersion: READER_VERSION_MAX, readerFeatures: readers };
  return {
    metaData: { ...metaData, configuration: { ...metaData.configuration, 'delta.enableDeletionVectors': 'false' } },
    protocol: isPlain ? { minReaderVersion: 1, minWriterVersion: 2 } : { ...forReaders, minWriterVersion: WRITER_VERSION_MAX, writerFeatures: writers },
  };
}

function readerFeatures(protocol: Protocol): readonly string[] {
  if (protocol.minReaderVersion >= READER_VERSION_MAX) return protocol.readerFeatures ?? [];
  return protocol.minReaderVersion === 2 ? ['columnMapping'] : [];
}

function writerFeatures(protocol: Protocol): readonly string[] {
  const { minWriterVersion: version } = protocol;
  return version === WRITER_VERSION_MAX ? (protocol.writerFeatures ?? []) : LEGACY_WRITER.filter(([since]) => version >= since).map(([, name]) => name);
}

function isBinding({ isUsed, bindsUnused }: Feature, metaData: MetaData): boolean {
  return bindsUnused === true || isUsed === undefined || isUsed(metaData);
}

/** As Java reads a boolean. */
function isTrue(text: string | undefined): boolean {
  return text?.toLowerCase() === 'true';
}

/** At any depth, the type itself included. */
function someType(type: DataType, test: (type: DataType) => boolean): boolean {
  if (test(type)) return true;
  if (typeof type === 'string') return false;
  if (type.type === 'array') return someType(type.elementType, test);
  if (type.type === 'map') return someType(type.keyType, test) || someType(type.valueType, test);
  return type.fields.some((field) => someType(field.type, test));
}

function fieldsOf(type: DataType): readonly StructField[] {
  return typeof type !== 'string' && type.type === 'struct' ? type.fields : [];
}
