import type { Config } from './config.ts';
import { ConfigError } from './errors.ts';
import { BATCH_BYTES_MAX } from './freshness-plan.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** host.json as the Functions host takes it: keys without case, app settings `AzureFunctionsJobHost__a__b` laid over it. */
export interface HostSettings {
  /** By path, such as `extensions.kafka.maxRetries`; null where neither host.json nor an app setting has it. */
  get(path: string): { readonly value: string; readonly source: string } | null;
}

const overridePrefix = /^azurefunctionsjobhost(?:__|:)/i;

/** Throws a ConfigError (`config/host-json`) where the text is no JSON object. */
export function readHostSettings(hostJsonText: string, env: Env): HostSettings {
  const values = new Map<string, { value: string; source: string }>();
  flatten(parseHostJson(hostJsonText), '', values);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || !overridePrefix.test(name)) continue;
    const path = name.replace(overridePrefix, '').split(/__|:/).join('.').toLowerCase();
    values.set(path, { value, source: `app setting ${name}` });
  }
  return { get: (path) => values.get(path.toLowerCase()) ?? null };
}

function parseHostJson(text: string): unknown {
  const fail = (why: string, cause?: unknown) =>
    new ConfigError('config/host-json', `host.json can't be read: ${why}. Restore it from the repository.`, { cause });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw fail(error instanceof Error ? error.message : 'no JSON', error);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw fail('it is no JSON object');
  return parsed;
}

function flatten(value: unknown, path: string, into: Map<string, { value: string; source: string }>): void {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, path === '' ? key : `${path}.${key}`, into);
  } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    into.set(path.toLowerCase(), { value: String(value), source: `host.json ${path}` });
  }
}

/** The Kafka extension's settings that count here, each with the extension's own default (KafkaOptions.cs, extension 4.3.2). */
export interface KafkaOptions {
  readonly maxBatchSize: number;
  readonly subscriberIntervalInSeconds: number;
  readonly executorChannelCapacity: number;
  readonly commitOnFailure: boolean;
  readonly maxRetries: number;
  readonly maxPollIntervalMs: number;
  readonly sessionTimeoutMs: number;
  readonly autoCommitIntervalMs: number;
  readonly autoOffsetReset: string;
}

export function kafkaOptions(host: HostSettings): KafkaOptions {
  const text = (name: string) => host.get(`extensions.kafka.${name}`)?.value;
  const number = (name: string, fallback: number) => {
    const value = text(name);
    if (value !== undefined && !/^-?\d+$/.test(value)) {
      throw new ConfigError('config/host-json', `extensions.kafka.${name} is "${value}", not a whole number; correct it.`);
    }
    return value === undefined ? fallback : Number(value);
  };
  return {
    maxBatchSize: number('maxBatchSize', 64),
    subscriberIntervalInSeconds: number('subscriberIntervalInSeconds', 1),
    executorChannelCapacity: number('executorChannelCapacity', 1),
    commitOnFailure: (text('commitOnFailure') ?? 'true').toLowerCase() !== 'false',
    maxRetries: number('maxRetries', 5),
    maxPollIntervalMs: number('maxPollIntervalMs', 300_000), // librdkafka's default
    sessionTimeoutMs: number('sessionTimeoutMs', 10_000),
    autoCommitIntervalMs: number('autoCommitIntervalMs', 200),
    autoOffsetReset: text('autoOffsetReset') ?? 'earliest',
  };
}

const bundleId = 'Microsoft.Azure.Functions.ExtensionBundle';
/** Flex Consumption and Premium, where host.json says nothing. */
const functionTimeoutMsDefault = 30 * 60_000;

/** `hh:mm:ss`, `d.hh:mm:ss` or -1 → milliseconds, Infinity for -1. */
export function functionTimeoutMs(host: HostSettings): number {
  const text = host.get('functionTimeout')?.value;
  if (text === undefined) return functionTimeoutMsDefault;
  if (text === '-1') return Infinity;
  const match = /^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})$/.exec(text);
  if (match === null) throw new ConfigError('config/host-json', `functionTimeout is "${text}", not hh:mm:ss; correct it.`);
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number];
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

/**
 * Refuses effective host settings under which records would be lost or the process would not fit into memory.
 * Throws one ConfigError (`config/host`) that lists key, value, where it comes from and why. Returns where all is well.
 * Sources: Kafka extension KafkaOptions.cs and MultipleItemFunctionExecutor.cs (4.3.2); semantics.md, section 3.
 */
