import { systemClock } from '../../shared/clock.ts';
import { openSchemas } from '../../shared/open-schemas.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { ACCEPTED, replay } from '../../shared/pipeline/replay.ts';
import type { ReplayReport } from '../../shared/pipeline/replay.ts';
import type { Command, Flags, Output } from './command.ts';
import { agreed } from './confirm.ts';
import { FILTER_USAGE, filterFrom, filterOptions } from './quarantine-filter.ts';
import { withReadLake } from './read-lake.ts';
import type { LakeReader } from './read-lake.ts';
import { gridText } from './row-sink.ts';
import { countText, rowsText } from './text.ts';

export const quarantineReplayCommand: Command = {
  name: 'quarantine replay',
  usage: `${FILTER_USAGE} [--dry-run] [--yes] [--lake URL] [--json]`,
  summary: 'Judge open rejected records again, under the rules of now; those that are valid go into Silver',
  options: { ...filterOptions, 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' } },
  run: ({ flags, out }) => withReadLake(flags, (reader) => run(reader, flags, out)),
};

async function run({ lake, pipeline, config }: LakeReader, flags: Flags, out: Output): Promise<number> {
  const options = {
    lake, pipeline, clock: systemClock, observe: unobserved, judge: compileRules(pipeline, config, { schemas: openSchemas(config, systemClock) }),
    lateAfterMs: config.lateAfterMs, sliceRows: config.sliceRows, checkpointInterval: BigInt(config.checkpointInterval), filter: filterFrom(flags, systemClock.nowMs()),
  };
  const planned = await replay({ ...options, isDryRun: true });
  const nothing = planned.accepted + planned.finished === 0;
  if (flags.has('dry-run') || nothing) return report(planned, { isDryRun: true }, out);
  if (!flags.has('yes')) out.note(await text(planned, 'would be'));
  if (!(await agreed({ does: `quarantine replay puts ${rowsText(planned.accepted + planned.finished)} up for Silver`, question: 'Replay them?' }, flags))) {
    out.note('Nothing was replayed.');
    return 1;
  }
  return report(await replay({ ...options, isDryRun: false }), { isDryRun: false }, out);
}

async function report(done: ReplayReport, { isDryRun }: { isDryRun: boolean }, out: Output): Promise<number> {
  const human = await text(done, isDryRun ? 'would be' : 'is');
  out.result({ dryRun: isDryRun, ...done }, () => human);
  if (!isDryRun && done.accepted + done.finished > 0) out.note('The next score takes what changed in Silver to Gold.');
  return 0;
}

async function text({ judged, accepted, finished, verdicts }: ReplayReport, is: 'is' | 'would be'): Promise<string> {
  const grid = await gridText(['topic', 'rejected for', 'rules of now', 'rows'], verdicts.map((each) => [each.topic, each.reason, each.verdict === ACCEPTED ? ACCEPTED : `still ${each.verdict}`, countText(each.rows)]), ['rows']);
  const be = is === 'is' ? (accepted === 1 ? 'is' : 'are') : is;
  return [
    ...(finished === 0 ? [] : [`${rowsText(finished)} of a replay that was interrupted ${is === 'is' ? 'went to Silver' : 'would go to Silver first'}`]),
    judged === 0 ? 'No open rows to judge.' : `${grid}\n\n${rowsText(judged)} judged again, ${countText(accepted)} ${be} resolved`,
  ].join('\n');
}
