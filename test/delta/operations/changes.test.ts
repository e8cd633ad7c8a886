import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compare } from '../../../shared/columnar/predicate.ts';
import { CHANGE, FILE } from '../../../shared/columnar/relation.ts';
import type { FileScan, Row } from '../../../shared/columnar/relation.ts';
import { removeOf } from '../../../shared/delta/actions.ts';
import type { Action, CommitInfo } from '../../../shared/delta/actions.ts';
import { changedVersion, changesSince } from '../../../shared/delta/operations/changes.ts';
import type { ChangedVersion } from '../../../shared/delta/operations/changes.ts';
import { restore } from '../../../shared/delta/operations/restore.ts';
import { setProperties } from '../../../shared/delta/operations/alter.ts';
import { field } from '../../../shared/delta/schema.ts';
import { ROW_MODES, RowTables, rowText, sorted } from '../../support/row-tables.ts';
import type { RowMode, TestTable } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const key = ['id'];
const FIELDS = [field('id', 'long'), field('part', 'string'), field('n', 'long'), field('note', 'string')];
const row = (id: number, n: number, more: Row = {}): Row => ({ id: BigInt(id), part: null, n: BigInt(n), note: null, ...more });
const letters = (mode: RowMode, partitionColumns: readonly string[] = []) => tables.create(mode, { fields: FIELDS, partitionColumns });
const MEMORY: RowMode = { engine: 'memory', vectors: true };

async function versionsOf({ table }: TestTable, from: bigint, to = table.delta.snapshot.version): Promise<ChangedVersion[]> {
  const versions: ChangedVersion[] = [];
  for await (const { version, actions } of table.delta.versions(from + 1n, to)) versions.push(changedVersion(version, actions));
  return versions;
}

interface Changes {
  readonly rows: Row[];
  /** `<version> <intent>` of the keys that are gone, as many as there are. */
  readonly removals: Record<string, number>;
}

/** The netted changes after `from`, each key of `removals` counted among its rows. */
async function changesOf(table: TestTable, from: bigint, { columns = ['n', 'part'], to }: { columns?: readonly string[]; to?: bigint } = {}): Promise<Changes> {
  const versions = await versionsOf(table, from, to);
  return table.table.engine.session(async (session) => {
    const { rows, removals } = await changesSince(session, table.table, table.snapshot, { versions, key, columns });
    const all = await session.rows(rows);
    for (const removal of removals) expect(all.filter((each) => each[CHANGE] === 'removed' && removal.files.includes(each[FILE] as number))).toHaveLength(removal.rows);
    expect(removals.reduce((sum, removal) => sum + removal.rows, 0)).toBe(all.filter((each) => each[CHANGE] === 'removed').length);
    return {
      rows: sorted(all.map(({ [FILE]: _file, ...each }) => each)),
      removals: Object.fromEntries(removals.map(({ version, intent, rows: count }) => [`${version} ${intent}`, count])),
    };
  });
}

const changed = (change: string, each: Row, columns = ['n', 'part']): Row => Object.fromEntries([...[...key, ...columns].map((name) => [name, each[name]]), [CHANGE, change]]);

/** As a foreign engine merges or deletes: every file is written anew, and nobody says why. */
async function rewriteAll(table: TestTable, rows: (old: readonly Row[]) => readonly Row[], { dataChange = true, intent }: { dataChange?: boolean; intent?: CommitInfo['intent'] } = {}): Promise<void> {
  const before = table.files;
  const { transaction } = await table.append(rows(await table.read(table.snapshot)));
  await table.apply({ snapshot: table.snapshot, transaction: {
    operation: 'MERGE', reads: 'table', dataChange, ...(intent ? { removalIntent: intent } : {}),
    actions: [...before.map((file) => ({ remove: removeOf(file, { nowMs: 1, dataChange }) })), ...transaction.actions.map(({ add }): Action => ({ add: { ...add!, dataChange } }))],
  } });
}

const back = (table: TestTable, version: bigint) => restore(table.table.delta, { version, nowMs: 1, initialProgress: () => -1n });

