import { FILE } from '../columnar/relation.ts';
import type { ReadColumn } from '../columnar/relation.ts';
import { scanFiles } from '../delta/operations/scan.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { DeltaTable } from '../delta/table.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { TableError } from '../errors.ts';
import type { Lane } from './bronze-plan.ts';
import { Tally } from './counts.ts';
import { checkGeneration } from './generation.ts';
import { isGone } from './gone.ts';
import { replaceQuarantine } from './quarantine.ts';
import { RefineBatch } from './refine-batch.ts';
import type { RoutedRefineOptions } from './refine-options.ts';
import { isRereading, reread } from './reread.ts';
import { mergeIntoSilver } from './silver.ts';
import type { RecordHeader } from './route.ts';
import { isRemoving, nextSlice } from './slice.ts';
import type { Slice } from './slice.ts';
import { checkSourceUnchanged, isConsumed, stageAppId } from './stage.ts';
import type { StageOutcome } from './stage.ts';
import { BRONZE, QUARANTINE, SILVER } from './tables.ts';

export const REFINE = 'refine';

/**
 * One slice of Bronze into quarantine, then Silver (semantics.md, section 6). Restartable anywhere: Silver's txn says what is done,
 * and what quarantine holds above it is replaced by the slice that covers it.
 */
export async function refine(options: RoutedRefineOptions): Promise<StageOutcome> {
  const { lake, checkpointInterval } = options;
  const [bronze, silver, quarantine] = await Promise.all([lake.table(BRONZE), lake.table(SILVER), lake.table(QUARANTINE)]);
  const outcome = await untilSettled<StageOutcome>('refine', async () => {
    await bronze.delta.refresh();
    // Progress only goes forward: what this worker last saw of it proves that nothing waits. An idle tick asks no further.
    if (await isConsumed(REFINE, bronze.delta, silver.delta)) return { kind: 'nothing-to-do' };
    const source = bronze.delta.snapshot;
    // Quarantine first: rows that Silver's progress leaves to this slice are then older than any replay of them, whose commit would clash.
    const { version: seen } = await quarantine.delta.refresh();
    await silver.delta.refresh();
    const snapshot = await checkGeneration(silver.delta, lake.definition(SILVER));
    const quarantined = await checkGeneration(quarantine.delta, lake.definition(QUARANTINE));
    if (quarantined.version !== seen) return null;
    checkSourceUnchanged(REFINE, bronze.delta.id, snapshot.txns.keys());
    const from = progressOf(snapshot, stageAppId(REFINE, bronze.delta.id)) ?? -1n;
    const state = { bronze: source, silver: snapshot, quarantine: quarantined, from };
    if (isRereading(state, bronze.delta.id)) return reread(state, options);
    const tally = new Tally();
    const judged = await judgeNext(from, source, tally, options);
    if (judged === 'gone') return isOvertaken(silver.delta, bronze.delta.id, from).then((overtaken) => (overtaken ? null : reread(state, options)));
    if (judged === null) return { kind: 'nothing-to-do' };
    const { slice, batch } = judged;
    for (const { row } of batch.rejected) tally.add('quarantine', row);
    tally.merge(batch.elsewhere);
    if (!(await replaceQuarantine({ slice, rejected: batch.rejected, snapshot: quarantined }, options))) return null;
    const version = await mergeIntoSilver({ batch, tally, snapshot, progress: { appId: stageAppId(REFINE, bronze.delta.id), version: slice.to } }, options);
    return version === null ? null : { kind: 'committed', rows: tally.total('bronze'), version, more: slice.more };
  });
  // Bronze's, too: its snapshot was just refreshed here, and ingest should not wait for it.
  for (const { delta } of [bronze, silver, quarantine]) await delta.checkpointIfDue(checkpointInterval);
  return outcome;
}

