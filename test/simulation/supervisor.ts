import type { Clock } from '../../shared/clock.ts';
import { isAssayError } from '../../shared/errors.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import type { Actor } from './scheduler.ts';
import { SimStore } from './sim-store.ts';
import type { World } from './world.ts';

/** What a process has of the world. */
export interface Host {
  readonly actor: Actor;
  readonly clock: Clock;
  readonly store: ObjectStore;
}

/** Wraps a process's store, to make it do what a wrong program would do. */
export type Mutant = (store: ObjectStore) => ObjectStore;

const SKEW_MS_MAX = 5 * 60_000;

/** Starts processes, and others in their place when they die. */
export class Supervisor {
  readonly #world: World;
  readonly #mutant: Mutant;
  readonly #mains = new Map<string, (host: Host) => Promise<void>>();
  readonly #actor: Actor;
  readonly #actors: Actor[] = [];

  constructor(world: World, mutant: Mutant = (store) => store) {
    this.#world = world;
    this.#mutant = mutant;
    this.#actor = world.scheduler.actor('supervisor');
    world.onDeath = (actor) => { void this.#restart(actor); };
  }

  /** `main` runs, in one process after the other, until the run ends. What it throws ends the run. */
  keep(name: string, main: (host: Host) => Promise<void>): void {
    this.#mains.set(name, main);
    this.#start(name);
  }

  /** All processes end, and none is started again. */
  end(): void {
    this.#mains.clear();
    for (const actor of this.#actors) this.#world.scheduler.kill(actor);
  }

  #start(name: string): void {
    const { scheduler, chance } = this.#world;
    const actor = scheduler.actor(`${name}.${this.#actors.length + 1}`);
    this.#actors.push(actor);
    actor.weight = chance.magnitude(1, 20);
    const clock = scheduler.clock(actor, chance.fork(), chance.between(-SKEW_MS_MAX, SKEW_MS_MAX));
    this.#mains.get(name)!({ actor, clock, store: this.#mutant(new SimStore(this.#world, actor)) }).catch((error: unknown) => {
      scheduler.fail(`${actor.name}: ${describe(error)}`);
    });
  }

  async #restart(actor: Actor): Promise<void> {
    const name = actor.name.slice(0, actor.name.lastIndexOf('.'));
    if (!this.#mains.has(name)) return;
    await this.#world.scheduler.sleep(this.#actor, this.#world.chance.magnitude(10, 120_000));
    if (this.#mains.has(name)) this.#start(name);
  }
}

/** A frozen process may find that what its old snapshot names was vacuumed, or cleaned from the log: a new snapshot must do. */
const GONE = new Set(['storage/missing-file', 'delta/missing-file', 'delta/version-gone']);
const GONE_MAX = 8;
const IDLE_FACTOR_MAX = 32;

/**
 * Again and again, as a timer does, ever more slowly while there is nothing to do. Trouble that passes is tried again later, what does not
 * pass ends the run.
 */
export async function keepDoing({ clock }: Host, pauseMs: number, task: () => Promise<{ readonly more: boolean }>): Promise<void> {
  let [gone, idle] = [0, 1];
  for (;;) {
    let more = false;
    try {
      ({ more } = await task());
      gone = 0;
      idle = more ? 1 : Math.min(idle * 2, IDLE_FACTOR_MAX);
    } catch (error) {
      if (!isAssayError(error) || (error.retry === 'never' && !(GONE.has(error.code) && ++gone <= GONE_MAX))) throw error;
    }
    await clock.sleep(more ? 1 : pauseMs * idle * (0.5 + clock.random()));
  }
}

export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
