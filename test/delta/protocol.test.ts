import { describe, expect, test } from 'vitest';
import type { Action, AddFile, MetaData, Protocol } from '../../shared/delta/actions.ts';
import { removeOf } from '../../shared/delta/actions.ts';
import { checkReadable, checkWritable, protocolFor, withFeaturesFor, writesVectors } from '../../shared/delta/protocol.ts';
import type { WriteIntent } from '../../shared/delta/protocol.ts';
import { array, field, struct } from '../../shared/delta/schema.ts';
import type { StructField } from '../../shared/delta/schema.ts';

const meta = (options: { configuration?: Record<string, string>; fields?: StructField[]; provider?: string } = {}): MetaData => ({
  id: 'i', format: { provider: options.provider ?? 'parquet', options: {} }, schemaString: JSON.stringify(struct(...(options.fields ?? [field('a', 'long')]))),
  partitionColumns: [], configuration: options.configuration ?? {},
});
const marked = (metadata: Record<string, unknown>): StructField => ({ ...field('a', 'long'), metadata });
const three = (...readerFeatures: string[]): Protocol => ({ minReaderVersion: 3, minWriterVersion: 7, readerFeatures, writerFeatures: readerFeatures });
const seven = (...writerFeatures: string[]): Protocol => ({ minReaderVersion: 1, minWriterVersion: 7, writerFeatures });
const refused = (named: string) => expect.objectContaining({ code: 'delta/protocol', message: expect.stringContaining(named) as string }) as Error;

describe('reading', () => {
  test.each<[string, Protocol, MetaData]>([
    ['1/2', { minReaderVersion: 1, minWriterVersion: 2 }, meta()],
    ['vectors, zone-less times, V2 checkpoints', three('deletionVectors', 'timestampNtz', 'v2Checkpoint', 'timestampWithoutTimezone'), meta()],
    ['an unknown feature for writers only', seven('icebergCompatV7', 'rowTracking'), meta()],
    ['a writer version of the future', { minReaderVersion: 1, minWriterVersion: 99 }, meta()],
    ['mapped columns', { minReaderVersion: 2, minWriterVersion: 5 }, meta({ configuration: { 'delta.columnMapping.mode': 'name' }, fields: [marked({ 'delta.columnMapping.physicalName': 'col-1' })] })],
  ])('%s is read', (_name, protocol, metaData) => {
    expect(() => checkReadable(protocol, metaData, 't')).not.toThrow();
  });

  test.each<[string, Protocol, MetaData]>([
    ['reader version 4', { minReaderVersion: 4, minWriterVersion: 7 }, meta()],
    ['reader version 0', { minReaderVersion: 0, minWriterVersion: 1 }, meta()],
    ['catalogManaged', three('deletionVectors', 'catalogManaged'), meta()],
    ['variantType', three('variantType'), meta()],
    ['does not list its reader features', { minReaderVersion: 3, minWriterVersion: 7 }, meta()],
    ['orc', { minReaderVersion: 1, minWriterVersion: 2 }, meta({ provider: 'orc' })],
    ['mode swapped', three('columnMapping'), meta({ configuration: { 'delta.columnMapping.mode': 'swapped' } })],
    ['physicalName', three('columnMapping'), meta({ configuration: { 'delta.columnMapping.mode': 'id' } })],
  ])('%s is refused by name', (named, protocol, metaData) => {
    expect(() => checkReadable(protocol, metaData, 't')).toThrow(refused(named));
  });

  test('a schema that is none is damage', () => {
    for (const schemaString of [undefined, '', '{', '"long"', '{"type":"array"}']) {
      expect(() => checkReadable(three(), { ...meta(), schemaString: schemaString as string }, 't')).toThrow(expect.objectContaining({ code: 'delta/schema' }));
    }
  });
});

