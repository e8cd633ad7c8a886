import type { Session } from '../columnar/duckdb.ts';
import { literal } from '../columnar/sql-text.ts';
import { progressOf } from '../delta/snapshot.ts';
import { TableError } from '../errors.ts';
import type { Lane } from './bronze-plan.ts';
import { Tally } from './counts.ts';
import { checkGeneration } from './generation.ts';
import { replaceQuarantine } from './quarantine.ts';
import { RefineBatch } from './refine-batch.ts';
import type { RefineOptions } from './refine-options.ts';
import { mergeIntoSilver } from './silver.ts';
import { nextSlice } from './slice.ts';
import type { Slice } from './slice.ts';
import { checkSourceUnchanged, isConsumed, stageAppId, untilSettled } from './stage.ts';
import type { StageOutcome } from './stage.ts';
import { BRONZE, QUARANTINE, SILVER } from './tables.ts';

export const REFINE = 'refine';

/**
 * One slice of Bronze into quarantine, then Silver (semantics.md, section 6). Restartable anywhere: Silver's txn says what is done,
 * and what quarantine holds above it is replaced by the slice that covers it.
 */
export async function refine(options: RefineOptions): Promise<StageOutcome> {
  const { lake, checkpointInterval } = options;
  const [bronze, silver, quarantine] = await Promise.all([lake.table(BRONZE), lake.table(SILVER), lake.table(QUARANTINE)]);
  const outcome = await untilSettled<StageOutcome>('refine', async () => {
    const source = await bronze.delta.refresh();
    // Progress only goes forward: what this worker last saw of it proves that nothing waits. An idle tick asks no further.
    if (isConsumed(REFINE, source, silver.delta.snapshot)) return { kind: 'nothing-to-do' };
    await Promise.all([silver.delta.refresh(), quarantine.delta.refresh()]);
    const snapshot = await checkGeneration(silver.delta, lake.definition(SILVER));
    const quarantined = await checkGeneration(quarantine.delta, lake.definition(QUARANTINE));
    checkSourceUnchanged(REFINE, bronze.delta.id, snapshot.txns.keys());
    const from = progressOf(snapshot, stageAppId(REFINE, bronze.delta.id)) ?? -1n;
    const slice = await nextSlice(bronze.delta, { from, upTo: source.version, rowsMax: options.sliceRows });
    if (slice === null) return { kind: 'nothing-to-do' };
    refuseRemovals(slice);
    const tally = new Tally();
    const batch = await judgeSlice(slice, tally, options);
    for (const { row } of batch.rejected) tally.add('quarantine', row);
    if (!(await replaceQuarantine({ slice, rejected: batch.rejected, snapshot: quarantined }, options))) return null;
    const version = await mergeIntoSilver({ slice, batch, tally, snapshot, sourceId: bronze.delta.id }, options);
    return version === null ? null : { kind: 'committed', rows: tally.total('bronze'), version, more: slice.more };
  });
  await silver.delta.checkpointIfDue(checkpointInterval);
  await quarantine.delta.checkpointIfDue(checkpointInterval);
  return outcome;
}

/** Expiry does not flow downstream; a foreign removal may be a mistake that must not spread. */
function refuseRemovals(slice: Slice): void {
  const removing = slice.versions.find(({ removes, intent }) => removes.length > 0 && intent !== 'expire');
  if (!removing) return;
  throw new TableError('pipeline/foreign-removal', `Bronze version ${removing.version} removes ${removing.removes.length} files with data change; refine stops before it: restore Bronze, or allow the removal`);
}

async function judgeSlice(slice: Slice, tally: Tally, options: RefineOptions): Promise<RefineBatch> {
  const batch = new RefineBatch(options.pipeline, options.judge);
  const bronze = await options.lake.table(BRONZE);
  const files = slice.versions.flatMap(({ version, adds }) => adds.map((add) => ({ version, add })));
  if (files.length === 0) return batch;
  await bronze.scan(bronze.delta.snapshot, files.map(({ add }) => add), (scan, localPath) => options.lake.engine.session(async (session) => {
    const versions = files.map(({ version, add }) => `(${literal(localPath(add))}, ${version}::BIGINT)`).join(', ');
    const lanes = await countLanes(session, scan, tally);
    if (lanes.length === 0) return;
    const laneValues = lanes.map((lane, i) => `(${literal(lane.topic)}, ${literal(lane.incarnation)}, ${lane.partition}, ${i})`).join(', ');
    // Texts that few rows differ in come as numbers, and nulls as empty texts: both are much cheaper to take over.
    const sql = `SELECT l.lane, "offset", epoch_us(kafka_timestamp), coalesce("value", ''), value_bytes, epoch_us(ingested_at), v.version
      FROM (${scan}) b JOIN (VALUES ${versions}) v(file, version) ON b._file = v.file
      JOIN (VALUES ${laneValues}) l(topic, incarnation, "partition", lane) ON b.topic = l.topic AND b.incarnation = l.incarnation AND b."partition" = l."partition"`;
    for await (const { rows, columns } of session.chunks(sql)) {
      const [laneOf, offset, kafka, value, bytes, ingested, version] = columns as unknown as BronzeColumns;
      for (let i = 0; i < rows; i++) {
        const { topic, incarnation, partition } = lanes[laneOf[i]];
        const kafkaTimestampUs = kafka[i]!;
        const kafkaTimestampMs = kafkaTimestampUs === null ? null : Number(kafkaTimestampUs / 1000n);
        const row = { topic, incarnation, partition, offset: offset[i], kafkaTimestampUs, kafkaTimestampMs, ingestedUs: ingested[i]!, bronzeVersion: version[i] };
        batch.add(row, { value: value[i] === '' ? null : value[i], valueBytes: bytes[i]! });
      }
    }
  }));
  return batch;
}

type BronzeColumns = [number[], bigint[], (bigint | null)[], string[], (Uint8Array | null)[], (bigint | null)[], bigint[]];

/** The partitions that the slice has rows of, each counted. */
async function countLanes(session: Session, scan: string, tally: Tally): Promise<Lane[]> {
  const rows = await session.rows(`SELECT topic, incarnation, "partition", count(*) AS n FROM (${scan}) GROUP BY ALL`);
  return rows.map((row) => {
    const lane = { topic: row['topic'] as string, incarnation: row['incarnation'] as string, partition: row['partition'] as number };
    tally.add('bronze', lane, Number(row['n']));
    return lane;
  });
}
