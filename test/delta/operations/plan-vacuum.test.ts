import { describe, expect, test } from 'vitest';
import type { AddFile, DeletionVector, RemoveFile } from '../../../shared/delta/actions.ts';
import { fileKey } from '../../../shared/delta/actions.ts';
import { vectorKey } from '../../../shared/delta/deletion-vector.ts';
import { looksLikeData, nestedTables, retentionFor, vacuumTest } from '../../../shared/delta/operations/plan-vacuum.ts';
import type { VacuumFacts } from '../../../shared/delta/operations/plan-vacuum.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = 100 * DAY_MS;
const ROOT = 'file:/lake/t';
const VECTOR: DeletionVector = { storageType: 'u', pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^', offset: 1, sizeInBytes: 40, cardinality: 2 };
const VECTOR_KEY = vectorKey(VECTOR, ROOT)!;

const add = (path: string, more: Partial<AddFile> = {}): AddFile => ({ path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, ...more });
const removed = (path: string, daysAgo: number | null, more: Partial<RemoveFile> = {}): RemoveFile =>
  ({ path, dataChange: true, ...(daysAgo === null ? {} : { deletionTimestamp: NOW_MS - daysAgo * DAY_MS }), ...more });

interface Case {
  readonly live?: readonly AddFile[];
  readonly tombstones?: readonly RemoveFile[];
  readonly unread?: readonly RemoveFile[];
  readonly recent?: readonly RemoveFile[];
  readonly retentionMs?: number;
  readonly partitionColumns?: readonly string[];
}

/** Whether an object goes that was stored so many days ago. */
function goes(key: string, daysAgo: number, { live = [], tombstones = [], unread = [], recent = [], retentionMs = 7 * DAY_MS, partitionColumns = [] }: Case): boolean {
  const metaData = { partitionColumns } as unknown as VacuumFacts['snapshot']['metaData'];
  const snapshot = { files: new Map(live.map((file) => [fileKey(file), file])), tombstones: new Map(tombstones.map((file) => [fileKey(file), file])), metaData };
  return vacuumTest({ snapshot, unread, recent, nowMs: NOW_MS, retentionMs, root: ROOT })({ key, size: 1, lastModifiedMs: NOW_MS - daysAgo * DAY_MS });
}

describe('what goes', () => {
  test.each<[what: string, goes: boolean, key: string, daysAgo: number, Case]>([
    ['a live file, however old', false, 'a.parquet', 90, { live: [add('a.parquet')] }],
    ['a live file whose path the log encodes', false, 'p=New York/päivä.parquet', 90, { live: [add('p=New%20York/p%C3%A4iv%C3%A4.parquet')] }],
    ['one whose path the log has as it is', false, 'p=päivä ☃/a.parquet', 90, { live: [add('p=päivä ☃/a.parquet')] }],
    ['one whose name has the escape itself', false, 'a%20b.parquet', 90, { live: [add('a%2520b.parquet')] }],
    ['one that the log names by its address', false, 'a.parquet', 90, { live: [add('file:///lake/t/a.parquet')] }],
    ['the vector of a live file', false, VECTOR_KEY, 90, { live: [add('a.parquet', { deletionVector: VECTOR })] }],
    ['a file that was removed lately', false, 'a.parquet', 90, { tombstones: [removed('a.parquet', 6)] }],
    ['its vector, which no live file has', false, VECTOR_KEY, 90, { tombstones: [removed('a.parquet', 6, { deletionVector: VECTOR })] }],
    ['a file that was removed long ago', true, 'a.parquet', 90, { tombstones: [removed('a.parquet', 8)] }],
    ['its vector', true, VECTOR_KEY, 90, { tombstones: [removed('a.parquet', 8, { deletionVector: VECTOR })] }],
    ['a vector that another file still has', false, VECTOR_KEY, 90, { live: [add('b.parquet', { deletionVector: { ...VECTOR, offset: 60 } })], tombstones: [removed('a.parquet', 8, { deletionVector: VECTOR })] }],
    ['a file removed under one vector that lives under another', false, 'a.parquet', 90, { live: [add('a.parquet', { deletionVector: VECTOR })], tombstones: [removed('a.parquet', 8)] }],
    ['a file removed nobody knows when', true, 'a.parquet', 90, { tombstones: [removed('a.parquet', null)] }],
    ['a file removed long ago and stored since', false, 'a.parquet', 1, { tombstones: [removed('a.parquet', 8)] }],
    ['a file removed long ago in a version that somebody has yet to read', false, 'a.parquet', 90, { tombstones: [removed('a.parquet', 80)], unread: [removed('a.parquet', 80)] }],
    ['the vector of one', false, VECTOR_KEY, 90, { unread: [removed('a.parquet', 80, { deletionVector: VECTOR })] }],
    ['a file whose tombstone the snapshot has forgotten', false, 'a.parquet', 90, { recent: [removed('a.parquet', 6)] }],
    ['a young file that no commit names', false, 'a.parquet', 6, {}],
    ['an old one', true, 'a.parquet', 8, {}],
    ['a young one, by force', false, 'a.parquet', 0.9, { retentionMs: 0 }],
    ['one a day old, by force', true, 'a.parquet', 1.1, { retentionMs: 0 }],
    ['a file just removed, by force', true, 'a.parquet', 0.1, { retentionMs: 0, tombstones: [removed('a.parquet', 0.05)] }],
    ['in the folder of a partition column with an odd name', true, '_p=1/a.parquet', 90, { partitionColumns: ['_p'] }],
    ['in one that only looks like it', false, '_q=1/a.parquet', 90, { partitionColumns: ['_p'] }],
  ])('%s: %s', (_what, expected, key, daysAgo, facts) => {
    expect(goes(key, daysAgo, facts)).toBe(expected);
  });

  test('a log that names files elsewhere is refused: under another name they could be these', () => {
    expect(() => goes('a.parquet', 90, { live: [add('s3://other/t/a.parquet')] })).toThrow(expect.objectContaining({ name: 'TableError', code: 'delta/absolute-path' }));
  });

  test.each([
    ['a.parquet', true], ['p=1/q=2/a.snappy.PARQUET', true], ['deletion_vector_61d16c75-6994-46b7-a15b-8b538852e50e.bin', true], ['xy/deletion_vector_61d16c75.bin', true],
    ['_change_data/cdc-1.parquet', true], ['_change_data/p=1/cdc-1.parquet', true], ['_change_data/_x/a.parquet', false],
    ['_delta_log/00000000000000000010.checkpoint.parquet', false], ['_delta_log/_sidecars/a.parquet', false], ['_delta_index/a.parquet', false], ['_key_index/a.parquet', false],
    ['.hidden.parquet', false], ['p=1/_temporary/a.parquet', false], ['.backup/a.parquet', false],
    ['README.md', false], ['a.csv', false], ['a.parquet.crc', false], ['model.bin', false],
  ])('%s looks like data: %s', (key, expected) => {
    expect(looksLikeData(key, [])).toBe(expected);
  });

  test('tables within a table are known by their logs', () => {
    const keys = ['_delta_log/0.json', 'a.parquet', 'orders/_delta_log/0.json', 'orders/_delta_log/1.json', 'x/y/_delta_log/0.json', 'x/z.parquet'];
    expect(nestedTables(keys.map((key) => ({ key, size: 1, lastModifiedMs: 0 })))).toEqual(['orders/', 'x/y/']);
  });
});

test.each([
  ['nothing said', undefined, undefined, false, 168], ['longer', 1000, undefined, false, 1000], ['shorter', 5, undefined, false, 168],
  ['shorter, by force', 5, undefined, true, 5], ['by force, nothing said', undefined, 'interval 3 hours', true, 3],
  ['the table says less than a week', undefined, 'interval 3 hours', false, 168], ['the table says more', 200, 'interval 30 days', false, 720],
])('retention: %s', (_what, hours, property, isForced, expectedHours) => {
  const metaData = { configuration: property ? { 'delta.deletedFileRetentionDuration': property } : {} } as unknown as Parameters<typeof retentionFor>[0]['metaData'];
  expect(retentionFor({ metaData }, { ...(hours === undefined ? {} : { retentionMs: hours * HOUR_MS }), isForced })).toBe(expectedHours * HOUR_MS);
});
