import { existsSync, linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../shared/errors.ts';

/** Folders this process holds: tells a lock of ours from one that a killed process with the same pid left behind. */
const held = new Set<string>();

/**
 * Holds a folder for this process: a file `lock` with the pid and, where Linux tells it, the process's start time (pids are reused).
 * A lock whose process is gone is taken over.
 */
export class DirLock {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws {ConfigError} a living process holds the folder. */
  static acquire(dir: string): DirLock {
    const folder = realpathSync(dir);
    const path = join(folder, 'lock');
    const mine = join(folder, `lock.${process.pid}`);
    writeFileSync(mine, ownerText(process.pid));
    try {
      while (!tryLink(mine, path)) moveStaleAside(folder, path);
    } finally {
      rmSync(mine, { force: true });
    }
    held.add(folder);
    return new DirLock(folder);
  }

  release(): void {
    if (held.delete(this.#dir)) rmSync(join(this.#dir, 'lock'), { force: true });
  }
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

function moveStaleAside(folder: string, path: string): void {
  const owner = readIfThere(path);
  if (owner === null) return;
  if (isAlive(owner, folder)) throw refused(folder, owner);
  const aside = join(folder, `lock.stale.${process.pid}`);
  renameIfThere(path, aside);
  // Between reading and renaming another process may have taken the stale lock over: then what we moved is its lock, and it goes back.
  const moved = readIfThere(aside);
  if (moved !== null && moved !== owner) {
    tryLink(aside, path);
    rmSync(aside, { force: true });
    throw refused(folder, moved);
  }
  rmSync(aside, { force: true });
}

function isAlive(owner: string, folder: string): boolean {
  const pid = Number(owner.split(' ')[0]);
  if (pid === process.pid) return held.has(folder);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
  return ownerText(pid) === owner;
}

/**
 * `pid start-time`; the start time is `-` where /proc does not tell it or the process is a zombie, which writes nothing any more.
 * proc_pid_stat(5): state is field 3, starttime field 22; the name in field 2 may hold spaces, so counting starts behind its bracket.
 */
function ownerText(pid: number): string {
  const stat = existsSync('/proc/self/stat') ? readIfThere(`/proc/${pid}/stat`) : null;
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  return `${pid} ${fields[0] === 'Z' ? '-' : (fields[19] ?? '-')}`;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function refused(folder: string, owner: string): ConfigError {
  const pid = owner.split(' ')[0];
  return new ConfigError(
    'event-log/locked',
    `opening the event log in ${folder}: process ${pid} has it open and only one may write. Stop that process or use another folder.`,
    { facts: { pid } },
  );
}
