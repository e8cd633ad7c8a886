import { isUtf8 } from 'node:buffer';
import { TextCodes } from '../columnar/load-column.ts';
import type { LoadColumn } from '../columnar/load-column.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { writeFiles } from '../delta/operations/write.ts';
import type { NewFiles } from '../delta/operations/write.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { KafkaRecord } from '../sources/record.ts';
import type { LanePlan } from './bronze-plan.ts';
import type { Pipeline } from './definition.ts';

/** Records → Bronze's Parquet files, raw (semantics.md, sections 2 and 3). Nothing is visible before the commit that names them. */
export async function writeRecords(plans: readonly LanePlan[], table: RowTable, snapshot: Snapshot, { pipeline, nowMs }: { pipeline: Pipeline; nowMs: number }): Promise<NewFiles> {
  return table.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values(bronzeColumns(plans, pipeline, nowMs))));
}

function bronzeColumns(plans: readonly LanePlan[], pipeline: Pipeline, nowMs: number): LoadColumn[] {
  const records = plans.flatMap((plan) => plan.records);
  const column = <T>(pick: (record: KafkaRecord) => T): T[] => records.map(pick);
  const asText = new Map(pipeline.topics.map(({ name, payload }) => [name, payload === 'text']));
  const isText = (record: KafkaRecord) => record.value !== null && record.value.length > 0 && (asText.get(record.topic) ?? true) && isUtf8(record.value);
  const nonEmpty = (bytes: Uint8Array | null) => (bytes === null || bytes.length === 0 ? null : bytes);
  const textual = column(isText);
  const keyTextual = column((record) => record.key !== null && isUtf8(record.key));
  return [
    laneColumn('topic', plans),
    laneColumn('incarnation', plans),
    { name: 'partition', kind: 'integer', values: Int32Array.from(records, (record) => record.partition) },
    { name: 'offset', kind: 'long', values: BigInt64Array.from(records, (record) => record.offset) },
    { name: 'kafka_timestamp', kind: 'timestamp', values: column(brokerTimeUs) },
    { name: 'timestamp_type', kind: 'text', values: column((record) => record.timestampType) },
    { name: 'key', kind: 'utf8', values: records.map((record, i) => (keyTextual[i] ? record.key : null)) },
    { name: 'key_bytes', kind: 'blob', values: records.map((record, i) => (keyTextual[i] ? null : record.key)) },
    { name: 'value', kind: 'utf8', emptyIsNull: true, values: records.map((record, i) => (textual[i] ? record.value : null)) },
    { name: 'value_bytes', kind: 'blob', emptyIsNull: true, values: records.map((record, i) => (textual[i] ? null : nonEmpty(record.value))) },
    { name: 'headers', kind: 'headers', values: column((record) => (record.headers.length === 0 ? null : record.headers)) },
    { name: 'ingested_at', kind: 'timestamp', constant: BigInt(nowMs) * 1000n },
    { name: 'ingest_date', kind: 'date', constant: Math.floor(nowMs / 86_400_000) },
  ];
}

/** What all records of a partition have in common, as a code a record. */
function laneColumn(name: 'topic' | 'incarnation', plans: readonly LanePlan[]): LoadColumn {
  const [texts, codes] = [new TextCodes(), new Int32Array(plans.reduce((sum, { records }) => sum + records.length, 0))];
  let at = 0;
  for (const plan of plans) {
    codes.fill(texts.code(plan[name]), at, at + plan.records.length);
    at += plan.records.length;
  }
  return { name, kind: 'text', codes, texts: texts.texts };
}

const YEAR_10000_MS = 253_402_300_800_000;

/** Null where the record has none, or one past every engine's calendar, as a producer's clock may write it: no reason to stop. */
function brokerTimeUs({ timestampMs }: KafkaRecord): bigint | null {
  return timestampMs < 0 || timestampMs >= YEAR_10000_MS ? null : BigInt(timestampMs) * 1000n;
}
