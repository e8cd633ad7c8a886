import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import { openState } from '../../shared/open-state.ts';
import type { RunState } from '../../shared/state/run-state.ts';
import type { Command, CommandContext } from './command.ts';
import { withReadLake } from './read-lake.ts';
import { timeText } from './text.ts';

/** What can be paused: the functions that work on tables. */
const STAGES = ['ingest', 'refine', 'score', 'train', 'maintain', 'monitor'];

export const pauseCommand: Command = {
  name: 'pause',
  usage: 'STAGE [--why TEXT] [--lake URL] [--json]',
  wordsMax: 1,
  summary: `Stop a stage (${STAGES.join(', ')}) until it is resumed; what it would read waits`,
  options: { why: { type: 'string' } },
  run: (context) => withState(context, async (state, stage) => {
    const why = context.flags.text('why') ?? 'assay pause';
    await state.pause(stage, why);
    context.out.result({ stage, paused: true, why }, () => `${stage} is paused: ${why}. Running workers see it within 15 seconds. To go on: assay resume ${stage}`);
  }),
};

export const resumeCommand: Command = {
  name: 'resume',
  usage: 'STAGE [--lake URL] [--json]',
  wordsMax: 1,
  summary: 'Let a paused stage go on',
  options: {},
  run: (context) => withState(context, async (state, stage) => {
    const pause = (await state.paused()).get(stage) ?? null;
    await state.resume(stage);
    context.out.result({ stage, paused: false, was: pause }, () => (pause === null
      ? `${stage} was not paused.`
      : `${stage} goes on, within 15 seconds where a worker runs. It was paused since ${timeText(pause.sinceMs)}: ${pause.why}`));
  }),
};

async function withState({ positionals, flags }: CommandContext, use: (state: RunState, stage: string) => Promise<void>): Promise<number> {
  const [stage] = positionals;
  return withReadLake(flags, async ({ pipelines, config, access }) => {
    const [{ lake }, ...further] = pipelines;
    const stages = [...STAGES, ...further.flatMap(({ pipeline }) => STAGES.slice(1).map((name) => `${pipeline.name}.${name}`))];
    if (stage === undefined || !stages.includes(stage)) throw new ConfigError('cli/options', `${stage === undefined ? 'no stage is named' : `there is no stage ${stage}`}; there are ${stages.join(', ')}`);
    const env = access.connectionString === null ? process.env : { ...process.env, AzureWebJobsStorage: access.connectionString };
    await use(await openState(config, env, lake.store, systemClock), stage);
    return 0;
  });
}
