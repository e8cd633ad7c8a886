import fc from 'fast-check';
import type { Action, MetaData, Protocol } from '../../shared/delta/actions.ts';

export const PROTOCOL: Protocol = { minReaderVersion: 1, minWriterVersion: 2 };
export const METADATA: MetaData = {
  id: '5d0ae4f6-2a4d-4d2c-8c34-5f0a5f1f9a11', name: 't', format: { provider: 'parquet', options: {} },
  schemaString: '{"type":"struct","fields":[{"name":"a","type":"long","nullable":true,"metadata":{}}]}', partitionColumns: [], configuration: { 'x.y': 'z' }, createdTime: 5,
};

const path = fc.constantFrom('a', 'b', 'c%20d', 'päivä%20☃', 'e/f', "g'h");
const text = fc.string({ unit: 'grapheme' });
const vector = fc.option(fc.record({ storageType: fc.constant('u' as const), pathOrInlineDv: fc.constantFrom('x', 'y'), offset: fc.constantFrom(1, 2), sizeInBytes: fc.nat(), cardinality: fc.nat() }), { nil: undefined, freq: 1 });
const partitionValues = fc.dictionary(fc.constantFrom('p', 'q"r'), fc.option(text));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

const add: fc.Arbitrary<Action> = fc.record({ path, partitionValues, size: fc.maxSafeNat(), modificationTime: fc.maxSafeNat(), dataChange: fc.boolean(), stats: fc.option(text), deletionVector: vector }).map((file) => ({ add: file }));
/** Fields and actions that this code does not know. */
const novelAdd: fc.Arbitrary<Action> = fc.record({ path, partitionValues, size: fc.maxSafeNat(), modificationTime: fc.maxSafeNat(), dataChange: fc.boolean(), baseRowId: int64, tags: fc.dictionary(fc.constantFrom('t', 'u'), fc.option(text)), clusteringProvider: text }).map((file) => ({ add: file }));
const novel = fc.constantFrom({ novelAction: { a: [1, null] } } as Action, { checkpointMetadata: { version: 1 } } as Action, { cdc: { path: 'x', partitionValues: {}, size: 1, dataChange: false } } as Action);
const remove: fc.Arbitrary<Action> = fc.record({ path, dataChange: fc.boolean(), deletionTimestamp: fc.maxSafeNat(), extendedFileMetadata: fc.constant(true), partitionValues, size: fc.maxSafeNat(), deletionVector: vector }).map((file) => ({ remove: file }));
const txn: fc.Arbitrary<Action> = fc.record({ appId: fc.constantFrom('a/1', 'b/2', 'c/3'), version: int64, lastUpdated: fc.maxSafeNat() }).map((value) => ({ txn: value }));
const metaData: fc.Arbitrary<Action> = fc.record({ name: text, configuration: fc.dictionary(fc.constantFrom('k', 'l.m'), text) }).map((change) => ({ metaData: { ...METADATA, ...change } }));
const domain: fc.Arbitrary<Action> = fc.record({ domain: fc.constantFrom('d', 'e'), configuration: text, removed: fc.boolean() }).map((value) => ({ domainMetadata: value }));

/** One version: of each file, application and domain at most one action, as the protocol has it. */
const version = fc.uniqueArray(fc.oneof({ arbitrary: add, weight: 6 }, novelAdd, novel, { arbitrary: remove, weight: 4 }, { arbitrary: txn, weight: 3 }, domain, metaData), {
  maxLength: 8,
  selector: (action) => {
    const file = action.add ?? action.remove;
    return file ? JSON.stringify([file.path, file.deletionVector?.pathOrInlineDv, file.deletionVector?.offset]) : action.txn?.appId ?? action.domainMetadata?.domain ?? 'metaData';
  },
});

/** Versions 0, 1, … of a log; version 0 has protocol and metaData. Tombstones are younger than any retention at time 2. */
export const logs: fc.Arbitrary<Action[][]> = fc.array(version, { maxLength: 12 }).map((rest) => [[{ protocol: PROTOCOL }, { metaData: METADATA }], ...rest]);
