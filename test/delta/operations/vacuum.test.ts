import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Row } from '../../../shared/columnar/relation.ts';
import { restore } from '../../../shared/delta/operations/restore.ts';
import { vacuum } from '../../../shared/delta/operations/vacuum.ts';
import type { VacuumOptions } from '../../../shared/delta/operations/vacuum.ts';
import { field } from '../../../shared/delta/schema.ts';
import { collect } from '../../support/collect.ts';
import { patientClock } from '../../support/delta.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { ROW_MODES, RowTables, rowText, sorted } from '../../support/row-tables.ts';
import type { RowMode, TestTable } from '../../support/row-tables.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const clock = patientClock();
let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open(clock);
});
afterAll(() => tables.close());

const FIELDS = [field('id', 'long'), field('text', 'string')];
const row = (id: number, text: string): Row => ({ id: BigInt(id), text });
const clean = (table: TestTable, options: Partial<VacuumOptions> = {}) => vacuum(table.table, { isDryRun: false, consumed: null, ...options });
const keysOf = async ({ table }: TestTable) => (await collect(table.delta.source.store.list(''))).map(({ key }) => key).filter((key) => !key.startsWith('_delta_log/'));
/** A step of the history, an hour later. */
async function apply(table: TestTable, planned: Parameters<TestTable['apply']>[0]): Promise<void> {
  await table.apply(planned);
  clock.advance(HOUR_MS);
}

describe.each(ROW_MODES)('%s', (_name, mode) => {
  let table: TestTable;
  beforeEach(async () => {
    table = await tables.create(mode, { fields: FIELDS });
    await apply(table, table.append([row(1, 'a'), row(2, 'b')]));
    await apply(table, table.upsert([row(2, 'B')], ['id']));
    await apply(table, table.compact());
  });

  test('a week after the last removal only what is live is left, and a second run finds nothing', async () => {
    expect(await clean(table)).toMatchObject({ deleted: 0, files: [], more: false });
    clock.advance(7 * DAY_MS);
    const before = await keysOf(table);
    const dry = await clean(table, { isDryRun: true });
    expect(await keysOf(table)).toEqual(before);
    const outcome = await clean(table);
    expect(outcome).toEqual({ ...dry, deleted: dry.files.length });
    expect([outcome.bytes > 0, outcome.more, outcome.heldBack]).toEqual([true, false, 0]);
    expect(await keysOf(table)).toEqual(table.files.map(({ path }) => path));
    expect(await (await table.another()).rows()).toEqual([row(1, 'a'), row(2, 'B')]);
    expect(await clean(table)).toMatchObject({ deleted: 0, files: [] });
    // No commit was made of it.
    expect(table.snapshot.version).toBe(3n);
  });

  test('what a consumer has yet to read stays, until it has', async () => {
    clock.advance(30 * DAY_MS);
    const { version } = table.snapshot;
    const all = (await clean(table, { isDryRun: true })).files.length;
    expect(await clean(table, { consumed: 0n })).toMatchObject({ files: [], heldBack: all });
    expect(await table.rows(1n)).toEqual([row(1, 'a'), row(2, 'b')]);
    expect(await table.rows(2n)).toEqual([row(1, 'a'), row(2, 'B')]);
    expect(await clean(table, { consumed: version })).toMatchObject({ deleted: all, heldBack: 0 });
  });

  test('bounded by files and by time, and goes on', async () => {
    clock.advance(30 * DAY_MS);
    const all = (await clean(table, { isDryRun: true })).files.length;
    expect(await clean(table, { deadlineMs: clock.nowMs() })).toMatchObject({ deleted: 0, more: true });
    for (let left = all; left > 0; left--) expect(await clean(table, { filesMax: 1 })).toMatchObject({ deleted: 1, more: left > 1 });
    expect(await keysOf(table)).toEqual(table.files.map(({ path }) => path));
  });

  test('a version of the last week can be restored afterwards', async () => {
    clock.advance(7 * DAY_MS - 2 * HOUR_MS);
    await clean(table);
    await restore(table.table.delta, { version: 2n, nowMs: clock.nowMs(), initialProgress: () => -1n });
    clock.advance(30 * DAY_MS);
    await clean(table);
    expect(await (await table.another()).rows()).toEqual([row(1, 'a'), row(2, 'B')]);
  });
});

