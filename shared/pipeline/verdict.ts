import type { RecordHeader } from './route.ts';

/** What refine learns of one Bronze row. Column values stand in the order of `Pipeline.columns`. */
export type Verdict = Accepted | Rejected;

export interface Accepted {
  readonly kind: 'accepted';
  /** id, string: string. timestamp: bigint microseconds since the epoch (UTC). double: number. long: bigint. boolean. null: absent optional. */
  readonly values: readonly ColumnValue[];
  /** JSON text of the fields the pipeline does not name, source text per field; null if none. */
  readonly rescued: string | null;
  /** Names of `flag` rules that the row broke. */
  readonly flags: readonly string[];
  readonly duplicateKeys: number;
}

export interface Rejected {
  readonly kind: 'rejected';
  readonly reason: string;
  /** For people; never longer than 200 characters; may quote the payload (it goes to the quarantine table only). */
  readonly detail: string;
}

/** Another pipeline's, by its route. */
export interface Elsewhere {
  readonly kind: 'elsewhere';
}

export type ColumnValue = string | bigint | number | boolean | null;

export interface RawRow {
  /** Says which format the payload has. */
  readonly topic: string;
  /** Absent where no route looks at headers. */
  readonly headers?: readonly RecordHeader[] | null;
  /** The payload as text, where Bronze has text. */
  readonly value: string | null;
  /** The payload's bytes, where Bronze has bytes instead. */
  readonly valueBytes: Uint8Array | null;
  /** Milliseconds since the epoch; null where the broker gave none. */
  readonly kafkaTimestampMs: number | null;
}

/** Judges one row by semantics.md section 4; made once per pipeline by `compileRules`. Pure once the row is prepared. */
export interface Judge<V = Verdict> {
  (row: RawRow): V;
  /**
   * To be awaited before these rows are judged: asks for the schemas that they name. Absent where no topic has schemas.
   * Failures: those of the registry; a registry that can't be reached is no verdict.
   */
  readonly prepare?: (rows: readonly RawRow[]) => Promise<void>;
}

/** A judge that leaves rows to other pipelines. */
export type RoutedJudge = Judge<Verdict | Elsewhere>;
