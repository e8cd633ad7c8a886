import { rmSync } from 'node:fs';
import { systemClock } from '../../shared/clock.ts';
import { worst } from '../../shared/monitoring/balance.ts';
import { openLake } from '../../shared/open-lake.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { openState } from '../../shared/open-state.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { Flags, Output } from '../cli/command.ts';
import { homeOf } from '../cli/home.ts';
import { APP_DIR, configFor } from '../cli/local-lake.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import { drainOnce } from './drain.ts';
import type { TaskResult } from './drain.ts';
import { fillOnce, feedNames, openFeed } from './feed.ts';
import { startLocalApp } from './local-app.ts';
import { count, printSummary, summarise } from './summary.ts';
import type { LakeSummary } from './summary.ts';
import { makeTempDir } from './temp-dir.ts';

export interface OnceOptions {
  readonly access: LakeAccess;
  readonly flags: Flags;
  readonly out: Output;
}

/** Of the first pipeline; of every further one by its name. The verdict is that of all. */
export interface OnceReport extends LakeSummary {
  readonly pipelines: Readonly<Record<string, LakeSummary>>;
  readonly lake: string;
  readonly produced: number | null;
  readonly tasks: readonly TaskResult[];
}

/** `run` and `start --once`: produce if asked, drain every stage, print the summary. Exit code 0 only if the balance is ok. */
export async function runOnce({ access, flags, out }: OnceOptions): Promise<number> {
  const report = await runPipelineOnce({ access, flags, note: (line) => out.note(line) });
  const further = Object.entries(report.pipelines).map(([name, summary]) => `\n\n${name}\n${printSummary(summary)}`).join('');
  out.result(report, () => `\n${printSummary(report)}${further}`);
  return report.verdict === 'ok' ? 0 : 1;
}

interface PipelineOnceOptions {
  readonly access: LakeAccess;
  readonly flags: Flags;
  readonly note: (line: string) => void;
}

export async function runPipelineOnce({ access, flags, note }: PipelineOnceOptions): Promise<OnceReport> {
  if (access.running) throw new ConfigError('cli/running', `assay start (pid ${access.running.pid}) runs on this lake; stop it first, or name another --lake`);
  const tempDir = makeTempDir(homeOf(), 'run');
  try {
    return await runIn(tempDir, { access, flags, note });
  } finally {
    rmSync(tempDir, { recursive: true, force: true });
  }
}

async function runIn(tempDir: string, { access, flags, note }: PipelineOnceOptions): Promise<OnceReport> {
  const opened = await openLake({ config: configFor(access, flags), clock: systemClock, root: APP_DIR, tempDir });
  const feed = await openFeed(flags, access, { ...(await feedNames(opened)), onProblem: note });
  try {
    const produced = feed.log === null ? null : await fillOnce({ ...feed, log: feed.log }, flags);
    if (produced) note(`produce  ${count(produced.appended)} events${produced.held > 0 ? `, ${count(produced.held)} were there` : ''}`);
    const app = await startLocalApp({ access, feed, flags, live: false, httpPort: 0, onLog: ({ level, message }) => {
      if (level === 'error' || level === 'critical' || level === 'warning') note(`${level}: ${message}`);
    } });
    let tasks: TaskResult[];
    try {
      tasks = await drainOnce({ host: app.host, feed, opened, onTask: (result) => note(taskLine(result)) });
    } finally {
      await app.stop();
    }
    for (const line of await pauses(opened, access, flags)) note(line);
    const [first, ...further] = await summariseAll(opened);
    const verdict = worst([first, ...further].map(({ summary }) => summary.verdict));
    return { lake: access.lakeUrl, produced: produced?.appended ?? null, tasks, ...first.summary, verdict, pipelines: Object.fromEntries(further.map(({ name, summary }) => [name, summary])) };
  } finally {
    await feed.close();
    await opened.engine.close();
  }
}

async function summariseAll(opened: OpenLake): Promise<{ name: string; summary: LakeSummary }[]> {
  const summaries = [];
  for (const { lake, pipeline } of opened.pipelines) summaries.push({ name: pipeline.name, summary: await summarise({ ...opened, lake, pipeline }) });
  return summaries;
}

/** A paused stage leaves everything where it is, and no equation is broken by that. */
async function pauses({ pipelines: [{ lake }] }: OpenLake, access: LakeAccess, flags: Flags): Promise<string[]> {
  const env = access.connectionString === null ? process.env : { ...process.env, AzureWebJobsStorage: access.connectionString };
  const state = await openState(configFor(access, flags), env, lake.store, systemClock);
  return [...(await state.paused())].map(([stage, { why }]) => `${stage} is paused (${why}): what it would read waits until "assay resume ${stage}"`);
}

function taskLine({ task, rows, ms, cpuMs, peakMb }: TaskResult): string {
  return `${task.padEnd(8)} ${count(rows).padStart(11)} rows  ${(ms / 1000).toFixed(2).padStart(7)} s  ${(cpuMs / 1000).toFixed(2).padStart(7)} CPU s  ${Math.round(peakMb).toString().padStart(5)} MB peak`;
}