export function checkHost(hostJsonText: string, env: Env, config: Config): void {
  const host = readHostSettings(hostJsonText, env);
  const timeoutMs = functionTimeoutMs(host);
  const problems: Problem[] = [];
  if (config.stageTimeMs * 2 > timeoutMs) {
    problems.push(['functionTimeout', `must be at least twice STAGE_TIME_MS (${config.stageTimeMs} ms): the host kills the worker, and everything in it, at the timeout`]);
  }
  if (config.ingestSource === 'kafka') problems.push(...bundleProblems(host), ...kafkaProblems(kafkaOptions(host), timeoutMs, config));
  if (problems.length === 0) return;
  const lines = problems.map(([path, why]) => {
    const found = host.get(path);
    return `- ${path} is ${found === null ? 'not set' : `"${found.value}" (${found.source})`}: ${why}.`;
  });
  throw new ConfigError('config/host', `The host's settings would lose records or overrun the instance:\n${lines.join('\n')}`);
}

type Problem = readonly [path: string, why: string];

function kafkaProblems(kafka: KafkaOptions, timeoutMs: number, config: Config): Problem[] {
  const key = (name: keyof KafkaOptions) => `extensions.kafka.${name}`;
  const batchBytes = kafka.maxBatchSize * config.maxMessageBytes;
  const tests: [boolean, string, string][] = [
    [kafka.commitOnFailure, key('commitOnFailure'), 'must be false: the default, true, moves the offsets past a batch whose function failed, which loses it'],
    [kafka.maxRetries !== -1, key('maxRetries'), 'must be -1: after that many retries (default 5) the failed batch is committed, which loses it'],
    [kafka.maxBatchSize < 1, key('maxBatchSize'), 'must be at least 1'],
    [batchBytes > BATCH_BYTES_MAX, key('maxBatchSize'), `times MAX_MESSAGE_BYTES (${config.maxMessageBytes}) is ${batchBytes} bytes, more than the ${BATCH_BYTES_MAX} an instance holds; lower one of them`],
    [kafka.executorChannelCapacity !== 1, key('executorChannelCapacity'), 'must be 1: more only queues batches in memory, which run on after their partitions were given to another instance'],
    [kafka.subscriberIntervalInSeconds < 1, key('subscriberIntervalInSeconds'), 'must be at least 1'],
    [kafka.maxPollIntervalMs < timeoutMs, key('maxPollIntervalMs'), `must be at least functionTimeout (${timeoutMs} ms; librdkafka's default is 300000): a longer batch leaves its group and runs beside its successor`],
    [kafka.maxPollIntervalMs < kafka.sessionTimeoutMs, key('maxPollIntervalMs'), `must be at least sessionTimeoutMs (${kafka.sessionTimeoutMs}): librdkafka refuses to start`],
    [kafka.autoOffsetReset.toLowerCase() !== 'earliest', key('autoOffsetReset'), 'must be earliest: a group whose offsets expired would silently skip what it had not read; where a new topic begins is the pipeline file\'s `start`'],
  ];
  return tests.filter(([wrong]) => wrong).map(([, path, why]) => [path, why]);
}

function bundleProblems(host: HostSettings): Problem[] {
  const id = host.get('extensionBundle.id')?.value;
  if (id === undefined || id.toLowerCase() !== bundleId.toLowerCase()) {
    return [['extensionBundle.id', `must be ${bundleId}: it carries the Kafka extension this app is checked against`]];
  }
  const version = host.get('extensionBundle.version')?.value;
  const lowest = version === undefined ? null : lowestVersion(version);
  if (lowest !== null && (lowest[0] > 4 || (lowest[0] === 4 && lowest[1] >= 37))) return [];
  return [['extensionBundle.version', 'must be a range that begins at 4.37.0 or later, such as "[4.37.0, 5.0.0)": older bundles carry a Kafka extension before 4.3.0, which ignores commitOnFailure and loses failed batches']];
}

/** Major and minor of a NuGet version range's lower end; null where it has none. */
function lowestVersion(range: string): [number, number] | null {
  const match = /^\s*[[(]?\s*(\d+)(?:\.(\d+|\*))?/.exec(range);
  if (match === null) return null;
  return [Number(match[1]), match[2] === undefined || match[2] === '*' ? 0 : Number(match[2])];
}
