import type { ReadColumn } from '../columnar/relation.ts';
import { scanLive } from '../delta/operations/scan.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { TableError } from '../errors.ts';
import type { Lake } from './lake.ts';
import type { BronzePlace, Payload } from './refine-batch.ts';
import type { RecordHeader } from './route.ts';
import { BRONZE, SOURCE_COLUMNS } from './tables.ts';
import type { RoutedJudge } from './verdict.ts';

const COLUMNS: readonly ReadColumn[] = [...SOURCE_COLUMNS, 'kafka_timestamp', 'value', 'value_bytes', 'ingested_at', 'headers'];
type Columns = [string[], string[], number[], bigint[], (bigint | null)[], (string | null)[], (Uint8Array | null)[], (bigint | null)[], (readonly RecordHeader[] | null)[]];

/**
 * Bronze as Silver has consumed it. Failures: those of `DeltaTable.at`, where its log no longer reaches that version; TableError
 * `backfill/bronze-expired` where rows are missing that refine has counted.
 */
export async function consumedBronze(lake: Lake, refined: bigint, countedRows: bigint): Promise<Snapshot> {
  const bronze = await lake.table(BRONZE);
  const snapshot = await bronze.delta.at(refined);
  const { rows, first } = await bronze.engine.session(async (session) => {
    const scan = await scanLive(session, bronze, snapshot);
    const [{ min }] = await session.bounds(scan, ['ingest_date']);
    return { rows: BigInt(await session.count(scan)), first: min };
  });
  if (rows === countedRows) return snapshot;
  const date = first === null ? 'none' : new Date(Number(first) * 86_400_000).toISOString().slice(0, 10);
  throw new TableError('backfill/bronze-expired', `backfill of Silver: Bronze version ${refined} holds ${rows} of the ${countedRows} rows that refine has read; its first ingest_date is ${date}. What came before can't be recomputed; restore Bronze to a version that has it`);
}

/** Every row of a version of Bronze, ready for the judge. A row is said to be of the version that is read here, for which commit brought it the log may have forgotten. */
export async function eachBronzeRow({ lake, judge }: { lake: Lake; judge: RoutedJudge }, snapshot: Snapshot, take: (row: BronzePlace, payload: Payload) => void): Promise<void> {
  const bronze = await lake.table(BRONZE);
  await lake.engine.session(async (session) => {
    for await (const { rows, columns } of session.chunks(await scanLive(session, bronze, snapshot), COLUMNS)) {
      const [topic, incarnation, partition, offset, kafka, value, bytes, ingested, headers] = columns as unknown as Columns;
      await judge.prepare?.(Array.from({ length: rows }, (_row, i) => ({ topic: topic[i], value: value[i], valueBytes: bytes[i], kafkaTimestampMs: null })));
      for (let i = 0; i < rows; i++) {
        const kafkaTimestampUs = kafka[i];
        take({
          topic: topic[i], incarnation: incarnation[i], partition: partition[i], offset: offset[i], kafkaTimestampUs,
          kafkaTimestampMs: kafkaTimestampUs === null ? null : Number(kafkaTimestampUs / 1000n), ingestedUs: ingested[i], bronzeVersion: snapshot.version,
        }, { value: value[i], valueBytes: bytes[i], headers: headers[i] ?? null });
      }
    }
  });
}

/** A record's place as one text. */
export function placeOf({ topic, incarnation, partition, offset }: Pick<BronzePlace, 'topic' | 'incarnation' | 'partition' | 'offset'>): string {
  return `${offset}/${partition}/${topic}/${incarnation}`;
}
