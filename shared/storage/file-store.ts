import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { AssayError } from '../errors.ts';
import { ConfigError, TransientError } from '../errors.ts';
import { checkKey, compareKeys } from './keys.ts';
import type { ObjectInfo, ObjectStore, PutFileOutcome, PutOutcome } from './object-store.ts';

export interface FileStoreOptions {
  /** Made when the first object is put. */
  readonly dir: string;
  readonly clock?: Clock;
}

/** Our own unfinished files: dot-files, which other engines ignore too. What a killed process leaves of them is never listed. */
const UNFINISHED = /^\.assay-[0-9a-f-]+\.tmp$/;
const STATS_AT_ONCE = 64;

/**
 * A directory as an object store: for tests, benches, and lakes that other engines on the machine open.
 * An object appears whole or not at all, and once: its bytes are written and synced under a hidden name, then linked to
 * theirs, and `link` refuses a name that is taken, across processes (POSIX link(2)). The file system needs hard links.
 * Unlike a flat store, a directory can't hold both `a` and `a/b`.
 */
export class FileStore implements ObjectStore {
  readonly url: string;
  readonly #dir: string;
  readonly #clock: Clock;

  constructor({ dir, clock = systemClock }: FileStoreOptions) {
    this.#dir = resolve(dir);
    this.#clock = clock;
    this.url = `file:${this.#dir}`;
  }

  async get(key: string): Promise<Uint8Array | null> {
    return this.#absentIsNull('get', key, () => readFile(this.localPath(key)));
  }

  async head(key: string): Promise<ObjectInfo | null> {
    return this.#absentIsNull('head', key, () => describe(key, this.localPath(key)));
  }

