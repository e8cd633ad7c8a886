import { beforeEach, describe, expect, test } from 'vitest';
import type { Action } from '../../shared/delta/actions.ts';
import { cleanLog, planCleaning } from '../../shared/delta/clean-log.ts';
import { LAST_CHECKPOINT, checkpointKey, commitKey, parseLogPath } from '../../shared/delta/log-path.ts';
import type { LogSource } from '../../shared/delta/log-reader.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import { collect } from '../support/collect.ts';
import { patientClock } from '../support/delta.ts';
import { LinesCodec } from '../support/lines-codec.ts';
import { MemoryStore } from '../support/memory-store.ts';

const DAY_MS = 86_400_000;
const UUID = '6374b053-df23-479b-b2cf-c9c550132b49';
const key = (version: number, rest: string) => `_delta_log/${String(version).padStart(20, '0')}.${rest}`;

describe('the plan', () => {
  /** Version v was written on day v; the cutoff is the end of day 20. */
  const CUTOFF_MS = 20 * DAY_MS;
  const file = (name: string, day: number) => ({ key: name, size: 1, lastModifiedMs: day * DAY_MS });
  const commits = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, i) => file(commitKey(BigInt(from + i)), from + i));
  const checkpoint = (version: number) => file(checkpointKey(BigInt(version)), version);
  const part = (version: number, i: number, of: number) => file(key(version, `checkpoint.${String(i).padStart(10, '0')}.${String(of).padStart(10, '0')}.parquet`), version);
  const plan = (files: ReturnType<typeof file>[], { hint = null, consumed = null }: { hint?: bigint | null; consumed?: bigint | null } = {}) => {
    const made = planCleaning(files, { cutoffMs: CUTOFF_MS, hint, consumed, table: 't' });
    return made.kind === 'kept' ? made.why : { from: made.from, keys: made.versions.flat() };
  };
  const keysOf = (files: ReturnType<typeof file>[]) => files.map((each) => each.key);

  test('all below the newest checkpoint that is old enough, the oldest first', () => {
    const below = [...commits(0, 9), checkpoint(10), ...commits(10, 17)];
    const made = plan([...below, ...commits(18, 30), checkpoint(18), checkpoint(25)].reverse());
    expect(made).toMatchObject({ from: 18n });
    const { keys } = made as { keys: string[] };
    expect(keys.toSorted()).toEqual(keysOf(below).toSorted());
    const order = keys.map((each) => parseLogPath(each)!.version);
    expect(order).toEqual(order.toSorted((a, b) => Number(a - b)));
  });

  test.each<[string, ReturnType<typeof file>[], unknown]>([
    ['nothing is old', [...commits(21, 30), checkpoint(25)], 'too-young'],
    ['there is no checkpoint', commits(0, 30), 'no-checkpoint'],
    // delta-rs once deleted by age alone (delta-rs#2174, #3057, #3692): what is left could not be read.
    ['the only checkpoint is young: the old commits are what leads to it', [...commits(0, 30), checkpoint(25)], 'too-young'],
    ['the checkpoint\'s own commit is gone: its age is not known', [...commits(0, 17), checkpoint(18), ...commits(19, 30)], 'too-young'],
    ['a part of the old checkpoint is missing', [...commits(0, 30), part(18, 1, 2)], 'no-checkpoint'],
    ['a part of the old checkpoint is missing, an older one is whole', [...commits(0, 30), part(18, 1, 2), checkpoint(10)], { from: 10n, keys: keysOf(commits(0, 9)) }],
    ['nothing lies below', [...commits(10, 30), checkpoint(10)], 'too-young'],
    ['the log was copied: below lies what is younger than it can be', [file(commitKey(0n), 40), ...commits(1, 30), checkpoint(18)], 'too-young'],
    ['the copy ended half way: only what is old goes', [...commits(0, 4), file(commitKey(5n), 40), ...commits(6, 30), checkpoint(18)], { from: 18n, keys: keysOf(commits(0, 4)) }],
    ['a former run ended half way', [checkpoint(5), ...commits(6, 30), checkpoint(18)], { from: 18n, keys: [...keysOf([checkpoint(5)]), ...keysOf(commits(6, 17))] }],
  ])('%s', (_what, files, expected) => {
    expect(plan(files)).toEqual(expected);
  });

  test('checkpoints of every form go, and what other engines leave beside commits; no sidecar, no hint, nothing unknown', () => {
    const going = [...commits(0, 2), part(1, 1, 2), part(1, 2, 2), file(key(2, `checkpoint.${UUID}.json`), 2), file(key(2, `checkpoint.${UUID}.parquet`), 2), file(key(0, 'crc'), 0), file(key(0, `${String(2).padStart(20, '0')}.compacted.json`), 2)];
    const staying = [
      ...commits(3, 30), file(key(3, `checkpoint.${UUID}.parquet`), 3), file(key(3, 'crc'), 3), file(key(0, `${String(3).padStart(20, '0')}.compacted.json`), 3),
      file(LAST_CHECKPOINT, 0), file('_delta_log/_sidecars/a.parquet', 0), file(`_delta_log/_staged_commits/${String(1).padStart(20, '0')}.${UUID}.json`, 0), file(`_delta_log/.${commitKey(1n).slice(11)}.crc`, 0),
    ];
    const made = plan([...staying, ...going]) as { keys: string[] };
    expect(made).toMatchObject({ from: 3n });
    expect(made.keys.toSorted()).toEqual(keysOf(going).toSorted());
  });

  test('not past the hint: other readers take it at its word', () => {
    const files = [...commits(0, 30), checkpoint(10), checkpoint(18)];
    expect(plan(files, { hint: 12n })).toMatchObject({ from: 10n });
    expect(plan(files, { hint: 9n })).toBe('no-checkpoint');
    expect(plan(files, { hint: 30n })).toMatchObject({ from: 18n });
  });

  test('not past a consumer, who keeps a checkpoint to start from; then it says so', () => {
    const files = [...commits(0, 30), checkpoint(10), checkpoint(18)];
    expect(plan(files, { consumed: 18n })).toMatchObject({ from: 18n });
    expect(plan(files, { consumed: 17n })).toMatchObject({ from: 10n });
    expect(plan(files, { consumed: 9n })).toBe('consumer');
    expect(plan(files, { consumed: -1n })).toBe('consumer');
    expect(plan([...commits(0, 30), checkpoint(25)], { consumed: -1n })).toBe('too-young');
  });
});

