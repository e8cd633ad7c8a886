import { assert } from '../../shared/errors.ts';
import { checkKey, compareKeys, joinKey } from '../../shared/storage/keys.ts';
import type { ObjectInfo, ObjectStore, PutFileOutcome, PutOutcome } from '../../shared/storage/object-store.ts';
import type { Actor } from './scheduler.ts';
import type { Operation, World } from './world.ts';

/** One process's view of the world's objects: every operation is a turn. */
export class SimStore implements ObjectStore {
  readonly url: string;
  readonly #world: World;
  readonly #actor: Actor;
  readonly #prefix: string;

  constructor(world: World, actor: Actor, prefix = '') {
    this.#world = world;
    this.#actor = actor;
    this.#prefix = prefix;
    this.url = joinKey('memory:simulation', prefix);
  }

  get(key: string): Promise<Uint8Array | null> {
    const name = this.#name(key);
    return this.#attempt({ name: 'get', key: name, isWrite: false, effect: () => this.#world.objects.get(name)?.body.slice() ?? null });
  }

  head(key: string): Promise<ObjectInfo | null> {
    const name = this.#name(key);
    return this.#attempt({ name: 'head', key: name, isWrite: false, effect: () => this.#info(name, key) });
  }

  putIfAbsent(key: string, body: Uint8Array): Promise<PutOutcome> {
    const name = this.#name(key);
    const sent = body.slice();
    return this.#attempt<PutOutcome>({
      name: 'putIfAbsent', key: name, isWrite: true, unsure: 'unknown', metItself: 'exists',
      effect: () => {
        if (this.#world.objects.has(name)) return 'exists';
        this.#world.store(name, sent);
        return 'created';
      },
    });
  }

  put(key: string, body: Uint8Array): Promise<void> {
    const name = this.#name(key);
    const sent = body.slice();
    return this.#attempt({ name: 'put', key: name, isWrite: true, effect: () => this.#world.store(name, sent) });
  }

  putFile(key: string): Promise<PutFileOutcome> {
    return Promise.reject(new Error(`bug: ${key} would be put from a file; the simulation has none`));
  }

  getFile(key: string): Promise<boolean> {
    return Promise.reject(new Error(`bug: ${key} would become a file; the simulation has none`));
  }

  localPath(): null {
    return null;
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const from = joinKey(this.#prefix, prefix);
    const cut = from.length - prefix.length;
    let after = '';
    for (;;) {
      const page = await this.#attempt({ name: 'list', key: from, isWrite: false, effect: () => this.#page(from, after) });
      for (const info of page) yield { ...info, key: info.key.slice(cut) };
      if (page.length < this.#world.pageKeys) return;
      after = page[page.length - 1].key;
    }
  }

  delete(key: string): Promise<void> {
    const name = this.#name(key);
    return this.#attempt({ name: 'delete', key: name, isWrite: true, effect: () => this.#world.delete(name) });
  }

  nowMs(): number {
    return this.#world.scheduler.nowMs;
  }

  sub(folder: string): SimStore {
    return new SimStore(this.#world, this.#actor, this.#name(folder));
  }

  #attempt<T>(operation: Operation<T>): Promise<T> {
    return this.#world.attempt(this.#actor, operation);
  }

  #page(from: string, after: string): ObjectInfo[] {
    const found: string[] = [];
    for (const name of this.#world.objects.keys()) if (name.startsWith(from) && (after === '' || compareKeys(name, after) > 0)) found.push(name);
    return found.sort(compareKeys).slice(0, this.#world.pageKeys).map((name) => this.#info(name, name)!);
  }

  #info(name: string, key: string): ObjectInfo | null {
    const found = this.#world.objects.get(name);
    return found === undefined ? null : { key, size: found.body.byteLength, lastModifiedMs: found.lastModifiedMs };
  }

  #name(key: string): string {
    checkKey(key);
    assert(this.#actor.alive, `a dead process asks for ${key}`);
    return joinKey(this.#prefix, key);
  }
}
