import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { literal } from '../../shared/columnar/sql-text.ts';
import { printActions } from '../../shared/delta/actions.ts';
import type { Action } from '../../shared/delta/actions.ts';
import { LAST_CHECKPOINT, commitKey } from '../../shared/delta/log-path.ts';
import { loadSnapshot } from '../../shared/delta/log-reader.ts';
import { openDeltaBench } from '../support/delta.ts';
import type { DeltaBench } from '../support/delta.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { METADATA } from '../support/random-log.ts';

const UUID = '6374b053-df23-479b-b2cf-c9c550132b49';
const PROTOCOL = { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['v2Checkpoint'], writerFeatures: ['v2Checkpoint'] };
const HEAD: Action[] = [{ protocol: PROTOCOL }, { metaData: METADATA }];
const add = (path: string): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } });
const key = (version: number, rest: string) => `_delta_log/${String(version).padStart(20, '0')}.${rest}`;

let bench: DeltaBench;
let store: MemoryStore;
beforeAll(async () => {
  bench = await openDeltaBench();
});
afterAll(() => bench.close());
beforeEach(() => {
  store = new MemoryStore();
});

const put = (name: string, body: Uint8Array | string) => store.putIfAbsent(name, Buffer.from(body));
const snapshot = async () => {
  const { version, files, checkpointVersion } = (await loadSnapshot(bench.source(store)))!;
  return { version, files: [...files.keys()].sort(), checkpointVersion };
};

/** Versions 0 to 4, each adding a file; with `cleaned` only what follows the checkpoint of version 3. */
async function commits(cleaned = false): Promise<void> {
  for (let version = cleaned ? 4 : 0; version <= 4; version++) await put(commitKey(BigInt(version)), printActions([...(version === 0 ? HEAD : []), add(`f${version}`)]));
}
const WHOLE = { version: 4n, files: ['f0', 'f1', 'f2', 'f3', 'f4'] };

