import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ASSAY = join(import.meta.dirname, '../../local/assay.ts');

export interface Finished {
  /** Null after a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `assay …` as a process of its own; `killAfterMs` sends SIGKILL to it, wherever it is then. `env` comes over this process's own. */
export async function assay(args: readonly string[], options: { cwd: string; killAfterMs?: number; env?: Readonly<Record<string, string>> }): Promise<Finished> {
  const child = spawn(process.execPath, [ASSAY, ...args], { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
  const ended = once(child, 'close') as Promise<[number | null]>;
  if (options.killAfterMs !== undefined) {
    await Promise.race([sleep(options.killAfterMs), ended]);
    child.kill('SIGKILL');
  }
  const [code] = await ended;
  return { code, stdout, stderr };
}
