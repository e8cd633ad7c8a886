import { rmSync } from 'node:fs';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError, isAssayError } from '../../shared/errors.ts';
import { openLake } from '../../shared/open-lake.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import type { Flags, Output } from '../cli/command.ts';
import { homeOf, readRunInfo, removeRunInfo, writeRunInfo } from '../cli/home.ts';
import type { Home } from '../cli/home.ts';
import { APP_DIR, configFor } from '../cli/local-lake.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import { openLines } from '../cli/open.ts';
import type { HostLog } from '../host/host.ts';
import { fillLive, fillOnce, feedNames, openFeed } from './feed.ts';
import type { Feed } from './feed.ts';
import { startLocalApp } from './local-app.ts';
import { LiveBoard } from './live-board.ts';
import { LiveCounts } from './live-counts.ts';
import { watch } from './live-watch.ts';
import { makeTempDir } from './temp-dir.ts';

export interface LiveOptions {
  readonly access: LakeAccess;
  readonly flags: Flags;
  readonly out: Output;
  /** The first port tried for the page; 0: any. */
  readonly port: number;
}

const LOG_BYTES_MAX = 2_000_000_000;

/** One `assay start` a folder, whatever its lake: other commands find it by the one run.json. Failures: ConfigError `cli/running`. */
export function refuseSecondStart(home: Home): void {
  const running = readRunInfo(home);
  if (running) throw new ConfigError('cli/running', `assay start (pid ${running.pid}) already runs in this folder, on ${running.lakeUrl}; stop it first, or start in another folder`);
}

/**
 * `assay start`: everything runs until Ctrl-C; then the producer stops, running invocations end, and what is left waits for the next start.
 * Trouble in the producer ends it in the same order, with exit code 1.
 */
export async function runLive({ access, flags, out, port }: LiveOptions): Promise<number> {
  const home = homeOf();
  const tempDir = makeTempDir(home, 'live');
  const stop = stopOnSignal(out);
  try {
    const opened = await openLake({ config: configFor(access, flags), clock: systemClock, root: APP_DIR, tempDir });
    try {
      const board = new LiveBoard(process.stderr);
      const feed = await openFeed(flags, access, { ...(await feedNames(opened)), onProblem: (line) => board.line(`warning kafka: ${line}`) });
      try {
        return await serve({ access, flags, port, home, opened, feed, board, stop });
      } finally {
        if (readRunInfo(home)?.pid === process.pid) removeRunInfo(home);
        await feed.close();
      }
    } finally {
      await opened.engine.close();
    }
  } finally {
    rmSync(tempDir, { recursive: true, force: true });
    stop.dispose();
  }
}

interface ServeOptions extends Omit<LiveOptions, 'out'> {
  readonly home: Home;
  readonly opened: OpenLake;
  readonly feed: Feed;
  readonly board: LiveBoard;
  readonly stop: Stop;
}

/** Whatever ends the watch, the producer and then the app have stopped before the lake and the log close. */
async function serve({ access, flags, port, home, opened, feed, board, stop }: ServeOptions): Promise<number> {
  const counts = new LiveCounts(opened);
  const app = await startLocalApp({ access, feed, flags, live: true, httpPort: port, onLog: (entry) => showTrouble(entry, board) });
  let producing = Promise.resolve(true);
  try {
    const pageUrl = app.host.url === null ? null : `${app.host.url}/api/dashboard`;
    // Two that began together both found nobody.
    refuseSecondStart(home);
    writeRunInfo(home, { pid: process.pid, lakeUrl: access.lakeUrl, connectionString: access.connectionString, pageUrl, brokers: feed.brokers, embedded: feed.log !== null, topics: feed.topics });
    board.line(startedLine({ access, feed, port, url: app.host.url }));
    producing = produceOrStop(feed, flags, { stop, board });
    const look = async () => ({ ...(await counts.read()), lag: await feed.lag() });
    await watch({ look, board, stop: stop.signal, whenGold: () => board.line(goldLines(access, pageUrl)) });
  } finally {
    stop.begin();
    board.line('Stopping: what runs is finished, nothing new is begun.');
    await producing;
    await app.stop();
  }
  return (await producing) ? 0 : 1;
}

function startedLine({ access, feed, port, url }: { access: LakeAccess; feed: Feed; port: number; url: string | null }): string {
  const moved = url !== null && port !== 0 && !url.endsWith(`:${port}`) ? ` (port ${port} was busy)` : '';
  const topics = `${feed.topics.length === 1 ? 'topic' : 'topics'} ${feed.topics.join(', ')}`;
  const source = feed.log === null ? `${topics} at ${feed.brokers}` : `the embedded event log, ${topics}`;
  return `Lake ${access.lakeUrl} · events from ${source} · functions at ${url ?? 'no port'}${moved}`;
}

function goldLines(access: LakeAccess, pageUrl: string | null): string {
  const lines = openLines(access);
  return ['', `Gold has rows. The page: ${pageUrl ?? 'not served'}`, '', 'Open the tables while this runs:',
    '', '# DuckDB', lines.duckdb, '', '# Python', lines.python, '', '# Spark', lines.spark, ''].join('\n');
}

/** False after trouble, which is shown and begins the stop; never rejects, so nobody need wait for it at once. */
async function produceOrStop(feed: Feed, flags: Flags, { stop, board }: { stop: Stop; board: LiveBoard }): Promise<boolean> {
  try {
    await produce(feed, flags, { stop: stop.signal, board });
    return true;
  } catch (error) {
    board.line(`error producer: ${describe(error)}`);
    stop.begin();
    return false;
  }
}

/** A bug's stack is wanted, a failure of ours says what to do. */
function describe(error: unknown): string {
  if (isAssayError(error)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** `--events` or `--input` once; without either, the paced producer until told to stop. */
async function produce(feed: Feed, flags: Flags, { stop, board }: { stop: AbortSignal; board: LiveBoard }): Promise<void> {
  const { log } = feed;
  if (log === null) return;
  const onProgress = ({ held, appended, bytes }: { held: number; appended: number; bytes: number }) => {
    board.produced = { events: held + appended, bytes, bytesMax: LOG_BYTES_MAX };
  };
  if (flags.text('input') !== undefined || flags.text('events') !== undefined) {
    await fillOnce({ ...feed, log }, flags, { onProgress, signal: stop });
    return;
  }
  const report = await fillLive({ ...feed, log }, flags, { signal: stop, onProgress });
  if (report.ended === 'bytes') board.line(`The event log holds ${(report.bytes / 1e9).toFixed(1)} GB: the producer stops, the pipeline goes on.`);
}

interface Stop {
  readonly signal: AbortSignal;
  begin(): void;
  dispose(): void;
}

/** The first Ctrl-C drains, a second one leaves at once: nothing is lost by it, the next start goes on. */
function stopOnSignal(out: Output): Stop {
  const controller = new AbortController();
  // Not the abort: trouble in the producer begins a stop too, and what follows is then the first Ctrl-C.
  let signalled = false;
  const onSignal = () => {
    if (signalled) process.exit(130);
    signalled = true;
    out.note('\nStopping (once more: at once).');
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  return {
    signal: controller.signal,
    begin: () => controller.abort(),
    dispose: () => { for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal); },
  };
}

function showTrouble({ level, category, message }: HostLog, board: LiveBoard): void {
  if (level === 'error' || level === 'critical' || level === 'warning') board.line(`${level} ${category}: ${message}`);
}