describe.each(ROW_MODES)('%s', (_name, mode) => {
  test('added, replaced and removed rows, each key once, and why keys are gone', async () => {
    const table = await letters(mode);
    await table.apply(table.append([row(1, 1), row(2, 2), row(3, 3), row(4, 4)]));
    await table.apply(table.upsert([row(2, 20), row(5, 5)], key));
    await table.apply(table.deleteByKey([row(3, 0)], key));
    await table.apply(table.deleteWhere(compare('n', '=', 4n)));
    expect(await changesOf(table, 1n)).toEqual({
      rows: sorted([changed('replaced', row(2, 20)), changed('added', row(5, 5)), changed('removed', row(3, 3)), changed('removed', row(4, 4))]),
      removals: { '3 erase': 1, '4 expire': 1 },
    });
    expect(await changesOf(table, 0n)).toEqual({ rows: sorted([changed('added', row(1, 1)), changed('added', row(2, 20)), changed('added', row(5, 5))]), removals: {} });
    expect(await changesOf(table, 4n)).toEqual({ rows: [], removals: {} });
  });

  test('a row that comes back as it was is unchanged, also in another partition\'s file', async () => {
    const table = await letters(mode, ['part']);
    await table.apply(table.append([row(1, 1), row(2, 2, { part: 'x' }), row(3, 3, { part: 'x' })]));
    await table.apply(table.upsert([row(2, 2, { part: 'x', note: 'not looked at' })], key));
    await table.apply(table.upsert([row(3, 3, { part: 'y' })], key));
    await table.apply(table.upsert([row(3, 3, { part: 'x' })], key));
    await rewriteAll(table, (rows) => rows);
    expect(await changesOf(table, 1n)).toEqual({ rows: [], removals: {} });
    expect((await changesOf(table, 1n, { columns: ['note'] })).rows).toEqual([changed('replaced', row(2, 2, { note: 'not looked at' }), ['note'])]);
    expect((await changesOf(table, 2n, { to: 3n })).rows).toEqual([changed('replaced', row(3, 3, { part: 'y' }))]);
  });

  test('a rewrite without data change is none, whatever happens to its files then', async () => {
    const table = await letters(mode);
    await table.apply(table.append([row(1, 1), row(2, 2)]));
    await table.apply(table.append([row(3, 3)]));
    await table.apply(table.compact());
    expect(await changesOf(table, 2n)).toEqual({ rows: [], removals: {} });
    await table.apply(table.upsert([row(2, 20)], key));
    expect(await changesOf(table, 0n)).toEqual({ rows: sorted([changed('added', row(1, 1)), changed('added', row(2, 20)), changed('added', row(3, 3))]), removals: {} });
    expect(await changesOf(table, 1n)).toEqual({ rows: sorted([changed('replaced', row(2, 20)), changed('added', row(3, 3))]), removals: {} });
  });

  test('rows of a file that came, was compacted, and is restored are there once', async () => {
    const table = await letters(mode);
    await table.apply(table.append([row(1, 1), row(2, 2)]));
    await table.apply(table.compact());
    await back(table, 1n);
    expect(await table.rows()).toHaveLength(2);
    expect(await changesOf(table, 0n)).toEqual({ rows: [changed('added', row(1, 1)), changed('added', row(2, 2))], removals: {} });
    expect(await changesOf(table, 1n)).toEqual({ rows: [], removals: {} });
  });

  test('a restore is what rows came, went and changed by it', async () => {
    const table = await letters(mode);
    await table.apply(table.append([row(1, 1), row(2, 2), row(3, 3)]));
    await table.apply(table.upsert([row(2, 20), row(4, 4)], key));
    await table.apply(table.deleteByKey([row(1, 0)], key));
    await back(table, 1n);
    expect(await changesOf(table, 3n)).toEqual({ rows: sorted([changed('added', row(1, 1)), changed('replaced', row(2, 2)), changed('removed', row(4, 4))]), removals: { '4 replace': 1 } });
    expect(await changesOf(table, 1n)).toEqual({ rows: [], removals: {} });
  });

  test('a foreign MERGE replaces the keys that it adds again; those that it does not are gone without a word', async () => {
    const table = await letters(mode);
    await table.apply(table.append([row(1, 1), row(2, 2), row(3, 3)]));
    await rewriteAll(table, (rows) => [...rows.filter(({ id }) => id === 1n), row(2, 22)]);
    expect(await changesOf(table, 1n)).toEqual({ rows: sorted([changed('replaced', row(2, 22)), changed('removed', row(3, 3))]), removals: { '2 null': 1 } });
    await table.apply(table.append([row(3, 3)]));
    expect(await changesOf(table, 1n)).toEqual({ rows: [changed('replaced', row(2, 22))], removals: {} });
  });

  test('the last one who took a key says why it is gone, also where the file came and went meanwhile', async () => {
    const table = await letters(mode);
    await table.apply(table.append([row(1, 1), row(2, 2), row(3, 3)]));
    await table.apply(table.deleteByKey([row(1, 0), row(2, 0), row(3, 0)], key));
    await table.apply(table.append([row(1, 1)]));
    await table.apply(table.append([row(2, 2)]));
    await table.apply(table.deleteWhere(compare('n', '=', 2n)));
    await rewriteAll(table, () => []);
    expect(await changesOf(table, 1n)).toEqual({ rows: [1, 2, 3].map((id) => changed('removed', row(id, id))), removals: { '6 null': 1, '5 expire': 1, '2 erase': 1 } });
  });
});

