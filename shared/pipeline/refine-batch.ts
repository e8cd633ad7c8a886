import { TextCodes } from '../columnar/load-column.ts';
import type { LoadColumn } from '../columnar/load-column.ts';
import { Tally } from './counts.ts';
import type { ColumnDefinition, Pipeline } from './definition.ts';
import { Drift } from './drift.ts';
import type { Standing } from './standing.ts';
import { compareStanding } from './standing.ts';
import { POSITION, loadKind } from './tables.ts';
import { lateness } from './timestamp.ts';
import type { ColumnValue, RawRow, RoutedJudge } from './verdict.ts';

/** Where a row of Silver or quarantine comes from. Times are microseconds since the epoch. */
export interface BronzePlace extends Omit<Standing, 'timestampUs'> {
  readonly kafkaTimestampMs: number | null;
  readonly ingestedUs: bigint | null;
  readonly bronzeVersion: bigint;
}

export type Payload = Pick<RawRow, 'value' | 'valueBytes' | 'headers'>;

/** An accepted row. Its payload is let go: a slice may have many, and large ones. */
export interface Candidate extends Standing {
  readonly row: BronzePlace;
  readonly values: readonly ColumnValue[];
  readonly rescued: string | null;
  readonly flags: readonly string[];
}

export interface RejectedRow {
  readonly row: BronzePlace & Payload;
  readonly reason: string;
  readonly detail: string;
}

/** The judged rows of a slice: the best candidate of each key, those that lost to one inside the slice, and the rejected. */
export class RefineBatch {
  readonly best = new Map<string, Candidate>();
  readonly losers: Candidate[] = [];
  readonly rejected: RejectedRow[] = [];
  /** Rows that other pipelines take. */
  readonly elsewhere = new Tally();
  /** Keys that stood more than once in an accepted payload's outermost object: the last one counted. */
  duplicateKeys = 0;
  /** Of the accepted rows. */
  readonly drift = new Drift();
  readonly #judge: RoutedJudge;
  readonly #keyColumns: readonly number[];
  readonly #eventTime: number;

  constructor(pipeline: Pipeline, judge: RoutedJudge) {
    this.#judge = judge;
    const indexOf = (name: string) => pipeline.columns.findIndex((column) => column.name === name);
    this.#keyColumns = pipeline.key.map(indexOf);
    this.#eventTime = indexOf(pipeline.eventTime);
  }