describe('writing', () => {
  test.each<[string, Protocol, MetaData]>([
    ['1/2', { minReaderVersion: 1, minWriterVersion: 2 }, meta()],
    ['legacy features nobody uses', { minReaderVersion: 2, minWriterVersion: 6 }, meta({ configuration: { 'delta.appendOnly': 'false', 'delta.enableChangeDataFeed': 'false' } })],
    ['listed ones nobody uses', seven('appendOnly', 'invariants', 'checkConstraints', 'changeDataFeed', 'generatedColumns', 'identityColumns', 'allowColumnDefaults', 'columnMapping', 'timestampNtz'), meta()],
  ])('%s is written', (_name, protocol, metaData) => {
    expect(() => checkWritable(protocol, metaData, 't')).not.toThrow();
  });

  const INTENTS: readonly WriteIntent[] = ['append', 'remove', 'change', 'rewrite', 'alter', 'clean'];

  test.each<[string, MetaData, readonly WriteIntent[]]>([
    ['appendOnly', meta({ configuration: { 'delta.appendOnly': 'TRUE' } }), ['remove', 'change']],
    ['changeDataFeed', meta({ configuration: { 'delta.enableChangeDataFeed': 'true' } }), ['change']],
    ['checkConstraints', meta({ configuration: { 'delta.constraints.positive': 'a > 0' } }), ['append', 'change']],
    ['invariants', meta({ fields: [marked({ 'delta.invariants': '{}' })] }), ['append', 'change']],
    ['generatedColumns', meta({ fields: [field('s', array(struct(marked({ 'delta.generationExpression': 'b' }))))] }), ['append', 'change']],
    ['identityColumns', meta({ fields: [marked({ 'delta.identity.start': 1 })] }), ['append', 'change']],
    ['columnMapping', meta({ configuration: { 'delta.columnMapping.mode': 'name' }, fields: [marked({ 'delta.columnMapping.physicalName': 'c' })] }), ['append', 'change', 'rewrite', 'alter']],
  ])('%s in use is refused where it matters, by legacy version and by list', (feature, metaData, intents) => {
    for (const protocol of [{ minReaderVersion: 2, minWriterVersion: 6 }, seven(feature)]) {
      for (const intent of INTENTS) {
        const check = () => checkWritable(protocol, metaData, 't', intent);
        if (intents.includes(intent)) expect(check, intent).toThrow(refused(feature));
        else expect(check, intent).not.toThrow();
      }
      expect(() => checkWritable(protocol, metaData, 't')).toThrow(refused(feature));
    }
  });

  test.each<[string, MetaData, readonly WriteIntent[]]>([
    ['deletionVectors', meta(), []],
    ['v2Checkpoint', meta({ configuration: { 'delta.checkpointPolicy': 'v2' } }), []],
    ['domainMetadata', meta(), []],
    ['vacuumProtocolCheck', meta(), []],
    ['typeWidening', meta({ configuration: { 'delta.enableTypeWidening': 'true' } }), []],
    ['allowColumnDefaults', meta({ fields: [marked({ CURRENT_DEFAULT: '1' })] }), ['append', 'change']],
    ['rowTracking', meta(), ['append', 'change', 'rewrite']],
    ['clustering', meta(), ['append', 'change', 'rewrite']],
    ['inCommitTimestamp', meta(), []],
    ['inCommitTimestamp', meta({ configuration: { 'delta.enableInCommitTimestamps': 'true' } }), ['append', 'remove', 'change', 'rewrite', 'alter']],
    ...['timestampWithoutTimezone', 'icebergCompatV2', 'catalogManaged', 'checkpointProtection', 'anything', 'constructor'].map((name): [string, MetaData, readonly WriteIntent[]] => [name, meta(), INTENTS]),
  ])('%s, which has no legacy version', (feature, metaData, intents) => {
    expect(INTENTS.filter((intent) => throws(() => checkWritable(seven(feature), metaData, 't', intent)))).toEqual(intents);
    if (intents.length > 0) expect(() => checkWritable(seven(feature), metaData, 't', intents[0])).toThrow(refused(feature));
  });

  test('what the protocol does not list is no obligation', () => {
    expect(() => checkWritable(seven(), meta({ configuration: { 'delta.appendOnly': 'true' } }), 't')).not.toThrow();
  });

  test('a writer version of the future is refused', () => {
    expect(() => checkWritable({ minReaderVersion: 1, minWriterVersion: 8 }, meta(), 't')).toThrow(refused('writer version 8'));
  });
});

