import { existsSync, readFileSync } from 'node:fs';

/** Tells a process from every other one since the machine's start: a pid alone does not, for pids are reused. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks from the machine's start to the process's. Null where /proc does not tell it: there the pid alone counts. */
  readonly started: string | null;
}

export function processId(pid = process.pid): ProcessId {
  return { pid, started: statOf(pid)?.started ?? null };
}

/** Whether that very process still runs. A stopped one does; a zombie, which writes nothing any more, does not. */
export function isAlive({ pid, started }: ProcessId): boolean {
  // kill(2) takes 0 and negative numbers for groups.
  if (!Number.isInteger(pid) || pid <= 0 || !exists(pid)) return false;
  const stat = statOf(pid);
  if (stat === null) return true;
  return stat.state !== 'Z' && (started === null || stat.started === started);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    // It runs and belongs to somebody else.
    if (code === 'EPERM') return true;
    throw error;
  }
}

/** proc_pid_stat(5): state is field 3, starttime field 22; the name in field 2 may hold spaces, so counting starts behind its bracket. */
function statOf(pid: number): { state: string; started: string } | null {
  if (!existsSync('/proc/self/stat')) return null;
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: it ended between opening and reading.
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], started: fields[19] };
}
