import type { Clock } from '../clock.ts';
import { quote } from '../columnar/sql-text.ts';
import type { LoadColumn } from '../columnar/load-column.ts';
import type { Session } from '../columnar/duckdb.ts';
import { removeOf } from '../delta/actions.ts';
import type { AddFile } from '../delta/actions.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { reasonFor } from '../model/reason.ts';
import type { Champion, Champions } from './champion.ts';
import { loadChanges } from './changes.ts';
import type { Pipeline } from './definition.ts';
import { copyNumbers } from './training-data.ts';
import { checkGeneration } from './generation.ts';
import type { Lake } from './lake.ts';
import type { WriteObserver } from './observer.ts';
import { pruneByKey } from './prune.ts';
import { nextSlice } from './slice.ts';
import type { Slice } from './slice.ts';
import { checkSourceUnchanged, isConsumed, stageAppId, untilSettled } from './stage.ts';
import type { StageOutcome } from './stage.ts';
import { GOLD, POSITION, SILVER, goldSourceColumns } from './tables.ts';
import type { TableIo } from './table-io.ts';

export const SCORE = 'score';

export interface ScoreOptions {
  readonly lake: Lake;
  readonly pipeline: Pipeline;
  readonly champions: Champions;
  readonly sliceRows: number;
  readonly checkpointInterval: bigint;
  readonly clock: Clock;
  readonly observe: WriteObserver;
}

/** One slice of Silver's changes into Gold: features, scores, one upsert with its two txns (semantics.md, section 7). */
export async function score(options: ScoreOptions): Promise<StageOutcome> {
  const { lake } = options;
  const [silver, gold] = await Promise.all([lake.table(SILVER), lake.table(GOLD)]);
  const outcome = await untilSettled<StageOutcome>('score', async () => {
    const source = await silver.delta.refresh();
    // Progress only goes forward: what this worker last saw of it proves that nothing waits. An idle tick asks no further.
    if (isConsumed(SCORE, source, gold.delta.snapshot)) return { kind: 'nothing-to-do' };
    await gold.delta.refresh();
    const snapshot = await checkGeneration(gold.delta, lake.definition(GOLD));
    checkSourceUnchanged(SCORE, silver.delta.id, snapshot.txns.keys());
    const from = progressOf(snapshot, stageAppId(SCORE, silver.delta.id)) ?? -1n;
    const slice = await nextSlice(silver.delta, { from, upTo: source.version, rowsMax: options.sliceRows });
    if (slice === null) return { kind: 'nothing-to-do' };
    return scoreSlice({ slice, snapshot, source, gold, silver }, options);
  });
  await gold.delta.checkpointIfDue(options.checkpointInterval);
  return outcome;
}

interface Work {
  readonly slice: Slice;
  readonly snapshot: Snapshot;
  readonly source: Snapshot;
  readonly gold: TableIo;
  readonly silver: TableIo;
}

async function scoreSlice(work: Work, options: ScoreOptions): Promise<StageOutcome | null> {
  const { slice, snapshot, gold, silver } = work;
  // Without rows there is nothing to choose a model by.
  const champion = slice.versions.some(({ adds }) => adds.length > 0) ? await options.champions.current() : null;
  const nowMs = options.clock.nowMs();
  const done = options.observe('gold_write');
  const written = await options.lake.engine.session(async (session) => {
    await loadChanges(session, { table: silver, snapshot: work.source, key: options.pipeline.key, columns: goldSourceColumns(options.pipeline), slice });
    const rows = champion === null ? 0 : await loadScores(session, champion, options, nowMs);
    return { rows, ...(await writeGold(session, work, options)) };
  });
  const id = silver.delta.id;
  const outcome = await gold.delta.commit(snapshot, {
    operation: 'MERGE',
    operationMetrics: { numSourceRows: String(written.rows), numTargetFilesAdded: String(written.adds.length), numTargetFilesRemoved: String(written.touched.length) },
    removalIntent: 'replace',
    actions: [
      { txn: { appId: stageAppId(SCORE, id), version: slice.to, lastUpdated: nowMs } },
      { txn: { appId: stageAppId('score-from', id), version: slice.from, lastUpdated: nowMs } },
      ...written.touched.map((add) => ({ remove: removeOf(add, { nowMs, dataChange: true }) })),
      ...written.adds.map((add) => ({ add })),
    ],
    reads: 'table',
  });
  if (outcome.kind === 'clash') return null;
  done({ rows: written.rows, adds: written.adds });
  return { kind: 'committed', rows: written.rows, version: outcome.snapshot.version, more: slice.more };
}

