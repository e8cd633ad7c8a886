import type { FramedFormat } from '../formats/schemas.ts';

/**
 * A pipeline as data (semantics.md, section 1): what `pipelines/*.json` holds after validation. No stage names a column that
 * stands in it; stages ask for the key, the event time, the partitioning and the features by role.
 */
export interface Pipeline {
  readonly name: string;
  /** `assay.generation`: raised by hand with every change of schema or rules. */
  readonly generation: number;
  readonly topics: readonly TopicDefinition[];
  /** Names of columns; together unique over the whole Silver table. */
  readonly key: readonly string[];
  /** Name of the one required timestamp column that orders versions of a key. */
  readonly eventTime: string;
  /** In this order: the order in which `missing_…` and then `invalid_…` are tested. */
  readonly columns: readonly ColumnDefinition[];
  /** After all columns are valid, in this order. */
  readonly rules: readonly RuleDefinition[];
  readonly partitionBy: readonly string[];
  readonly zOrderBy: readonly string[];
  /** Whether the tables whose rows are replaced are made with deletion vectors, or copy the files that a change touches. Only at creation. */
  readonly deletionVectors: boolean;
  /** Names of numeric columns that the model sees. */
  readonly features: readonly string[];
  readonly model: ModelDefinition;
  /** sha-256 (first 16 hex digits) of what decides the verdict and the columns of Silver. */
  readonly rulesHash: string;
}

/** Which of a topic's records a pipeline takes: those whose header, or field of the payload, has one of these values. */
export interface RouteDefinition {
  readonly by: { readonly kind: 'header'; readonly name: string } | { readonly kind: 'field'; readonly path: readonly string[] };
  readonly equals: readonly string[];
}

export interface TopicDefinition {
  readonly name: string;
  readonly payload: 'text' | 'bytes';
  /** What stands in a payload; all but `json` in Confluent's framing, by schemas of a registry. */
  readonly format: 'json' | FramedFormat;
  /** A layer around the whole payload. */
  readonly compression: 'none' | 'gzip';
  /** Which of its records the pipeline takes; null: all. */
  readonly where: RouteDefinition | null;
  /** Where a topic without progress begins. */
  readonly start: 'earliest' | 'latest' | { readonly timestampMs: number };
}

/**
 * - `id`: a string without lone surrogate or NUL, at most 1,024 UTF-8 bytes, not trimmed; or a JSON integer taken as its source text.
 * - `string`: a JSON string without lone surrogates, which UTF-8 cannot hold (with `allowed`: exactly one of them, else `unknown_<name>`).
 * - `timestamp`: semantics.md section 4, point 7. `double`: point 9. `long`: an integer (number or text) within int64. `boolean`.
 */
export type ColumnType = 'id' | 'string' | 'timestamp' | 'double' | 'long' | 'boolean';

export interface ColumnDefinition {
  readonly name: string;
  readonly type: ColumnType;
  /** Segments of the JSON path: `$.a.b` is `['a', 'b']`. */
  readonly path: readonly string[];
  /** Absent, null or "" is `missing_<name>`; else it becomes null. Key, event time and partition columns are always required. */
  readonly required: boolean;
  readonly allowed: readonly string[] | null;
}

export interface RuleDefinition {
  /** The quarantine reason, or the flag. */
  readonly name: string;
  readonly column: string;
  readonly check:
    | { readonly kind: 'range'; readonly min: number | null; readonly max: number | null }
    | { readonly kind: 'length'; readonly min: number | null; readonly max: number | null }
    | { readonly kind: 'pattern'; readonly pattern: RegExp }
    | { readonly kind: 'set'; readonly values: readonly (string | number | boolean)[] };
  /** `flag`: the row is kept, `rule_flags` names the rule. `fail`: the slice stops with a TableError. */
  readonly action: 'quarantine' | 'flag' | 'fail';
}

export interface ModelDefinition {
  readonly name: string;
  readonly trees: number;
  readonly maxSamples: number;
  /** 'auto' (offset −0.5) or the share of training rows below the cut, in (0, 0.5]. */
  readonly contamination: 'auto' | number;
  readonly seed: number;
}
