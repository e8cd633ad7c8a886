import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import { openLake } from '../../shared/open-lake.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import type { Flags, Output } from '../cli/command.ts';
import { homeOf, removeRunInfo, writeRunInfo } from '../cli/home.ts';
import { APP_DIR, configFor } from '../cli/local-lake.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import { openLines } from '../cli/open.ts';
import type { HostLog } from '../host/host.ts';
import { fillLive, fillOnce, openFeed } from './feed.ts';
import type { Feed } from './feed.ts';
import { startLocalApp } from './local-app.ts';
import { LiveBoard } from './live-board.ts';
import { LiveCounts } from './live-counts.ts';

export interface LiveOptions {
  readonly access: LakeAccess;
  readonly flags: Flags;
  readonly out: Output;
}

const HTTP_PORT = 7071;
const LOOK_EVERY_MS = 1_000;
const LOG_BYTES_MAX = 2_000_000_000;

/** `assay start`: everything runs until Ctrl-C; then the producer stops, running invocations end, and what is left waits for the next start. */
export async function runLive({ access, flags, out }: LiveOptions): Promise<number> {
  if (access.running) throw new ConfigError('cli/running', `assay start (pid ${access.running.pid}) already runs in this folder; stop it first`);
  const home = homeOf();
  mkdirSync(home.tempDir, { recursive: true });
  const tempDir = mkdtempSync(join(home.tempDir, 'live-'));
  const stop = stopOnSignal(out);
  const opened = await openLake({ config: configFor(access, flags), clock: systemClock, root: APP_DIR, tempDir });
  const feed = await openFeed(flags, access, opened.pipeline.topics[0].name);
  const board = new LiveBoard(process.stderr);
  try {
    const app = await startLocalApp({ access, feed, flags, live: true, httpPort: flags.integer('port', HTTP_PORT), onLog: (entry) => showTrouble(entry, board) });
    const pageUrl = app.host.url === null ? null : `${app.host.url}/api/dashboard`;
    writeRunInfo(home, { pid: process.pid, lakeUrl: access.lakeUrl, connectionString: access.connectionString, pageUrl, brokers: feed.brokers, topic: feed.topic });
    board.line(startedLine({ access, feed, port: flags.integer('port', HTTP_PORT), url: app.host.url }));
    const producing = produce(feed, flags, { stop: stop.signal, board });
    await watch({ opened, feed, board, stop: stop.signal, whenGold: () => board.line(goldLines(access, pageUrl)) });
    await producing;
    board.line('Stopping: what runs is finished, nothing new is begun.');
    await app.stop();
    return 0;
  } finally {
    removeRunInfo(home);
    await feed.close();
    await opened.engine.close();
    rmSync(tempDir, { recursive: true, force: true });
    stop.dispose();
  }
}

function startedLine({ access, feed, port, url }: { access: LakeAccess; feed: Feed; port: number; url: string | null }): string {
  const moved = url !== null && !url.endsWith(`:${port}`) ? ` (port ${port} was busy)` : '';
  const source = feed.log === null ? `topic ${feed.topic} at ${feed.brokers}` : `the embedded event log, topic ${feed.topic}`;
  return `Lake ${access.lakeUrl} · events from ${source} · functions at ${url ?? 'no port'}${moved}`;
}

function goldLines(access: LakeAccess, pageUrl: string | null): string {
  const lines = openLines(access);
  return ['', `Gold has rows. The page: ${pageUrl ?? 'not served'}`, '', 'Open the tables while this runs:',
    '', '# DuckDB', lines.duckdb, '', '# Python', lines.python, '', '# Spark', lines.spark, ''].join('\n');
}

/** `--events` or `--input` once, then, without either, the paced producer. Trouble here stops neither the host nor the page. */
async function produce(feed: Feed, flags: Flags, { stop, board }: { stop: AbortSignal; board: LiveBoard }): Promise<void> {
  const { log } = feed;
  if (log === null) return;
  const onProgress = ({ held, appended, bytes }: { held: number; appended: number; bytes: number }) => {
    board.produced = { events: held + appended, bytes, bytesMax: LOG_BYTES_MAX };
  };
  if (flags.text('input') !== undefined || flags.text('events') !== undefined) {
    await fillOnce({ ...feed, log }, flags, onProgress);
    return;
  }
  const report = await fillLive({ ...feed, log }, flags, { signal: stop, onProgress });
  if (report.ended === 'bytes') board.line(`The event log holds ${(report.bytes / 1e9).toFixed(1)} GB: the producer stops, the pipeline goes on.`);
}

interface WatchOptions {
  readonly opened: OpenLake;
  readonly feed: Feed;
  readonly board: LiveBoard;
  readonly stop: AbortSignal;
  readonly whenGold: () => void;
}

async function watch({ opened, feed, board, stop, whenGold }: WatchOptions): Promise<void> {
  const counts = new LiveCounts(opened);
  let gold = false;
  while (!stop.aborted) {
    const [facts, lag] = [await counts.read(), await feed.source.lag()];
    board.show({ ...facts, lag });
    if (!gold && facts.gold > 0) {
      gold = true;
      whenGold();
    }
    await waitFor(LOOK_EVERY_MS, stop);
  }
}

function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** The first Ctrl-C drains, a second one leaves at once: nothing is lost by it, the next start goes on. */
function stopOnSignal(out: Output): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    out.note('\nStopping (once more: at once).');
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  return {
    signal: controller.signal,
    dispose: () => { for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal); },
  };
}

function showTrouble({ level, category, message }: HostLog, board: LiveBoard): void {
  if (level === 'error' || level === 'critical' || level === 'warning') board.line(`${level} ${category}: ${message}`);
}
