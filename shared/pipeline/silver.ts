import { quote } from '../columnar/sql-text.ts';
import type { Session } from '../columnar/duckdb.ts';
import { removeOf } from '../delta/actions.ts';
import type { AddFile } from '../delta/actions.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { Tally } from './counts.ts';
import { pruneByKey } from './prune.ts';
import type { RefineOptions } from './refine-options.ts';
import { silverColumns } from './refine-batch.ts';
import type { Candidate, RefineBatch } from './refine-batch.ts';
import type { Slice } from './slice.ts';
import { stageAppId } from './stage.ts';
import { compareStanding, isSameRecord, lossOf } from './standing.ts';
import type { Standing } from './standing.ts';
import { POSITION, SILVER } from './tables.ts';
import type { TableIo } from './table-io.ts';

export interface SilverMerge {
  readonly slice: Slice;
  readonly batch: RefineBatch;
  /** Counts of the slice so far; Silver's own are added to a copy. */
  readonly tally: Tally;
  readonly snapshot: Snapshot;
  readonly sourceId: string;
}

/** A stored row that a candidate met. */
interface Stored extends Standing {
  readonly position: number;
  readonly file: string;
}

/** The slice's best candidates against the table, one commit with rows, replaced rows, counts and txn. Null: overtaken, plan again. */
export async function mergeIntoSilver(merge: SilverMerge, options: RefineOptions): Promise<bigint | null> {
  const table = await options.lake.table(SILVER);
  const nowMs = options.clock.nowMs();
  const candidates = [...merge.batch.best.values()];
  const tally = new Tally();
  tally.merge(merge.tally);
  const done = options.observe('silver_write');
  const written = await options.lake.engine.session(async (session) => {
    await session.load('candidates', silverColumns(candidates, { pipeline: options.pipeline, lateAfterMs: options.lateAfterMs, processedUs: BigInt(nowMs) * 1000n }));
    const possible = await pruneByKey(session, merge.snapshot, options.pipeline.key, 'candidates');
    return table.scan(merge.snapshot, possible, async (scan, localPath) => {
      const stored = possible.length === 0 ? [] : await findStored(session, scan, options);
      const { winners, replaced } = contest(candidates, merge.batch, stored, tally);
      const touched = possible.filter((add) => replaced.has(localPath(add)));
      const adds = await writeWinners(session, { table, winners, touched, snapshot: merge.snapshot, key: options.pipeline.key });
      return { adds, touched, rows: winners.length };
    });
  });
  const outcome = await table.delta.commit(merge.snapshot, {
    operation: 'MERGE',
    operationParameters: { predicate: JSON.stringify(options.pipeline.key.map((column) => `t.${column} = s.${column}`).join(' AND ')) },
    operationMetrics: { ...metrics(tally, written), numDuplicateKeys: String(merge.batch.duplicateKeys) },
    removalIntent: 'replace',
    actions: [
      { txn: { appId: stageAppId('refine', merge.sourceId), version: merge.slice.to, lastUpdated: nowMs } },
      ...tally.txns(merge.snapshot, nowMs),
      ...written.touched.map((add) => ({ remove: removeOf(add, { nowMs, dataChange: true }) })),
      ...written.adds.map((add) => ({ add })),
    ],
    reads: 'table',
  });
  if (outcome.kind === 'clash') return null;
  done({ rows: written.rows, adds: written.adds });
  return outcome.snapshot.version;
}

async function findStored(session: Session, scan: string, { pipeline }: RefineOptions): Promise<Stored[]> {
  const on = pipeline.key.map((column) => `s.${quote(column)} = c.${quote(column)}`).join(' AND ');
  const rows = await session.rows(`SELECT c.${quote(POSITION)} AS position, s._file, epoch_us(s.${quote(pipeline.eventTime)}) AS event_time, epoch_us(s.kafka_timestamp) AS kafka,
    s.topic, s.incarnation, s."partition", s."offset" FROM (${scan}) s JOIN candidates c ON ${on}`);
  return rows.map((row) => ({
    position: row['position'] as number, file: row['_file'] as string, timestampUs: row['event_time'] as bigint, kafkaTimestampUs: row['kafka'] as bigint | null,
    topic: row['topic'] as string, incarnation: row['incarnation'] as string, partition: row['partition'] as number, offset: row['offset'] as bigint,
  }));
}

/** Who stays: candidates that beat what is stored, and the files whose rows they replace. Counts every loser once. */
function contest(candidates: readonly Candidate[], batch: RefineBatch, stored: readonly Stored[], tally: Tally): { winners: number[]; replaced: Set<string> } {
  const storedAt = new Map(stored.map((row) => [row.position, row]));
  const replaced = new Set<string>();
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
        replaced.add(rival.file);
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

interface Writing {
  readonly table: TableIo;
  readonly winners: readonly number[];
  readonly touched: readonly AddFile[];
  readonly snapshot: Snapshot;
  readonly key: readonly string[];
}

/** Copy-on-write: the winners, and what else stood in the files they touch. */
async function writeWinners(session: Session, { table, winners, touched, snapshot, key }: Writing): Promise<AddFile[]> {
  if (winners.length === 0) return [];
  await session.load('winning', [{ name: POSITION, kind: 'integer', values: winners }]);
  const position = quote(POSITION);
  await session.run(`CREATE OR REPLACE TEMP VIEW winner_rows AS SELECT * EXCLUDE (${position}) FROM candidates SEMI JOIN winning USING (${position})`);
  if (touched.length === 0) return table.write(session, 'winner_rows');
  return table.scan(snapshot, touched, async (scan) => {
    const using = key.map(quote).join(', ');
    await session.run(`CREATE OR REPLACE TEMP TABLE kept AS SELECT * EXCLUDE (_file) FROM (${scan}) ANTI JOIN winner_rows USING (${using})`);
    await session.run('CREATE OR REPLACE TEMP VIEW merged AS SELECT * FROM kept UNION ALL BY NAME SELECT * FROM winner_rows');
    return table.write(session, 'merged');
  });
}

function metrics(tally: Tally, written: { adds: readonly AddFile[]; touched: readonly AddFile[] }): Record<string, string> {
  const lost = tally.total('duplicate') + tally.total('superseded');
  return {
    numSourceRows: String(tally.total('bronze')),
    numTargetRowsInserted: String(tally.total('silver')),
    numDuplicateOrSupersededRows: String(lost),
    numQuarantinedRows: String(tally.total('quarantine')),
    numTargetFilesAdded: String(written.adds.length),
    numTargetFilesRemoved: String(written.touched.length),
  };
}
