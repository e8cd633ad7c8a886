import { existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { parseConfig } from '../../shared/config.ts';
import { ConfigError } from '../../shared/errors.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import type { RuleSettings } from '../../shared/pipeline/judge.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { KafkaBroker } from '../../shared/sources/kafka-broker.ts';
import { writeFileAtomic } from '../event-log/atomic-file.ts';
import { inferPipeline } from '../schema/infer-pipeline.ts';
import { sampleFile, sampleTopic } from '../schema/sample.ts';
import type { Sampled } from '../schema/sample.ts';
import type { Command, CommandContext, Flags } from './command.ts';
import { agreed } from './confirm.ts';
import { homeOf, readRunInfo } from './home.ts';
import { connectionOf, connectionTo, kafkaSettings } from './kafka-settings.ts';
import { APP_DIR } from './local-lake.ts';
import { gridText } from './row-sink.ts';
import { countText, rowsText } from './text.ts';

export const initCommand: Command = {
  name: 'init',
  usage: '(--from FILE|- [--event-type T] | --topic T [--brokers HOST:PORT]) [--name NAME] [--key FIELD] [--event-time FIELD] [--partition-by FIELD] [--rows N] [--out FILE] [--dry-run] [--yes]',
  summary: 'Infer a pipeline file from a sample, and show which of its records the file would accept',
  options: {
    from: { type: 'string' }, topic: { type: 'string' }, brokers: { type: 'string' }, 'event-type': { type: 'string' }, name: { type: 'string' }, key: { type: 'string' },
    'event-time': { type: 'string' }, 'partition-by': { type: 'string' }, rows: { type: 'string' }, out: { type: 'string' }, 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' },
  },
  run,
};

const SAMPLE_ROWS = 10_000;

async function run({ flags, out }: CommandContext): Promise<number> {
  const sample = await readSample(flags);
  const name = pipelineName(flags);
  const text = inferPipeline(textsOf(sample), { name, topic: flags.text('topic') ?? name, key: flags.text('key'), eventTime: flags.text('event-time'), partitionBy: flags.text('partition-by') });
  const fileName = flags.text('out') ?? `pipelines/${name}.json`;
  const { futureAfterMs, lateAfterMs } = parseConfig({ ...process.env, LAKE_URL: 'file:unread' });
  const verdicts = judge(sample, text, fileName, { futureAfterMs, lateAfterMs });
  const report = { file: fileName, rows: sample.length, ...verdicts, dryRun: flags.has('dry-run'), pipeline: JSON.parse(text) as unknown };
  const rejected = await gridText(['rejected for', 'rows'], verdicts.rejected.map(({ reason, rows }) => [reason, countText(rows)]), ['rows']);
  const human = `${rowsText(sample.length)} sampled, ${countText(verdicts.accepted)} accepted${verdicts.rejected.length === 0 ? '' : `\n\n${rejected}`}`;
  if (flags.has('dry-run')) {
    out.result(report, () => `${text}\n${human}`);
    return 0;
  }
  const path = join(APP_DIR, fileName);
  if (existsSync(path) && !(await agreed({ does: `init replaces ${fileName}, which is there`, question: `Replace ${fileName}?` }, flags))) {
    out.note('Nothing was written.');
    return 1;
  }
  writeFileAtomic(path, text);
  out.result(report, () => human);
  out.note(`${fileName} is written: look at its columns, then "assay run --pipeline ${fileName} …", or set PIPELINE_FILE.`);
  return 0;
}

async function readSample(flags: Flags): Promise<Sampled[]> {
  const [path, topic, rows] = [flags.text('from'), flags.text('topic'), flags.integer('rows', SAMPLE_ROWS, 1)];
  const eventType = flags.text('event-type');
  if (path !== undefined) return sampleFile(path, { rows, nowMs: () => systemClock.nowMs(), ...(eventType === undefined ? {} : { eventType }) });
  if (topic === undefined) throw new ConfigError('cli/options', 'assay init: give --from FILE, or --topic T');
  const broker = new KafkaBroker(connection(flags));
  try {
    return await sampleTopic(broker, topic, rows);
  } finally {
    await broker.close();
  }
}

/** `--brokers`, else those of the `assay start` that runs here, else KAFKA_BROKERS. */
function connection(flags: Flags) {
  const typed = flags.text('brokers');
  if (typed !== undefined) return connectionTo(typed, 'assay-init');
  const running = readRunInfo(homeOf());
  const own = running && connectionOf(running, 'assay-init');
  if (own) return own;
  const { kafkaBrokers } = kafkaSettings();
  if (kafkaBrokers.length > 0) return connectionTo(kafkaBrokers.join(','), 'assay-init');
  throw new ConfigError('cli/options', 'assay init --topic: no broker is known; give --brokers HOST:PORT, or run it beside "assay start"');
}

function pipelineName(flags: Flags): string {
  const path = flags.text('from');
  const given = flags.text('name') ?? flags.text('topic') ?? (path === undefined || path === '-' ? 'pipeline' : basename(path, extname(path)));
  const name = given.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 56);
  return /^[A-Za-z]/.test(name) ? name : `p_${name}`;
}

/** What is not UTF-8 is no JSON either. */
function* textsOf(sample: readonly Sampled[]): Generator<string> {
  for (const { value } of sample) yield Buffer.from(value).toString('utf8');
}

interface Verdicts {
  readonly accepted: number;
  readonly rejected: readonly { readonly reason: string; readonly rows: number; readonly example: string }[];
}

function judge(sample: readonly Sampled[], text: string, fileName: string, settings: RuleSettings): Verdicts {
  const pipeline = parsePipelineFile(text, fileName, settings);
  const judgeRow = compileRules(pipeline, settings);
  const reasons = new Map<string, { rows: number; example: string }>();
  let accepted = 0;
  for (const { value, timestampMs } of sample) {
    const verdict = judgeRow({ topic: pipeline.topics[0].name, value: null, valueBytes: value, kafkaTimestampMs: timestampMs < 0 ? null : timestampMs });
    if (verdict.kind === 'accepted') accepted++;
    else reasons.set(verdict.reason, { rows: (reasons.get(verdict.reason)?.rows ?? 0) + 1, example: verdict.detail });
  }
  return { accepted, rejected: [...reasons].map(([reason, found]) => ({ reason, ...found })).sort((a, b) => b.rows - a.rows) };
}