describe('what is read', () => {
  /** Rows of each file that a scan asked for, as `only`, `except` or `all`. */
  function recordScans({ table }: TestTable): string[] {
    const asked: string[] = [];
    const { engine } = table;
    const session = engine.session.bind(engine);
    engine.session = (use) => session((opened) => {
      const scan = opened.scan.bind(opened);
      opened.scan = (wanted: FileScan) => {
        asked.push(...wanted.files.map(({ rows }) => (rows === undefined ? 'all' : 'only' in rows ? `only ${String(rows.only)}` : `except ${String(rows.except)}`)));
        return scan(wanted);
      };
      return use(opened);
    });
    return asked;
  }

  test('of a file whose vector grew, the rows in between', async () => {
    const table = await letters(MEMORY);
    await table.apply(table.append(Array.from({ length: 50 }, (_value, i) => row(i, i))));
    await table.apply(table.deleteByKey([row(7, 0)], key));
    await table.apply(table.deleteByKey([row(9, 0), row(40, 0)], key));
    const asked = recordScans(table);
    expect((await changesOf(table, 2n)).rows).toEqual(sorted([changed('removed', row(9, 9)), changed('removed', row(40, 40))]));
    expect(asked).toEqual(['only 9,40']);
  });

  test('nothing of files that came and went under one intent, nor of rewrites', async () => {
    const table = await letters(MEMORY);
    await table.apply(table.append([row(1, 1), row(2, 2)]));
    await table.apply(table.append([row(3, 3)]));
    await table.apply(table.compact());
    await table.apply(table.upsert([row(9, 9)], key));
    await table.apply(table.upsert([row(9, 10)], key));
    await table.apply(table.upsert([row(9, 11)], key));
    const asked = recordScans(table);
    expect((await changesOf(table, 2n)).rows).toEqual([changed('added', row(9, 11))]);
    expect(asked).toEqual(['all']);
  });
});

test('a removal that does not say its partition values can\'t be told: TableError', async () => {
  const table = await letters(MEMORY, ['part']);
  await table.apply(table.append([row(1, 1, { part: 'x' })]));
  const [{ path }] = table.files;
  const bare: Action = { remove: { path, dataChange: true, deletionTimestamp: 1 } };
  await table.apply({ snapshot: table.snapshot, transaction: { operation: 'DELETE', reads: 'table', actions: [bare] } });
  await expect(changesOf(table, 1n)).rejects.toMatchObject({ name: 'TableError', code: 'delta/remove-without-values' });
});

test('removed files that are gone from the store: TableError', async () => {
  const table = await letters({ engine: 'memory', vectors: false });
  await table.apply(table.append([row(1, 1), row(2, 2)]));
  const [{ path }] = table.files;
  await table.apply(table.deleteByKey([row(1, 0)], key));
  await table.table.delta.source.store.delete(path);
  await expect(changesOf(table, 1n)).rejects.toMatchObject({ name: 'TableError', code: 'storage/missing-file' });
});

type Step =
  | { readonly do: 'upsert' | 'foreign merge' | 'foreign delete'; readonly rows: readonly Row[] }
  | { readonly do: 'erase' | 'expire'; readonly ids: readonly bigint[] }
  | { readonly do: 'compact' | 'restore' | 'foreign OPTIMIZE' | 'vectors'; readonly pick: number };