/** A Parquet file of actions, without our own writer: sidecars are not among what it writes. */
async function parquet(select: string): Promise<Buffer> {
  const path = join(bench.folder, `${crypto.randomUUID()}.parquet`);
  await bench.engine.session((session) => session.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet)`));
  const from = new MemoryStore();
  await from.putFile('x', path);
  return Buffer.from((await from.get('x'))!);
}
const addsOf = (...paths: string[]) => parquet(paths.map((path) => `SELECT {'path': '${path}', 'partitionValues': MAP {}::MAP(VARCHAR, VARCHAR), 'size': 1::BIGINT, 'modificationTime': 0::BIGINT, 'dataChange': false} AS add`).join(' UNION ALL '));

describe('V2 checkpoints', () => {
  const head = `SELECT {'minReaderVersion': 3, 'minWriterVersion': 7, 'readerFeatures': ['v2Checkpoint'], 'writerFeatures': ['v2Checkpoint']} AS protocol, NULL AS metaData, NULL AS sidecar
    UNION ALL SELECT NULL, {'id': 'i', 'format': {'provider': 'parquet', 'options': MAP {}::MAP(VARCHAR, VARCHAR)}, 'schemaString': ${literal(METADATA.schemaString)}, 'partitionColumns': []::VARCHAR[], 'configuration': MAP {}::MAP(VARCHAR, VARCHAR)}, NULL`;
  const sidecar = (path: string) => ` UNION ALL SELECT NULL, NULL, {'path': '${path}', 'sizeInBytes': 1::BIGINT, 'modificationTime': 0::BIGINT}`;

  test.each([['its name', 'a b.parquet', 'a%20b.parquet'], ['a whole URI', 'c.parquet', 'abfss://x@y.dfs.core.windows.net/t/_delta_log/_sidecars/c.parquet']])('Parquet, with sidecars by %s', async (_name, object, path) => {
    await commits(true);
    await put(`_delta_log/_sidecars/${object}`, await addsOf('f0', 'f1'));
    await put('_delta_log/_sidecars/second.parquet', await addsOf('f2', 'f3'));
    await put(key(3, `checkpoint.${UUID}.parquet`), await parquet(head + sidecar(path) + sidecar('second.parquet')));
    expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: 3n });
    await put(LAST_CHECKPOINT, '{"version":3,"size":4}');
    expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: 3n });
  });

  test('JSON, with CRLF and a blank line', async () => {
    await commits(true);
    await put('_delta_log/_sidecars/one.parquet', await addsOf('f0', 'f1', 'f2'));
    const text = printActions([{ checkpointMetadata: { version: 3 } } as Action, ...HEAD, { sidecar: { path: 'one.parquet', sizeInBytes: 1 } }, add('f3')]);
    await put(key(3, `checkpoint.${UUID}.json`), `${text.replaceAll('\n', '\r\n')}\r\n`);
    expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: 3n });
  });

  test('a missing sidecar: the commits tell the same, or nothing does', async () => {
    await put(key(3, `checkpoint.${UUID}.json`), printActions([...HEAD, { sidecar: { path: 'gone.parquet', sizeInBytes: 1 } }]));
    await commits();
    expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: -1n });
    for (let version = 0n; version <= 3n; version++) await store.delete(commitKey(version));
    await expect(snapshot()).rejects.toMatchObject({ code: 'delta/checkpoint-damaged' });
  });
});

describe('multi-part checkpoints', () => {
  const part = (i: number, of: number) => key(3, `checkpoint.${String(i).padStart(10, '0')}.${String(of).padStart(10, '0')}.parquet`);
  const parts = async () => [await bench.checkpoint([...HEAD, add('f0')].map((action) => JSON.stringify(action))), await addsOf('f1', 'f2'), await addsOf('f3')];

  test('all parts are one checkpoint, also with a hint', async () => {
    await commits(true);
    for (const [i, body] of (await parts()).entries()) await put(part(i + 1, 3), body);
    expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: 3n });
    await put(LAST_CHECKPOINT, '{"version":3,"size":5,"parts":3}');
    expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: 3n });
  });

  test('with one missing or one damaged they are none', async () => {
    await commits();
    const [one, two, three] = await parts();
    await put(part(1, 3), one);
    await put(part(2, 3), two);
    expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: -1n });
    await put(part(3, 3), three.subarray(0, 20));
    expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: -1n });
  });
});

test('files that other engines leave in the log do no harm', async () => {
  await commits();
  for (const name of [key(2, 'crc'), `_delta_log/.${commitKey(2n).slice(11)}.crc`, key(4, `json.${UUID}.tmp`), `_delta_log/_staged_commits/${String(5).padStart(20, '0')}.${UUID}.json`, '_delta_log/00000000000000000001.00000000000000000003.compacted.json']) await put(name, 'x');
  expect(await snapshot()).toEqual({ ...WHOLE, checkpointVersion: -1n });
});

test('a commit of no bytes is a version without actions', async () => {
  await commits();
  await put(commitKey(5n), '');
  expect(await snapshot()).toEqual({ ...WHOLE, version: 5n, checkpointVersion: -1n });
});

test('a hint at a multi-part checkpoint of which a part is gone: the commits give the same', async () => {
  const store = new MemoryStore();
  const put = (key: string, body: string) => store.putIfAbsent(key, Buffer.from(body));
  const commits = Array.from({ length: 13 }, (_, i) => BigInt(i));
  for (const version of commits) {
    const first: Action[] = version === 0n ? [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData: METADATA }] : [];
    await put(commitKey(version), printActions([...first, { add: { path: `f${version}`, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } }]));
  }
  await put('_delta_log/00000000000000000010.checkpoint.0000000001.0000000002.parquet', 'half');
  await put('_delta_log/_last_checkpoint', '{"version":10,"size":13,"parts":2}');
  expect((await loadSnapshot(bench.source(store)))!.files.size).toBe(commits.length);
});
