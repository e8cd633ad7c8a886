import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { TableError, assert } from '../errors.ts';
import type { ObjectStore } from './object-store.ts';

export interface LocalFilesOptions {
  readonly store: ObjectStore;
  /** For this process alone: what an earlier one left of its downloads is removed at first use. Other files are not touched. */
  readonly dir: string;
  /** What is kept; what is handed out at a time may exceed it. */
  readonly bytesMax: number;
  readonly clock?: Clock;
}

export interface AcquiredFiles {
  /** By key. Read them, never write. */
  readonly paths: ReadonlyMap<string, string>;
  /** Call it once, when nothing reads the paths any more. */
  readonly release: () => void;
}

interface Entry {
  readonly path: string;
  readonly ready: Promise<number>;
  bytes: number;
  users: number;
}

/** The name of a downloaded object: the hash of its address, so any key fits a file system. */
const OURS = /^[0-9a-f]{64}(?:\.\w+)?(?:\.[0-9a-f-]{36}\.tmp)?$/;

/**
 * Immutable objects as files for engines that read paths. An object that already is a local file is handed out as it is;
 * another is downloaded once, kept, and deleted when others were used more recently and `bytesMax` is passed.
 */
export class LocalFiles {
  readonly #options: LocalFilesOptions;
  readonly #clock: Clock;
  /** By path, the least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #prepared: Promise<void> | undefined;

  constructor(options: LocalFilesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Throws a TableError (`storage/missing-file`) where one of the objects is not there; nothing is held then. */
  async acquire(keys: Iterable<string>): Promise<AcquiredFiles> {
    const unique = [...new Set(keys)];
    const held: Entry[] = [];
    const settled = await Promise.allSettled(unique.map((key) => this.#path(key, held)));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      this.#release(held);
      throw failed.reason;
    }
    const paths = new Map(unique.map((key, i) => [key, (settled[i] as PromiseFulfilledResult<string>).value]));
    this.#evict();
    return { paths, release: () => this.#release(held.splice(0)) };
  }

  /** Uploads a local file under a fresh key; the file may be moved away by it. A taken key is a bug of who chose it. */
  async put(key: string, path: string): Promise<{ readonly storedAtMs: number }> {
    const outcome = await this.#options.store.putFile(key, path);
    assert(outcome.kind === 'created', `the fresh name ${key} was taken in ${this.#options.store.url}`);
    return outcome;
  }

  async #path(key: string, held: Entry[]): Promise<string> {
    const local = this.#options.store.localPath(key);
    if (local === null) return this.#download(key, held);
    try {
      await access(local);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw code === 'ENOENT' || code === 'ENOTDIR' ? this.#missing(key, cause) : cause;
    }
    return local;
  }

  async #download(key: string, held: Entry[]): Promise<string> {
    await (this.#prepared ??= this.#prepare());
    const path = join(this.#options.dir, fileName(this.#options.store.url, key));
    const entry = this.#entries.get(path) ?? this.#begin(key, path);
    entry.users++;
    held.push(entry);
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    entry.bytes = await entry.ready;
    return path;
  }

  #begin(key: string, path: string): Entry {
    const ready = this.#fetch(key, path);
    // A failed download is forgotten, so the next one who asks tries again.
    ready.catch(() => this.#entries.delete(path));
    return { path, ready, bytes: 0, users: 0 };
  }

  /** Size of the file in bytes. */
  async #fetch(key: string, path: string): Promise<number> {
    const unfinished = `${path}.${this.#clock.uuid()}.tmp`;
    try {
      if (!(await this.#options.store.getFile(key, unfinished))) throw this.#missing(key);
      const { size } = await stat(unfinished);
      await rename(unfinished, path);
      return size;
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  /** Downloads of an earlier process are not used again: whether they got to the disk whole, nobody knows. */
  async #prepare(): Promise<void> {
    const { dir } = this.#options;
    await mkdir(dir, { recursive: true });
    const left = (await readdir(dir)).filter((name) => OURS.test(name));
    await Promise.all(left.map((name) => rm(join(dir, name), { force: true })));
  }

  #release(held: readonly Entry[]): void {
    for (const entry of held) entry.users--;
    this.#evict();
  }

  #evict(): void {
    let excess = -this.#options.bytesMax;
    for (const { bytes } of this.#entries.values()) excess += bytes;
    for (const { path, bytes, users } of this.#entries.values()) {
      if (excess <= 0) return;
      if (users > 0) continue;
      this.#entries.delete(path);
      excess -= bytes;
      // At once: a later removal could meet the file of a new download.
      rmSync(path, { force: true });
    }
  }

  #missing(key: string, cause?: unknown): TableError {
    const { url } = this.#options.store;
    return new TableError('storage/missing-file', `Reading ${JSON.stringify(key)} in ${url}: there is no such object, though the table's log names it. Was it vacuumed or deleted by hand? Restore it, or restore the table to a version without it.`, {
      facts: { key, url },
      cause,
    });
  }
}

function fileName(url: string, key: string): string {
  const extension = extname(key);
  return createHash('sha256').update(`${url}\n${key}`).digest('hex') + (/^\.\w+$/.test(extension) ? extension : '');
}