describe('whatever the way rows are taken', () => {
  const MODE: RowMode = { engine: 'memory', vectors: true };

  test('a retention below a week is refused, unless forced', async () => {
    const table = await tables.create(MODE, { fields: FIELDS });
    await apply(table, table.append([row(1, 'a')]));
    await apply(table, table.overwrite([row(2, 'b')]));
    await expect(clean(table, { retentionMs: HOUR_MS })).rejects.toMatchObject({ name: 'ConfigError', code: 'delta/retention' });
    expect(await clean(table, { retentionMs: HOUR_MS, isForced: true })).toMatchObject({ deleted: 0 });
    expect(await clean(table, { retentionMs: 0, isForced: true })).toMatchObject({ deleted: 1 });
    expect(await table.rows()).toEqual([row(2, 'b')]);
  });

  test('a writer that has yet to commit keeps its files', async () => {
    const table = await tables.create(MODE, { fields: FIELDS, configuration: { 'delta.deletedFileRetentionDuration': 'interval 1 hour' } });
    const planned = await table.append([row(1, 'a')]);
    clock.advance(10_000);
    await clean(table, { isForced: true, retentionMs: 0 });
    await table.apply(planned);
    expect(await table.rows()).toEqual([row(1, 'a')]);
  });

  test('a tombstone that the checkpoint has dropped holds for the week that is asked for (delta#140)', async () => {
    const table = await tables.create(MODE, { fields: FIELDS, configuration: { 'delta.deletedFileRetentionDuration': 'interval 1 hour' } });
    await apply(table, table.append([row(1, 'a')]));
    clock.advance(10 * DAY_MS);
    await table.table.delta.refresh();
    await apply(table, table.overwrite([row(2, 'b')]));
    clock.advance(DAY_MS);
    await table.table.delta.checkpoint();
    const again = await table.another();
    expect(again.snapshot.tombstones.size).toBe(0);
    expect(await clean(again)).toMatchObject({ deleted: 0 });
    expect(await again.rows(1n)).toEqual([row(1, 'a')]);
    clock.advance(7 * DAY_MS);
    expect(await clean(again)).toMatchObject({ deleted: 1 });
  });

  test('what a rival restores while files are being deleted stays', async () => {
    const store = new MemoryStore({ clock });
    const table = await tables.create(MODE, { fields: FIELDS, store });
    // More files than one batch deletes.
    for (let i = 0; i < 70; i++) await table.apply(table.append([row(i, 'a')]));
    const full = table.snapshot.version;
    await table.apply(table.overwrite([]));
    const rival = await table.another();
    const del = store.delete.bind(store);
    const order = (await clean(table, { isDryRun: true, retentionMs: 0, isForced: true })).files;
    expect(order).toHaveLength(0);
    clock.advance(HOUR_MS);
    const listed = (await clean(table, { isDryRun: true, retentionMs: 0, isForced: true })).files.map(({ key }) => key);
    expect(listed).toHaveLength(70);
    let restored = false;
    store.delete = async (key) => {
      if (!restored) {
        restored = true;
        const last = (await rival.table.delta.at(full)).files.get(listed.at(-1)!)!;
        await rival.table.delta.refresh();
        await rival.apply({ snapshot: rival.snapshot, transaction: { operation: 'RESTORE', reads: 'table', actions: [{ add: last }] } });
      }
      return del(key);
    };
    expect(await clean(table, { retentionMs: 0, isForced: true })).toMatchObject({ deleted: 69, more: false });
    expect(await (await table.another()).rows()).toHaveLength(1);
  });

  test('a table that this code can\'t write is refused', async () => {
    const table = await tables.create(MODE, { fields: FIELDS });
    const { protocol } = table.snapshot;
    const foreign = { protocol: { ...protocol, writerFeatures: [...protocol.writerFeatures!, 'somethingNew'] } };
    const line = JSON.stringify(foreign);
    await table.table.delta.source.store.putIfAbsent('_delta_log/00000000000000000001.json', Buffer.from(line));
    await expect(clean(table)).rejects.toMatchObject({ name: 'TableError', code: 'delta/protocol' });
  });
});

