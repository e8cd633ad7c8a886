import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileKey, parseActions, printActions, removeOf } from '../../shared/delta/actions.ts';
import type { Action, AddFile, DeletionVector } from '../../shared/delta/actions.ts';

const parse = (text: string, where = 'test') => [...parseActions(Buffer.from(text), where)];

const VECTOR: DeletionVector = { storageType: 'u', pathOrInlineDv: 'vBn[lx{q8@P<9BNH/isA', offset: 1, sizeInBytes: 36, cardinality: 2 };
const ADD: AddFile = { path: 'a%20b.parquet', partitionValues: { p: null }, size: 10, modificationTime: 5, dataChange: true };

test('unknown actions and unknown fields come back as they were', () => {
  const text = '{"add":{"path":"a","partitionValues":{},"size":9007199254740993,"modificationTime":1,"dataChange":true,"baseRowId":12,"novel":{"x":[1]}}}\n{"newAction":{"y":null}}\n';
  expect(printActions(parse(text))).toBe(text);
});

test('lines may end in CRLF, be blank, and lack the last newline', () => {
  expect(parse('{"remove":{"path":"a","dataChange":true}}\r\n\r\n\n  \n{"txn":{"appId":"x","version":3}}')).toEqual([
    { remove: { path: 'a', dataChange: true } }, { txn: { appId: 'x', version: 3n } },
  ]);
});

test('an empty commit holds no actions', () => {
  expect(parse('')).toEqual([]);
});

test.each(['{"add":', 'nonsense', '[]', '7', 'null', '"text"'])('%s is damage, told with its place', (line) => {
  expect(() => parse(`{"commitInfo":{}}\n${line}`, 't version 4')).toThrow(expect.objectContaining({ code: 'delta/commit-damaged', message: expect.stringContaining('t version 4, line 2') as string }));
});

test('every action of ours survives the log, in any text and to the last digit', () => {
  const text = fc.string({ unit: 'binary' });
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.record({ appId: text, version: int64 }).map((txn) => ({ txn })),
    fc.record({ path: text, partitionValues: fc.dictionary(text, fc.option(text)), size: fc.maxSafeNat(), modificationTime: fc.maxSafeNat(), dataChange: fc.boolean(), stats: text }).map((add) => ({ add })),
    fc.record({ domain: text, configuration: text, removed: fc.boolean() }).map((domainMetadata) => ({ domainMetadata })),
  );
  fc.assert(fc.property(fc.array(action), (actions) => {
    const printed = printActions(actions);
    expect(printed.split('\n')).toHaveLength(actions.length + 1);
    expect(printActions(parse(printed))).toBe(printed);
    expect(parse(printed).map(({ txn }) => txn?.version)).toEqual(actions.map(({ txn }) => txn?.version));
  }));
});

test('a file is its path with its vector', () => {
  const keys = [
    fileKey(ADD), fileKey({ ...ADD, deletionVector: VECTOR }), fileKey({ ...ADD, deletionVector: { ...VECTOR, offset: 2 } }),
    fileKey({ ...ADD, deletionVector: { ...VECTOR, offset: undefined } }), fileKey({ ...ADD, deletionVector: { ...VECTOR, storageType: 'p' } }),
    fileKey({ path: `${ADD.path} u${VECTOR.pathOrInlineDv}@1` }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(fileKey({ ...ADD, deletionVector: null })).toBe(fileKey(ADD));
  expect(fileKey({ ...ADD, deletionVector: { ...VECTOR, offset: null } })).toBe(fileKey({ ...ADD, deletionVector: { ...VECTOR, offset: undefined } }));
});

test('a tombstone repeats path and vector byte for byte', () => {
  const path = 'event_type=päivä%20☃/100%25.parquet';
  const remove = removeOf({ ...ADD, path, deletionVector: VECTOR }, { nowMs: 77, dataChange: false });
  expect(remove).toEqual({ path, deletionTimestamp: 77, dataChange: false, extendedFileMetadata: true, partitionValues: { p: null }, size: 10, deletionVector: VECTOR });
  expect(fileKey(remove)).toBe(fileKey({ path, deletionVector: VECTOR }));
});

test('a remove repeats what the add says of row ids', () => {
  expect(removeOf({ ...ADD, baseRowId: 2n ** 60n, defaultRowCommitVersion: 0 }, { nowMs: 1, dataChange: true })).toMatchObject({ baseRowId: 2n ** 60n, defaultRowCommitVersion: 0 });
  expect(Object.keys(removeOf({ ...ADD, baseRowId: null }, { nowMs: 1, dataChange: true }))).not.toContain('baseRowId');
});
