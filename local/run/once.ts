import { rmSync } from 'node:fs';
import { systemClock } from '../../shared/clock.ts';
import { openLake } from '../../shared/open-lake.ts';
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

export interface OnceReport extends LakeSummary {
  readonly lake: string;
  readonly produced: number | null;
  readonly tasks: readonly TaskResult[];
}

/** `run` and `start --once`: produce if asked, drain every stage, print the summary. Exit code 0 only if the balance is ok. */
export async function runOnce({ access, flags, out }: OnceOptions): Promise<number> {
  const report = await runPipelineOnce({ access, flags, note: (line) => out.note(line) });
  out.result(report, () => `\n${printSummary(report)}`);
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
    return { lake: access.lakeUrl, produced: produced?.appended ?? null, tasks, ...(await summarise(opened)) };
  } finally {
    await feed.close();
    await opened.engine.close();
  }
}

function taskLine({ task, rows, ms, cpuMs, peakMb }: TaskResult): string {
  return `${task.padEnd(8)} ${count(rows).padStart(11)} rows  ${(ms / 1000).toFixed(2).padStart(7)} s  ${(cpuMs / 1000).toFixed(2).padStart(7)} CPU s  ${Math.round(peakMb).toString().padStart(5)} MB peak`;
}
