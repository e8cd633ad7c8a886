import { stat } from 'node:fs/promises';
import type { Meter, RequestKind } from './meter.ts';
import type { ObjectInfo, ObjectStore, PutFileOutcome, PutOutcome } from './object-store.ts';

export interface MeteredStoreOptions {
  readonly store: ObjectStore;
  readonly meter: Meter;
  /**
   * `per-call`: each call counts as one request, as it is for a directory and for memory; a listing as one per started
   * 5,000 objects, a page of Azure's. `reported`: the store tells the meter itself (BlobStore's `onRequest`), and only bytes are counted here.
   */
  readonly requests: 'per-call' | 'reported';
}

const PAGE_SIZE = 5_000;

/** Passes everything on and counts it. What DuckDB reads from `localPath` is not seen here. */
export class MeteredStore implements ObjectStore {
  readonly #options: MeteredStoreOptions;

  constructor(options: MeteredStoreOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.store.url;
  }

  async get(key: string): Promise<Uint8Array | null> {
    this.#request('get');
    const body = await this.#options.store.get(key);
    this.#options.meter.bytes({ bytesIn: body?.byteLength ?? 0 });
    return body;
  }

  head(key: string): Promise<ObjectInfo | null> {
    this.#request('head');
    return this.#options.store.head(key);
  }

  putIfAbsent(key: string, body: Uint8Array): Promise<PutOutcome> {
    this.#request('put');
    this.#options.meter.bytes({ bytesOut: body.byteLength });
    return this.#options.store.putIfAbsent(key, body);
  }

  put(key: string, body: Uint8Array): Promise<void> {
    this.#request('put');
    this.#options.meter.bytes({ bytesOut: body.byteLength });
    return this.#options.store.put(key, body);
  }

  async putFile(key: string, path: string): Promise<PutFileOutcome> {
    const { size } = await stat(path);
    this.#request('put');
    this.#options.meter.bytes({ bytesOut: size });
    return this.#options.store.putFile(key, path);
  }

  async getFile(key: string, path: string): Promise<boolean> {
    this.#request('get');
    const found = await this.#options.store.getFile(key, path);
    if (found) this.#options.meter.bytes({ bytesIn: (await stat(path)).size });
    return found;
  }

  localPath(key: string): string | null {
    return this.#options.store.localPath(key);
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    this.#request('list');
    let objects = 0;
    for await (const info of this.#options.store.list(prefix)) {
      if (objects > 0 && objects % PAGE_SIZE === 0) this.#request('list');
      objects++;
      yield info;
    }
  }

  delete(key: string): Promise<void> {
    this.#request('delete');
    return this.#options.store.delete(key);
  }

  nowMs(): number {
    return this.#options.store.nowMs();
  }

  sub(folder: string): MeteredStore {
    return new MeteredStore({ ...this.#options, store: this.#options.store.sub(folder) });
  }

  #request(kind: RequestKind): void {
    if (this.#options.requests === 'per-call') this.#options.meter.request(kind);
  }
}