const aRow = fc.record({ id: fc.bigInt({ min: 0n, max: 7n }), part: fc.constantFrom(null, 'a', 'b'), n: fc.option(fc.bigInt({ min: 0n, max: 2n }), { freq: 6 }), note: fc.constantFrom(null, 'x') });
const someRows = fc.uniqueArray(aRow, { maxLength: 5, selector: ({ id }) => id });
const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('upsert' as const), rows: someRows }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('foreign merge' as const, 'foreign delete' as const), rows: someRows }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('erase' as const, 'expire' as const), ids: fc.array(fc.bigInt({ min: 0n, max: 7n }), { minLength: 1, maxLength: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('compact' as const, 'restore' as const, 'foreign OPTIMIZE' as const, 'vectors' as const), pick: fc.nat() }) },
), { minLength: 1, maxLength: 10 });

async function take(table: TestTable, step: Step): Promise<void> {
  switch (step.do) {
    case 'upsert': return void await table.apply(table.upsert(step.rows, key));
    case 'foreign merge': return rewriteAll(table, (old) => [...old.filter(({ id }) => !step.rows.some((each) => each['id'] === id)), ...step.rows]);
    case 'foreign delete': return rewriteAll(table, (old) => old.filter(({ id }) => !step.rows.some((each) => each['id'] === id)));
    case 'erase': return void await table.apply(table.deleteByKey(step.ids.map((id) => ({ id })), key));
    case 'expire': return void await table.apply(table.deleteWhere({ op: 'in', column: 'id', values: step.ids }));
    case 'compact': {
      const parts = [...Map.groupBy(table.files, ({ partitionValues }) => partitionValues['part']).values()];
      if (parts.length > 0) await table.apply(table.compact(parts[step.pick % parts.length]));
      return;
    }
    case 'restore': return void await back(table, BigInt(step.pick) % (table.snapshot.version + 1n));
    case 'foreign OPTIMIZE': return rewriteAll(table, (old) => [...old].reverse(), { dataChange: false });
    case 'vectors': return void await setProperties(table.table.delta, { 'delta.enableDeletionVectors': String(step.pick % 2 === 0) });
  }
}

/** By comparing whole versions: what a reader of snapshots would find. */
async function naiveChanges(table: TestTable, from: bigint): Promise<Changes> {
  const columns = ['n', 'part'];
  const states: Map<unknown, Row>[] = [];
  for (let version = from; version <= table.snapshot.version; version++) states.push(new Map((await table.rows(version)).map((each) => [each['id'], each])));
  const [before, after] = [states[0], states.at(-1)!];
  const rows: Row[] = [];
  const removals: Record<string, number> = {};
  const intents = new Map((await versionsOf(table, from)).map(({ version, intent }) => [version, intent]));
  for (const [id, now] of after) {
    const was = before.get(id);
    if (was === undefined) rows.push(changed('added', now));
    else if (rowText(changed('', was)) !== rowText(changed('', now))) rows.push(changed('replaced', now));
  }
  for (const [id, was] of before) {
    if (after.has(id)) continue;
    rows.push(changed('removed', was, columns));
    const version = from + BigInt(states.findLastIndex((state) => state.has(id))) + 1n;
    const name = `${version} ${intents.get(version) ?? null}`;
    removals[name] = (removals[name] ?? 0) + 1;
  }
  return { rows: sorted(rows), removals };
}

describe('random histories: as a comparison of snapshots', () => {
  test.each(ROW_MODES)('%s', async (_name, mode) => {
    await fc.assert(fc.asyncProperty(steps, fc.nat(), async (sequence, start) => {
      const table = await letters(mode, ['part']);
      for (const step of sequence) await take(table, step);
      const from = BigInt(start) % (table.snapshot.version + 1n);
      const [found, expected] = [await changesOf(table, from), await naiveChanges(table, from)];
      expect(found.rows.map(rowText)).toEqual(expected.rows.map(rowText));
      expect(intentsOf(found)).toEqual(intentsOf(expected));
    }), { numRuns: mode.engine === 'memory' ? 150 : 5 });
  });
});

/** Versions need not be told apart where the intent is one. */
function intentsOf({ removals }: Changes): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, count] of Object.entries(removals)) counts[name.split(' ')[1]] = (counts[name.split(' ')[1]] ?? 0) + count;
  return counts;
}
