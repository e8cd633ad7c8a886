import type { Schedule } from '../../shared/ncrontab.ts';
import type { HostClock } from './host-clock.ts';
import type { TypedData } from './rpc.ts';

export interface TimerLoopOptions {
  readonly schedule: Schedule;
  /** One run; never rejects. */
  readonly run: (timer: TypedData) => Promise<void>;
  readonly clock: HostClock;
}

/** A tick this late was missed, by a run that took longer than the schedule or by a machine asleep. */
const pastDueMs = 1000;

/** Fires at every occurrence, one run at a time. Ticks missed meanwhile come to one late run, marked IsPastDue. */
export class TimerLoop {
  readonly #options: TimerLoopOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: TimerLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  /** Lets a run that has begun end. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #loop(): Promise<void> {
    const { schedule, run, clock } = this.#options;
    const { signal } = this.#stopping;
    let lastMs = clock.nowMs();
    let dueMs = schedule.next(lastMs);
    for (;;) {
      while (!signal.aborted && clock.nowMs() < dueMs) await clock.wait(dueMs - clock.nowMs(), signal);
      if (signal.aborted) return;
      const startMs = clock.nowMs();
      await run(timerInput({ lastMs, nextMs: schedule.next(startMs), isPastDue: startMs - dueMs >= pastDueMs }));
      lastMs = startMs;
      dueMs = schedule.next(Math.max(dueMs, startMs));
    }
  }
}

/** What the host sends: PascalCase JSON, which the library turns into camelCase. */
export function timerInput({ lastMs, nextMs, isPastDue }: { lastMs: number; nextMs: number; isPastDue: boolean }): TypedData {
  const [Last, Next] = [new Date(lastMs).toISOString(), new Date(nextMs).toISOString()];
  return { json: JSON.stringify({ Schedule: { AdjustForDST: true }, ScheduleStatus: { Last, LastUpdated: Last, Next }, IsPastDue: isPastDue }) };
}
