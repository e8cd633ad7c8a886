import { readFile, writeFile } from 'node:fs/promises';
import type { Clock } from '../../shared/clock.ts';
import { systemClock } from '../../shared/clock.ts';
import { TransientError } from '../../shared/errors.ts';
import { checkKey, compareKeys, joinKey } from '../../shared/storage/keys.ts';
import type { ObjectInfo, ObjectStore, PutFileOutcome, PutOutcome } from '../../shared/storage/object-store.ts';

export type StoreOperation = 'get' | 'head' | 'putIfAbsent' | 'put' | 'putFile' | 'getFile' | 'list' | 'delete';

/**
 * `throttle`: refused before anything was done. `lost-reply`: done, but the answer is lost. `fail-before`: not done, and the
 * caller can't know that. For `putIfAbsent` the last two are the outcome `unknown`; everything else throws a TransientError.
 */
export type Fault = 'none' | 'throttle' | 'lost-reply' | 'fail-before';

export interface MemoryStoreOptions {
  /** Asked before each operation; the key is the whole one, from the root store. */
  readonly faults?: (operation: StoreOperation, key: string) => Fault;
  readonly clock?: Clock;
}

interface Stored {
  readonly body: Uint8Array;
  readonly lastModifiedMs: number;
}

/** The store of tests: in memory, with the real contract, and faults on demand. */
export class MemoryStore implements ObjectStore {
  readonly url: string;
  readonly #root: { readonly objects: Map<string, Stored>; readonly options: MemoryStoreOptions; readonly clock: Clock; readonly url: string };
  readonly #prefix: string;

  constructor(options: MemoryStoreOptions = {}, below?: { readonly of: MemoryStore; readonly prefix: string }) {
    const clock = options.clock ?? systemClock;
    this.#root = below === undefined ? { objects: new Map(), options, clock, url: `memory:${clock.uuid()}` } : below.of.#root;
    this.#prefix = below?.prefix ?? '';
    this.url = joinKey(this.#root.url, this.#prefix).replace(/\/$/, '');
  }

  async get(key: string): Promise<Uint8Array | null> {
    return this.#run('get', key, (name) => this.#root.objects.get(name)?.body.slice() ?? null);
  }

  async head(key: string): Promise<ObjectInfo | null> {
    return this.#run('head', key, (name) => {
      const found = this.#root.objects.get(name);
      return found === undefined ? null : { key, size: found.body.byteLength, lastModifiedMs: found.lastModifiedMs };
    });
  }

  async putIfAbsent(key: string, body: Uint8Array): Promise<PutOutcome> {
    const name = this.#name(key);
    const fault = this.#fault('putIfAbsent', name);
    if (fault === 'throttle') throw failed('putIfAbsent', name, fault);
    if (fault === 'fail-before') return 'unknown';
    const taken = this.#root.objects.has(name);
    if (!taken) this.#store(name, body.slice());
    if (fault === 'lost-reply') return 'unknown';
    return taken ? 'exists' : 'created';
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    await this.#run('put', key, (name) => void this.#store(name, body.slice()));
  }

  async putFile(key: string, path: string): Promise<PutFileOutcome> {
    const body = await readFile(path);
    return this.#run('putFile', key, (name): PutFileOutcome => {
      if (this.#root.objects.has(name)) return { kind: 'exists' };
      return { kind: 'created', storedAtMs: this.#store(name, body) };
    });
  }

  async getFile(key: string, path: string): Promise<boolean> {
    return this.#run('getFile', key, async (name) => {
      const found = this.#root.objects.get(name);
      if (found === undefined) return false;
      await writeFile(path, found.body);
      return true;
    });
  }

  localPath(key: string): null {
    this.#name(key);
    return null;
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const from = joinKey(this.#prefix, prefix);
    const cut = from.length - prefix.length;
    const fault = this.#fault('list', from);
    if (fault !== 'none') throw failed('list', from, fault);
    const names = [...this.#root.objects.keys()].filter((name) => name.startsWith(from)).sort(compareKeys);
    for (const name of names) {
      const found = this.#root.objects.get(name);
      if (found !== undefined) yield { key: name.slice(cut), size: found.body.byteLength, lastModifiedMs: found.lastModifiedMs };
    }
  }

  async delete(key: string): Promise<void> {
    await this.#run('delete', key, (name) => this.#root.objects.delete(name));
  }

  nowMs(): number {
    return this.#root.clock.nowMs();
  }

  /** Another store with the objects that are here now; from then on each goes its own way. */
  copy(options: MemoryStoreOptions = {}): MemoryStore {
    const copy = new MemoryStore(options);
    for (const [key, stored] of this.#root.objects) copy.#root.objects.set(key, stored);
    return copy;
  }

  sub(folder: string): MemoryStore {
    return new MemoryStore({}, { of: this, prefix: this.#name(folder) });
  }

  #name(key: string): string {
    checkKey(key);
    return joinKey(this.#prefix, key);
  }

  #store(name: string, body: Uint8Array): number {
    const lastModifiedMs = this.nowMs();
    this.#root.objects.set(name, { body, lastModifiedMs });
    return lastModifiedMs;
  }

  #fault(operation: StoreOperation, name: string): Fault {
    return this.#root.options.faults?.(operation, name) ?? 'none';
  }

  async #run<T>(operation: StoreOperation, key: string, work: (name: string) => T | Promise<T>): Promise<T> {
    const name = this.#name(key);
    const fault = this.#fault(operation, name);
    if (fault === 'throttle' || fault === 'fail-before') throw failed(operation, name, fault);
    const result = await work(name);
    if (fault === 'lost-reply') throw failed(operation, name, fault);
    return result;
  }
}

function failed(operation: StoreOperation, key: string, fault: Fault): TransientError {
  return new TransientError('storage/unavailable', `${operation} of ${key} in memory failed by the test's wish (${fault}). Nothing to do.`, { facts: { operation, key, fault } });
}
