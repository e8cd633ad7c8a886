import { systemClock } from '../../shared/clock.ts';
import { openSchemas } from '../../shared/open-schemas.ts';
import { backfill } from '../../shared/pipeline/backfill.ts';
import type { BackfillReport } from '../../shared/pipeline/backfill.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { compileRouter } from '../../shared/pipeline/route.ts';
import type { Command, Flags, Output } from './command.ts';
import { agreed } from './confirm.ts';
import { withReadLake } from './read-lake.ts';
import type { LakeReader } from './read-lake.ts';
import { countText, rowsText } from './text.ts';

export const backfillSilverCommand: Command = {
  name: 'backfill silver',
  usage: '[--dry-run] [--yes] [--lake URL] [--json]',
  summary: 'Recompute Silver and quarantine from all of Bronze, under the rules of now',
  options: { 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' } },
  run: ({ flags, out }) => withReadLake(flags, (reader) => run(reader, flags, out)),
};

async function run({ lake, pipeline, pipelines, config }: LakeReader, flags: Flags, out: Output): Promise<number> {
  const schemas = openSchemas(config, systemClock);
  const router = compileRouter(pipeline, pipelines.map((each) => each.pipeline));
  const [judge, unrouted] = [compileRules(pipeline, config, { schemas, router }), compileRules(pipeline, config, { schemas })];
  const options = {
    lake, pipeline, clock: systemClock, observe: unobserved, judge, unrouted, lateAfterMs: config.lateAfterMs, sliceRows: config.sliceRows,
    checkpointInterval: BigInt(config.checkpointInterval),
  };
  const planned = await backfill({ ...options, isDryRun: true });
  if (flags.has('dry-run')) return report(planned, true, out);
  if (!flags.has('yes')) out.note(text(planned));
  if (!(await agreed({ does: `backfill silver changes ${rowsText(planned.replaced + planned.inserted + planned.deleted)} of Silver`, question: 'Change them?' }, flags))) {
    out.note('Nothing was changed.');
    return 1;
  }
  return report(await backfill({ ...options, isDryRun: false }), false, out);
}

function report(done: BackfillReport, dryRun: boolean, out: Output): number {
  out.result({ dryRun, ...done }, () => text(done));
  return 0;
}

function text({ replaced, inserted, deleted, unchanged, accepted, rejected, changedReasons }: BackfillReport): string {
  return [
    `quarantine: ${rowsText(accepted)} valid now, ${countText(changedReasons)} with another reason`,
    ...Object.entries(rejected).map(([reason, rows]) => `quarantine: ${rowsText(rows)} rejected now for ${reason}`),
    `Silver: ${countText(replaced)} replaced, ${countText(inserted)} inserted, ${countText(deleted)} deleted, ${rowsText(unchanged)} unchanged`,
  ].join('\n');
}
