import { describe, expect, test } from 'vitest';
import type { Action, AddFile } from '../../shared/delta/actions.ts';
import { judgeConflict } from '../../shared/delta/conflict.ts';
import type { ConflictVerdict, Intention } from '../../shared/delta/conflict.ts';

const ours = (intention: Partial<Intention>): Intention =>
  ({ reads: 'nothing', dataChange: true, touched: new Set(), by: 'files', appIds: new Set(), domains: new Set(), changesMetadata: false, ...intention });
const add = (path: string, more: Partial<AddFile> = {}): Action => ({ add: { path, partitionValues: { p: '1' }, size: 1, modificationTime: 0, dataChange: true, ...more } });
const remove = (path: string, dataChange = true): Action => ({ remove: { path, dataChange } });
const txn = (appId: string): Action => ({ txn: { appId, version: 1n } });
const domain = (name: string): Action => ({ domainMetadata: { domain: name, configuration: '{}', removed: false } });
const deletionVector = { storageType: 'i', pathOrInlineDv: 'x', sizeInBytes: 1, cardinality: 1 } as const;
const metaData: Action = { metaData: { id: 'i', format: { provider: 'parquet', options: {} }, schemaString: '{}', partitionColumns: [], configuration: {} } };
const protocol: Action = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };

/** What we are about to commit. The table has the files `a` and `b`; ours is `a`. */
const KINDS: Readonly<Record<string, Intention>> = {
  append: ours({}),
  progress: ours({ appIds: new Set(['app']), domains: new Set(['dom']) }),
  'upsert/f': ours({ reads: 'table', touched: new Set(['a']), appIds: new Set(['app']) }),
  'upsert/v': ours({ reads: 'table', touched: new Set(['a']), by: 'vectors', appIds: new Set(['app']) }),
  'where/f': ours({ reads: ({ partitionValues }) => partitionValues['p'] === '1', touched: new Set(['a']) }),
  'where/v': ours({ reads: ({ partitionValues }) => partitionValues['p'] === '1', touched: new Set(['a']), by: 'vectors' }),
  'OPTIMIZE/f': ours({ dataChange: false, touched: new Set(['a']) }),
  'OPTIMIZE/v': ours({ dataChange: false, touched: new Set(['a']), by: 'vectors' }),
  alter: ours({ reads: 'table', changesMetadata: true }),
  overwrite: ours({ reads: 'table', touched: new Set(['a', 'b']), domains: new Set(['dom']) }),
};

/** What a rival committed before us. `p=2`: where our `where` can't hold. */
const WINNERS: Readonly<Record<string, readonly Action[]>> = {
  'commitInfo alone': [{ commitInfo: { operation: 'X' } }],
  'an append': [add('z')],
  'an append to p=2': [add('z', { partitionValues: { p: '2' } })],
  'OPTIMIZE of ours': [remove('a', false), add('z', { dataChange: false })],
  'OPTIMIZE of another': [remove('b', false), add('z', { dataChange: false })],
  'OPTIMIZE of ours, a row': [remove('a', false), add('z', { dataChange: false }), add('y')],
  'delete of ours': [remove('a')],
  'delete of another': [remove('b')],
  'rewrite of ours': [remove('a'), add('z')],
  'vector on ours': [remove('a'), add('a', { deletionVector })],
  'vector on another': [remove('b'), add('b', { deletionVector })],
  'vector on p=2': [remove('b'), add('b', { deletionVector, partitionValues: { p: '2' } })],
  'vector of ours moved': [remove('a', false), add('a', { deletionVector, dataChange: false })],
  'statistics of another': [add('b', { dataChange: false, stats: '{}' })],
  'OPTIMIZE and vector': [remove('a'), add('a', { deletionVector }), remove('b', false), add('z', { dataChange: false })],
  'metaData': [metaData],
  'metaData and a row': [add('z'), metaData],
  'a protocol': [protocol],
  'our txn': [txn('app')],
  'another txn': [txn('app/2')],
  'our domain': [domain('dom')],
  'another domain': [domain('dom.2')],
  'an unknown action': [{ cdc: { path: '_change_data/x', dataChange: false } } as unknown as Action],
  nothing: [],
};

/**
 * The complete product (delta.md A5; semantics.md, section 6: upserts are Serializable). `ok`: rebase. Else remap, or what the clash is over:
 * `meta` metadata, `rows` added-rows, `file` removed-file. `/f` takes rows away by files, `/v` by vectors.
 */
