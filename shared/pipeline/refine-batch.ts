import type { LoadColumn } from '../columnar/duckdb.ts';
import type { Pipeline } from './definition.ts';
import type { Standing } from './standing.ts';
import { compareStanding } from './standing.ts';
import { loadKind } from './tables.ts';
import { lateness } from './timestamp.ts';
import type { ColumnValue, Judge, RawRow } from './verdict.ts';

/** One Bronze row on its way into Silver or quarantine. Times are microseconds since the epoch. */
export interface BronzeRow extends Omit<Standing, 'timestampUs'>, RawRow {
  readonly ingestedUs: bigint | null;
  readonly bronzeVersion: bigint;
}

export interface Candidate extends Standing {
  readonly row: BronzeRow;
  readonly values: readonly ColumnValue[];
  readonly rescued: string | null;
  readonly flags: readonly string[];
}

export interface RejectedRow {
  readonly row: BronzeRow;
  readonly reason: string;
  readonly detail: string;
}

/** The judged rows of a slice: the best candidate of each key, those that lost to one inside the slice, and the rejected. */
export class RefineBatch {
  readonly best = new Map<string, Candidate>();
  readonly losers: Candidate[] = [];
  readonly rejected: RejectedRow[] = [];
  readonly #judge: Judge;
  readonly #keyColumns: readonly number[];
  readonly #eventTime: number;

  constructor(pipeline: Pipeline, judge: Judge) {
    this.#judge = judge;
    const indexOf = (name: string) => pipeline.columns.findIndex((column) => column.name === name);
    this.#keyColumns = pipeline.key.map(indexOf);
    this.#eventTime = indexOf(pipeline.eventTime);
  }

  add(row: BronzeRow): void {
    const verdict = this.#judge(row);
    if (verdict.kind === 'rejected') {
      this.rejected.push({ row, reason: verdict.reason, detail: verdict.detail });
      return;
    }
    const { topic, incarnation, partition, offset, kafkaTimestampUs } = row;
    const { values, rescued, flags } = verdict;
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

/** Silver's columns for these rows, in the table's order. `position` numbers them for later reference. */
export function silverColumns(rows: readonly Candidate[], options: { pipeline: Pipeline; lateAfterMs: number; processedUs: bigint }): LoadColumn[] {
  const { pipeline, lateAfterMs, processedUs } = options;
  const late = rows.map((row) => lateness(row.timestampUs, row.row.kafkaTimestampMs, lateAfterMs));
  const column = <T>(pick: (row: Candidate, i: number) => T): T[] => rows.map(pick);
  return [
    { name: 'position', kind: 'integer', values: column((_row, i) => i) },
    ...pipeline.columns.map(({ name, type }, i): LoadColumn => ({ name, kind: loadKind(type), values: column((row) => row.values[i]) })),
    { name: 'event_date', kind: 'date', values: column((row) => daysOf(row.timestampUs)) },
    { name: 'is_late', kind: 'boolean', values: late.map(({ isLate }) => isLate) },
    { name: 'late_by_ms', kind: 'long', values: late.map(({ lateByMs }) => lateByMs) },
    { name: 'rescued', kind: 'text', values: column((row) => row.rescued) },
    { name: 'rule_flags', kind: 'text', values: column((row) => (row.flags.length === 0 ? null : row.flags.join(','))) },
    ...sourceColumns(rows.map(({ row }) => row)),
    { name: 'rules_hash', kind: 'text', values: column(() => pipeline.rulesHash) },
    { name: 'ingested_at', kind: 'timestamp', values: column(({ row }) => row.ingestedUs) },
    { name: 'processed_at', kind: 'timestamp', values: column(() => processedUs) },
  ];
}

/** Quarantine's columns. */
export function quarantineColumns(rows: readonly RejectedRow[], options: { pipeline: Pipeline; nowUs: bigint }): LoadColumn[] {
  return [
    ...sourceColumns(rows.map(({ row }) => row)),
    { name: 'value', kind: 'text', values: rows.map(({ row }) => row.value) },
    { name: 'value_bytes', kind: 'blob', values: rows.map(({ row }) => row.valueBytes) },
    { name: 'reason', kind: 'text', values: rows.map(({ reason }) => reason) },
    { name: 'detail', kind: 'text', values: rows.map(({ detail }) => detail) },
    { name: 'rules_hash', kind: 'text', values: rows.map(() => options.pipeline.rulesHash) },
    { name: 'quarantined_at', kind: 'timestamp', values: rows.map(() => options.nowUs) },
    { name: 'resolved_at', kind: 'timestamp', values: rows.map(() => null) },
  ];
}

function sourceColumns(rows: readonly BronzeRow[]): LoadColumn[] {
  return [
    { name: 'topic', kind: 'text', values: rows.map(({ topic }) => topic) },
    { name: 'incarnation', kind: 'text', values: rows.map(({ incarnation }) => incarnation) },
    { name: 'partition', kind: 'integer', values: rows.map(({ partition }) => partition) },
    { name: 'offset', kind: 'long', values: rows.map(({ offset }) => offset) },
    { name: 'kafka_timestamp', kind: 'timestamp', values: rows.map(({ kafkaTimestampUs }) => kafkaTimestampUs) },
    { name: 'bronze_version', kind: 'long', values: rows.map(({ bronzeVersion }) => bronzeVersion) },
  ];
}

const US_PER_DAY = 86_400_000_000n;

/** Days since the epoch, floored. */
function daysOf(us: bigint): number {
  const days = us / US_PER_DAY;
  return Number(us % US_PER_DAY < 0n ? days - 1n : days);
}