  add(row: BronzePlace, payload: Payload): void {
    const verdict = this.#judge({ ...payload, topic: row.topic, kafkaTimestampMs: row.kafkaTimestampMs });
    if (verdict.kind === 'elsewhere') {
      this.elsewhere.add('elsewhere', row);
      return;
    }
    if (verdict.kind === 'rejected') {
      this.rejected.push({ row: { ...row, ...payload }, reason: verdict.reason, detail: verdict.detail });
      return;
    }
    const { topic, incarnation, partition, offset, kafkaTimestampUs } = row;
    const { values, rescued, flags } = verdict;
    this.duplicateKeys += verdict.duplicateKeys;
    if (rescued !== null) this.drift.add(rescued);
    const candidate: Candidate = { timestampUs: values[this.#eventTime] as bigint, kafkaTimestampUs, topic, incarnation, partition, offset, row, values, rescued, flags };
    const key = this.keyOf(values);
    const rival = this.best.get(key);
    if (!rival) {
      this.best.set(key, candidate);
    } else if (compareStanding(candidate, rival) < 0) {
      this.best.set(key, candidate);
      this.losers.push(rival);
    } else {
      this.losers.push(candidate);
    }
  }

  /** The key as one text; unambiguous also for several columns. */
  keyOf(values: readonly ColumnValue[]): string {
    if (this.#keyColumns.length === 1) return String(values[this.#keyColumns[0]]);
    return JSON.stringify(this.#keyColumns.map((i) => String(values[i])));
  }
}

/** Silver's columns for these rows, in the table's order. POSITION numbers them for later reference. */
export function silverColumns(rows: readonly Candidate[], options: { pipeline: Pipeline; lateAfterMs: number; processedUs: bigint }): LoadColumn[] {
  const { pipeline, lateAfterMs, processedUs } = options;
  const late = rows.map((row) => lateness(row.timestampUs, row.row.kafkaTimestampMs, lateAfterMs));
  const column = <T>(pick: (row: Candidate, i: number) => T): T[] => rows.map(pick);
  return [
    { name: POSITION, kind: 'integer', values: Int32Array.from(rows, (_row, i) => i) },
    ...pipeline.columns.map((definition, i) => pipelineColumn(definition, column((row) => row.values[i]))),
    { name: 'event_date', kind: 'date', values: Int32Array.from(rows, (row) => daysOf(row.timestampUs)) },
    { name: 'is_late', kind: 'boolean', values: late.map(({ isLate }) => isLate) },
    { name: 'late_by_ms', kind: 'long', values: late.map(({ lateByMs }) => lateByMs) },
    { name: 'rescued', kind: 'text', values: column((row) => row.rescued) },
    { name: 'rule_flags', kind: 'text', values: column((row) => (row.flags.length === 0 ? null : row.flags.join(','))) },
    ...sourceColumns(rows.map(({ row }) => row)),
    { name: 'rules_hash', kind: 'text', constant: pipeline.rulesHash },
    { name: 'ingested_at', kind: 'timestamp', values: column(({ row }) => row.ingestedUs) },
    { name: 'processed_at', kind: 'timestamp', constant: processedUs },
  ];
}

function pipelineColumn({ name, type, allowed, required }: ColumnDefinition, values: readonly ColumnValue[]): LoadColumn {
  if (required && allowed !== null) return codedColumn(name, values as string[]);
  if (required && type === 'double') return { name, kind: 'double', values: Float64Array.from(values as number[]) };
  if (required && (type === 'timestamp' || type === 'long')) return { name, kind: loadKind(type), values: BigInt64Array.from(values as bigint[]) };
  return { name, kind: loadKind(type), values };
}

/** Quarantine's columns. */
export function quarantineColumns(rows: readonly RejectedRow[], options: { pipeline: Pipeline; nowUs: bigint }): LoadColumn[] {
  return [
    ...sourceColumns(rows.map(({ row }) => row)),
    { name: 'value', kind: 'text', values: rows.map(({ row }) => row.value) },
    { name: 'value_bytes', kind: 'blob', values: rows.map(({ row }) => row.valueBytes) },
    { name: 'reason', kind: 'text', values: rows.map(({ reason }) => reason) },
    { name: 'detail', kind: 'text', values: rows.map(({ detail }) => detail) },
    { name: 'rules_hash', kind: 'text', constant: options.pipeline.rulesHash },
    { name: 'quarantined_at', kind: 'timestamp', constant: options.nowUs },
    { name: 'resolved_at', kind: 'timestamp', constant: null },
  ];
}

function sourceColumns(rows: readonly BronzePlace[]): LoadColumn[] {
  return [
    codedColumn('topic', rows.map(({ topic }) => topic)),
    codedColumn('incarnation', rows.map(({ incarnation }) => incarnation)),
    { name: 'partition', kind: 'integer', values: Int32Array.from(rows, ({ partition }) => partition) },
    { name: 'offset', kind: 'long', values: BigInt64Array.from(rows, ({ offset }) => offset) },
    { name: 'kafka_timestamp', kind: 'timestamp', values: rows.map(({ kafkaTimestampUs }) => kafkaTimestampUs) },
    { name: 'bronze_version', kind: 'long', values: BigInt64Array.from(rows, ({ bronzeVersion }) => bronzeVersion) },
  ];
}

/** A column of texts of which only few differ. */
function codedColumn(name: string, values: readonly string[]): LoadColumn {
  const texts = new TextCodes();
  const codes = Int32Array.from(values, (value) => texts.code(value));
  return { name, kind: 'text', codes, texts: texts.texts };
}

const US_PER_DAY = 86_400_000_000n;

/** Days since the epoch, floored. */
function daysOf(us: bigint): number {
  const days = us / US_PER_DAY;
  return Number(us % US_PER_DAY < 0n ? days - 1n : days);
}
