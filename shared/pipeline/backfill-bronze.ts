import type { Predicate } from '../columnar/predicate.ts';
import { FILE, ROW } from '../columnar/relation.ts';
import type { ReadColumn } from '../columnar/relation.ts';
import type { AddFile } from '../delta/actions.ts';
import { scanFiles, scanLive } from '../delta/operations/scan.ts';
import type { ScannedFile } from '../delta/operations/scan.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { DeltaTable } from '../delta/table.ts';
import { TableError } from '../errors.ts';
import { expiredBefore } from './expired.ts';
import type { Lake } from './lake.ts';
import type { BronzePlace, Payload } from './refine-batch.ts';
import type { RecordHeader } from './route.ts';
import { rowsOf } from './stage.ts';
import { BRONZE, SOURCE_COLUMNS } from './tables.ts';
import type { RoutedJudge } from './verdict.ts';

/** Days of `ingest_date` since 1970, both ends included; null: no end. */
export interface DayRange {
  readonly from: number | null;
  readonly to: number | null;
}

export const ALL_DAYS: DayRange = { from: null, to: null };

const MS_PER_DAY = 86_400_000;
const US_PER_DAY = 86_400_000_000n;

export function isAllDays({ from, to }: DayRange): boolean {
  return from === null && to === null;
}

/** By when a row came into Bronze. */
export function isInDays(ingestedUs: bigint | null, { from, to }: DayRange): boolean {
  if (from === null && to === null) return true;
  if (ingestedUs === null) return false;
  const day = Number(ingestedUs / US_PER_DAY);
  return (from === null || day >= from) && (to === null || day <= to);
}

export function dayText(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
}

/**
 * Bronze as Silver has consumed it. Failures: TableError `backfill/rereading` where its log no longer reaches that version, so that refine is about to
 * read it whole; `backfill/bronze-expired` where days of the range have expired, or where rows are missing that refine has counted.
 */
export async function consumedBronze(lake: Lake, refined: bigint, { countedRows, days }: { countedRows: bigint; days: DayRange }): Promise<Snapshot> {
  const bronze = await lake.table(BRONZE);
  const expired = expiredBefore(await bronze.delta.refresh());
  if (expired !== null && (days.from === null || days.from < expired)) {
    throw new TableError('backfill/bronze-expired', `backfill of Silver from ${days.from === null ? 'the beginning' : dayText(days.from)}: Bronze's rows of before ${dayText(expired)} have expired and can't be judged again; backfill with --from ${dayText(expired)} or later, or restore Bronze to a version that has them`);
  }
  const snapshot = await versionOf(bronze.delta, refined < 0n ? 0n : refined);
  const files = [...snapshot.files.values()];
  const rows = rowsOf(files);
  if (expired !== null || rows === countedRows) return snapshot;
  const first = files.map(({ partitionValues }) => partitionValues['ingest_date']).filter((day) => typeof day === 'string').sort()[0] ?? 'none';
  throw new TableError('backfill/bronze-expired', `backfill of Silver: Bronze version ${snapshot.version} holds ${rows} of the ${countedRows} rows that refine has read; its first ingest_date is ${first}. What is missing can't be recomputed; restore Bronze to a version that has it`);
}

async function versionOf(bronze: DeltaTable, version: bigint): Promise<Snapshot> {
  try {
    return await bronze.at(version);
  } catch (cause) {
    if (!(cause instanceof TableError && cause.code === 'delta/no-such-version')) throw cause;
    throw new TableError('backfill/rereading', `backfill of Silver: refine has read ${BRONZE} up to version ${version}, which is gone from its log; let refine go on from there ("assay run"), then backfill`, { cause });
  }
}

const COLUMNS: readonly ReadColumn[] = [...SOURCE_COLUMNS, 'kafka_timestamp', 'value', 'value_bytes', 'ingested_at', FILE, ROW];
type Columns = [string[], string[], number[], bigint[], (bigint | null)[], (string | null)[], (Uint8Array | null)[], (bigint | null)[], number[], bigint[], (readonly RecordHeader[] | null)[] | undefined];

/** Every row of a version of Bronze, or some, ready for the judge. A row is said to be of the version that is read here, for which commit brought it the log may have forgotten. */
export async function eachBronzeRow(
  { lake, judge, readsHeaders }: { lake: Lake; judge: RoutedJudge; readsHeaders?: boolean }, snapshot: Snapshot, take: (row: BronzePlace, payload: Payload, at: { readonly file: number; readonly row: bigint }) => void,
  some: { readonly files?: Iterable<AddFile>; readonly where?: Predicate; readonly rows?: readonly ScannedFile[] } = {},
): Promise<void> {
  const bronze = await lake.table(BRONZE);
  await lake.engine.session(async (session) => {
    const scan = some.rows ? await scanFiles(session, bronze, snapshot, some.rows) : await scanLive(session, bronze, snapshot, some.files);
    for await (const { rows, columns } of session.chunks(some.where ? session.where(scan, some.where) : scan, readsHeaders ? [...COLUMNS, 'headers'] : COLUMNS)) {
      const [topic, incarnation, partition, offset, kafka, value, bytes, ingested, file, at, headers] = columns as unknown as Columns;
      await judge.prepare?.(Array.from({ length: rows }, (_row, i) => ({ topic: topic[i], value: value[i], valueBytes: bytes[i], kafkaTimestampMs: null })));
      for (let i = 0; i < rows; i++) {
        const kafkaTimestampUs = kafka[i];
        take({
          topic: topic[i], incarnation: incarnation[i], partition: partition[i], offset: offset[i], kafkaTimestampUs,
          kafkaTimestampMs: kafkaTimestampUs === null ? null : Number(kafkaTimestampUs / 1000n), ingestedUs: ingested[i], bronzeVersion: snapshot.version,
        }, { value: value[i], valueBytes: bytes[i], headers: headers?.[i] ?? null }, { file: file[i], row: at[i] });
      }
    }
  });
}

/** A record's place as one text. */
export function placeOf({ topic, incarnation, partition, offset }: Pick<BronzePlace, 'topic' | 'incarnation' | 'partition' | 'offset'>): string {
  return `${offset}/${partition}/${topic}/${incarnation}`;
}
