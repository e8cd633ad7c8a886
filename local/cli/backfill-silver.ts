import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import { openSchemas } from '../../shared/open-schemas.ts';
import { ALL_DAYS } from '../../shared/pipeline/backfill-bronze.ts';
import type { DayRange } from '../../shared/pipeline/backfill-bronze.ts';
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
  usage: '[--from DATE] [--to DATE] [--dry-run] [--yes] [--lake URL] [--json]',
  summary: 'Recompute Silver and quarantine from all of Bronze, under the rules of now',
  options: { from: { type: 'string' }, to: { type: 'string' }, 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' } },
  run: ({ flags, out }) => withReadLake(flags, (reader) => run(reader, flags, out)),
};

async function run({ lake, pipeline, pipelines, config }: LakeReader, flags: Flags, out: Output): Promise<number> {
  const schemas = openSchemas(config, systemClock);
  const router = compileRouter(pipeline, pipelines.map((each) => each.pipeline));
  const [judge, unrouted] = [compileRules(pipeline, config, { schemas, router }), compileRules(pipeline, config, { schemas })];
  const options = {
    lake, pipeline, clock: systemClock, observe: unobserved, judge, unrouted, lateAfterMs: config.lateAfterMs, sliceRows: config.sliceRows,
    checkpointInterval: BigInt(config.checkpointInterval), readsHeaders: router?.readsHeaders ?? false, days: daysFrom(flags),
  };
  const planned = await backfill({ ...options, isDryRun: true });
  if (flags.has('dry-run')) return report(planned, true, out);
  // Without a change it only puts an end to what an interrupted one left.
  if (changesOf(planned) > 0) {
    if (!flags.has('yes')) out.note(text(planned));
    if (!(await agreed({ does: `backfill silver changes ${rowsText(changesOf(planned))} of Silver and quarantine`, question: 'Change them?' }, flags))) {
      out.note('Nothing was changed.');
      return 1;
    }
  }
  return report(await backfill({ ...options, isDryRun: false }), false, out);
}

function changesOf({ replaced, inserted, deleted, accepted, rejected, changedReasons }: BackfillReport): number {
  return replaced + inserted + deleted + accepted + changedReasons + Object.values(rejected).reduce((sum, rows) => sum + rows, 0);
}

/** Days on which rows came into Bronze (UTC), both included. */
function daysFrom(flags: Flags): DayRange {
  const [from, to] = [dayOf(flags, 'from'), dayOf(flags, 'to')];
  if (from !== null && to !== null && from > to) throw new ConfigError('cli/options', `--from ${flags.text('from')} is after --to ${flags.text('to')}`);
  return from === null && to === null ? ALL_DAYS : { from, to };
}

function dayOf(flags: Flags, name: 'from' | 'to'): number | null {
  const text = flags.text(name);
  if (text === undefined) return null;
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isSafeInteger(ms) && new Date(ms).toISOString().startsWith(text)) return ms / 86_400_000;
  throw new ConfigError('cli/options', `--${name} is "${text}"; give a day of Bronze's ingest_date, as 2025-04-01`);
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
