import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, cpSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildFunctions } from '../../../local/build.ts';
import type { WorkerOptions } from './horror-worker.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const WORKER = fileURLToPath(new URL('horror-worker.ts', import.meta.url));
const RESTART_MS = 300;

/** The app, built into a folder of its own: what else is built meanwhile does not touch it. */
export async function buildApp(folder: string): Promise<{ appDir: string; entry: string }> {
  const appDir = join(folder, 'app');
  mkdirSync(appDir);
  for (const name of ['host.json', 'pipelines', 'models', 'infra', 'package.json', 'local.settings.template.json']) cpSync(join(ROOT, name), join(appDir, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(appDir, 'node_modules'));
  const entry = join(appDir, 'dist/functions.cjs');
  await buildFunctions({ entry: join(ROOT, 'functions/index.ts'), outfile: entry });
  return { appDir, entry };
}

export interface HostProcessOptions extends WorkerOptions {
  readonly settings: Readonly<Record<string, string>>;
}

/** An instance of the app that is started again whenever it ends, as a platform does, until it is put down. */
export class HostProcess {
  readonly #options: HostProcessOptions;
  #child: ChildProcess | null = null;
  #wanted = false;
  #running: Promise<void> = Promise.resolve();
  /** How often it was started. */
  starts = 0;

  constructor(options: HostProcessOptions) {
    this.#options = options;
  }

  up(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#running = this.#run();
  }

  /** Whatever it is in the middle of. It comes back. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Stands still for so long, then goes on as if nothing had been. */
  async freeze(ms: number): Promise<void> {
    const child = this.#child;
    child?.kill('SIGSTOP');
    await sleep(ms);
    child?.kill('SIGCONT');
  }

  /** For good, until `up`. SIGTERM lets it end what runs. */
  async down(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#wanted = false;
    this.#child?.kill(signal);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { settings, ...worker } = this.#options;
    while (this.#wanted) {
      this.starts += 1;
      const errors = openSync(worker.logFile, 'a');
      const child = spawn(process.execPath, [WORKER, JSON.stringify(worker)], { env: { ...process.env, ...settings }, stdio: ['ignore', errors, errors] });
      closeSync(errors);
      this.#child = child;
      await once(child, 'exit');
      if (this.#wanted) await sleep(RESTART_MS);
    }
  }
}
