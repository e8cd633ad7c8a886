import { randomUUID } from 'node:crypto';
import { link, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../shared/errors.ts';

export interface DirLock {
  /** Tells waiters that this process is on its way out. */
  closing(): Promise<void>;
  release(): Promise<void>;
}

export interface DirLockOptions {
  /** The lock file, in a directory that exists. */
  readonly path: string;
  /** What the directory is for, for the message. */
  readonly what: string;
  /** How long a holder that shows no sign of leaving is waited for. */
  readonly servingMsMax: number;
  /** How long a holder that is closing is waited for. */
  readonly closingMsMax: number;
}

interface Holder {
  readonly pid: number;
  readonly closing: boolean;
}

const BEAT_MS = 1_000;
/** A live holder touches its file every second; a process that only got a dead holder's pid does not. */
const STALE_MS = 15_000;
const POLL_MS = 25;

/**
 * One process a directory, with a file that holds its pid. A holder that was killed is recognised by its dead pid, or, where
 * the pid belongs to somebody else by now, by a file that is no longer touched. Throws a ConfigError (`local/dir-in-use`).
 */
export async function lockDir(options: DirLockOptions): Promise<DirLock> {
  const { path } = options;
  const started = performance.now();
  while (!(await create(path))) {
    const holder = await holderOf(path);
    if (holder === 'none') continue;
    if (holder === 'dead') {
      await rm(path, { force: true });
      continue;
    }
    const waitedMs = performance.now() - started;
    if (waitedMs > (holder.closing ? options.closingMsMax : options.servingMsMax)) throw inUse(options, holder, waitedMs);
    await sleep(POLL_MS);
  }
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => clearInterval(beat)), BEAT_MS);
  beat.unref();
  return {
    closing: () => writeFile(path, JSON.stringify({ pid: process.pid, closing: true } satisfies Holder)),
    release: async () => {
      clearInterval(beat);
      await rm(path, { force: true });
    },
  };
}

/** The file appears with its content, so nobody reads half of it. */
async function create(path: string): Promise<boolean> {
  const unfinished = `${path}.${randomUUID()}`;
  await writeFile(unfinished, JSON.stringify({ pid: process.pid, closing: false } satisfies Holder));
  try {
    await link(unfinished, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function holderOf(path: string): Promise<Holder | 'dead' | 'none'> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    if (Date.now() - mtimeMs > STALE_MS) return 'dead';
    // `closing` rewrites the file in place: an empty one is that moment.
    if (text === '') return { pid: 0, closing: true };
    const holder = JSON.parse(text) as Holder;
    return isAlive(holder.pid) ? holder : 'dead';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function inUse({ path, what }: DirLockOptions, holder: Holder, waitedMs: number): ConfigError {
  const state = holder.closing ? 'is still closing' : 'uses it';
  return new ConfigError('local/dir-in-use', `Opening ${what}: process ${holder.pid} ${state} after ${Math.round(waitedMs)} ms (${path}). Stop that process, or choose another directory.`, {
    facts: { pid: holder.pid, closing: holder.closing, waitedMs: Math.round(waitedMs) },
  });
}
