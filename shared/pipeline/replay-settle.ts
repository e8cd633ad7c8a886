import type { RelationSession } from '../columnar/relation.ts';
import { findByKey, findWhere } from '../delta/operations/lookup.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { TableError } from '../errors.ts';
import { Tally } from './counts.ts';
import { checkGeneration } from './generation.ts';
import { REPLAY, hasUncounted, isOfReplay, isPending, quarantinedRows, replayMsOf, settledBy } from './quarantine-rows.ts';
import type { QuarantinedRow, Settled } from './quarantine-rows.ts';
import { RefineBatch } from './refine-batch.ts';
import type { BronzePlace } from './refine-batch.ts';
import { resolve } from './replay-mark.ts';
import type { Marked, ReplayTools } from './replay-mark.ts';
import { mergeIntoSilver } from './silver.ts';
import { stageAppId } from './stage.ts';
import { BRONZE, POSITION, QUARANTINE, SILVER, SOURCE_COLUMNS } from './tables.ts';

/**
 * Takes what replays have resolved into Silver, the oldest replay first: rows, counts and txn in one commit each. Whoever comes by finishes what
 * another began. Rows that the rules reject by now are opened again before. Returns how many rows went to Silver.
 */
export async function settlePending(options: ReplayTools): Promise<number> {
  const { lake } = options;
  const [silver, quarantine] = await Promise.all([lake.table(SILVER), lake.table(QUARANTINE)]);
  let settled = 0;
  for (;;) {
    const rows = await untilSettled('taking replayed rows into Silver', async () => {
      const snapshot = await freshSilver(options);
      await quarantine.delta.refresh();
      const quarantined = await checkGeneration(quarantine.delta, lake.definition(QUARANTINE));
      const state = await settledBy(lake, snapshot);
      if (await hasUncounted(quarantine, quarantined, state.replayedMs)) {
        throw new TableError('pipeline/backfill-unfinished', `${QUARANTINE} version ${quarantined.version} has rows of a backfill that ${SILVER} version ${snapshot.version} has not counted: wait for the backfill that runs, or run "assay backfill silver" to finish it`);
      }
      const replayMs = await oldestPending(quarantine, quarantined, state);
      if (replayMs === null) return { done: true, rows: 0 };
      const pending = await judgePending(replayMs, state, quarantined, options);
      if (pending.reopened.length > 0) return (await resolve({ snapshot: quarantined, marked: pending.reopened, resolvedAt: null }, options)) ? { done: false, rows: 0 } : null;
      const progress = { appId: stageAppId(REPLAY, quarantine.delta.id), version: replayMs };
      const version = await mergeIntoSilver({ batch: pending.batch, tally: pending.tally, snapshot, progress, metrics: { numReplayedRows: String(pending.rows) } }, options);
      return version === null ? null : { done: false, rows: pending.rows };
    });
    settled += rows.rows;
    if (rows.done) break;
  }
  for (const { delta } of [silver, quarantine]) await delta.checkpointIfDue(options.checkpointInterval);
  return settled;
}

/** Before quarantine: rows that it does not leave to refine stay as they are. */
export async function freshSilver({ lake }: Pick<ReplayTools, 'lake'>): Promise<Snapshot> {
  const silver = await lake.table(SILVER);
  await silver.delta.refresh();
  return checkGeneration(silver.delta, lake.definition(SILVER));
}

async function oldestPending(quarantine: RowTable, snapshot: Snapshot, state: Settled): Promise<bigint | null> {
  return quarantine.engine.session(async (session) => {
    const found = await findWhere(session, quarantine, snapshot, isPending(state));
    if (found === null) return null;
    const [{ min }] = await session.bounds(found.rows, ['resolved_at']);
    return min === null ? null : replayMsOf(BigInt(min));
  });
}

interface Pending {
  readonly rows: number;
  readonly batch: RefineBatch;
  readonly tally: Tally;
  readonly reopened: readonly Marked[];
}

async function judgePending(replayMs: bigint, state: Settled, snapshot: Snapshot, options: ReplayTools): Promise<Pending> {
  const quarantine = await options.lake.table(QUARANTINE);
  const [batch, tally] = [new RefineBatch(options.pipeline, options.judge), new Tally()];
  const reopened: Marked[] = [];
  let rows = 0;
  await options.lake.engine.session(async (session) => {
    const found = await findWhere(session, quarantine, snapshot, isOfReplay(state, replayMs));
    if (found === null) return;
    // Without their payloads: they are read once more as they are judged.
    const places = await withoutPayload(quarantinedRows(session, found.rows, options.judge));
    const ingested = await ingestedAt(session, places, options);
    for await (const { row, payload, file, at } of quarantinedRows(session, found.rows, options.judge)) {
      const before = batch.rejected.length;
      batch.add({ ...row, ingestedUs: ingested.get(keyOf(row)) ?? null }, payload);
      if (batch.rejected.length > before) {
        batch.rejected.pop();
        reopened.push({ file: found.files[file], at, row });
      } else {
        tally.add('quarantine', row, -1);
        rows++;
      }
    }
  });
  return { rows, batch, tally, reopened };
}

async function withoutPayload(rows: AsyncIterable<QuarantinedRow>): Promise<BronzePlace[]> {
  const places: BronzePlace[] = [];
  for await (const { row } of rows) places.push(row);
  return places;
}

/** Quarantine does not keep it. A row that Bronze no longer has stays without. */
async function ingestedAt(session: RelationSession, places: readonly BronzePlace[], { lake }: ReplayTools): Promise<Map<string, bigint | null>> {
  const bronze = await lake.table(BRONZE);
  const keys = await session.values([
    { name: POSITION, kind: 'integer', values: Int32Array.from(places, (_place, i) => i) },
    { name: 'topic', kind: 'text', values: places.map(({ topic }) => topic) },
    { name: 'incarnation', kind: 'text', values: places.map(({ incarnation }) => incarnation) },
    { name: 'partition', kind: 'integer', values: Int32Array.from(places, ({ partition }) => partition) },
    { name: 'offset', kind: 'long', values: BigInt64Array.from(places, ({ offset }) => offset) },
  ]);
  const found = await findByKey(session, bronze, await bronze.delta.refresh(), { keys, key: SOURCE_COLUMNS, columns: ['ingested_at'] });
  const ingested = new Map<string, bigint | null>();
  if (found === null) return ingested;
  for await (const { rows, columns } of session.chunks(found.rows, [POSITION, 'ingested_at'])) {
    const [position, at] = columns as unknown as [number[], (bigint | null)[]];
    for (let i = 0; i < rows; i++) ingested.set(keyOf(places[position[i]]), at[i]);
  }
  return ingested;
}

function keyOf({ topic, incarnation, partition, offset }: BronzePlace): string {
  return `${offset}/${partition}/${topic}/${incarnation}`;
}
