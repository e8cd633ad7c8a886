import type { Clock } from './clock.ts';
import { TableError } from './errors.ts';
import type { RunState } from './state/run-state.ts';

const PAUSE_READ_EVERY_MS = 15_000;
const NOTE_EVERY_MS = 60_000;
/** One may come of a worker that was frozen for long and plans right the next time. */
const TABLE_ERRORS_MAX = 3;

/** A stage's view of the state: asks rarely, notes what changed. */
export class StageState {
  readonly #state: RunState;
  readonly #clock: Clock;
  #paused: ReadonlyMap<string, unknown> = new Map();
  #readMs = Number.NEGATIVE_INFINITY;
  readonly #noted = new Map<string, { outcome: string; atMs: number }>();
  readonly #tableErrors = new Map<string, { code: string; times: number }>();

  constructor(state: RunState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** At most 15 s old. */
  async isPaused(stage: string): Promise<boolean> {
    if (this.#clock.nowMs() - this.#readMs >= PAUSE_READ_EVERY_MS) {
      this.#paused = await this.#state.paused();
      this.#readMs = this.#clock.nowMs();
    }
    return this.#paused.has(stage);
  }

  /**
   * A stage that fails the same way again and again for a table's sake is paused: neither waiting nor trying mends a table (architecture.md,
   * section 6). Returns what to say of it, once; else null.
   */
  async failed(stage: string, error: unknown): Promise<string | null> {
    const code = error instanceof TableError ? error.code : null;
    const before = this.#tableErrors.get(stage);
    if (code === null) {
      this.#tableErrors.delete(stage);
      return null;
    }
    const times = before?.code === code ? before.times + 1 : 1;
    this.#tableErrors.set(stage, { code, times });
    if (times < TABLE_ERRORS_MAX) return null;
    const { message } = error as Error;
    await this.#state.pause(stage, `${code}: ${message}`);
    this.#tableErrors.delete(stage);
    this.#readMs = Number.NEGATIVE_INFINITY;
    return `${stage} is paused after ${times} failures in a row: ${code}: ${message} Nothing is lost: what it would read waits. Mend the table, then: assay resume ${stage}`;
  }

  succeeded(stage: string): void {
    this.#tableErrors.delete(stage);
  }

  /** Written when the outcome is another than before, or the last note is a minute old. */
  async note(stage: string, outcome: string, error?: string): Promise<void> {
    const [last, atMs] = [this.#noted.get(stage), this.#clock.nowMs()];
    if (last?.outcome === outcome && atMs - last.atMs < NOTE_EVERY_MS) return;
    await this.#state.note(stage, { atMs, outcome, ...(error === undefined ? {} : { error }) });
    this.#noted.set(stage, { outcome, atMs });
  }
}
