import { ConfigError } from '../../shared/errors.ts';

/** Where a repeatable run begins on its own timeline. */
export const START_MS = Date.UTC(2025, 3, 1, 17, 30);
export const RATE_PER_S = 200;

/** All that an event depends on beside its index. Plain JSON: kept beside the log it fills, so that a later run goes on with it. */
export interface StreamOptions {
  /** A safe integer, not negative. */
  readonly seed: number;
  /** The stream's own time of event 0, milliseconds since the epoch. Event i happens 1000/ratePerS · i ms later. */
  readonly startMs: number;
  readonly ratePerS: number;
  readonly partitions: number;
  /** A live stream that was stopped: from event `index` on, time starts anew at `startMs`. Ascending; absent for a stream on its own time. */
  readonly restarts?: readonly Restart[];
}

export interface Restart {
  readonly index: number;
  readonly startMs: number;
}

export function checkStream(options: StreamOptions): void {
  const problems: string[] = [];
  if (!Number.isSafeInteger(options.seed) || options.seed < 0) problems.push(`seed is ${options.seed}, not an integer from 0`);
  if (!Number.isSafeInteger(options.startMs) || options.startMs < 0) problems.push(`startMs is ${options.startMs}, not milliseconds since the epoch`);
  if (!(options.ratePerS > 0 && options.ratePerS <= 1e6)) problems.push(`ratePerS is ${options.ratePerS}, not within (0, 1000000]`);
  if (!Number.isInteger(options.partitions) || options.partitions < 1) problems.push(`partitions is ${options.partitions}, not an integer from 1`);
  if (problems.length > 0) throw new ConfigError('producer/stream', `The stream of events can't be made: ${problems.join('; ')}. Correct these options.`);
}

/** The stream's time of event `index`, whole milliseconds. */
export function eventTimeMs(options: StreamOptions, index: number): number {
  const restarts = options.restarts ?? [];
  let from: Restart = { index: 0, startMs: options.startMs };
  for (let i = restarts.length - 1; i >= 0; i--) {
    if (restarts[i].index > index) continue;
    from = restarts[i];
    break;
  }
  return from.startMs + Math.floor(((index - from.index) * 1_000) / options.ratePerS);
}
