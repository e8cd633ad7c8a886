import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSnapshot } from '../../../shared/delta/log-reader.ts';
import { vacuumTest } from '../../../shared/delta/operations/plan-vacuum.ts';
import { vectorKey } from '../../../shared/delta/deletion-vector.ts';
import { objectKey } from '../../../shared/delta/object-key.ts';
import { FileStore } from '../../../shared/storage/file-store.ts';
import { collect } from '../../support/collect.ts';
import { openDeltaBench } from '../../support/delta.ts';
import type { DeltaBench } from '../../support/delta.ts';

/** Tables of Spark and the kernels, as if a thousand years had passed: what is live stays, and every reader still finds it. */
const ROOT = join(import.meta.dirname, '../../../../shared/delta-tables');
const present = existsSync(ROOT);
const UNREADABLE = new Set(['spark/deltalog-invalid-protocol-version', 'spark/versions-not-contiguous']);
const tables = present ? ['spark', 'kernel'].flatMap((group) => readdirSync(join(ROOT, group)).map((name) => `${group}/${name}`)).filter((name) => !UNREADABLE.has(name)) : ['../shared/delta-tables is not beside this clone'];

describe.skipIf(!present)('golden tables', () => {
  let bench: DeltaBench;
  let gone = 0;
  beforeAll(async () => {
    bench = await openDeltaBench();
  });
  afterAll(() => bench.close());

  test.each(tables)('%s', async (name) => {
    const folder = ['delta', name.split('/')[1], ''].map((below) => join(ROOT, name, below)).find((candidate) => existsSync(join(candidate, '_delta_log')))!;
    const store = new FileStore({ dir: folder });
    const snapshot = (await loadSnapshot(bench.source(store)))!;
    const objects = await collect(store.list(''));
    const going = objects.filter(vacuumTest({ snapshot, unread: [], recent: [], nowMs: Date.parse('3025-01-01'), retentionMs: 0, root: store.url })).map(({ key }) => key);
    const needed = [...snapshot.files.values()].flatMap(({ path, deletionVector }) => [objectKey(path, store.url), ...(deletionVector ? [vectorKey(deletionVector, store.url)] : [])]);
    expect(going.filter((key) => needed.includes(key))).toEqual([]);
    // What is there at all is data that is live, data that goes, or nothing that vacuum knows.
    const data = objects.map(({ key }) => key).filter((key) => /\.parquet$|\.bin$/.test(key) && !/^_delta_log\/|(?:^|\/)\./.test(key));
    expect(data.filter((key) => !needed.includes(key) && !going.includes(key))).toEqual([]);
    gone += going.length;
  });

  test('some of them have files that nobody needs any more', () => {
    expect(gone).toBeGreaterThan(0);
  });
});
