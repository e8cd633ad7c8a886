/**
 * What every store must do; one contract suite (test/contract/object-store.ts) runs against every implementation.
 * Keys are relative, `/`-separated, without a leading slash and without `..`; bytes are never changed.
 * A missing object is an outcome (`null`), not an error. Trouble that passes is a `TransientError` after the
 * implementation's own bounded retries; a refused credential or a missing container is a `ConfigError`.
 */
export interface ObjectStore {
  /** Where this store is, for people and for other engines: `file:/abs/dir`, `az://account/container/prefix`. No secret. */
  readonly url: string;

  /** The whole object, or `null` where there is none. */
  get(key: string): Promise<Uint8Array | null>;

  /** Size, time and etag by the store's own clock, or `null`. */
  head(key: string): Promise<ObjectInfo | null>;

  /**
   * One atomic conditional put. `exists`: somebody's object is there, perhaps our own of an attempt whose answer was
   * lost. `unknown`: no answer that tells (timeout, 5xx): read back. Nothing is ever overwritten.
   */
  putIfAbsent(key: string, body: Uint8Array): Promise<PutOutcome>;

  /** Overwrites. Only for hints and state (`_last_checkpoint`), never for data or commits. */
  put(key: string, body: Uint8Array): Promise<void>;

  /**
   * Uploads a local file, which may be moved away by it. Nothing is ever overwritten. `exists`: somebody else's object is there; the
   * object of an own attempt whose answer was lost is recognised, and is `created`. No answer that tells is a TransientError.
   */
  putFile(key: string, path: string): Promise<PutFileOutcome>;

  /** Writes the object to a local path. `false`: there is no such object. */
  getFile(key: string, path: string): Promise<boolean>;

  /** The path of the object on this machine, where the store is a directory; else `null`. The object need not exist. */
  localPath(key: string): string | null;

  /** Every object whose key starts with the prefix, in ascending order of key (UTF-8 bytes). */
  list(prefix: string): AsyncIterable<ObjectInfo>;

  /** Idempotent: deleting what is not there is no error. */
  delete(key: string): Promise<void>;

  /** The store's own clock, as far as its replies tell; no request. The times of objects are by this clock. */
  nowMs(): number;

  /** The same store, below a folder: keys are relative to it. */
  sub(folder: string): ObjectStore;
}

export type PutOutcome = 'created' | 'exists' | 'unknown';

/** `storedAtMs` is the object's `lastModifiedMs`. */
export type PutFileOutcome = { readonly kind: 'created'; readonly storedAtMs: number } | { readonly kind: 'exists' };

export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  /** By the store's clock. */
  readonly lastModifiedMs: number;
}
