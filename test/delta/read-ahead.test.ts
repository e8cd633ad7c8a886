import { describe, expect, test } from 'vitest';
import { printActions } from '../../shared/delta/actions.ts';
import type { Action } from '../../shared/delta/actions.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { loadSnapshot, refreshSnapshot } from '../../shared/delta/log-reader.ts';
import type { LogSource } from '../../shared/delta/log-reader.ts';
import { writeCheckpoint } from '../../shared/delta/checkpoint.ts';
import { readAhead } from '../../shared/delta/read-ahead.ts';
import { collect } from '../support/collect.ts';
import { inRounds } from '../support/in-rounds.ts';
import { LinesCodec } from '../support/lines-codec.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { METADATA, PROTOCOL } from '../support/random-log.ts';

describe('readAhead', () => {
  test('gives every version in order, whichever is read first, with at most 32 under way', async () => {
    let [underWay, most] = [0, 0];
    const read = async (version: bigint) => {
      most = Math.max(most, ++underWay);
      for (let turns = Number(version * 7n % 5n); turns >= 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return version * 2n;
    };
    expect(await collect(readAhead(3n, 102n, read))).toEqual(Array.from({ length: 100 }, (_value, i) => ({ version: BigInt(i + 3), value: BigInt(2 * i + 6) })));
    expect(most).toBe(32);
    expect(await collect(readAhead(3n, 2n, read))).toEqual([]);
  });

  test('fails where its turn comes; what fails behind a reader who has gone is nobody\'s business', async () => {
    const read = (version: bigint) => (version >= 2n ? Promise.reject(new Error(`no ${version}`)) : Promise.resolve(version));
    const got: bigint[] = [];
    await expect((async () => { for await (const { value } of readAhead(0n, 9n, read)) got.push(value); })()).rejects.toThrow('no 2');
    expect(got).toEqual([0n, 1n]);
    for await (const { version } of readAhead(0n, 9n, read)) {
      expect(version).toBe(0n);
      break;
    }
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('round trips one after the other', () => {
  const codec = new LinesCodec();
  const add = (path: string): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } });
  async function tableOf(versions: number, checkpoint: number | null): Promise<MemoryStore> {
    const store = new MemoryStore();
    for (let version = 0; version <= versions; version++) {
      await store.putIfAbsent(commitKey(BigInt(version)), Buffer.from(printActions([...(version === 0 ? [{ protocol: PROTOCOL }, { metaData: METADATA }] : []), add(`f${version}`)])));
      if (version === checkpoint) await writeCheckpoint({ store, codec, table: 't' }, (await loadSnapshot({ store, codec, table: 't' }))!);
    }
    return store;
  }
  async function depthOf(memory: MemoryStore, work: (source: LogSource) => Promise<unknown>): Promise<number> {
    const counted = inRounds(memory);
    await work({ store: counted.store, codec, table: 't' });
    return counted.rounds();
  }

  test.each([
    { versions: 19, checkpoint: 19, depth: 3, what: 'hint, listing, checkpoint' },
    { versions: 28, checkpoint: 19, depth: 3, what: 'the commits since are read beside the checkpoint' },
    { versions: 999, checkpoint: 990, depth: 4, what: 'and a second listing where a thousand names end' },
    { versions: 300, checkpoint: null, depth: 2 + 1 + Math.ceil(301 / 32), what: 'no checkpoint: 32 commits at a time' },
  ])('a cold snapshot of $versions versions: $what', async ({ versions, checkpoint, depth }) => {
    const memory = await tableOf(versions, checkpoint);
    expect(await depthOf(memory, async (source) => expect((await loadSnapshot(source))!.files.size).toBe(versions + 1))).toBeLessThanOrEqual(depth);
  });

  test('a warm snapshot 25 versions behind: the listing, and all commits at once', async () => {
    const memory = await tableOf(30, null);
    const source = { store: memory, codec, table: 't' };
    const late = (await loadSnapshot(source))!;
    for (let version = 31; version <= 55; version++) await memory.putIfAbsent(commitKey(BigInt(version)), Buffer.from(printActions([add(`f${version}`)])));
    expect(await depthOf(memory, async (slow) => expect((await refreshSnapshot(slow, late)).files.size).toBe(56))).toBe(2);
  });
});
