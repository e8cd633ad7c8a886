import { ConfigError } from './errors.ts';
import { planFreshness } from './freshness-plan.ts';
import { parseSchedule } from './ncrontab.ts';

/** One setting. An empty text counts as not set, so a template can list every name. */
interface Setting<T> {
  readonly name: string;
  readonly kind: 'text' | 'list' | 'integer' | 'choice' | 'schedule' | 'duration';
  /** As it would be typed; null where there is none. */
  readonly default: string | null;
  readonly required: boolean;
  /** Its value never appears in a message, a log or the template. */
  readonly secret: boolean;
  readonly bounds: string;
  readonly unit: string;
  readonly meaning: string;
  /** What the template holds for local work, where that differs from the default. */
  readonly local: string | null;
  /** The value, or what is wrong with the text. */
  parse(text: string): { readonly value: T } | { readonly problem: string };
}

type Words = { readonly default?: string; readonly local?: string; readonly unit?: string };

function setting<T>(name: string, kind: Setting<T>['kind'], meaning: string, words: Words, rest: Pick<Setting<T>, 'parse'> & Partial<Setting<T>>) {
  const base = { required: false, secret: false, bounds: '' };
  return { ...base, name, kind, meaning, default: words.default ?? null, local: words.local ?? null, unit: words.unit ?? '', ...rest };
}

const whole = (text: string) => ({ value: text });

const requiredText = (name: string, meaning: string, words: Words = {}): Setting<string> =>
  setting(name, 'text', meaning, words, { required: true, parse: whole });

const text = (name: string, meaning: string, words: Words & { default: string }): Setting<string> =>
  setting(name, 'text', meaning, words, { parse: whole });

const optionalText = (name: string, meaning: string, words: Words = {}): Setting<string | null> =>
  setting<string | null>(name, 'text', meaning, words, { parse: whole });

const secret = (name: string, meaning: string, words: Words = {}): Setting<string | null> =>
  setting<string | null>(name, 'text', meaning, words, { secret: true, parse: whole });

const list = (name: string, meaning: string, words: Words = {}): Setting<readonly string[]> =>
  setting<readonly string[]>(name, 'list', meaning, { default: '', ...words }, {
    bounds: 'comma-separated',
    parse: (text) => ({ value: Object.freeze(text.split(',').map((item) => item.trim()).filter((item) => item !== '')) }),
  });

const choice = <T extends string>(name: string, values: readonly T[], meaning: string, words: Words & { default: T }): Setting<T> =>
  setting<T>(name, 'choice', meaning, words, {
    bounds: values.join(' | '),
    parse: (text) => values.includes(text as T) ? { value: text as T } : { problem: `is "${clip(text)}", not one of ${values.join(', ')}` },
  });

const integer = (name: string, [min, max]: readonly [number, number], meaning: string, words: Words & { default: string }): Setting<number> =>
  setting<number>(name, 'integer', meaning, words, {
    bounds: `${min} to ${max}`,
    parse: (text) => {
      const value = Number(text);
      if (!/^-?\d+$/.test(text)) return { problem: `is "${clip(text)}", not a whole number` };
      return value >= min && value <= max ? { value } : { problem: `is ${clip(text)}, outside ${min} to ${max}` };
    },
  });

/** Empty: for ever. */
const days = (name: string, [min, max]: readonly [number, number], meaning: string): Setting<number | null> =>
  setting<number | null>(name, 'integer', meaning, { unit: 'days' }, { ...integer(name, [min, max], meaning, { default: '' }), default: null, unit: 'days' });

const schedule = (name: string, meaning: string, words: Words & { default: string }): Setting<string> =>
  setting<string>(name, 'schedule', meaning, words, { bounds: 'NCRONTAB, six fields, UTC', parse: parseScheduleText });

/** Empty: by TARGET_FRESHNESS. */
const plannedSchedule = (name: string, meaning: string): Setting<string | null> =>
  setting<string | null>(name, 'schedule', meaning, {}, { bounds: 'NCRONTAB, six fields, UTC', parse: parseScheduleText });

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** In whole seconds. */
const duration = (name: string, [minS, maxS]: readonly [number, number], meaning: string, words: Words & { default: string }): Setting<number> =>
  setting<number>(name, 'duration', meaning, words, {
    bounds: `${minS}s to ${maxS / 3600}h`,
    parse: (text) => {
      const match = /^(\d{1,6})([smh])$/.exec(text);
      if (match === null) return { problem: `is "${clip(text)}", not a number of seconds, minutes or hours such as 30s, 5m, 1h` };
      const seconds = Number(match[1]) * SECONDS[match[2]];
      return seconds >= minS && seconds <= maxS ? { value: seconds } : { problem: `is ${clip(text)}, outside ${minS}s to ${maxS / 3600}h` };
    },
  });