  async putIfAbsent(key: string, body: Uint8Array): Promise<PutOutcome> {
    const path = this.localPath(key);
    return this.#attempt('putIfAbsent', key, async () => {
      const unfinished = await this.#writeUnfinished(path, body);
      try {
        return (await linkOnce(unfinished, path)) ? 'created' : 'exists';
      } finally {
        await rm(unfinished, { force: true });
      }
    });
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    const path = this.localPath(key);
    await this.#attempt('put', key, async () => {
      const unfinished = await this.#writeUnfinished(path, body);
      try {
        await rename(unfinished, path);
      } finally {
        await rm(unfinished, { force: true });
      }
    });
  }

  async putFile(key: string, source: string): Promise<PutFileOutcome> {
    const path = this.localPath(key);
    return this.#attempt('putFile', key, async () => {
      await mkdir(dirname(path), { recursive: true });
      // A link keeps the time of the file; an object's time is that of its put.
      const now = new Date(this.nowMs());
      await utimes(source, now, now);
      await sync(source);
      if (!(await this.#linkOrCopy(source, path))) return { kind: 'exists' };
      await rm(source, { force: true });
      return { kind: 'created', storedAtMs: now.getTime() };
    });
  }

  async getFile(key: string, path: string): Promise<boolean> {
    const copied = await this.#absentIsNull('getFile', key, async () => {
      const source = this.localPath(key);
      await describe(key, source);
      await copyFile(source, path, constants.COPYFILE_FICLONE);
      return true;
    });
    return copied !== null;
  }

  localPath(key: string): string {
    checkKey(key);
    return join(this.#dir, ...key.split('/'));
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const slash = prefix.lastIndexOf('/');
    const folder = slash < 0 ? '' : prefix.slice(0, slash);
    if (folder !== '') checkKey(folder);
    yield* this.#walk(folder === '' ? '' : `${folder}/`, prefix);
  }

  async delete(key: string): Promise<void> {
    const path = this.localPath(key);
    await this.#absentIsNull('delete', key, async () => {
      await describe(key, path);
      await rm(path, { force: true });
      return true;
    });
  }

  /** The host's: the directory is its own. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  sub(folder: string): FileStore {
    return new FileStore({ dir: this.localPath(folder), clock: this.#clock });
  }

  /** `folder` is empty or ends with a slash. Entries go in the order of their whole keys, so a folder sorts as `name/`. */
  async *#walk(folder: string, prefix: string): AsyncGenerator<ObjectInfo> {
    const names = (await this.#entries(folder)).filter((name) => {
      const key = folder + name;
      return key.startsWith(prefix) || (name.endsWith('/') && prefix.startsWith(key));
    });
    for (let i = 0; i < names.length; i += STATS_AT_ONCE) {
      const keys = names.slice(i, i + STATS_AT_ONCE).map((name) => folder + name);
      const infos = await Promise.all(keys.map(async (key) => (key.endsWith('/') ? null : this.head(key))));
      for (const [at, key] of keys.entries()) {
        const info = infos[at] ?? null;
        if (key.endsWith('/')) yield* this.#walk(key, prefix);
        else if (info !== null) yield info;
      }
    }
  }

  async #entries(folder: string): Promise<string[]> {
    const entries = await this.#absentIsNull('list', folder, () => readdir(join(this.#dir, folder), { withFileTypes: true }));
    return (entries ?? [])
      .filter((entry) => !UNFINISHED.test(entry.name))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort(compareKeys);
  }

  async #writeUnfinished(target: string, body: Uint8Array): Promise<string> {
    const unfinished = this.#unfinishedBeside(target);
    await mkdir(dirname(target), { recursive: true });
    const file = await open(unfinished, 'wx');
    try {
      await file.writeFile(body);
      await file.sync();
    } finally {
      await file.close();
    }
    return unfinished;
  }

  async #linkOrCopy(source: string, target: string): Promise<boolean> {
    try {
      return await linkOnce(source, target);
    } catch (error) {
      if (codeOf(error) !== 'EXDEV') throw error;
    }
    const unfinished = this.#unfinishedBeside(target);
    try {
      await copyFile(source, unfinished, constants.COPYFILE_EXCL);
      const { atime, mtime } = await stat(source);
      await utimes(unfinished, atime, mtime);
      await sync(unfinished);
      return await linkOnce(unfinished, target);
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  #unfinishedBeside(target: string): string {
    return join(dirname(target), `.assay-${this.#clock.uuid()}.tmp`);
  }

  async #absentIsNull<T>(operation: string, key: string, work: () => Promise<T>): Promise<T | null> {
    return this.#attempt(operation, key, async () => {
      try {
        return await work();
      } catch (error) {
        if (ABSENT.has(codeOf(error) ?? '')) return null;
        throw error;
      }
    });
  }

  async #attempt<T>(operation: string, key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const code = codeOf(error);
      throw code === undefined ? error : fileError({ operation, key, url: this.url, code, cause: error });
    }
  }
}

/** A directory where an object is asked for is no object; a file where a folder is asked for holds none. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);
const REFUSED = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTSUP', 'ENAMETOOLONG']);

async function describe(key: string, path: string): Promise<ObjectInfo> {
  const found = await stat(path);
  if (found.isDirectory()) throw Object.assign(new Error(`${basename(path)} is a directory`), { code: 'EISDIR' });
  return { key, size: found.size, lastModifiedMs: Math.floor(found.mtimeMs) };
}

/** `false`: the name is taken. The directory is synced, so that an acknowledged object outlives a power cut. */
async function linkOnce(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  // Windows can't sync a directory; NTFS journals names by itself.
  if (process.platform !== 'win32') await sync(dirname(target), 'r');
  return true;
}

/** Windows syncs only what is open for writing. */
async function sync(path: string, flags: 'r' | 'r+' = 'r+'): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('E') && !code.startsWith('ERR_') ? code : undefined;
}

function fileError({ operation, key, url, code, cause }: { operation: string; key: string; url: string; code: string; cause: unknown }): AssayError {
  const detail = { facts: { operation, key, errno: code }, cause };
  const what = `${operation} of ${JSON.stringify(key)} in ${url} failed with ${code}.`;
  return REFUSED.has(code)
    ? new ConfigError('storage/refused', `${what} The directory must be writable and on a file system with hard links: check its owner, its mount, or choose another LAKE_URL.`, detail)
    : new TransientError('storage/file-io', `${what} Check free space and open files on the disk; the work is tried again later.`, detail);
}
