import { crc32 } from 'node:zlib';
import { TransientError } from '../../shared/errors.ts';
import type { Chance } from './chance.ts';
import { drawFault, isDone } from './faults.ts';
import type { FaultKind, Weather } from './faults.ts';
import { Ledger } from './ledger.ts';
import type { Actor, Scheduler } from './scheduler.ts';

export interface StoredObject {
  readonly body: Uint8Array;
  readonly lastModifiedMs: number;
}

/** One operation of storage, as the world sees it. */
export interface Operation<T> {
  readonly name: string;
  readonly key: string;
  readonly isWrite: boolean;
  /** What the caller is told where nothing tells what happened; else it is thrown a TransientError. */
  readonly unsure?: T;
  /** What the caller is told where its own first put is met by its second. */
  readonly metItself?: T;
  readonly effect: () => T;
}

/** A put that has been on its way for longer is refused for its date (x-ms-date may be 15 minutes old). */
const ON_ITS_WAY_MS_MAX = 15 * 60_000;
const HOUR_MS = 3_600_000;

/** The objects that all workers share, and what befalls their operations. */
export class World {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly objects = new Map<string, StoredObject>();
  readonly ledger: Ledger;
  readonly counts = new Map<FaultKind | 'jump' | 'late put', number>();
  /** Listings come in pages of so many. */
  readonly pageKeys: number;
  readonly #weather: Weather;
  readonly #network: Actor;
  #inFlight = 0;
  #nights = 0;
  #isCalm = false;
  /** Called when a process has died. */
  onDeath: (actor: Actor) => void = () => undefined;
  /** Called when time has jumped: what others do meanwhile. */
  onJump: () => void = () => undefined;

  constructor(options: { readonly scheduler: Scheduler; readonly chance: Chance; readonly weather: Weather }) {
    this.scheduler = options.scheduler;
    this.chance = options.chance;
    this.#weather = options.weather;
    this.#network = this.scheduler.actor('network');
    this.pageKeys = this.chance.pick([1_000, 1_000, 1_000, 15]);
    this.ledger = new Ledger({ fail: (message) => this.scheduler.fail(message), exists: (key) => this.objects.has(key) });
  }

  /** From now on nothing fails. */
  calmDown(): void {
    this.#isCalm = true;
  }

  get isCalm(): boolean {
    return this.#isCalm;
  }

  /** Nothing is on its way any more. */
  get isSettled(): boolean {
    return this.#inFlight === 0 && this.#nights === 0;
  }

  /** An operation of an actor, in its turn, with whatever befalls it. */
  async attempt<T>(actor: Actor, operation: Operation<T>): Promise<T> {
    const { name, key, isWrite, metItself } = operation;
    const result = await this.scheduler.turn(actor, `${name} ${key}`, (isStale) => {
      if (isStale) return this.#unsure(operation, 'late');
      const fault = this.#isCalm ? null : drawFault(this.#weather, { isWrite, isConditional: metItself !== undefined }, this.chance);
      return fault === null ? operation.effect() : this.#befall(fault, actor, operation);
    });
    // What a frozen process is told it learns when it goes on.
    if (actor.frozenUntilTurn > this.scheduler.turns) await this.scheduler.turn(actor, 'thaws', () => undefined);
    return result;
  }

  #befall<T>(fault: FaultKind, actor: Actor, operation: Operation<T>): T {
    this.count(fault);
    this.scheduler.note(`(${fault})`);
    if (fault === 'stall') {
      this.#freeze(actor);
      return operation.effect();
    }
    if (fault === 'slow-put') this.#putLater(operation);
    const before = isDone(fault) ? operation.effect() : undefined;
    if (fault.startsWith('crash') || (fault === 'slow-put' && this.chance.happens(0.2))) {
      this.scheduler.kill(actor);
      this.onDeath(actor);
      return undefined as T;
    }
    // Somebody else's object was there already: the answer is as good as any.
    if (fault === 'own-write-exists') return operation.metItself ?? (before as T);
    return fault === 'throttle' ? this.#refuse(operation, fault) : this.#unsure(operation, fault);
  }

  #unsure<T>(operation: Operation<T>, why: string): T {
    return operation.unsure ?? this.#refuse(operation, why);
  }

  #refuse(operation: Operation<unknown>, why: string): never {
    throw new TransientError('storage/unavailable', `${operation.name} of ${operation.key} failed by the simulation's wish (${why})`);
  }

  #putLater(operation: Operation<unknown>): void {
    const sentMs = this.scheduler.nowMs;
    this.#inFlight++;
    const arrive = async () => {
      await this.scheduler.sleep(this.#network, this.chance.magnitude(50, this.chance.happens(0.1) ? ON_ITS_WAY_MS_MAX : 30_000));
      await this.scheduler.turn(this.#network, `brings ${operation.name} ${operation.key}`, () => {
        this.#inFlight--;
        if (this.scheduler.nowMs - sentMs > ON_ITS_WAY_MS_MAX) return;
        this.count('late put');
        operation.effect();
      });
    };
    void arrive();
  }

  /** The process stands still; when all others rest, hours or days pass at once. */
  #freeze(actor: Actor): void {
    actor.frozenUntilTurn = Number.POSITIVE_INFINITY;
    const ms = this.chance.magnitude(HOUR_MS, 45 * 24 * HOUR_MS);
    const night = this.scheduler.actor('night');
    this.#nights++;
    const fall = async () => {
      await this.scheduler.sleep(night, this.chance.magnitude(10, 20_000));
      for (let i = 0; i < 60 && !this.scheduler.isQuiet; i++) await this.scheduler.sleep(night, 100);
      await this.scheduler.turn(night, `passes, ${ms} ms`, () => {
        this.scheduler.jump(ms);
        this.count('jump');
        this.onJump();
        actor.frozenUntilTurn = Number.NEGATIVE_INFINITY;
        this.#nights--;
      });
    };
    void fall();
  }

  store(key: string, body: Uint8Array): void {
    const isTaken = this.objects.has(key);
    if (isTaken && !key.endsWith('_last_checkpoint')) this.scheduler.fail(`${key} was overwritten`);
    this.objects.set(key, { body: body.slice(), lastModifiedMs: this.scheduler.nowMs });
    this.scheduler.note(`${body.byteLength} ${crc32(body).toString(16)}`);
    if (!isTaken) this.ledger.landed(key, body, this.scheduler.nowMs);
  }

  delete(key: string): void {
    if (this.objects.delete(key)) this.ledger.deleted(key);
  }

  count(what: FaultKind | 'jump' | 'late put'): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
