import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ConfigError, TransientError } from '../shared/errors.ts';
import { azuriteConnectionString } from './azurite-servers.ts';
import { DirLock } from './dir-lock.ts';
import { isFree } from './free-port.ts';

export interface Azurite {
  /** Of the account devstoreaccount1, blobs and tables. */
  readonly connectionString: string;
  readonly blobPort: number;
  readonly tablePort: number;
  /** Resolves when everything is on disk and the process has ended. */
  close(): Promise<void>;
}

export interface AzuriteOptions {
  /** Made where it is missing; a second start on it goes on with what is there. */
  readonly dir: string;
  /** Where busy, the next free one is taken. 0: any. */
  readonly blobPort: number;
  readonly tablePort: number;
}

/** What the child says on its stdout, once. */
export type ChildReport =
  | { readonly kind: 'ready'; readonly blobPort: number; readonly tablePort: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

const STARTS_MAX = 5;
const PORTS_TRIED_MAX = 200;
const CLOSE_MS_MAX = 60_000;

/**
 * Azurite on a directory, in a process of its own. Azurite acknowledges a blob seconds before it saves its metadata, so it must
 * outlive us: its stdin is a pipe that we hold, and when we end, be it by SIGKILL, the pipe ends and it saves and exits.
 * A predecessor that is still saving is waited for. Only the death of the child itself (or of the machine) loses what it
 * acknowledged in the last five seconds. Never keeps this process alive.
 * Throws a ConfigError `local/dir-in-use` where another process uses the directory, `local/azurite` where Azurite can't start.
 */
export async function startAzurite(options: AzuriteOptions): Promise<Azurite> {
  const dir = resolve(options.dir);
  await mkdir(dir, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const blobPort = await freePort(options.blobPort);
    const tablePort = await freePort(options.tablePort, blobPort);
    const child = await spawnChild(dir, { blobPort, tablePort });
    const report = await reportOf(child);
    if (report.kind === 'ready') {
      release(child);
      return { ...report, connectionString: azuriteConnectionString(report), close: () => close(child, dir) };
    }
    // Somebody took the port between our look and Azurite's.
    if (report.code === 'EADDRINUSE' && attempt < STARTS_MAX) continue;
    if (report.code === 'local/dir-in-use') throw new ConfigError('local/dir-in-use', report.message.replace(/^\w+: /, ''), { facts: { dir } });
    throw new ConfigError('local/azurite', `Starting Azurite on ${dir}, ports ${blobPort} and ${tablePort}: it ended with ${report.code} (${report.message}). See ${logPath(dir)}; run "assay reset" where its files are damaged.`, { facts: { dir, code: report.code } });
  }
}

/** Of the process that serves `dir`. One whose parent was killed a moment ago does not say yet that it is closing; saving takes seconds. */
export function lockAzuriteDir(dir: string): Promise<DirLock> {
  return DirLock.acquireWaiting({ path: join(dir, 'azurite.lock'), what: `Azurite's directory ${dir}`, servingMsMax: 3_000, closingMsMax: 60_000 });
}

function logPath(dir: string): string {
  return join(dir, 'azurite.log');
}

async function spawnChild(dir: string, { blobPort, tablePort }: { blobPort: number; tablePort: number }): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('azurite-child.ts', import.meta.url));
  // A file, not a pipe: a pipe breaks when we are killed, just while the child has to save.
  const log = await open(logPath(dir), 'a');
  try {
    // Detached: a Ctrl-C or a kill of our process group must not reach it.
    return spawn(process.execPath, ['--disable-warning=DEP0040', '--disable-warning=ExperimentalWarning', script, dir, String(blobPort), String(tablePort)], {
      stdio: ['pipe', 'pipe', log.fd],
      detached: true,
    });
  } finally {
    await log.close();
  }
}

async function reportOf(child: ChildProcess): Promise<ChildReport> {
  const lines = createInterface({ input: child.stdout! });
  const failure = once(child, 'error').then(([error]): ChildReport => ({ kind: 'failed', code: 'spawn', message: String(error) }));
  const line = (async (): Promise<ChildReport> => {
    for await (const text of lines) {
      if (text.startsWith('{"kind"')) return JSON.parse(text) as ChildReport;
    }
    return { kind: 'failed', code: 'ended', message: 'it ended without a word' };
  })();
  return Promise.race([line, failure]);
}

/** From here on the child's handles no longer keep this process alive. */
function release(child: ChildProcess): void {
  child.unref();
  child.stdout!.destroy();
  (child.stdin as unknown as { unref(): void }).unref();
  // An ended child closes the pipe from its side; the next request to it tells.
  child.stdin!.on('error', () => undefined);
}

async function close(child: ChildProcess, dir: string): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  child.stdin!.end();
  const late = AbortSignal.timeout(CLOSE_MS_MAX);
  const ended = await once(child, 'exit', { signal: late }).catch((error: unknown) => {
    if (late.aborted) throw new TransientError('local/azurite', `Closing Azurite on ${dir}: process ${child.pid} has not saved after ${CLOSE_MS_MAX} ms. See ${logPath(dir)}; it goes on by itself.`, { facts: { dir, pid: child.pid } });
    throw error;
  });
  if (ended[0] !== 0) throw new TransientError('local/azurite', `Closing Azurite on ${dir}: it ended with ${String(ended[0] ?? ended[1])} and may not have saved its last seconds. See ${logPath(dir)}.`, { facts: { dir } });
}

async function freePort(from: number, taken?: number): Promise<number> {
  if (from === 0) return 0;
  for (let port = from; port < from + PORTS_TRIED_MAX; port++) {
    if (port !== taken && (await isFree(port))) return port;
  }
  throw new ConfigError('local/no-port', `Looking for a free port for Azurite: ${from} to ${from + PORTS_TRIED_MAX - 1} are all taken. Choose another range.`, { facts: { from } });
}