/** Null: there is nothing. `gone`: there is, and it can't be read any more. */
async function judgeNext(from: bigint, source: Snapshot, tally: Tally, options: RoutedRefineOptions): Promise<{ slice: Slice; batch: RefineBatch } | 'gone' | null> {
  const { delta } = await options.lake.table(BRONZE);
  try {
    const next = await nextSlice(delta, { from, upTo: source.version, rowsMax: options.sliceRows, bytesMax: options.sliceBytes });
    if (next === null) return null;
    const slice = upToRemoval(next);
    return { slice, batch: await judgeSlice(slice, tally, options) };
  } catch (error) {
    if (isGone(error)) return 'gone';
    throw error;
  }
}

/** What is gone may be what others have consumed while this worker slept. */
async function isOvertaken(silver: DeltaTable, bronzeId: string, from: bigint): Promise<boolean> {
  return (progressOf(await silver.refresh(), stageAppId(REFINE, bronzeId)) ?? -1n) > from;
}

/** What lies before a removal, which may be a mistake that must not spread. TableError `pipeline/foreign-removal` once it is next. */
function upToRemoval(slice: Slice): Slice {
  const removing = slice.versions.findIndex(isRemoving);
  if (removing < 0) return slice;
  if (removing > 0) return { ...slice, to: slice.versions[removing - 1].version, versions: slice.versions.slice(0, removing), more: true };
  const [{ version, removes }] = slice.versions;
  throw new TableError('pipeline/foreign-removal', `Bronze version ${version} removes ${removes.length} files with data change; refine stops before it: restore Bronze ("assay table restore ${BRONZE} --version ${version - 1n}")`);
}

async function judgeSlice(slice: Slice, tally: Tally, options: RoutedRefineOptions): Promise<RefineBatch> {
  const batch = new RefineBatch(options.pipeline, options.judge);
  const bronze = await options.lake.table(BRONZE);
  // What an expiry adds is what it left of a file: judged before.
  const files = slice.versions.flatMap(({ version, adds, intent }) => (intent === 'expire' ? [] : adds.map((file) => ({ version, file }))));
  if (files.length === 0) return batch;
  await options.lake.engine.session(async (session) => {
    const scan = await scanFiles(session, bronze, bronze.delta.snapshot, files);
    const { relation, tuples } = await session.coded(scan, ['topic', 'incarnation', 'partition'], LANE);
    const lanes = tuples.map(({ values }) => values as unknown as Lane);
    for (const [i, { rows }] of tuples.entries()) tally.add('bronze', lanes[i], rows);
    for await (const { rows, columns } of session.chunks(relation, options.readsHeaders ? [...BRONZE_COLUMNS, 'headers'] : BRONZE_COLUMNS)) {
      const [laneOf, fileOf, offset, kafka, value, bytes, ingested, headers] = columns as unknown as BronzeColumns;
      await options.judge.prepare?.(Array.from({ length: rows }, (_row, i) => ({ topic: lanes[laneOf[i]].topic, value: value[i], valueBytes: bytes[i], kafkaTimestampMs: null })));
      for (let i = 0; i < rows; i++) {
        const { topic, incarnation, partition } = lanes[laneOf[i]];
        const kafkaTimestampUs = kafka[i];
        const kafkaTimestampMs = kafkaTimestampUs === null ? null : Number(kafkaTimestampUs / 1000n);
        const row = { topic, incarnation, partition, offset: offset[i], kafkaTimestampUs, kafkaTimestampMs, ingestedUs: ingested[i], bronzeVersion: files[fileOf[i]].version };
        batch.add(row, { value: value[i] === '' ? null : value[i], valueBytes: bytes[i], headers: headers?.[i] ?? null });
      }
    }
  });
  return batch;
}

const LANE = 'row lane';
/** A stored text is never empty: as "" its nulls are cheaper to take over. */
const BRONZE_COLUMNS: readonly ReadColumn[] = [LANE, FILE, 'offset', 'kafka_timestamp', { name: 'value', as: 'text-or-empty' }, 'value_bytes', 'ingested_at'];
type BronzeColumns = [number[], number[], bigint[], (bigint | null)[], string[], (Uint8Array | null)[], (bigint | null)[], (readonly RecordHeader[] | null)[] | undefined];
