import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CODE_VERSION } from '../../shared/app.ts';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import { parsePrices } from '../../shared/monitoring/prices.ts';
import type { PipelineLake } from '../../shared/open-lake.ts';
import { openState } from '../../shared/open-state.ts';
import { maintain, planLake } from '../../shared/pipeline/maintain.ts';
import type { StepDone } from '../../shared/pipeline/maintain.ts';
import type { RewriteStep, UpkeepStep } from '../../shared/pipeline/maintenance-plan.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { maintenanceOf } from '../../shared/pipeline-stages.ts';
import { StageRuns } from '../../shared/stage-runs.ts';
import { StageState } from '../../shared/stage-state.ts';
import type { Command, Flags, Output } from './command.ts';
import { APP_DIR, pipelineNameOf, withLake } from './local-lake.ts';
import { requireLake, withReadLake } from './read-lake.ts';
import type { LakeReader } from './read-lake.ts';
import { gridText } from './row-sink.ts';
import { bytesText, countText } from './text.ts';

export const maintainCommand: Command = {
  name: 'maintain',
  usage: '[--plan] [--table NAME]... [--lake URL] [--json]',
  summary: 'Do once what the maintain timer does: expire, merge or cluster files, write checkpoints, clean logs, delete what nobody needs; --plan only shows it',
  options: { plan: { type: 'boolean' }, table: { type: 'string', multiple: true } },
  run: async ({ flags, out }) => {
    if (flags.has('plan')) return withReadLake(flags, (reader) => showPlan(reader, flags, out));
    requireLake(flags);
    return withLake(flags, (opened, access, config) => run({ ...opened, access, config }, flags, out));
  },
};

type Step = RewriteStep | UpkeepStep;
type Opened = Omit<LakeReader, 'tempDir'>;

/** As it is shown: of a rewrite the files that it takes. */
interface StepRow {
  readonly step: Step['kind'];
  readonly table: string;
  readonly files: number | null;
  /** That it writes, at most. */
  readonly bytes: number;
  readonly why: string;
}

async function showPlan(reader: Opened, flags: Flags, out: Output): Promise<number> {
  const failures = new Map<string, unknown>();
  const [steps, left]: [StepRow[], StepRow[]] = [[], []];
  for (const own of chosen(reader, flags)) {
    const plan = await planLake({ ...maintenanceOf(own, { ...reader, clock: systemClock, broker: null, observe: unobserved, say: (line) => out.note(line) }), ...tablesOf(own, flags) }, failures);
    steps.push(...plan.steps.map(rowOf));
    left.push(...plan.left.map(rowOf));
  }
  const grid = await gridOf(steps);
  out.result({ steps, left }, () => (steps.length === 0 ? 'Nothing is to be done.' : `${grid}${left.length === 0 ? '' : `\n${countText(left.length)} more rewrites are for later runs.`}`));
  for (const failure of failures.values()) throw failure;
  return 0;
}

async function run(reader: Opened, flags: Flags, out: Output): Promise<number> {
  const { lake, meter, config, access } = reader;
  const [clock, say] = [systemClock, (line: string) => out.note(line)];
  const env = access.connectionString === null ? process.env : { ...process.env, AzureWebJobsStorage: access.connectionString };
  const runs = new StageRuns({
    lake, meter, clock, say, codeVersion: CODE_VERSION, runId: clock.uuid(), memoryMb: config.functionMemoryMb, checkpointInterval: BigInt(config.checkpointInterval),
    state: new StageState(await openState(config, env, lake.store, clock), clock), prices: parsePrices(await readFile(join(APP_DIR, 'infra/prices.json'), 'utf8')),
  });
  const done: (StepRow & { readonly version: bigint | null })[] = [];
  let [more, paused] = [false, false];
  try {
    for (const own of chosen(reader, flags)) {
      const task = own.pipeline === reader.pipelines[0].pipeline ? 'maintain' : `${own.pipeline.name}.maintain`;
      const onStep = (step: Step, { version }: StepDone) => void done.push({ ...rowOf(step), version: version ?? null });
      const options = { ...maintenanceOf(own, { ...reader, clock, broker: null, observe: runs.observe, say }), ...tablesOf(own, flags), onStep };
      const outcome = await runs.run(task, () => maintain(options));
      more ||= outcome.kind === 'committed' && outcome.more;
      paused ||= outcome.kind === 'paused';
    }
  } finally {
    await runs.flush();
  }
  if (paused) out.note('maintain is paused: "assay status" says why, "assay resume maintain" lets it go on.');
  const grid = await gridOf(done);
  out.result({ steps: done, more }, () => (done.length === 0 ? 'Nothing was to be done.' : `${grid}${more ? '\nMore is left: run it again.' : ''}`));
  return paused ? 1 : 0;
}

/** Every pipeline's tables, as the timer does it, or those of the one that was named. */
function chosen({ pipelines, pipeline }: Opened, flags: Flags): readonly PipelineLake[] {
  return pipelineNameOf(flags) === undefined ? pipelines : pipelines.filter((own) => own.pipeline === pipeline);
}

function tablesOf({ lake }: PipelineLake, flags: Flags): { tables?: readonly string[] } {
  const asked = flags.list('table');
  const unknown = asked.find((name) => !lake.names.includes(name));
  if (unknown !== undefined) throw new ConfigError('cli/options', `${lake.store.url} has no table ${unknown}; it may have ${lake.names.join(', ')}`);
  return asked.length === 0 ? {} : { tables: lake.ownNames.filter((name) => asked.includes(name)) };
}

function rowOf(step: Step): StepRow {
  return { step: step.kind, table: step.table, files: 'inputs' in step ? step.inputs.length : null, bytes: step.bytes, why: step.why };
}

function gridOf(rows: readonly StepRow[]): Promise<string> {
  const lines = rows.map(({ step, table, files, bytes, why }) => [step, table, files === null ? '–' : countText(files), bytes === 0 ? '–' : bytesText(bytes), why]);
  return gridText(['step', 'table', 'files', 'writes', 'why'], lines, ['files', 'writes']);
}
