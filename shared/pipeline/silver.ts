import { FILE, ROW } from '../columnar/relation.ts';
import type { Relation, RelationSession } from '../columnar/relation.ts';
import type { AddFile } from '../delta/actions.ts';
import { changeRows, sortedUnique } from '../delta/operations/change-rows.ts';
import type { RowPositions } from '../delta/operations/change-rows.ts';
import { findByKey } from '../delta/operations/lookup.ts';
import type { FoundRows } from '../delta/operations/lookup.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { Tally } from './counts.ts';
import type { RefineOptions } from './refine-options.ts';
import { silverColumns } from './refine-batch.ts';
import type { Candidate, RefineBatch } from './refine-batch.ts';
import { ruleMetrics } from './rule-counts.ts';
import { compareStanding, isSameRecord, lossOf } from './standing.ts';
import type { Standing } from './standing.ts';
import { POSITION, SILVER, SOURCE_COLUMNS } from './tables.ts';

export interface SilverMerge {
  readonly batch: RefineBatch;
  /** Counts of the slice so far; Silver's own are added to a copy. */
  readonly tally: Tally;
  readonly snapshot: Snapshot;
  /** What is consumed once this is committed. */
  readonly progress: { readonly appId: string; readonly version: bigint };
  /** Of a source that is read again: its rows may have been counted before. */
  readonly isAgain?: boolean;
  /** Beside Silver's own. */
  readonly metrics?: Readonly<Record<string, string>>;
}

/** A stored row that a candidate met. */
interface Stored extends Standing {
  readonly position: number;
  readonly file: number;
  readonly row: bigint;
}

/** The slice's best candidates against the table, one commit with rows, replaced rows, counts and txn. Null: overtaken, plan again. */
export async function mergeIntoSilver(merge: SilverMerge, options: Omit<RefineOptions, 'judge'>): Promise<bigint | null> {
  const { pipeline: { key }, lateAfterMs } = options;
  const table = await options.lake.table(SILVER);
  const nowMs = options.clock.nowMs();
  const candidates = [...merge.batch.best.values()];
  const tally = new Tally();
  tally.merge(merge.tally);
  const done = options.observe('silver_write');
  const planned = await options.lake.engine.session(async (session) => {
    const rows = await session.values(silverColumns(candidates, { pipeline: options.pipeline, lateAfterMs, processedUs: BigInt(nowMs) * 1000n }));
    const found = await findByKey(session, table, merge.snapshot, { keys: session.select(rows, [...key, POSITION]), key, columns: standingColumns(options) });
    const stored = found ? await readStored(session, found, options) : [];
    const { winners, replaced } = contest(candidates, merge.batch, stored, tally);
    const remove = found ? positions(replaced, found.files) : new Map<AddFile, BigInt64Array>();
    const add = await pick(session, rows, winners, candidates.length);
    const change = await changeRows(session, table, merge.snapshot, { remove, add });
    return { ...change, remove, found: { key }, winners: winners.length };
  });
  if (merge.isAgain) tally.readAgain();
  const outcome = await table.delta.commit(merge.snapshot, transactionOf(table, merge.snapshot, planned, {
    operation: 'MERGE',
    operationParameters: { predicate: JSON.stringify(key.map((column) => `t.${column} = s.${column}`).join(' AND ')) },
    operationMetrics: { ...metrics(tally), numDuplicateKeys: String(merge.batch.duplicateKeys), ...merge.batch.drift.metrics(), ...ruleMetrics(merge.batch), ...merge.metrics },
    removalIntent: 'replace',
    actions: [{ txn: { ...merge.progress, lastUpdated: nowMs } }, ...tally.txns(merge.snapshot, nowMs)],
  }));
  if (outcome.kind === 'clash') return null;
  done({ rows: planned.winners, adds: planned.adds });
  return outcome.snapshot.version;
}

/** What decides between two rows of a key, beyond the key itself. */
function standingColumns({ pipeline: { key, eventTime } }: Pick<RefineOptions, 'pipeline'>): string[] {
  return [eventTime, 'kafka_timestamp', ...SOURCE_COLUMNS].filter((column) => !key.includes(column));
}

async function readStored(session: RelationSession, { rows }: FoundRows, { pipeline: { eventTime } }: Pick<RefineOptions, 'pipeline'>): Promise<Stored[]> {
  const stored: Stored[] = [];
  for await (const chunk of session.chunks(rows, [POSITION, FILE, ROW, eventTime, 'kafka_timestamp', ...SOURCE_COLUMNS])) {
    const [position, file, row, time, kafka, topic, incarnation, partition, offset] = chunk.columns as StoredColumns;
    for (let i = 0; i < chunk.rows; i++) {
      stored.push({
        position: position[i], file: file[i], row: row[i], timestampUs: time[i], kafkaTimestampUs: kafka[i],
        topic: topic[i], incarnation: incarnation[i], partition: partition[i], offset: offset[i],
      });
    }
  }
  return stored;
}

type StoredColumns = [number[], number[], bigint[], bigint[], (bigint | null)[], string[], string[], number[], bigint[]];

function positions(rows: readonly Stored[], files: readonly AddFile[]): RowPositions {
  const byFile = Map.groupBy(rows, ({ file }) => file);
  return new Map([...byFile].map(([file, stored]) => [files[file], sortedUnique(stored.map(({ row }) => row))]));
}

/** The candidates at these positions. Null: none. */
async function pick(session: RelationSession, rows: Relation, winners: readonly number[], candidates: number): Promise<Relation | null> {
  if (winners.length === 0) return null;
  if (winners.length === candidates) return rows;
  const winning = await session.values([{ name: POSITION, kind: 'integer', values: Int32Array.from(winners) }]);
  return session.semiJoin(rows, winning, [POSITION]);
}

/** Who stays: candidates that beat what is stored, and the rows they replace. Counts every loser once. */
function contest(candidates: readonly Candidate[], batch: RefineBatch, stored: readonly Stored[], tally: Tally): { winners: number[]; replaced: Stored[] } {
  const storedAt = new Map(stored.map((row) => [row.position, row]));
  const replaced: Stored[] = [];
  const winners: number[] = [];
  const finalOf = new Map<string, Standing>();
  for (const [position, candidate] of candidates.entries()) {
    const rival = storedAt.get(position);
    const wins = !rival || compareStanding(candidate, rival) < 0;
    const final = wins ? candidate : rival;
    if (batch.losers.length > 0) finalOf.set(batch.keyOf(candidate.values), final);
    if (wins) {
      winners.push(position);
      tally.add('silver', candidate);
      if (rival) {
        replaced.push(rival);
        tally.add('silver', rival, -1);
        tally.add(lossOf(rival, candidate), rival);
      }
    } else if (!isSameRecord(candidate, rival)) {
      tally.add(lossOf(candidate, rival), candidate);
    }
  }
  for (const loser of batch.losers) {
    const final = finalOf.get(batch.keyOf(loser.values))!;
    if (!isSameRecord(loser, final)) tally.add(lossOf(loser, final), loser);
  }
  return { winners, replaced };
}

function metrics(tally: Tally): Record<string, string> {
  const lost = tally.total('duplicate') + tally.total('superseded');
  return {
    numSourceRows: String(tally.total('bronze')),
    numTargetRowsInserted: String(tally.total('silver')),
    numDuplicateOrSupersededRows: String(lost),
    numQuarantinedRows: String(tally.total('quarantine')),
  };
}
