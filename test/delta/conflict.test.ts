import { expect, test } from 'vitest';
import type { Action, AddFile } from '../../shared/delta/actions.ts';
import { judgeConflict } from '../../shared/delta/conflict.ts';
import type { Intention } from '../../shared/delta/conflict.ts';

const ours = (intention: Partial<Intention>): Intention => ({ reads: 'nothing', dataChange: true, touched: new Set(), appIds: new Set(), changesMetadata: false, ...intention });
const add = (path: string, dataChange = true): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange } satisfies AddFile });
const remove = (path: string, dataChange = true): Action => ({ remove: { path, dataChange } });

const APPEND = ours({});
const UPSERT = ours({ reads: 'table', touched: new Set(['a']) });
const OPTIMIZE = ours({ reads: 'table', dataChange: false, touched: new Set(['a']) });
const PROGRESS = ours({ appIds: new Set(['app']) });
const PROPERTIES = ours({ reads: 'table', changesMetadata: true });

const WINNERS: Readonly<Record<string, Action[]>> = {
  'only commitInfo': [{ commitInfo: { operation: 'X' } }],
  'an append': [add('z')],
  'a delete of another file': [remove('b')],
  'a delete of our file': [remove('a')],
  'a vector on our file': [remove('a'), { add: { path: 'a', partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, deletionVector: { storageType: 'i', pathOrInlineDv: 'x', sizeInBytes: 1, cardinality: 1 } } }],
  'an OPTIMIZE of other files': [remove('b', false), add('z', false)],
  'an OPTIMIZE of our file': [remove('a', false), add('z', false)],
  'metadata': [{ metaData: { id: 'i', format: { provider: 'parquet', options: {} }, schemaString: '{}', partitionColumns: [], configuration: {} } }],
  'a protocol': [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }],
  'our txn': [{ txn: { appId: 'app', version: 1n } }],
  'another txn': [{ txn: { appId: 'other', version: 1n } }],
};

/** What the loser must do: rows of delta.md A5, upserts as Serializable (semantics.md, section 6). */
test.each<[string, Intention, Record<string, string>]>([
  ['blind append', APPEND, { metadata: 'metadata', 'a protocol': 'metadata' }],
  ['upsert', UPSERT, {
    'an append': 'added-rows', 'a delete of our file': 'removed-file', 'a vector on our file': 'removed-file', 'an OPTIMIZE of our file': 'removed-file',
    metadata: 'metadata', 'a protocol': 'metadata',
  }],
  ['OPTIMIZE', OPTIMIZE, {
    'a delete of our file': 'removed-file', 'a vector on our file': 'removed-file', 'an OPTIMIZE of our file': 'removed-file', metadata: 'metadata', 'a protocol': 'metadata',
  }],
  ['progress alone', PROGRESS, { 'our txn': 'txn', metadata: 'metadata', 'a protocol': 'metadata' }],
  ['properties', PROPERTIES, {
    'an append': 'added-rows', 'a delete of another file': 'added-rows', 'a delete of our file': 'added-rows', 'a vector on our file': 'added-rows',
    'an OPTIMIZE of other files': 'added-rows', 'an OPTIMIZE of our file': 'added-rows', metadata: 'metadata', 'a protocol': 'metadata',
  }],
])('%s', (_name, intention, clashes) => {
  const verdicts = Object.entries(WINNERS).flatMap(([name, actions]) => {
    const verdict = judgeConflict(intention, actions);
    return verdict.kind === 'clash' ? [[name, verdict.over]] : [];
  });
  expect(Object.fromEntries(verdicts)).toEqual(clashes);
});

test('a path that only begins like ours is another file', () => {
  expect(judgeConflict(ours({ reads: 'table', touched: new Set(['a b']) }), [remove('a')])).toEqual({ kind: 'rebase' });
});

test('our txn clashes even where the winner also appends', () => {
  expect(judgeConflict(PROGRESS, [add('z'), { txn: { appId: 'app', version: 9n } }])).toEqual({ kind: 'clash', over: 'txn' });
});