const throws = (check: () => void): boolean => {
  try {
    check();
    return false;
  } catch {
    return true;
  }
};

const add: AddFile = { path: 'a', partitionValues: {}, size: 1, modificationTime: 0, dataChange: true };
const removed = (file: AddFile, dataChange = true): Action => ({ remove: removeOf(file, { nowMs: 0, dataChange }) });
const vector = { storageType: 'i', pathOrInlineDv: 'x', sizeInBytes: 34, cardinality: 1 } as const;

describe('what a commit does is read from its actions', () => {
  const appendOnly = meta({ configuration: { 'delta.appendOnly': 'true' } });
  const changeFeed = meta({ configuration: { 'delta.enableChangeDataFeed': 'true' } });
  const constrained = meta({ configuration: { 'delta.constraints.positive': 'a > 0' } });
  const all = seven('appendOnly', 'changeDataFeed', 'checkConstraints', 'deletionVectors');

  test.each<[string, MetaData, readonly Action[]]>([
    ['an append', appendOnly, [{ add }, { txn: { appId: 'a', version: 1n } }]],
    ['files rewritten', appendOnly, [removed(add, false), { add: { ...add, path: 'b', dataChange: false } }]],
    ['an append', changeFeed, [{ add }]],
    ['rows deleted by a vector', changeFeed, [removed(add), { add: { ...add, deletionVector: vector } }]],
    ['whole files deleted', changeFeed, [removed(add)]],
    ['rows deleted by a vector', constrained, [removed(add), { add: { ...add, deletionVector: vector } }]],
    ['progress alone', constrained, [{ txn: { appId: 'a', version: 1n } }]],
    ['files rewritten', constrained, [removed(add, false), { add: { ...add, path: 'b', dataChange: false } }]],
    ['new metadata', constrained, [{ metaData: constrained }]],
  ])('%s is fine', (_name, metaData, actions) => {
    expect(() => checkWritable(all, metaData, 't', actions)).not.toThrow();
  });

  test.each<[string, MetaData, readonly Action[]]>([
    ['appendOnly (for removed rows)', appendOnly, [removed(add)]],
    ['appendOnly (for removed rows)', appendOnly, [removed(add), { add: { ...add, deletionVector: vector } }]],
    ['changeDataFeed (for replaced rows)', changeFeed, [removed(add), { add: { ...add, path: 'b' } }]],
    ['changeDataFeed (for replaced rows)', changeFeed, [removed(add), { add: { ...add, deletionVector: vector } }, { add: { ...add, path: 'b' } }]],
    ['checkConstraints (for new rows)', constrained, [{ add }]],
    ['icebergCompatV2', meta(), [{ protocol: seven('icebergCompatV2') }]],
  ])('%s is refused', (named, metaData, actions) => {
    expect(() => checkWritable(all, metaData, 't', actions)).toThrow(refused(named));
  });

  test('row ids forbid new files, not vectors', () => {
    expect(() => checkWritable(seven('rowTracking', 'deletionVectors'), meta(), 't', [{ add }])).toThrow(refused('rowTracking (for new files)'));
    expect(() => checkWritable(seven('rowTracking', 'deletionVectors'), meta(), 't', [removed(add), { add: { ...add, deletionVector: vector } }])).not.toThrow();
  });

  test('a vector that the protocol does not allow for is a bug of ours', () => {
    const actions = [removed(add), { add: { ...add, deletionVector: vector } }];
    expect(() => checkWritable({ minReaderVersion: 1, minWriterVersion: 2 }, meta(), 't', actions)).toThrow(/bug: a commit to t has a deletion vector/);
    expect(() => checkWritable({ minReaderVersion: 1, minWriterVersion: 2 }, meta(), 't', [...actions, { protocol: three('deletionVectors') }])).not.toThrow();
  });
});

