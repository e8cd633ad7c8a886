import { describe, expect, test } from 'vitest';
import type { MetaData, Protocol } from '../../shared/delta/actions.ts';
import { checkReadable, checkWritable } from '../../shared/delta/protocol.ts';
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

  test.each<[string, MetaData]>([
    ['appendOnly', meta({ configuration: { 'delta.appendOnly': 'TRUE' } })],
    ['changeDataFeed', meta({ configuration: { 'delta.enableChangeDataFeed': 'true' } })],
    ['checkConstraints', meta({ configuration: { 'delta.constraints.positive': 'a > 0' } })],
    ['invariants', meta({ fields: [marked({ 'delta.invariants': '{}' })] })],
    ['generatedColumns', meta({ fields: [field('s', array(struct(marked({ 'delta.generationExpression': 'b' }))))] })],
    ['identityColumns', meta({ fields: [marked({ 'delta.identity.start': 1 })] })],
  ])('%s in use is refused, by legacy version and by list', (feature, metaData) => {
    expect(() => checkWritable({ minReaderVersion: 2, minWriterVersion: 6 }, metaData, 't')).toThrow(refused(feature));
    expect(() => checkWritable(seven(feature), metaData, 't')).toThrow(refused(feature));
  });

  test('what the protocol does not list is no obligation', () => {
    expect(() => checkWritable(seven(), meta({ configuration: { 'delta.appendOnly': 'true' } }), 't')).not.toThrow();
  });

  test.each(['deletionVectors', 'rowTracking', 'inCommitTimestamp', 'icebergCompatV2', 'catalogManaged', 'anything'])('%s is refused', (feature) => {
    expect(() => checkWritable(seven(feature), meta(), 't')).toThrow(refused(feature));
  });

  test('a writer version of the future is refused', () => {
    expect(() => checkWritable({ minReaderVersion: 1, minWriterVersion: 8 }, meta(), 't')).toThrow(refused('writer version 8'));
  });
});
