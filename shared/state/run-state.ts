import type { Clock } from '../clock.ts';
import { assert } from '../errors.ts';

/** Operator state: what people and runs tell each other. Losing all of it loses no data and no progress. */
export interface RunState {
  /** A paused stage does nothing until it is resumed. Pausing again overwrites the reason and the time. */
  pause(stage: string, why: string): Promise<void>;
  resume(stage: string): Promise<void>;
  /** By stage. */
  paused(): Promise<ReadonlyMap<string, Pause>>;

  /**
   * Keeps two instances from doing the same work twice at a time. No fencing: it ends by itself after `ttlMs`, judged by each machine's clock,
   * even while its holder still works. Only Delta's own commits keep a table right. `null`: somebody else holds it.
   */
  tryLease(name: string, ttlMs: number): Promise<Lease | null>;

  /** The last run of a stage, for status and the dashboard. The latest call stays. */
  note(stage: string, summary: RunSummary): Promise<void>;
  /** By stage. */
  summaries(): Promise<ReadonlyMap<string, RunSummary>>;
}

export interface Pause {
  readonly sinceMs: number;
  readonly why: string;
}

export interface Lease {
  /** Another `ttlMs` from now. `false`: it had ended and somebody else took it; stop. */
  renew(): Promise<boolean>;
  /** Nothing happens where it was lost. */
  release(): Promise<void>;
}

export interface RunSummary {
  readonly atMs: number;
  /** The kind of the outcome, or `failed`. */
  readonly outcome: string;
  /** Safe to show: an error's code and message. Cut at 8,000 characters. */
  readonly error?: string;
}

export type NoteKind = 'pause' | 'summary';

/** Small named texts in a store, with one that changes only against a tag: all that a RunState needs of its backend. */
export interface StateCells {
  all(kind: NoteKind): Promise<ReadonlyMap<string, string>>;
  set(kind: NoteKind, name: string, value: string): Promise<void>;
  unset(kind: NoteKind, name: string): Promise<void>;

  lease(name: string): Promise<LeaseCell>;
  /** The new tag, or `null` where the cell is not the one of `tag` any more. After a lost answer also `null`, though it is written: read it back. */
  swapLease(name: string, tag: string | null, value: string): Promise<string | null>;
}

/** Both `null` where there never was one. */
export interface LeaseCell {
  readonly tag: string | null;
  readonly value: string | null;
}

interface LeaseValue {
  /** Fresh with every write, so that our own write is recognised after a lost answer. */
  readonly nonce: string;
  readonly expiresMs: number;
}

const NAME = /^[A-Za-z0-9._-]{1,100}$/;
const ERROR_CHARS_MAX = 8_000;

/** The rules of a RunState over any backend's cells. */
export class CellRunState implements RunState {
  readonly #cells: StateCells;
  readonly #clock: Clock;

  constructor(cells: StateCells, clock: Clock) {
    this.#cells = cells;
    this.#clock = clock;
  }

  async pause(stage: string, why: string): Promise<void> {
    const pause: Pause = { sinceMs: this.#clock.nowMs(), why };
    await this.#cells.set('pause', checked(stage), JSON.stringify(pause));
  }

  async resume(stage: string): Promise<void> {
    await this.#cells.unset('pause', checked(stage));
  }

  async paused(): Promise<ReadonlyMap<string, Pause>> {
    return parsed<Pause>(await this.#cells.all('pause'));
  }

  async note(stage: string, summary: RunSummary): Promise<void> {
    const { error } = summary;
    const stored = error === undefined ? summary : { ...summary, error: error.slice(0, ERROR_CHARS_MAX) };
    await this.#cells.set('summary', checked(stage), JSON.stringify(stored));
  }

  async summaries(): Promise<ReadonlyMap<string, RunSummary>> {
    return parsed<RunSummary>(await this.#cells.all('summary'));
  }

  async tryLease(name: string, ttlMs: number): Promise<Lease | null> {
    const { tag, value } = await this.#cells.lease(checked(name));
    const held = value === null ? null : (JSON.parse(value) as LeaseValue);
    if (held !== null && held.expiresMs > this.#clock.nowMs()) return null;
    const taken = await this.#swap(name, tag, ttlMs);
    return taken === null ? null : this.#leaseOf(name, ttlMs, taken);
  }

  #leaseOf(name: string, ttlMs: number, taken: string): Lease {
    let tag: string | null = taken;
    return {
      renew: async () => {
        if (tag !== null) tag = await this.#swap(name, tag, ttlMs);
        return tag !== null;
      },
      release: async () => {
        if (tag !== null) await this.#swap(name, tag, 0);
        tag = null;
      },
    };
  }

  async #swap(name: string, tag: string | null, ttlMs: number): Promise<string | null> {
    const value = JSON.stringify({ nonce: this.#clock.uuid(), expiresMs: this.#clock.nowMs() + ttlMs } satisfies LeaseValue);
    const swapped = await this.#cells.swapLease(name, tag, value);
    if (swapped !== null) return swapped;
    const now = await this.#cells.lease(name);
    return now.value === value ? now.tag : null;
  }
}

function checked(name: string): string {
  assert(NAME.test(name), `the name ${JSON.stringify(name)} of a stage or lease is not 1 to 100 letters, digits, ".", "_" or "-"`);
  return name;
}

function parsed<T>(values: ReadonlyMap<string, string>): ReadonlyMap<string, T> {
  return new Map([...values].map(([name, value]) => [name, JSON.parse(value) as T]));
}