describe('a table', () => {
  const clock = patientClock(Date.parse('2025-04-01T12:00:00Z'));
  let memory: MemoryStore;
  let meter: Meter;
  let source: LogSource;
  let deletesLeft: number;
  beforeEach(() => {
    deletesLeft = Infinity;
    memory = new MemoryStore({ clock, faults: (operation) => (operation === 'delete' && deletesLeft-- <= 0 ? 'throttle' : 'none') });
    meter = new Meter();
    source = { store: new MeteredStore({ store: memory, meter, requests: 'per-call' }), codec: new LinesCodec(), table: 't' };
  });

  const add = (path: string): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, stats: '{"numRecords":1}' } });
  const open = async () => (await DeltaTable.open(source, clock))!;
  const commit = (table: DeltaTable, path: string, base = table.snapshot) => table.commit(base, { operation: 'WRITE', reads: 'nothing', actions: [add(path)] });

  /** A version a day, a checkpoint every tenth; the log keeps ten days. */
  async function grow(to: number, configuration: Record<string, string> = {}): Promise<DeltaTable> {
    const definition = { name: 't', description: 'd', schema: struct(field('a', 'long')), partitionColumns: [], configuration: { 'delta.logRetentionDuration': 'interval 10 days', ...configuration } };
    const table = await DeltaTable.ensure(source, definition, clock);
    while (table.snapshot.version < BigInt(to)) {
      clock.advance(DAY_MS);
      await table.refresh();
      await commit(table, `f${table.snapshot.version + 1n}`);
      await table.checkpointIfDue(10n);
    }
    return table;
  }
  const state = ({ version, files }: Snapshot) => ({ version, files: [...files.keys()] });
  const names = async () => (await collect(memory.list('_delta_log/'))).map((info) => info.key);
  const oldest = async () => (await names()).map(parseLogPath).find((path) => path?.kind === 'commit')?.version;

  test('what is left reads the same, and begins with the checkpoint', async () => {
    const table = await grow(35);
    expect(await cleanLog(source, table.snapshot, { consumed: null })).toEqual({ kind: 'cleaned', files: 19 + 1, from: 19n, more: false });
    expect(await oldest()).toBe(19n);
    expect(await names()).toContain(checkpointKey(19n));
    expect(state((await open()).snapshot)).toEqual(state(table.snapshot));
    expect(state(await table.at(24n)).files).toHaveLength(24);
    await expect(table.at(18n)).rejects.toMatchObject({ code: 'delta/no-such-version' });
    expect(await cleanLog(source, table.snapshot, { consumed: null })).toEqual({ kind: 'kept', why: 'too-young' });
  });

  test('stopped at any deletion, the rest is contiguous and reads the same; the next run ends it', async () => {
    for (let i = 0; i < 20; i++) {
      memory = new MemoryStore({ clock, faults: (operation) => (operation === 'delete' && deletesLeft-- <= 0 ? 'throttle' : 'none') });
      source = { ...source, store: memory };
      const table = await grow(35);
      deletesLeft = i;
      await expect(cleanLog(source, table.snapshot, { consumed: null })).rejects.toMatchObject({ retry: 'later' });
      const left = (await names()).map(parseLogPath).flatMap((path) => (path?.kind === 'commit' ? [path.version] : []));
      expect(left).toEqual(left.map((_version, at) => left[0] + BigInt(at)));
      expect(state((await open()).snapshot)).toEqual(state(table.snapshot));
      deletesLeft = Infinity;
      expect(await cleanLog(source, table.snapshot, { consumed: null })).toMatchObject({ kind: 'cleaned', from: 19n });
      expect(await oldest()).toBe(19n);
    }
  });

  describe('a worker that was away while the log was cleaned', () => {
    test('refreshes to the newest version', async () => {
      const away = await grow(3);
      const table = await open();
      await growBy(table, 32);
      await cleanLog(source, table.snapshot, { consumed: null });
      expect(state(await away.refresh())).toEqual(state(table.snapshot));
    });

    test('never commits below what is left', async () => {
      const away = await grow(3);
      const plan = away.snapshot;
      const table = await open();
      await growBy(table, 32);
      await cleanLog(source, table.snapshot, { consumed: null });
      const before = await names();
      const outcome = await commit(away, 'late', plan);
      expect(outcome).toMatchObject({ kind: 'clash', over: 'age', retries: 0 });
      expect(state(outcome.snapshot)).toEqual(state(table.snapshot));
      expect(await names()).toEqual(before);
      expect(await commit(away, 'late')).toMatchObject({ kind: 'committed' });
      expect((await open()).snapshot.version).toBe(36n);
    });

    test('sees it by the log itself, too, where its clock stood still', async () => {
      const away = await grow(3);
      const table = await open();
      await growBy(table, 32);
      await cleanLog(source, table.snapshot, { consumed: null });
      away.snapshot.lastSeenNewest.atMs = memory.nowMs();
      expect(state(await away.refresh())).toEqual(state(table.snapshot));
    });

    test('a plan on an older snapshot is refused, though the table was refreshed since', async () => {
      const table = await grow(3);
      const plan = table.snapshot;
      await growBy(table, 3);
      expect(await commit(table, 'late', plan)).toMatchObject({ kind: 'clash', over: 'age' });
    });

    test('within the day nothing is asked that need not be', async () => {
      const table = await grow(3);
      clock.advance(DAY_MS - 1);
      const before = meter.read();
      expect(await commit(table, 'x')).toMatchObject({ kind: 'committed' });
      expect(meterDifference(meter.read(), before).byOperation).toMatchObject({ put: 1, get: 0, list: 0 });
    });
  });

  test('a log that keeps less than four days shortens the time, too', async () => {
    const table = await grow(3, { 'delta.logRetentionDuration': 'interval 8 hours' });
    const plan = table.snapshot;
    clock.advance(2 * 3_600_000);
    expect(await commit(table, 'in time', plan)).toMatchObject({ kind: 'committed' });
    clock.advance(2 * 3_600_000 + 1);
    expect(await commit(table, 'late')).toMatchObject({ kind: 'clash', over: 'age' });
  });

  test('a checkpoint that can\'t be read is none to begin with', async () => {
    const table = await grow(35);
    await memory.put(checkpointKey(19n), Buffer.from('lines 1\n'));
    const before = await names();
    expect(await cleanLog(source, table.snapshot, { consumed: null })).toEqual({ kind: 'kept', why: 'damaged' });
    expect(await names()).toEqual(before);
  });

  test.each<[string, Partial<Snapshot['metaData']>, Partial<Snapshot['protocol']>, string]>([
    ['delta.enableExpiredLogCleanup=false', { configuration: { 'delta.enableExpiredLogCleanup': 'False' } }, {}, 'switched-off'],
    ['the table is younger than its log is kept', { createdTime: Date.parse('2125-01-01') }, {}, 'too-young'],
  ])('%s: it is not even listed', async (_what, metaData, protocol, why) => {
    const { snapshot } = await grow(35);
    const before = meter.read();
    const changed = { ...snapshot, metaData: { ...snapshot.metaData, createdTime: clock.nowMs() - 35 * DAY_MS, ...metaData }, protocol: { ...snapshot.protocol, ...protocol } };
    expect(await cleanLog(source, changed, { consumed: null })).toEqual({ kind: 'kept', why });
    expect(meter.read()).toEqual(before);
  });

  test('a table with features that we can\'t keep, checkpointProtection among them, is refused', async () => {
    const { snapshot } = await grow(35);
    const before = await names();
    const changed = { ...snapshot, protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['checkpointProtection'] } };
    await expect(cleanLog(source, changed, { consumed: null })).rejects.toMatchObject({ code: 'delta/protocol' });
    expect(await names()).toEqual(before);
  });

  test('once a day a table is looked at, and what was too much for one run goes on', async () => {
    const table = await grow(35);
    const cost = async () => {
      const before = meter.read();
      return { outcome: await table.cleanLogIfDue({ consumed: null }), requests: meterDifference(meter.read(), before).requests };
    };
    expect(await cost()).toMatchObject({ outcome: { kind: 'cleaned' } });
    expect(await cost()).toEqual({ outcome: null, requests: 0 });
    clock.advance(DAY_MS);
    expect(await cost()).toMatchObject({ outcome: { kind: 'kept' } });
    expect(await cost()).toEqual({ outcome: null, requests: 0 });
  });

  async function growBy(table: DeltaTable, versions: number): Promise<void> {
    for (let i = 0; i < versions; i++) {
      clock.advance(DAY_MS);
      await table.refresh();
      await commit(table, `g${table.snapshot.version}`);
      await table.checkpointIfDue(10n);
    }
  }
});