describe('the protocol that a table needs', () => {
  const vectors = meta({ configuration: { 'delta.enableDeletionVectors': 'true' } });

  test('of a new one', () => {
    expect(protocolFor(meta({ configuration: { 'delta.appendOnly': 'true', 'delta.enableDeletionVectors': 'false' } }))).toEqual({ minReaderVersion: 1, minWriterVersion: 2 });
    expect(protocolFor(vectors)).toEqual({ minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'], writerFeatures: ['appendOnly', 'deletionVectors', 'invariants'] });
    expect(protocolFor(meta({ fields: [field('s', array(struct(field('t', array('timestamp_ntz')))))] })).readerFeatures).toEqual(['timestampNtz']);
    expect(protocolFor(meta({ fields: [field('timestamp_ntz', 'long')] })).minReaderVersion).toBe(1);
  });

  test('an upgrade lists what the former versions implied', () => {
    expect(withFeaturesFor({ minReaderVersion: 2, minWriterVersion: 5 }, vectors)).toEqual({
      minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['columnMapping', 'deletionVectors'],
      writerFeatures: ['appendOnly', 'changeDataFeed', 'checkConstraints', 'columnMapping', 'deletionVectors', 'generatedColumns', 'invariants'],
    });
    expect(withFeaturesFor({ minReaderVersion: 1, minWriterVersion: 2 }, meta({ configuration: { 'delta.enableChangeDataFeed': 'true' } })))
      .toEqual({ minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['appendOnly', 'changeDataFeed', 'invariants'] });
    expect(withFeaturesFor(three('v2Checkpoint'), vectors).readerFeatures).toEqual(['deletionVectors', 'v2Checkpoint']);
  });

  test('nothing is missing, nothing changes', () => {
    const protocol = three('deletionVectors', 'v2Checkpoint');
    expect(withFeaturesFor(protocol, vectors)).toBe(protocol);
    expect(withFeaturesFor(protocol, meta())).toBe(protocol);
  });

  test('vectors are written where they are listed and switched on', () => {
    expect(writesVectors({ protocol: three('deletionVectors'), metaData: vectors })).toBe(true);
    expect(writesVectors({ protocol: three('deletionVectors'), metaData: meta() })).toBe(false);
    expect(writesVectors({ protocol: { minReaderVersion: 1, minWriterVersion: 2 }, metaData: vectors })).toBe(false);
  });
});

describe('NOT NULL inside a column', () => {
  const strict = { ...field('x', 'long'), nullable: false };
  test.each([
    ['of a struct', struct(strict)],
    ['of a list', { ...array('long'), containsNull: false }],
    ['of a struct in a list', array(struct(strict))],
    ['of a map', { type: 'map', keyType: 'string', valueType: 'long', valueContainsNull: false } as const],
  ])('%s: rows are refused, all else is not', (_name, type) => {
    const metaData = meta({ fields: [field('deep', type)] });
    for (const intent of ['append', 'change'] as const) {
      expect(() => checkWritable(seven(), metaData, 't', intent)).toThrow(expect.objectContaining({ code: 'delta/nullability', message: expect.stringContaining('deep') as string }));
    }
    for (const intent of ['remove', 'rewrite', 'alter', 'clean'] as const) expect(() => checkWritable(seven(), metaData, 't', intent)).not.toThrow();
  });

  test('a NOT NULL column itself is the writer\'s to count', () => {
    expect(() => checkWritable(seven(), meta({ fields: [strict] }), 't', 'append')).not.toThrow();
  });
});
