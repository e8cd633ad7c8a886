import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_ENGINES, DeltaEngines, missingFor, skippedFor } from '../support/delta-engines.ts';
import type { EngineName } from '../support/delta-engines.ts';
import { expectRight, expectSame } from '../support/odd-check.ts';
import { makeHistory } from '../support/odd-history.ts';
import { OtherWriter } from '../support/odd-others.ts';
import { OddRows, SPARK_TIMES } from '../support/odd-rows.ts';
import { OddTable } from '../support/odd-table.ts';

const missing = missingFor(ALL_ENGINES);
const engines = new DeltaEngines();
afterAll(() => engines.close());

const VECTORS = 'with deletion vectors';
const KINDS = [[VECTORS, { 'delta.enableDeletionVectors': 'true' }], ['with copy-on-write', {}]] as const;

interface HistoryEntry {
  readonly version: number;
  readonly operation: string;
  readonly operationMetrics: Readonly<Record<string, string>>;
  readonly isBlindAppend: boolean;
  readonly readVersion: number;
  readonly engineInfo: string | null;
}

describe.skipIf(missing !== null).each(KINDS)(`a table %s that others write, too${skippedFor(missing)}`, (kind, configuration) => {
  const odd = new OddRows(5, SPARK_TIMES);
  // Polars drops the vectors of files whose path in the log is percent-encoded.
  const readers = ALL_ENGINES.filter((engine) => engine !== 'polars' || kind !== VECTORS);
  let table: OddTable;
  beforeAll(async () => {
    table = await OddTable.create(configuration);
    await makeHistory(table, { versionsMin: 20n, odd, rows: 600 });
  });
  afterAll(() => table.close());

  const writer = (engine: EngineName) => new OtherWriter(engines, engine, table);

  async function expectEqual(): Promise<void> {
    await expectRight(table);
    const ours = await table.lines();
    for (const engine of readers) await expectSame(engines, engine, table, { ours });
  }

  /** We change rows of theirs, by key and by condition, and rewrite their files. */
  async function weWrite(): Promise<void> {
    const rows = table.expected.all().filter((row) => (row['k'] as number) < 3);
    await table.upsert([...rows.slice(0, 40).map((row) => odd.row(row)), ...odd.fresh(5)]);
    await table.deleteKeys(rows.slice(40));
    await table.compact(100);
    await table.checkpoint();
  }

  // delta-rs first: Spark leaves non-ASCII text raw in paths, which delta-rs then removes under another text, so that rows come back (delta.md B6).
  describe.each([['delta-rs', 11], ['spark', 10]] as const)('%s', (engine, k) => {
    test('appends, deletes, merges; then we change and compact what it wrote', async () => {
      const other = writer(engine);
      await other.appendCopies(6);
      await expectEqual();
      await other.delete(k);
      await other.merge(k + 10);
      await expectEqual();
      await weWrite();
      await expectEqual();
    });

    test('optimizes, sorts and checkpoints what we wrote; then we go on', async () => {
      const other = writer(engine);
      await other.call('optimize');
      await expectEqual();
      await weWrite();
      await other.call('zorder', { columns: ['id', 'at'] });
      await other.call('checkpoint');
      await expectEqual();
      await weWrite();
      await other.call('checkpoint');
      await expectEqual();
    });

    test('takes by VACUUM nothing that the newest version needs', async () => {
      await writer(engine).call('vacuum');
      await expectEqual();
    });
  });

  test('Spark reads our history, and goes back to a version of ours', async () => {
    const spark = writer('spark');
    const before = await table.lines();
    const { version } = table.delta.snapshot;
    await table.append(odd.fresh(3));
    await weWrite();
    const history = await spark.call<HistoryEntry[]>('history');
    expect(history.map((entry) => entry.version)).toEqual(Array.from({ length: Number(table.delta.snapshot.version) + 1 }, (_value, i) => i).reverse());
    const append = history.find((entry) => entry.version === Number(version) + 1);
    expect(append).toMatchObject({ operation: 'WRITE', isBlindAppend: true, readVersion: Number(version), operationMetrics: { numOutputRows: '3' } });
    expect(history.find((entry) => entry.version === Number(version) + 2)).toMatchObject({ operation: 'MERGE', isBlindAppend: false, operationMetrics: { numTargetFilesAdded: expect.stringMatching(/^\d+$/) } });
    const theirs = history.find(({ operation, engineInfo }) => operation === 'DELETE' && engineInfo?.includes('Spark'));
    if (kind === VECTORS) expect(theirs?.operationMetrics).toMatchObject({ numDeletionVectorsAdded: expect.stringMatching(/^[1-9]/) });
    await spark.call('sql', { statement: `RESTORE TABLE delta.\`${table.dir}\` TO VERSION AS OF ${version}` });
    for (const engine of readers) await expectSame(engines, engine, table, { ours: before });
    expect(await table.lines()).toHaveLength(before.length);
  });
});
