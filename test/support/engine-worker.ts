import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { PythonVenv } from './python-venv.ts';

export interface WorkerOptions {
  readonly venv: PythonVenv;
  /** A module of test/support/engines. */
  readonly module: string;
  readonly env?: Readonly<Record<string, string>>;
}

const SCRIPT = new URL('engines/worker.py', import.meta.url).pathname;

/** One Python process (test/support/engines/worker.py) that answers requests in turn, with a folder of its own to work in. */
export class EngineWorker {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #answers: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ venv, module, env = {} }: WorkerOptions) {
    this.#folder = mkdtempSync(join(tmpdir(), 'assay-engines-'));
    const errors = openSync(this.#errorFile, 'w');
    this.#process = spawn(venv.python, [SCRIPT, module], { cwd: this.#folder, env: { ...process.env, PYTHONUTF8: '1', PYTHONDONTWRITEBYTECODE: '1', ...env }, stdio: ['pipe', 'pipe', errors] });
    closeSync(errors);
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  /** Rejects with what the engine said, or where the process ended with the end of its stderr. */
  call<T>(request: Readonly<Record<string, unknown>>): Promise<T> {
    const answer = this.#last.then(() => this.#ask<T>(request));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async close(): Promise<void> {
    const exited = this.#process.exitCode === null ? once(this.#process, 'exit') : null;
    this.#process.stdin!.end();
    await exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ask<T>(request: Readonly<Record<string, unknown>>): Promise<T> {
    this.#process.stdin!.write(`${JSON.stringify(request)}\n`);
    for (;;) {
      const { value: line, done } = await this.#answers.next();
      if (done) throw new Error(`the engines ended:\n${readFileSync(this.#errorFile, 'utf8').slice(-4000)}`);
      if (!line.startsWith('@@')) continue;
      const answer = JSON.parse(line.slice(2)) as { result: T; error?: string };
      if (answer.error !== undefined) throw new Error(`${JSON.stringify(request)}: ${answer.error}`);
      return answer.result;
    }
  }

  get #errorFile(): string {
    return join(this.#folder, 'stderr');
  }
}