/** What may happen to a table, and for how many days nothing does afterwards. */
type Step = { readonly days: number } & (
  | { readonly do: 'append' | 'upsert'; readonly ids: readonly number[] }
  | { readonly do: 'delete'; readonly ids: readonly number[] }
  | { readonly do: 'compact' | 'checkpoint' | 'plan' | 'commit' | 'vacuum' }
  | { readonly do: 'restore'; readonly back: number });

const days = fc.constantFrom(0, 0.02, 1, 3, 5, 8);
const ids = fc.uniqueArray(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('append' as const), ids, days }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('upsert' as const), ids, days }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), ids, days }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('compact' as const, 'checkpoint' as const, 'plan' as const, 'commit' as const, 'vacuum' as const), days }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const), back: fc.integer({ min: 1, max: 4 }), days }) },
);

/** A table, what its versions held, and since when each was not the newest any more. */
class Past {
  readonly #table: TestTable;
  readonly #rows = new Map<bigint, readonly string[]>();
  readonly #replacedAtMs = new Map<bigint, number>();
  #newest = -1n;

  constructor(table: TestTable) {
    this.#table = table;
  }

  async note(): Promise<void> {
    const { version } = this.#table.snapshot;
    for (let passed = this.#newest; passed < version; passed++) this.#replacedAtMs.set(passed, clock.nowMs());
    this.#rows.set(version, await this.#read(version));
    this.#newest = version;
  }

  /** Versions that were newest within the week, or that a consumer reads next, are whole. */
  async check(consumed: bigint | null): Promise<void> {
    for (const [version, expected] of this.#rows) {
      const isWithin = (this.#replacedAtMs.get(version) ?? Infinity) > clock.nowMs() - 7 * DAY_MS;
      if (isWithin || (consumed !== null && version >= consumed)) expect(await this.#read(version)).toEqual(expected);
    }
  }

  async #read(version: bigint): Promise<string[]> {
    return sorted(await this.#table.rows(version)).map(rowText);
  }
}

test('after any history, a vacuum leaves every version of the last week, and every one from the consumer\'s on', async () => {
  let deleted = 0;
  await fc.assert(fc.asyncProperty(fc.boolean(), fc.array(step, { minLength: 6, maxLength: 22 }), fc.option(fc.bigInt({ min: 0n, max: 8n })), async (vectors, steps, consumed) => {
    const table = await tables.create({ engine: 'memory', vectors }, { fields: FIELDS });
    const past = new Past(table);
    let [waiting, n]: [Awaited<ReturnType<TestTable['append']>> | null, number] = [null, 0];
    for (const { days: after, ...next } of steps) {
      // A snapshot of days ago is none to commit on.
      await table.table.delta.refresh();
      const rowsOf = (of: readonly number[]) => of.map((id) => row(id, String(n++)));
      switch (next.do) {
        case 'append': await table.apply(table.append(rowsOf(next.ids))); break;
        case 'upsert': await table.apply(table.upsert(rowsOf(next.ids), ['id'])); break;
        case 'delete': await table.apply(table.deleteByKey(next.ids.map((id) => ({ id: BigInt(id) })), ['id'])); break;
        case 'compact': if (table.files.length > 0) await table.apply(table.compact()); break;
        case 'checkpoint': await table.table.delta.checkpoint(); break;
        case 'plan': waiting ??= await table.append(rowsOf([9])); break;
        // Too old it clashes; else its files must be there.
        case 'commit': if (waiting) await table.commit(waiting); waiting = null; break;
        case 'restore': {
          const version = table.snapshot.version - BigInt(next.back);
          // Spark's way too: a version beyond the retention is refused where its files are gone.
          if (version >= 0n) await restore(table.table.delta, { version, nowMs: clock.nowMs(), initialProgress: () => -1n }).catch((error: { code: string }) => expect(error.code).toBe('delta/missing-file'));
          break;
        }
        case 'vacuum': deleted += (await vacuum(table.table, { isDryRun: false, consumed })).deleted; break;
      }
      await past.note();
      clock.advance(after * DAY_MS);
    }
    clock.advance(3 * DAY_MS);
    deleted += (await vacuum(table.table, { isDryRun: false, consumed })).deleted;
    await past.check(consumed);
  }), { numRuns: 150 });
  // It did take something.
  expect(deleted).toBeGreaterThan(0);
});
