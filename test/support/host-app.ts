import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFunctions } from '../../local/build.ts';
import { startHost } from '../../local/host/host.ts';
import type { HostLog, HostOptions, LocalHost } from '../../local/host/host.ts';
import type { HostClock } from '../../local/host/host-clock.ts';

const fixtures = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'fixtures');
let built: Promise<string> | null = null;

/** test/fixtures/host-app.ts, bundled once a test file as the real app is. */
function buildHostApp(): Promise<string> {
  built ??= (async () => {
    const outfile = path.join(mkdtempSync(path.join(os.tmpdir(), 'assay-host-app-')), 'functions.cjs');
    await buildFunctions({ entry: path.join(fixtures, 'host-app.ts'), outfile });
    return outfile;
  })();
  return built;
}

export interface StartedHostApp {
  readonly host: LocalHost;
  readonly logs: HostLog[];
}

interface StartOptions extends Partial<Omit<HostOptions, 'onLog'>> {
  /** Which of the fixture's functions, comma-separated. */
  readonly register: string;
  readonly hostJson?: object;
}

/** Starts the fixture in a folder of its own. */
export async function startHostApp({ register, hostJson = {}, ...options }: StartOptions): Promise<StartedHostApp> {
  const original = await buildHostApp();
  const appDir = mkdtempSync(path.join(path.dirname(original), 'app-'));
  mkdirSync(path.join(appDir, 'dist'));
  const entry = path.join(appDir, 'dist', 'functions.cjs');
  copyFileSync(original, entry);
  writeFileSync(path.join(appDir, 'host.json'), JSON.stringify({ version: '2.0', ...hostJson }));
  const logs: HostLog[] = [];
  const settings = { HOST_APP: register, TOPIC: 'events', KAFKA_BROKERS: 'localhost:1', TICKS: '*/10 * * * * *', ...options.settings };
  const host = await startHost({ appDir, entry, source: null, httpPort: null, onLog: (log) => logs.push(log), ...options, settings });
  return { host, logs };
}

/** The Kafka settings the app insists on. */
export const safeKafka = { extensions: { kafka: { commitOnFailure: false, maxRetries: -1, maxBatchSize: 100 } } };

/** A clock turned by hand: waiters wake in the order of their times, each with the clock at its own time. */
export class ManualClock implements HostClock {
  #nowMs: number;
  #waiters: { dueMs: number; wake: () => void }[] = [];

  constructor(start: string) {
    this.#nowMs = Date.parse(start);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const waiter = { dueMs: this.#nowMs + ms, wake: resolve };
      this.#waiters.push(waiter);
      signal.addEventListener('abort', () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve();
      });
    });
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const due = this.#waiters.filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#waiters = this.#waiters.filter((waiter) => waiter !== due);
      this.#nowMs = due.dueMs;
      due.wake();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

/** Lets everything run that waits for no time: promises, and what they queue. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
