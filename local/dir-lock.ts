import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../shared/errors.ts';
import { isAlive, processId } from './process-id.ts';
import type { ProcessId } from './process-id.ts';

export interface DirLockOptions {
  /** The lock file, in a directory that exists. */
  readonly path: string;
  /** What the directory is for, for the message. */
  readonly what: string;
}

export interface DirLockWait extends DirLockOptions {
  /** How long a holder that shows no sign of leaving is waited for. */
  readonly servingMsMax: number;
  /** How long a holder that is closing is waited for. */
  readonly closingMsMax: number;
}

interface Holder extends ProcessId {
  readonly closing: boolean;
}

const POLL_MS = 25;

/** Lock files of this process: tells one of ours from one that a killed process with the same pid left behind. */
const held = new Set<string>();

/**
 * One process a directory: a file `pid start-time [closing]`. However long a holder is silent or suspended, the lock is its own; a lock
 * whose process is gone is taken over.
 */
export class DirLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws {ConfigError} `local/dir-in-use`: a living process holds it. */
  static acquire(options: DirLockOptions): DirLock {
    const path = realPathOf(options.path);
    const holder = take(path);
    if (holder !== null) throw inUse(options, holder, 0);
    return new DirLock(path);
  }

  /** @throws {ConfigError} `local/dir-in-use`: a living process still holds it after the time given. */
  static async acquireWaiting(options: DirLockWait): Promise<DirLock> {
    const path = realPathOf(options.path);
    const started = performance.now();
    for (let holder = take(path); holder !== null; holder = take(path)) {
      const waitedMs = performance.now() - started;
      if (waitedMs > (holder.closing ? options.closingMsMax : options.servingMsMax)) throw inUse(options, holder, waitedMs);
      await sleep(POLL_MS);
    }
    return new DirLock(path);
  }

  /** Tells waiters that this process is on its way out. */
  closing(): void {
    const unfinished = `${this.#path}.${randomUUID()}`;
    writeFileSync(unfinished, textOf({ ...processId(), closing: true }));
    renameSync(unfinished, this.#path);
  }

  /** The file goes, unless the directory was moved away and another process has one of its own there by now. */
  release(): void {
    if (held.delete(this.#path) && readHolder(this.#path)?.pid === process.pid) rmSync(this.#path, { force: true });
  }
}

function realPathOf(path: string): string {
  return join(realpathSync(dirname(path)), basename(path));
}

/** Null: the lock is ours now. Else the living process that has it, or that is just taking a dead one's over. */
function take(path: string): Holder | null {
  const mine = `${path}.${randomUUID()}`;
  writeFileSync(mine, textOf({ ...processId(), closing: false }));
  try {
    while (!tryLink(mine, path)) {
      const holder = readHolder(path);
      if (holder === null) continue;
      const living = holds(holder, path) ? holder : removeDead(path);
      if (living !== null) return living;
    }
  } finally {
    rmSync(mine, { force: true });
  }
  held.add(path);
  return null;
}

/**
 * A lock is removed by its holder, or, once the holder is dead, by whoever holds the lock's own lock: else one that saw the dead lock a
 * moment ago would remove its successor's. That second lock is one like any other, so its holder may be killed, too.
 */
function removeDead(path: string): Holder | null {
  const guard = `${path}.takeover`;
  const rival = take(guard);
  if (rival !== null) return rival;
  try {
    const holder = readHolder(path);
    if (holder !== null && !holds(holder, path)) rmSync(path);
  } finally {
    held.delete(guard);
    rmSync(guard);
  }
  return null;
}

function holds(holder: Holder, path: string): boolean {
  return holder.pid === process.pid ? held.has(path) : isAlive(holder);
}

/** link(2) fails where the name exists and shows the whole content where it does not: no reader meets an empty lock. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function textOf({ pid, started, closing }: Holder): string {
  return `${pid} ${started ?? '-'}${closing ? ' closing' : ''}`;
}

/** Null: no lock. An empty file, left by a power failure, is a lock of pid 0, which no process has. */
function readHolder(path: string): Holder | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const [pid, started = '-', state] = text.split(' ');
  return { pid: Number(pid), started: started === '-' ? null : started, closing: state === 'closing' };
}

function inUse({ path, what }: DirLockOptions, { pid, closing }: Holder, waited: number): ConfigError {
  const waitedMs = Math.round(waited);
  return new ConfigError('local/dir-in-use', `Locking ${what}: process ${pid} ${closing ? 'is still closing' : 'uses it'} after ${waitedMs} ms (${path}). Stop that process, or choose another directory.`, {
    facts: { pid, closing, waitedMs },
  });
}