const registryUrl = (name: string, meaning: string): Setting<string | null> =>
  setting<string | null>(name, 'text', meaning, {}, {
    parse: (text) => {
      const url = URL.parse(text);
      if (url === null || !/^https?:$/.test(url.protocol)) return { problem: 'is no http or https URL' };
      // It stands in messages.
      return url.username === '' && url.password === '' && url.search === '' ? { value: text.replace(/\/+$/, '') } : { problem: 'has credentials or a query in it; set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD instead' };
    },
  });

function parseScheduleText(text: string): { value: string } | { problem: string } {
  try {
    return { value: parseSchedule(text).text };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { problem: error.message };
  }
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

const dayMs = '86400000';

/** THE table of settings: code, README and local.settings.template.json are held to it by tests. */
const settings = {
  lakeUrl: requiredText('LAKE_URL', 'Where the tables live: `az://account/container/prefix`, `abfss://container@account.dfs.core.windows.net/prefix` or `file:dir`; each table is the folder of its name below it.', { local: 'az://devstoreaccount1/lake' }),
  lakeConnectionString: secret('LAKE_CONNECTION_STRING', 'Storage connection string for Azurite and development; in Azure leave it empty, the managed identity is used.', { local: 'UseDevelopmentStorage=true' }),
  pipelineFiles: list('PIPELINE_FILE', 'The pipeline as data, relative to the app. Of several, the tables of the first lie in the lake, those of every further one in the folder of its name; Bronze is one.', { default: 'pipelines/events.json' }),
  ingestSource: choice('INGEST_SOURCE', ['kafka', 'none'], '`none` registers no ingest function: an app that only refines, scores and shows.', { default: 'kafka' }),
  kafkaBrokers: list('KAFKA_BROKERS', 'Bootstrap servers, `host:port`; needed for ingest. Event Hubs: `<namespace>.servicebus.windows.net:9093`.', { local: 'localhost:9092' }),
  kafkaTopics: list('KAFKA_TOPICS', 'Topics to read, one function each; empty: the topics of the pipeline file.'),
  kafkaConsumerGroup: text('KAFKA_CONSUMER_GROUP', 'Consumer group of the ingest functions.', { default: 'assay' }),
  kafkaProtocol: choice('KAFKA_PROTOCOL', ['plaintext', 'ssl', 'saslPlaintext', 'saslSsl'], 'How brokers are spoken to.', { default: 'plaintext' }),
  kafkaAuthentication: choice('KAFKA_AUTHENTICATION', ['plain', 'scramSha256', 'scramSha512'], 'SASL mechanism, where the protocol has SASL.', { default: 'plain' }),
  kafkaUsername: optionalText('KAFKA_USERNAME', 'SASL user. Event Hubs: `$ConnectionString`.'),
  kafkaPassword: secret('KAFKA_PASSWORD', 'SASL password; in Azure a Key Vault reference. Event Hubs: the connection string.'),
  kafkaCaFile: optionalText('KAFKA_CA_FILE', 'PEM file of the authority that vouches for the brokers, relative to the app; empty: the public ones. For the trigger and for the app\'s own questions.'),
  schemaRegistryUrl: registryUrl('SCHEMA_REGISTRY_URL', 'Schema registry of topics whose format is `avro`, `json-schema` or `protobuf`: `https://host[:port][/path]`, without credentials.'),
  schemaRegistryUsername: optionalText('SCHEMA_REGISTRY_USERNAME', 'Basic authentication at the registry; Confluent Cloud: the API key.'),
  schemaRegistryPassword: secret('SCHEMA_REGISTRY_PASSWORD', 'Its password, or the API secret; in Azure a Key Vault reference.'),
  maxMessageBytes: integer('MAX_MESSAGE_BYTES', [1, 104_857_600], 'Largest record the topic lets in; times `maxBatchSize` of host.json it must stay within 256 MiB.', { default: '16384', unit: 'bytes' }),
  futureAfterMs: integer('FUTURE_AFTER_MS', [0, 31_536_000_000], 'An event time this far after the broker\'s is quarantined.', { default: dayMs, unit: 'ms' }),
  lateAfterMs: integer('LATE_AFTER_MS', [0, 31_536_000_000], 'An event that reaches the broker this long after its event time is flagged late.', { default: '300000', unit: 'ms' }),
  sliceRows: integer('SLICE_ROWS', [1000, 10_000_000], 'Most Bronze or Silver rows one commit of a stage takes in.', { default: '100000', unit: 'rows' }),
  sliceMb: integer('SLICE_MB', [1, 1024], 'Most payload that one commit of refine takes in, uncompressed, unless a single Bronze commit holds more.', { default: '32', unit: 'MB' }),
  stageTimeMs: integer('STAGE_TIME_MS', [1000, 1_800_000], 'A timer starts no further slice after this time; at most half of `functionTimeout`.', { default: '240000', unit: 'ms' }),
  duckdbMemoryMb: integer('DUCKDB_MEMORY_MB', [64, 65_536], 'DuckDB\'s memory; beyond it it spills to the cache folder.', { default: '512', unit: 'MB' }),
  duckdbThreads: integer('DUCKDB_THREADS', [1, 64], 'DuckDB\'s threads.', { default: '2' }),
  cacheDir: optionalText('CACHE_DIR', 'Folder for spilled and downloaded files; empty: `assay` in the system\'s temporary folder.'),
  cacheMb: integer('CACHE_MB', [64, 1_048_576], 'Most bytes of downloaded table files kept there.', { default: '512', unit: 'MB' }),
  bronzeFileMb: integer('BRONZE_FILE_MB', [1, 1024], 'A Bronze file ends with the record that passes so much payload; a larger batch makes several files in one commit.', { default: '128', unit: 'MB' }),
  targetFreshnessS: duration('TARGET_FRESHNESS', [1, 3600], 'How long a record may wait for each step: sets when refine and score run, and the trigger\'s window and batch (which in Azure are app settings: `assay doctor` prints them). A table whose newest rows are twice as old while something waits counts as late.', { default: '30s' }),
  refineSchedule: plannedSchedule('REFINE_SCHEDULE', 'When Bronze is refined into Silver; empty: by TARGET_FRESHNESS.'),
  scoreSchedule: plannedSchedule('SCORE_SCHEDULE', 'When Silver is scored into Gold; empty: by TARGET_FRESHNESS, between two refines.'),
  trainSchedule: schedule('TRAIN_SCHEDULE', 'When it is looked whether a model is due.', { default: '0 20 * * * *' }),
  maintainSchedule: schedule('MAINTAIN_SCHEDULE', 'When tables are compacted and cleaned.', { default: '0 40 * * * *' }),
  monitorSchedule: schedule('MONITOR_SCHEDULE', 'When freshness, balance and cost are written to the log tables.', { default: '10 */5 * * * *' }),
  trainRowsMin: integer('TRAIN_ROWS_MIN', [2, 10_000_000], 'Fewer Silver rows than this replace no model. The first model of a lake is trained on what there is, where the shipped one does not fit.', { default: '1000', unit: 'rows' }),
  retrainAfterMs: integer('RETRAIN_AFTER_MS', [60_000, 31_536_000_000], 'A model older than this is trained anew, if Silver has grown.', { default: dayMs, unit: 'ms' }),
  checkpointInterval: integer('CHECKPOINT_INTERVAL', [1, 10_000], 'Versions from one Delta checkpoint to the next; of a large table more, up to 500.', { default: '10', unit: 'versions' }),
  bronzeRetentionDays: days('BRONZE_RETENTION_DAYS', [32, 36_500], 'Bronze\'s days older than this expire, once every pipeline has refined them; empty: kept for ever. Longer than the log (30 days), so that no restore reaches them. What has expired can\'t be recomputed by `assay backfill`.'),
  quarantineRetentionDays: days('QUARANTINE_RETENTION_DAYS', [32, 36_500], 'Rows of quarantine older than this expire, open or resolved; empty: kept for ever. Afterwards `assay backfill` refuses.'),
  logRetentionDays: days('LOG_RETENTION_DAYS', [1, 36_500], 'Rows of `monitor_logs`, `cluster_logs`, `benchmark_logs` and `pipeline_runs` older than this expire; empty: kept for ever.'),
  functionMemoryMb: integer('FUNCTION_MEMORY_MB', [512, 16_384], 'Memory of an instance, for the cost rows.', { default: '2048', unit: 'MB' }),
} as const;

type Value<S> = S extends Setting<infer T> ? T : never;

type Parsed = { readonly [K in keyof typeof settings]: Value<(typeof settings)[K]> };

/** Every setting, parsed and within its bounds; frozen. Optional ones are null (lists: empty) where not set. */
export type Config = Parsed & {
  readonly refineSchedule: string;
  readonly scoreSchedule: string;
  /** A table counts as late when its newest rows are older than this while something waits: a step waits once and works once. */
  readonly staleAfterS: number;
};

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads all settings from an environment. Names it does not know are ignored: they belong to Functions or to other programs.
 * Throws one ConfigError (`config/settings`) that lists every problem, one a line, by the setting's name; never a secret's value.
 */
export function parseConfig(env: Env): Config {
  const problems: string[] = [];
  const entries = Object.entries(settings).map(([key, setting]) => [key, readSetting(setting, env, problems)]);
  const parsed = Object.fromEntries(entries) as Parsed;
  problems.push(...saslProblems(parsed), ...registryProblems(parsed));
  if (problems.length > 0) {
    const count = problems.length === 1 ? '1 setting is' : `${problems.length} settings are`;
    throw new ConfigError('config/settings', `${count} wrong:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
  }
  const planned = planFreshness({ targetS: parsed.targetFreshnessS, messageBytesMax: parsed.maxMessageBytes });
  return Object.freeze({
    ...parsed,
    refineSchedule: parsed.refineSchedule ?? planned.refineSchedule,
    scoreSchedule: parsed.scoreSchedule ?? planned.scoreSchedule,
    staleAfterS: 2 * parsed.targetFreshnessS,
  });
}

function readSetting(setting: Setting<unknown>, env: Env, problems: string[]): unknown {
  const text = env[setting.name] || setting.default;
  if (text === null) {
    if (setting.required) problems.push(`${setting.name} is not set. ${setting.meaning}`);
    return null;
  }
  const parsed = setting.parse(text);
  if ('value' in parsed) return parsed.value;
  problems.push(`${setting.name} ${setting.kind === 'schedule' ? 'is not valid. ' : ''}${parsed.problem}.`.replace(/\.\.$/, '.'));
  return null;
}

function saslProblems({ kafkaProtocol, kafkaUsername, kafkaPassword }: Parsed): string[] {
  const sasl = kafkaProtocol === 'saslPlaintext' || kafkaProtocol === 'saslSsl';
  if (sasl && (kafkaUsername === null || kafkaPassword === null)) {
    return [`KAFKA_PROTOCOL is ${kafkaProtocol}, which needs KAFKA_USERNAME and KAFKA_PASSWORD; set both.`];
  }
  if (!sasl && kafkaProtocol !== null && (kafkaUsername !== null || kafkaPassword !== null)) {
    return [`KAFKA_USERNAME or KAFKA_PASSWORD is set, but KAFKA_PROTOCOL is ${kafkaProtocol}, which sends neither; set saslSsl or clear them.`];
  }
  return [];
}

function registryProblems({ schemaRegistryUsername, schemaRegistryPassword }: Parsed): string[] {
  return (schemaRegistryUsername === null) === (schemaRegistryPassword === null) ? [] : ['SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD go together; set both or neither.'];
}

/** A line of the README's table. */
export interface SettingRow {
  readonly name: string;
  readonly default: string;
  readonly bounds: string;
  readonly unit: string;
  readonly meaning: string;
}

/** The README's settings table, in the order of the code. */
export function settingsTable(): SettingRow[] {
  return Object.values<Setting<unknown>>(settings).map((setting) => ({
    name: setting.name,
    default: setting.required ? 'required' : setting.secret ? 'secret' : (setting.default ?? ''),
    bounds: setting.bounds,
    unit: setting.unit,
    meaning: setting.meaning,
  }));
}

/** What local.settings.template.json must hold: every setting with its local or default value; secrets empty or well known. */
export function localSettingsTemplate(): { IsEncrypted: false; Values: Record<string, string> } {
  const values: Record<string, string> = { FUNCTIONS_WORKER_RUNTIME: 'node', AzureWebJobsStorage: 'UseDevelopmentStorage=true' };
  for (const setting of Object.values<Setting<unknown>>(settings)) values[setting.name] = setting.local ?? setting.default ?? '';
  return { IsEncrypted: false, Values: values };
}
