import { TransientError } from '../../shared/errors.ts';
import type { ObjectInfo, ObjectStore, PutFileOutcome, PutOutcome } from '../../shared/storage/object-store.ts';

/**
 * What befalls a worker at its n-th storage operation. It goes on after the first five, which happen once:
 * - `throttle`: not done, and the caller knows. `fail-before`: not done, `lost-reply`: done; no answer tells which.
 * - `own-write-exists`: done, but the client sent it twice, and its second put met its first.
 * - `error-after-write`: done, and the answer was an error that says nothing.
 *
 * `stop-before`, `stop-after`: its process ends, before or after the operation was done.
 */
export type Death = 'throttle' | 'fail-before' | 'lost-reply' | 'own-write-exists' | 'error-after-write' | 'stop-before' | 'stop-after';

const OF_READS: readonly Death[] = ['fail-before', 'stop-before', 'stop-after'];
const OF_WRITES: readonly Death[] = [...OF_READS, 'lost-reply'];
const OF_CONDITIONAL_PUTS: readonly Death[] = [...OF_WRITES, 'throttle', 'own-write-exists', 'error-after-write'];

/** The deaths that are each something else at this operation (`putIfAbsent some/key`): a read that gets no answer throws, whatever was done. */
export function deathsOf(operation: string): readonly Death[] {
  if (operation.startsWith('putIfAbsent')) return OF_CONDITIONAL_PUTS;
  return isWrite(operation) ? OF_WRITES : OF_READS;
}

export const isWrite = (operation: string) => /^(?:put|delete)/.test(operation);
const isDone: ReadonlySet<Death> = new Set(['lost-reply', 'own-write-exists', 'error-after-write', 'stop-after']);

export interface Operation<T> {
  readonly what: string;
  readonly work: () => Promise<T>;
  /** What the caller is told where nothing tells what happened; else it is thrown a TransientError. */
  readonly unsure?: T;
  /** What the caller is told where its own first put is met by its second. */
  readonly metItself?: T;
}

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

  async run<T>({ what, work, unsure, metItself }: Operation<T>): Promise<T> {
    if (this.stopped) throw dead(what);
    this.operations.push(what);
    if (this.operations.length !== this.at) return work();
    this.stopped = this.death.startsWith('stop');
    const result = isDone.has(this.death) ? await work() : undefined;
    if (this.death === 'own-write-exists') return metItself ?? (result as T);
    const isUnsure = this.death === 'fail-before' || this.death === 'lost-reply';
    if (isUnsure && unsure !== undefined) return unsure;
    throw dead(what);
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
    return this.#life.run<PutOutcome>({ what: `putIfAbsent ${this.#prefix}${key}`, work: () => this.#store.putIfAbsent(key, body), unsure: 'unknown', metItself: 'exists' });
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
    return this.#life.run({ what: `${operation} ${this.#prefix}${key}`, work });
  }
}
