/**
 * The closed set of failures, named by what the caller should do.
 * An expected outcome (a lost commit race, nothing to do) is a return value, never one of these; a bug is an `assert`.
 */

/** Facts that are safe to log: never a payload, a record key or a secret. */
export type Facts = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;

export type Retry = 'now' | 'later' | 'never';

export interface ErrorDetail {
  readonly facts?: Facts;
  readonly cause?: unknown;
}

const BRAND = Symbol.for('assay.error');

export abstract class AssayError extends Error {
  readonly [BRAND] = true;
  abstract readonly retry: Retry;
  /** Stable, `area/what`, for example `storage/timeout`. Never match on the message. */
  readonly code: string;
  readonly facts: Facts;

  constructor(code: string, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = new.target.name;
    this.code = code;
    this.facts = detail.facts ?? {};
  }
}

/** Also for a failure out of the built bundle, whose classes are other ones than those of the sources. */
export function isAssayError(error: unknown): error is AssayError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** Trouble outside that passes: throttling, a timeout, a broker away. The host redelivers or the next tick tries again. */
export class TransientError extends AssayError {
  override readonly retry = 'later';
}

/** Another writer won more often than the retry budget allows. */
export class ConflictError extends AssayError {
  override readonly retry = 'now';
}

/** A setting or a pipeline file is wrong. One error lists every problem. */
export class ConfigError extends AssayError {
  override readonly retry = 'never';
}

/** The table is not what it must be: unsupported feature, gap in the log, missing file. Stop this table; never repair silently. */
export class TableError extends AssayError {
  override readonly retry = 'never';
}

/** A model is not usable: hash, shape, opset. Keep the last good one. */
export class ModelError extends AssayError {
  override readonly retry = 'never';
}

/** Fails on a bug of ours. On in production: a broken invariant must stop the invocation. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}
