import { TransientError } from '../../shared/errors.ts';
import type { ObjectInfo, ObjectStore, PutFileOutcome, PutOutcome } from '../../shared/storage/object-store.ts';

/**
 * How a worker fails at its n-th storage operation. `fail-before`: not done, and the caller can't know that; `lost-reply`: done, but
 * the answer is lost; both once, then all is well again. `stop-before`, `stop-after`: the process ends, before or after it was done.
 */
export type Death = 'fail-before' | 'lost-reply' | 'stop-before' | 'stop-after';
export const deaths: readonly Death[] = ['fail-before', 'lost-reply', 'stop-before', 'stop-after'];

/** One worker's way to a store, counted; it fails at operation `at`, or never for null. */
export class Lifeline {
  /** What was done or tried, in order: `putIfAbsent bronze_events/_delta_log/…`. */
  readonly operations: string[] = [];
  stopped = false;
  readonly at: number | null;
  readonly death: Death;

  constructor(at: number | null = null, death: Death = 'stop-before') {
    this.at = at;
    this.death = death;
  }

  async run<T>(what: string, work: () => Promise<T>, unknown: () => T): Promise<T> {
    if (this.stopped) throw dead(what);
    this.operations.push(what);
    if (this.operations.length !== this.at) return work();
    this.stopped = this.death.startsWith('stop');
    const isDone = this.death === 'lost-reply' || this.death === 'stop-after';
    if (isDone) await work();
    if (this.stopped) throw dead(what);
    return unknown();
  }
}

function dead(what: string): TransientError {
  return new TransientError('test/dead', `${what}: the worker is dead by the test's wish`);
}

/** Passes everything on, as long as the lifeline holds. */
export class DyingStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #life: Lifeline;
  readonly #prefix: string;

  constructor(store: ObjectStore, life: Lifeline, prefix = '') {
    this.#store = store;
    this.#life = life;
    this.#prefix = prefix;
  }

  get url(): string {
    return this.#store.url;
  }

  get(key: string): Promise<Uint8Array | null> {
    return this.#run('get', key, () => this.#store.get(key));
  }

  head(key: string): Promise<ObjectInfo | null> {
    return this.#run('head', key, () => this.#store.head(key));
  }

  putIfAbsent(key: string, body: Uint8Array): Promise<PutOutcome> {
    return this.#life.run(`putIfAbsent ${this.#prefix}${key}`, () => this.#store.putIfAbsent(key, body), () => 'unknown');
  }

  put(key: string, body: Uint8Array): Promise<void> {
    return this.#run('put', key, () => this.#store.put(key, body));
  }

  putFile(key: string, path: string): Promise<PutFileOutcome> {
    return this.#run('putFile', key, () => this.#store.putFile(key, path));
  }

  getFile(key: string, path: string): Promise<boolean> {
    return this.#run('getFile', key, () => this.#store.getFile(key, path));
  }

  localPath(key: string): string | null {
    return this.#store.localPath(key);
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const found = await this.#run('list', prefix, async () => {
      const all: ObjectInfo[] = [];
      for await (const info of this.#store.list(prefix)) all.push(info);
      return all;
    });
    yield* found;
  }

  delete(key: string): Promise<void> {
    return this.#run('delete', key, () => this.#store.delete(key));
  }

  nowMs(): number {
    return this.#store.nowMs();
  }

  sub(folder: string): DyingStore {
    return new DyingStore(this.#store.sub(folder), this.#life, `${this.#prefix}${folder}/`);
  }

  #run<T>(operation: string, key: string, work: () => Promise<T>): Promise<T> {
    const what = `${operation} ${this.#prefix}${key}`;
    return this.#life.run(what, work, () => { throw dead(what); });
  }
}
