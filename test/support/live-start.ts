import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const BIN = join(import.meta.dirname, '../../local/bin.mjs');

export interface LiveStart {
  /** Of `npx assay`; the pipeline runs in a child of the same group. */
  readonly pid: number;
  /** Resolves when a line of stderr matches; rejects where it ends without. */
  said(pattern: RegExp): Promise<void>;
  /** As a terminal sends it: to every process of the group. */
  signalGroup(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

/** `npx assay start …` in a process group of its own. */
export function startInGroup(args: readonly string[], cwd: string): LiveStart {
  const child = spawn(process.execPath, [BIN, 'start', ...args], { cwd, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr: lines.join('\n') }));
  return {
    pid: child.pid!,
    said: (pattern) => new Promise((resolve, reject) => {
      const look = () => {
        if (!lines.some((line) => pattern.test(line))) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      void ended.then(({ code, stderr }) => reject(new Error(`assay start ended with ${code} and never said ${pattern}:\n${stderr}`)));
    }),
    signalGroup: (signal) => void process.kill(-child.pid!, signal),
    ended,
  };
}
