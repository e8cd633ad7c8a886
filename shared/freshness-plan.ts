/**
 * One knob, `TARGET_FRESHNESS`: how long a record may wait before each step takes it up. It sets the trigger's window and batch and the timers of
 * refine and score. Fewer seconds cost more executions and more storage requests; docs/benchmarks.md has the numbers.
 */
export interface FreshnessPlan {
  /** The trigger's `subscriberIntervalInSeconds`: a batch goes out after it at the latest. */
  readonly windowS: number;
  /** The trigger's `maxBatchSize`: a fuller batch goes out earlier. */
  readonly batchRecordsMax: number;
  /** NCRONTAB; score ticks half-way between two refines. */
  readonly refineSchedule: string;
  readonly scoreSchedule: string;
}

/** What a batch may take of an instance's memory: records of the largest size times their number (semantics.md, section 3). */
export const BATCH_BYTES_MAX = 256 * 1024 * 1024;
/** A batch holds what a window brings up to this rate; above it batches go out before their window ends. */
const RECORDS_PER_S = 2000;
/** Small windows bring small batches by themselves; a backlog is read in large ones all the same. */
const BATCH_RECORDS_MIN = 10_000;
/** A window is time in which records sit in memory, and each instance has one open. */
const WINDOW_S_MAX = 300;

/** Periods after which a cron schedule begins anew without a shorter step at the full minute, or hour. */
const DIVISORS_OF_60 = [60, 30, 20, 15, 12, 10, 6, 5, 4, 3, 2, 1];

export function planFreshness({ targetS, messageBytesMax }: { targetS: number; messageBytesMax: number }): FreshnessPlan {
  const windowS = Math.min(targetS, WINDOW_S_MAX);
  const fitting = Math.max(1, Math.floor(BATCH_BYTES_MAX / messageBytesMax));
  return { windowS, batchRecordsMax: Math.min(fitting, Math.max(BATCH_RECORDS_MIN, windowS * RECORDS_PER_S)), ...schedules(targetS) };
}

/** The app settings that lay window and batch over host.json. */
export function hostOverrides({ windowS, batchRecordsMax }: Pick<FreshnessPlan, 'windowS' | 'batchRecordsMax'>): Record<string, string> {
  const prefix = 'AzureFunctionsJobHost__extensions__kafka__';
  return { [`${prefix}subscriberIntervalInSeconds`]: String(windowS), [`${prefix}maxBatchSize`]: String(batchRecordsMax) };
}

/** The longest period within the target that divides the minute, or the hour. */
function schedules(targetS: number): Pick<FreshnessPlan, 'refineSchedule' | 'scoreSchedule'> {
  const within = (most: number) => DIVISORS_OF_60.find((period) => period <= most)!;
  const every = (start: number, period: number) => (period === 1 ? '*' : `${start === 0 ? '*' : start}/${period}`);
  if (targetS < 60) {
    const period = within(targetS);
    return { refineSchedule: `${every(0, period)} * * * * *`, scoreSchedule: `${every(Math.floor(period / 2), period)} * * * * *` };
  }
  const minutes = within(Math.floor(targetS / 60));
  const half = minutes % 2 === 0 ? `0 ${minutes / 2}` : `30 ${(minutes - 1) / 2}`;
  const [second, minute] = half.split(' ').map(Number) as [number, number];
  if (minutes === 60) return { refineSchedule: '0 0 * * * *', scoreSchedule: '0 30 * * * *' };
  return { refineSchedule: `0 ${every(0, minutes)} * * * *`, scoreSchedule: `${second} ${every(minute, minutes)} * * * *` };
}
