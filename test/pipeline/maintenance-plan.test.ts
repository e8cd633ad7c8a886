import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AddFile, RemoveFile } from '../../shared/delta/actions.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { planMaintenance, rewritesOf } from '../../shared/pipeline/maintenance-plan.ts';
import type { PlanOptions, TableFacts } from '../../shared/pipeline/maintenance-plan.ts';
import { range } from '../support/lakes.ts';

const [KB, MB, DAY_MS] = [1024, 1024 * 1024, 86_400_000];
const NOW_MS = Date.parse('2025-06-01T12:00:00Z');
const COLUMNS = ['id', 'at'];

interface Made {
  readonly version?: bigint;
  readonly checkpointVersion?: bigint;
  readonly tombstones?: number;
  readonly createdTime?: number;
  readonly configuration?: Record<string, string>;
}

function snapshotOf(files: readonly Partial<AddFile>[], { version = 1n, checkpointVersion = 0n, tombstones = 0, createdTime = NOW_MS, configuration = {} }: Made = {}): Snapshot {
  const adds = files.map((file, i): AddFile => ({ path: `f${i}`, partitionValues: {}, size: 100 * KB, modificationTime: i, dataChange: true, stats: '{"numRecords":100}', ...file }));
  return {
    version, checkpointVersion, protocol: { minReaderVersion: 1, minWriterVersion: 2 },
    metaData: { partitionColumns: ['day'], createdTime, configuration }, schema: { type: 'struct', fields: COLUMNS.map((name) => ({ name, type: 'string', nullable: true, metadata: {} })) },
    files: new Map(adds.map((add) => [add.path, add])), tombstones: new Map(range(1, tombstones).map((i) => [`t${i}`, { path: `t${i}` } as RemoveFile])), txns: new Map(), domains: new Map(),
  } as unknown as Snapshot;
}

const facts = (name: string, snapshot: Snapshot, more: Partial<TableFacts> = {}): TableFacts => ({ name, snapshot, consumed: null, zOrderBy: [], retentionDays: null, vacuumedMs: null, ...more });
const options: PlanOptions = { nowMs: NOW_MS, checkpointInterval: 10n, hasBroker: false, bytesMax: 1024 * MB };
const steps = (tables: readonly TableFacts[], more: Partial<PlanOptions> = {}) => planMaintenance(tables, { ...options, ...more }).steps.map(({ kind, table }) => `${kind} ${table}`);
const sizes = (snapshot: Snapshot, zOrderBy: readonly string[] = []) => rewritesOf({ name: 'silver_events', snapshot, zOrderBy }).map(({ kind, inputs }) => `${kind} ${inputs.length}`);
const vector = (cardinality: number): Partial<AddFile> => ({ deletionVector: { storageType: 'u', pathOrInlineDv: 'x', offset: 1, sizeInBytes: 1, cardinality } });

describe('rewrites', () => {
  test.each([
    { what: 'seven files of a size wait for an eighth', files: range(1, 7).map(() => ({})), steps: [] },
    { what: 'eight are merged', files: range(1, 8).map(() => ({})), steps: ['optimize 8'] },
    { what: 'what was merged before is not merged with crumbs again', files: [{ size: 10 * MB }, ...range(1, 8).map(() => ({ size: 20_000 }))], steps: ['optimize 8'] },
    { what: 'large ones wait for more, since they cost more', files: range(1, 31).map(() => ({ size: MB })), steps: [] },
    { what: '32 that were merged are merged on', files: range(1, 32).map(() => ({ size: MB })), steps: ['optimize 32'] },
    { what: 'each partition by itself', files: range(0, 15).map((i) => ({ partitionValues: { day: i % 2 === 0 ? 'a' : null } })), steps: ['optimize 8', 'optimize 8'] },
    { what: 'a file that lost a quarter of its rows is written without them', files: [vector(25), vector(24)], steps: ['purge 1'] },
    { what: 'where it is merged anyway that does it', files: range(1, 8).map(() => vector(25)), steps: ['optimize 8'] },
  ])('$what', ({ files, steps: expected }) => {
    expect(sizes(snapshotOf(files))).toEqual(expected);
  });

  test('a partition is clustered from a size on at which files can be told apart, and then not merged besides', () => {
    const of = (bytes: number) => snapshotOf(range(1, 32).map(() => ({ size: bytes / 32 })));
    expect(sizes(of(31 * MB), COLUMNS)).toEqual(['optimize 32']);
    expect(sizes(of(32 * MB), COLUMNS)).toEqual(['zorder 32']);
    expect(sizes(of(32 * MB))).toEqual(['optimize 32']);
  });

  test('every file is in one rewrite at most, whatever there is', () => {
    const file = fc.record({ size: fc.integer({ min: 1, max: 200 * MB }), day: fc.constantFrom('a', 'b', null), deleted: fc.integer({ min: 0, max: 100 }) });
    fc.assert(fc.property(fc.array(file, { maxLength: 80 }), fc.boolean(), (made, clusters) => {
      const snapshot = snapshotOf(made.map(({ size, day, deleted }) => ({ size, partitionValues: { day }, ...(deleted > 0 ? vector(deleted) : {}) })));
      const rewrites = rewritesOf({ name: 'silver_events', snapshot, zOrderBy: clusters ? COLUMNS : [] });
      const inputs = rewrites.flatMap((step) => step.inputs);
      expect(new Set(inputs).size).toBe(inputs.length);
      for (const step of rewrites) expect(new Set(step.inputs.map(({ partitionValues }) => partitionValues['day'])).size).toBe(1);
    }));
  });

  test('a row of an endless stream of equal batches is written anew as often as its file has grown by much', () => {
    // Every run a batch of eight files comes; a merge makes one file of their size.
    let files: { size: number }[] = [];
    let [written, rewritten] = [0, 0];
    for (let run = 0; run < 8 ** 3; run++) {
      files.push(...range(1, 8).map(() => ({ size: 10_000 })));
      written += 80_000;
      const snapshot = snapshotOf(files);
      for (const { inputs, bytes } of rewritesOf({ name: 'silver_events', snapshot, zOrderBy: [] })) {
        const gone = new Set(inputs.map(({ path }) => Number(path.slice(1))));
        files = [...files.map((file, i) => (gone.has(i) ? null : file)).filter((file) => file !== null), { size: bytes }];
        rewritten += bytes;
      }
      expect(files.length).toBeLessThan(8 + 8 + 32);
    }
    expect(rewritten / written).toBeLessThanOrEqual(3);
  });
});