const TABLE = `
  ours, winner              | append | progress | upsert/f | upsert/v | where/f | where/v | OPTIMIZE/f | OPTIMIZE/v | alter | overwrite
  nothing                   | ok     | ok       | ok       | ok       | ok      | ok      | ok         | ok         | ok    | ok
  commitInfo alone          | ok     | ok       | ok       | ok       | ok      | ok      | ok         | ok         | ok    | ok
  an unknown action         | ok     | ok       | ok       | ok       | ok      | ok      | ok         | ok         | ok    | ok
  an append                 | ok     | ok       | rows     | rows     | rows    | rows    | ok         | ok         | rows  | rows
  an append to p=2          | ok     | ok       | rows     | rows     | ok      | ok      | ok         | ok         | rows  | rows
  OPTIMIZE of ours          | ok     | ok       | file     | remap    | file    | remap   | file       | file       | rows  | file
  OPTIMIZE of another       | ok     | ok       | ok       | ok       | ok      | ok      | ok         | ok         | rows  | file
  OPTIMIZE of ours, a row   | ok     | ok       | file     | rows     | file    | rows    | file       | file       | rows  | file
  delete of ours            | ok     | ok       | file     | file     | file    | file    | file       | remap      | rows  | file
  delete of another         | ok     | ok       | ok       | ok       | ok      | ok      | ok         | ok         | rows  | file
  rewrite of ours           | ok     | ok       | file     | file     | file    | file    | file       | remap      | rows  | file
  vector on ours            | ok     | ok       | file     | file     | file    | file    | file       | remap      | rows  | file
  vector on another         | ok     | ok       | rows     | rows     | rows    | rows    | ok         | ok         | rows  | file
  vector on p=2             | ok     | ok       | rows     | rows     | ok      | ok      | ok         | ok         | rows  | file
  vector of ours moved      | ok     | ok       | file     | file     | file    | file    | file       | remap      | rows  | file
  OPTIMIZE and vector       | ok     | ok       | file     | file     | file    | file    | file       | remap      | rows  | file
  statistics of another     | ok     | ok       | ok       | ok       | ok      | ok      | ok         | ok         | rows  | ok
  metaData                  | meta   | meta     | meta     | meta     | meta    | meta    | meta       | meta       | meta  | meta
  metaData and a row        | meta   | meta     | rows     | rows     | rows    | rows    | meta       | meta       | rows  | rows
  a protocol                | meta   | meta     | meta     | meta     | meta    | meta    | meta       | meta       | meta  | meta
  our txn                   | ok     | txn      | txn      | txn      | ok      | ok      | ok         | ok         | ok    | ok
  another txn               | ok     | ok       | ok       | ok       | ok      | ok      | ok         | ok         | ok    | ok
  our domain                | ok     | domain   | ok       | ok       | ok      | ok      | ok         | ok         | ok    | domain
  another domain            | ok     | ok       | ok       | ok       | ok      | ok      | ok         | ok         | ok    | ok
`;

const VERDICTS: Readonly<Record<string, ConflictVerdict>> = {
  ok: { kind: 'rebase' }, remap: { kind: 'remap' },
  ...Object.fromEntries(([['rows', 'added-rows'], ['file', 'removed-file'], ['meta', 'metadata'], ['txn', 'txn'], ['domain', 'domain']] as const).map(([word, over]) => [word, { kind: 'clash', over } as const])),
};
const [[, ...kinds], ...rows] = TABLE.trim().split('\n').map((line) => line.split('|').map((cell) => cell.trim()));

test('the table is complete', () => {
  expect(kinds).toEqual(Object.keys(KINDS));
  expect(rows.map(([winner]) => winner).toSorted()).toEqual(Object.keys(WINNERS).toSorted());
});

describe.each(kinds.map((kind, i) => ({ kind, column: i + 1 })))('$kind', ({ kind, column }) => {
  test.each(rows.map((row) => ({ winner: row[0], word: row[column] })))('after $winner: $word', ({ winner, word }) => {
    expect(judgeConflict(KINDS[kind], WINNERS[winner])).toEqual(VERDICTS[word]);
  });
});

test('a path that only begins like ours is another file; so is one that is spelt differently', () => {
  const upsert = ours({ reads: 'table', touched: new Set(['a b']) });
  expect(judgeConflict(upsert, [remove('a')])).toEqual({ kind: 'rebase' });
  expect(judgeConflict(upsert, [remove('a%20b')])).toEqual({ kind: 'rebase' });
});

test('what a clash is over does not hide our txn from an append: its rows may be stored already', () => {
  expect(judgeConflict(KINDS['progress'], [add('z'), txn('app')])).toEqual({ kind: 'clash', over: 'txn' });
});

test('a predicate is asked about every file with new rows, and about no other', () => {
  const asked: string[] = [];
  const where = ours({ reads: ({ path }) => (asked.push(path), false) });
  judgeConflict(where, [add('x'), add('y', { dataChange: false }), add('z')]);
  expect(asked).toEqual(['x', 'z']);
});