/** Makes the view `scored`: the changed rows, ordered by event time and key, with their scores. Returns how many. */
async function loadScores(session: Session, champion: Champion, { pipeline }: ScoreOptions, nowMs: number): Promise<number> {
  const position = quote(POSITION);
  const order = [pipeline.eventTime, ...pipeline.key].map(quote).join(', ');
  await session.run(`CREATE OR REPLACE TEMP TABLE ordered AS SELECT *, (row_number() OVER (ORDER BY ${order}) - 1)::INTEGER AS ${position} FROM changed`);
  const [count] = await session.rows('SELECT count(*) AS n FROM ordered');
  const rows = Number(count['n']);
  const features = pipeline.features.map(() => new Float64Array(rows));
  let filled = 0;
  const select = pipeline.features.map((name) => `${quote(name)}::DOUBLE`).join(', ');
  for await (const chunk of session.chunks(`SELECT ${select} FROM ordered ORDER BY ${position}`)) {
    for (const [i, column] of features.entries()) copyNumbers(column, filled, chunk.columns[i] as ArrayLike<number | null>);
    filled += chunk.rows;
  }
  await session.load('scores', await scoreColumns(champion, features, rows, nowMs));
  await session.run(`CREATE OR REPLACE TEMP VIEW scored AS SELECT * EXCLUDE (${position}) FROM ordered JOIN scores USING (${position})`);
  return rows;
}

async function scoreColumns({ manifest, scorer }: Champion, features: readonly Float64Array[], rows: number, nowMs: number): Promise<LoadColumn[]> {
  const { decision, label } = await scorer.score(features, rows);
  return [
    { name: POSITION, kind: 'integer', values: Int32Array.from({ length: rows }, (_value, i) => i) },
    { name: 'anomaly_score', kind: 'double', values: decision },
    { name: 'anomaly_flag', kind: 'integer', values: Int32Array.from(label) },
    { name: 'reason', kind: 'text', values: Array.from(label, (flag, i) => (flag < 0 ? reasonFor(manifest, features.map((column) => column[i]), flag) : null)) },
    { name: 'model_name', kind: 'text', constant: manifest.name },
    { name: 'model_version', kind: 'long', constant: BigInt(manifest.version) },
    { name: 'scored_at', kind: 'timestamp', constant: BigInt(nowMs) * 1000n },
  ];
}

/** Copy-on-write upsert by Silver's key. */
async function writeGold(session: Session, { snapshot, gold, slice }: Work, { pipeline }: ScoreOptions): Promise<{ adds: AddFile[]; touched: AddFile[] }> {
  if (slice.versions.every(({ adds }) => adds.length === 0)) return { adds: [], touched: [] };
  const key = pipeline.key.map(quote).join(', ');
  const possible = await pruneByKey(session, snapshot, pipeline.key, 'changed');
  if (possible.length === 0) return { adds: await gold.write(session, 'scored'), touched: [] };
  return gold.scan(snapshot, possible, async (scan, localPath) => {
    const hit = new Set((await session.rows(`SELECT DISTINCT _file FROM (${scan}) SEMI JOIN changed USING (${key})`)).map((row) => row['_file']));
    const touched = possible.filter((add) => hit.has(localPath(add)));
    if (touched.length === 0) return { adds: await gold.write(session, 'scored'), touched };
    return gold.scan(snapshot, touched, async (rewritten) => {
      await session.run(`CREATE OR REPLACE TEMP TABLE kept AS SELECT * EXCLUDE (_file) FROM (${rewritten}) ANTI JOIN changed USING (${key})`);
      await session.run('CREATE OR REPLACE TEMP VIEW merged AS SELECT * FROM kept UNION ALL BY NAME SELECT * FROM scored');
      return { adds: await gold.write(session, 'merged'), touched };
    });
  });
}
