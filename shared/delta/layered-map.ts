/**
 * A ReadonlyMap that never changes, and whose changed copy costs what changed: layers of plain maps, the newest first to be asked, an older
 * one hidden where a newer has the key. A layer is merged into the one below once it has a quarter of its size, so there are few of them.
 * Entries come in the order of their last setting, however the layers lie.
 */
export class LayeredMap<K, V extends object> implements ReadonlyMap<K, V> {
  /** The largest and oldest first; null is a deletion, which the first has none of. */
  readonly #layers: readonly ReadonlyMap<K, V | null>[];
  readonly size: number;

  /** Use `from`, or a MapDraft. */
  constructor(layers: readonly ReadonlyMap<K, V | null>[], size: number) {
    this.#layers = layers;
    this.size = size;
  }

  /** Takes over any map; a plain one must not change any more. */
  static from<K, V extends object>(map: ReadonlyMap<K, V>): LayeredMap<K, V> {
    return map instanceof LayeredMap ? map as LayeredMap<K, V> : new LayeredMap([map], map.size);
  }

  get layers(): readonly ReadonlyMap<K, V | null>[] {
    return this.#layers;
  }

  get(key: K): V | undefined {
    return this.#below(this.#layers.length, key) ?? undefined;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  entries(): MapIterator<[K, V]> {
    return this.#layers.length === 1 ? this.#layers[0].entries() as MapIterator<[K, V]> : this.#merged((key, value) => [key, value]);
  }

  keys(): MapIterator<K> {
    return this.#layers.length === 1 ? this.#layers[0].keys() : this.#merged((key) => key);
  }

  values(): MapIterator<V> {
    return this.#layers.length === 1 ? this.#layers[0].values() as MapIterator<V> : this.#merged((_key, value) => value);
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this.entries()) callback.call(thisArg, value, key, this);
  }

  *#merged<T>(pick: (key: K, value: V) => T): Generator<T, undefined> {
    for (const [i, layer] of this.#layers.entries()) {
      for (const [key, value] of layer) if (value !== null && !this.#isHidden(i, key)) yield pick(key, value);
    }
    return undefined;
  }

  #below(end: number, key: K): V | null | undefined {
    for (let i = end - 1; i >= 0; i--) {
      const value = this.#layers[i].get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #isHidden(layer: number, key: K): boolean {
    for (let i = layer + 1; i < this.#layers.length; i++) if (this.#layers[i].has(key)) return true;
    return false;
  }
}

const MERGE_SHARE = 4;

/** Changes on top of a LayeredMap, until `finish`. */
export class MapDraft<K, V extends object> {
  readonly #base: LayeredMap<K, V>;
  /** null is a deletion, of what the base has. */
  readonly #changes = new Map<K, V | null>();

  constructor(base: LayeredMap<K, V> = new LayeredMap<K, V>([], 0)) {
    this.#base = base;
  }

  get(key: K): V | undefined {
    const changed = this.#changes.get(key);
    return changed === undefined ? this.#base.get(key) : changed ?? undefined;
  }

  set(key: K, value: V): void {
    const { size } = this.#changes;
    this.#changes.set(key, value);
    if (this.#changes.size > size) return;
    // Last set, last in order.
    this.#changes.delete(key);
    this.#changes.set(key, value);
  }

  delete(key: K): void {
    if (this.get(key) === undefined) return;
    if (this.#base.has(key)) this.#changes.set(key, null);
    else this.#changes.delete(key);
  }

  /** The draft must not be changed afterwards. Without changes it is the base. */
  finish(): LayeredMap<K, V> {
    if (this.#changes.size === 0) return this.#base;
    const size = this.#sizeNow();
    const layers = [...this.#base.layers];
    let top: Map<K, V | null> = this.#changes;
    while (layers.length > 0 && top.size * MERGE_SHARE >= layers.at(-1)!.size) top = merged(layers.pop()!, top, layers.length === 0);
    return new LayeredMap([...layers, top], size);
  }

  #sizeNow(): number {
    let { size } = this.#base;
    if (size === 0) return this.#changes.size;
    for (const [key, value] of this.#changes) {
      if (value === null) size--;
      else if (!this.#base.has(key)) size++;
    }
    return size;
  }
}

/** `isBottom`: there is nothing below that a deletion would have to hide. */
function merged<K, V>(below: ReadonlyMap<K, V | null>, top: ReadonlyMap<K, V | null>, isBottom: boolean): Map<K, V | null> {
  const result = new Map(below);
  for (const [key, value] of top) {
    result.delete(key);
    if (value !== null || !isBottom) result.set(key, value);
  }
  return result;
}
