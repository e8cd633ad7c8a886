import { createHash } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import type { Chance } from './chance.ts';

/** A process of the simulated world. Once it is not alive, nothing it waits for ever settles: the process is gone, no error is thrown. */
export interface Actor {
  readonly name: string;
  alive: boolean;
  /** How often it gets a turn, as against others. */
  weight: number;
  /** Does nothing before; −Infinity where it is awake. */
  frozenUntilTurn: number;
}

/** What went wrong in a run: a promise of the tables was broken, or the run never came to its end. */
export class SimulationFailure extends Error {}

interface Pending {
  readonly actor: Actor;
  readonly what: string;
  /** For a sleep: not before. */
  readonly dueMs: number;
  readonly isSleep: boolean;
  /** Called in its turn. */
  readonly act: (isStale: boolean) => void;
  /** The clock jumped while it was on its way. */
  isStale: boolean;
}

/**
 * One turn at a time: whatever a worker waits for (an operation of storage, a call to the broker, a sleep) is registered here, and when
 * nothing else can run, chance picks which of them goes on. Between turns only microtasks run, so the same seed gives the same trace.
 */
export class Scheduler {
  nowMs: number;
  turns = 0;
  readonly #chance: Chance;
  readonly #pending: Pending[] = [];
  readonly #hash = createHash('sha256');
  readonly #lines: string[] | null;
  #note = '';
  #failure: SimulationFailure | null = null;

  constructor(options: { readonly chance: Chance; readonly startMs: number; readonly keepTrace: boolean }) {
    this.#chance = options.chance;
    this.nowMs = options.startMs;
    this.#lines = options.keepTrace ? [] : null;
  }

  actor(name: string): Actor {
    return { name, alive: true, weight: 1, frozenUntilTurn: Number.NEGATIVE_INFINITY };
  }

  /** Resolves with what `act` gives in its turn, or rejects with what it throws; never, if the actor is dead by then. */
  turn<T>(actor: Actor, what: string, act: (isStale: boolean) => T): Promise<T> {
    return this.#register(actor, what, null, act);
  }

  async sleep(actor: Actor, ms: number): Promise<void> {
    await this.#register(actor, 'wakes', Math.ceil(ms), () => undefined);
  }

  /** The clock of an actor. `skewMs`: its host's clock goes wrong by so much. */
  clock(actor: Actor, chance: Chance, skewMs = 0): Clock {
    return {
      nowMs: () => this.nowMs + skewMs,
      monotonicMs: () => this.nowMs,
      sleep: (ms) => this.sleep(actor, ms),
      random: () => chance.next(),
      uuid: () => chance.uuid(),
    };
  }

  /** Further words for the trace about the turn that is on. */
  note(text: string): void {
    this.#note += ` ${text}`;
  }

  /** Ends the run. The first failure counts. */
  fail(message: string): void {
    this.#failure ??= new SimulationFailure(message);
  }

  kill(actor: Actor): void {
    actor.alive = false;
    for (let i = this.#pending.length - 1; i >= 0; i--) if (this.#pending[i].actor === actor) this.#pending.splice(i, 1);
  }

  /** Nobody has an operation on its way: all sleep, or are frozen. */
  get isQuiet(): boolean {
    return this.#pending.every(({ isSleep, actor }) => isSleep || actor.frozenUntilTurn > this.turns);
  }

  /** Time passes at once. What was on its way did not arrive. */
  jump(ms: number): void {
    this.nowMs += ms;
    for (const pending of this.#pending) if (!pending.isSleep) pending.isStale = true;
  }

  /** Takes turns until done. Fails with a SimulationFailure. Returns the digest of the trace. */
  async run(isDone: () => boolean, turnsMax: number): Promise<string> {
    for (;;) {
      // A macrotask later every microtask has run: each actor waits for a turn.
      await new Promise<void>((resolve) => { setImmediate(resolve); });
      if (this.#failure) throw this.#failure;
      if (isDone()) return this.#hash.copy().digest('hex');
      if (this.turns >= turnsMax) throw new SimulationFailure(`not done after ${turnsMax} turns; waiting: ${this.#pending.map(({ actor, what }) => `${actor.name} ${what}`).join(', ')}`);
      this.#take(this.#choose());
    }
  }

  get trace(): readonly string[] {
    return this.#lines ?? [];
  }

  #register<T>(actor: Actor, what: string, sleepMs: number | null, act: (isStale: boolean) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!actor.alive) return;
      this.#pending.push({
        actor, what, isSleep: sleepMs !== null, dueMs: this.nowMs + (sleepMs ?? 0), isStale: false,
        act: (isStale) => {
          let result: T;
          try {
            result = act(isStale);
          } catch (error) {
            if (actor.alive) reject(error);
            return;
          }
          if (actor.alive) resolve(result);
        },
      });
    });
  }

  #take(pending: Pending): void {
    this.#pending.splice(this.#pending.indexOf(pending), 1);
    this.turns++;
    this.nowMs = Math.max(this.nowMs + this.#chance.between(1, 30), pending.dueMs);
    this.#note = '';
    pending.act(pending.isStale);
    const line = `${this.turns} ${this.nowMs} ${pending.actor.name} ${pending.what}${this.#note}`;
    this.#hash.update(line);
    this.#lines?.push(line);
  }

  /** By weight among those that may go on now; where all sleep, the one that wakes first. */
  #choose(): Pending {
    const awake = this.#pending.filter(({ actor }) => actor.frozenUntilTurn <= this.turns);
    if (awake.length === 0) {
      const [frozen] = this.#pending.toSorted((a, b) => a.actor.frozenUntilTurn - b.actor.frozenUntilTurn);
      if (!frozen) throw new SimulationFailure('nobody waits for anything, and the run is not done');
      frozen.actor.frozenUntilTurn = Number.NEGATIVE_INFINITY;
      return this.#choose();
    }
    const ready = awake.filter(({ dueMs }) => dueMs <= this.nowMs);
    // Now and then time passes while operations are on their way.
    if (ready.length === 0 || this.#chance.happens(0.02)) return awake.reduce((first, each) => (each.dueMs < first.dueMs ? each : first));
    let left = this.#chance.next() * ready.reduce((sum, { actor }) => sum + actor.weight, 0);
    for (const pending of ready) {
      left -= pending.actor.weight;
      if (left < 0) return pending;
    }
    return ready[ready.length - 1];
  }
}