describe('the plan', () => {
  const small = range(1, 8).map(() => ({ size: 1_000 }));

  test('rewrites what saves most for each byte first, by who opens the table', () => {
    const large = range(1, 32).map(() => ({ size: 2 * MB }));
    expect(steps([facts('bronze_events', snapshotOf(small)), facts('gold_anomaly_predictions', snapshotOf(large)), facts('silver_events', snapshotOf(large)), facts('monitor_logs', snapshotOf(small))]))
      .toEqual(['optimize bronze_events', 'optimize monitor_logs', 'optimize silver_events', 'optimize gold_anomaly_predictions']);
  });

  test('keeps to its budget of bytes and leaves the rest; the first is done all the same', () => {
    const tables = ['silver_events', 'bronze_events'].map((name) => facts(name, snapshotOf(range(1, 32).map(() => ({ size: 2 * MB })))));
    const { steps: taken, left } = planMaintenance(tables, { ...options, bytesMax: 100 * MB });
    expect([taken.map(({ table }) => table), left.map(({ table }) => table)]).toEqual([['silver_events'], ['bronze_events']]);
    expect(planMaintenance(tables, { ...options, bytesMax: 1 }).steps).toHaveLength(1);
  });

  test('counts its own commits where it plans checkpoints', () => {
    expect(steps([facts('a', snapshotOf([], { version: 9n }))])).toEqual([]);
    expect(steps([facts('a', snapshotOf([], { version: 10n }))])).toEqual(['checkpoint a']);
    expect(steps([facts('a', snapshotOf(small, { version: 9n }))])).toEqual(['optimize a', 'checkpoint a']);
  });

  test('a large log gets its checkpoints less often', () => {
    expect(steps([facts('a', snapshotOf([], { version: 49n, tombstones: 1_250 }))])).toEqual([]);
    expect(steps([facts('a', snapshotOf([], { version: 50n, tombstones: 1_250 }))])).toEqual(['checkpoint a']);
    expect(steps([facts('a', snapshotOf([], { version: 499n, tombstones: 50_000 }))])).toEqual([]);
    expect(steps([facts('a', snapshotOf([], { version: 500n, tombstones: 50_000 }))])).toEqual(['checkpoint a']);
  });

  test('cleans logs that have a checkpoint and are old enough, and says how far', () => {
    const old = { createdTime: NOW_MS - 40 * DAY_MS, checkpointVersion: 1n };
    const consumed = { stage: 'refine', version: 5n };
    const vacuumedMs = NOW_MS;
    expect(steps([facts('a', snapshotOf([], { ...old, checkpointVersion: 0n }), { vacuumedMs }), facts('b', snapshotOf([], { ...old, createdTime: NOW_MS - 29 * DAY_MS }), { vacuumedMs })])).toEqual([]);
    const plan = planMaintenance([facts('bronze_events', snapshotOf([], old), { vacuumedMs, consumed })], options);
    expect(plan.steps).toEqual([{ kind: 'clean-log', table: 'bronze_events', bytes: 0, why: 'versions older than the log\'s retention; not past version 5, as far as refine has read' }]);
  });

  test('vacuums once a day, a table that is older than a week or its own retention', () => {
    const of = (days: number, vacuumedMs: number | null, configuration = {}) => steps([facts('a', snapshotOf([], { createdTime: NOW_MS - days * DAY_MS, configuration }), { vacuumedMs })]);
    expect(of(7, null)).toEqual(['vacuum a']);
    expect(of(6.9, null)).toEqual([]);
    expect(of(8, null, { 'delta.deletedFileRetentionDuration': 'interval 10 days' })).toEqual([]);
    expect(of(8, null, { 'delta.deletedFileRetentionDuration': 'interval 1 day' })).toEqual(['vacuum a']);
    expect(of(8, NOW_MS - DAY_MS + 1)).toEqual([]);
    expect(of(8, NOW_MS - DAY_MS)).toEqual(['vacuum a']);
  });

  test('asks for gaps where there is somebody to ask, expires what has a retention, and rewrites after that', () => {
    const tables = [facts('bronze_events', snapshotOf(small), { retentionDays: 40 }), facts('offset_gaps', snapshotOf([{}])), facts('silver_events', snapshotOf([]))];
    expect(steps(tables, { hasBroker: true })).toEqual(['heal offset_gaps', 'expire bronze_events', 'optimize bronze_events']);
    expect(steps(tables)).toEqual(['expire bronze_events', 'optimize bronze_events']);
  });
});
