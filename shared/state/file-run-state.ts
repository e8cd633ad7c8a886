import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { LeaseCell, NoteKind, StateCells } from './run-state.ts';
import { CellRunState } from './run-state.ts';

/** What we use of an object store; every ObjectStore fits. */
export interface StateObjects {
  get(key: string): Promise<Uint8Array | null>;
  put(key: string, body: Uint8Array): Promise<void>;
  putIfAbsent(key: string, body: Uint8Array): Promise<'created' | 'exists' | 'unknown'>;
  delete(key: string): Promise<void>;
  list(prefix: string): AsyncIterable<{ readonly key: string }>;
}

/** Run state as small objects, where there is no table service: `objects` is the store at `_assay/state`. */
export function fileRunState({ objects, clock = systemClock }: { objects: StateObjects; clock?: Clock }): CellRunState {
  return new CellRunState(new ObjectCells(objects), clock);
}

const GENERATION_DIGITS = 20;

/**
 * Notes are plain objects, the last writer wins. A lease is a row of generations, `lease/<name>/<20 digits>.json`: who creates the next one
 * has it, and put-if-absent lets one do so. The highest generation is never deleted; older ones are, by who goes beyond them.
 */
class ObjectCells implements StateCells {
  readonly #objects: StateObjects;

  constructor(objects: StateObjects) {
    this.#objects = objects;
  }

  async all(kind: NoteKind): Promise<ReadonlyMap<string, string>> {
    const values = new Map<string, string>();
    for await (const { key } of this.#objects.list(`${kind}/`)) {
      const body = await this.#objects.get(key);
      // Gone since the listing: as if it had gone before.
      if (body !== null) values.set(key.slice(kind.length + 1, -'.json'.length), textOf(body));
    }
    return values;
  }

  async set(kind: NoteKind, name: string, value: string): Promise<void> {
    await this.#objects.put(`${kind}/${name}.json`, new TextEncoder().encode(value));
  }

  async unset(kind: NoteKind, name: string): Promise<void> {
    await this.#objects.delete(`${kind}/${name}.json`);
  }

  async lease(name: string): Promise<LeaseCell> {
    for (;;) {
      const latest = (await this.#generations(name)).at(-1);
      if (latest === undefined) return { tag: null, value: null };
      const body = await this.#objects.get(keyOf(name, latest));
      // Deleted since the listing, so there is a higher one: look again.
      if (body !== null) return { tag: String(latest), value: textOf(body) };
    }
  }

  async swapLease(name: string, tag: string | null, value: string): Promise<string | null> {
    const next = tag === null ? 0n : BigInt(tag) + 1n;
    if ((await this.#objects.putIfAbsent(keyOf(name, next), new TextEncoder().encode(value))) !== 'created') return null;
    const generations = await this.#generations(name);
    const overtaken = generations.some((generation) => generation > next);
    // Others went beyond `next` and deleted it before we created it again: it was never ours.
    const past = generations.filter((generation) => (overtaken ? generation === next : generation < next));
    await Promise.all(past.map((generation) => this.#objects.delete(keyOf(name, generation))));
    return overtaken ? null : String(next);
  }

  /** Ascending. */
  async #generations(name: string): Promise<bigint[]> {
    const found: bigint[] = [];
    for await (const { key } of this.#objects.list(`lease/${name}/`)) found.push(BigInt(key.slice(-GENERATION_DIGITS - '.json'.length, -'.json'.length)));
    return found;
  }
}

function keyOf(name: string, generation: bigint): string {
  return `lease/${name}/${String(generation).padStart(GENERATION_DIGITS, '0')}.json`;
}

function textOf(body: Uint8Array): string {
  return new TextDecoder().decode(body);
}
