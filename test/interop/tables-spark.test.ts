import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AddFile } from '../../shared/delta/actions.ts';
import { parseJson } from '../../shared/delta/json.ts';
import { ALL_ENGINES, DeltaEngines, difference, missingFor, skippedFor } from '../support/delta-engines.ts';
import type { EngineName } from '../support/delta-engines.ts';
import { NO_DIFFERENCE, expectRight, expectSame } from '../support/odd-check.ts';
import { makeHistory } from '../support/odd-history.ts';
import { LONG_PART, OddRows } from '../support/odd-rows.ts';
import { OddTable } from '../support/odd-table.ts';

const VERSIONS_MIN = 500n;
const VECTORS = 'with deletion vectors';
const KINDS = [[VECTORS, { 'delta.enableDeletionVectors': 'true' }], ['with copy-on-write', {}]] as const;

/** What others leave out by our statistics and partition values; the same SQL to all. */
const FILTERS: readonly (readonly [where: string, matches: (row: Record<string, string | null>) => boolean])[] = [
  ['k = 5', ({ k }) => k === '5'],
  ['part = \'grün weiß ☃\'', ({ part }) => part === 'grün weiß ☃'],
  ['part = \'a/b\'', ({ part }) => part === 'a/b'],
  ['part = \'%20\'', ({ part }) => part === '%20'],
  ['part IS NULL', ({ part }) => part === null],
  ['day IS NULL', ({ day }) => day === null],
  ['n = 9223372036854775807', ({ n }) => n === '9223372036854775807'],
  ['n < 0', ({ n }) => n !== null && n.startsWith('-')],
  [`text = '${'\u{10FFFF}'.repeat(33)}'`, ({ text }) => text === '\u{10FFFF}'.repeat(33)],
  ['text = \'\uFFFF\'', ({ text }) => text === '\uFFFF'],
  ['later IS NOT NULL', ({ later }) => later !== null],
];

const engines = new DeltaEngines();
afterAll(() => engines.close());

describe.each(KINDS)(`a table of odd rows %s, ${VERSIONS_MIN} versions old`, (kind, configuration) => {
  let table: OddTable;
  beforeAll(async () => {
    table = await OddTable.create(configuration);
    await makeHistory(table, { versionsMin: VERSIONS_MIN, odd: new OddRows(4) });
  });
  afterAll(() => table.close());

  test('is read right by us', () => expectRight(table));

  test.skipIf(kind !== VECTORS)('has vectors, several a file, and some that grew several times', async () => {
    const vectors = table.files().flatMap(({ deletionVector }) => deletionVector ?? []);
    expect(new Set(vectors.map(({ storageType }) => storageType))).toEqual(new Set(['u']));
    const adds: AddFile[] = [];
    for await (const { actions } of table.delta.versions(1n, VERSIONS_MIN)) adds.push(...actions.flatMap(({ add }) => (add?.deletionVector ? [add] : [])));
    const inFiles = adds.flatMap(({ deletionVector }) => (deletionVector?.storageType === 'u' ? [deletionVector.pathOrInlineDv] : []));
    expect(mostOf(inFiles)).toBeGreaterThan(1);
    expect(mostOf(adds.map(({ path }) => path))).toBeGreaterThan(5);
  });

  /** One test an engine; skipped where it is missing. */
  function each(title: (engine: EngineName) => string, check: (engine: EngineName) => Promise<void>): void {
    for (const engine of ALL_ENGINES) {
      const missing = missingFor([engine]);
      test.skipIf(missing !== null)(`${title(engine)}${skippedFor(missing)}`, () => check(engine));
    }
  }

  each((engine) => `is read by ${engine} as by us`, (engine) => expectSame(engines, engine, table));

  each((engine) => `is filtered by ${engine} without a row lost`, async (engine) => {
    const rows = (await table.lines()).map((line) => ({ line, row: parseJson(line) as Record<string, string | null> }));
    for (const [where, matches] of FILTERS) {
      const ours = rows.filter(({ row }) => matches(row)).map(({ line }) => line);
      expect(ours.length, where).toBeGreaterThan(0);
      await expectSame(engines, engine, table, { where, ours });
    }
  });

  each((engine) => `is read by ${engine} at older versions as by us`, async (engine) => {
    for (const version of [VERSIONS_MIN - 7n, VERSIONS_MIN / 2n, 2n]) await expectSameAt(engine, version);
  });

  describe('whose log was cleaned', () => {
    beforeAll(async () => {
      const outcome = await table.cleanLog(VERSIONS_MIN - 50n);
      // From the checkpoint before: there is one every ten versions, and of a table with many files every hundred or so.
      expect(outcome.kind === 'cleaned' && outcome.from > VERSIONS_MIN - 250n && outcome.from <= VERSIONS_MIN - 50n, inspect(outcome)).toBe(true);
    });

    test('is read by a worker that never saw it', async () => {
      expect(difference(await table.linesAfresh(), await table.lines())).toEqual(NO_DIFFERENCE);
    });

    each((engine) => `is read by ${engine} as by us`, async (engine) => {
      await expectSame(engines, engine, table);
      await expectSameAt(engine, VERSIONS_MIN - 7n);
    });
  });

  async function expectSameAt(engine: EngineName, version: bigint): Promise<void> {
    await expectSame(engines, engine, table, { version: Number(version), ours: await table.lines(version) });
  }
});

describe('a partition value too long for the name of a folder', () => {
  let table: OddTable;
  beforeAll(async () => {
    table = await OddTable.create();
    const odd = new OddRows(8);
    await table.append(odd.fresh(5, { part: LONG_PART }));
    await table.append(odd.fresh(5, { part: 'plain' }));
  });
  afterAll(() => table.close());

  test('is read right by us', () => expectRight(table));

  for (const engine of ALL_ENGINES) {
    const missing = missingFor([engine]);
    const title = engine === 'polars' ? 'makes polars fail: it takes such values from folders alone' : `is read by ${engine} as by us`;
    test.skipIf(missing !== null)(`${title}${skippedFor(missing)}`, async () => {
      if (engine === 'polars') await expect(engines.read(engine, table.dir)).rejects.toThrow('ShapeError');
      else await expectSame(engines, engine, table);
    });
  }
});

/** How often the most frequent one is there. */
function mostOf(texts: readonly string[]): number {
  return Math.max(...[...Map.groupBy(texts, (text) => text).values()].map(({ length }) => length));
}
