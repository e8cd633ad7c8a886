import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../shared/config.ts';
import { ConfigError } from '../shared/errors.ts';
import { checkHost, functionTimeoutMs, kafkaOptions, readHostSettings } from '../shared/host-check.ts';

const shipped = readFileSync(new URL('../host.json', import.meta.url), 'utf8');
const config = (env: Record<string, string> = {}) => parseConfig({ LAKE_URL: 'file:lake', ...env });

interface HostJson { functionTimeout?: string; extensionBundle?: { id?: string; version?: string }; extensions: { kafka: Record<string, unknown> } }
const changed = (change: (host: HostJson) => void) => {
  const host = JSON.parse(shipped) as HostJson;
  change(host);
  return JSON.stringify(host);
};
const kafka = (settings: Record<string, unknown>) => changed((host) => Object.assign(host.extensions.kafka, settings));
const override = 'AzureFunctionsJobHost__extensions__kafka__';

describe('checkHost', () => {
  it('accepts the host.json that is shipped', () => expect(() => checkHost(shipped, {}, config())).not.toThrow());

  it.each<[string, string, Record<string, string>, RegExp]>([
    ['commitOnFailure true', kafka({ commitOnFailure: true }), {}, /extensions.kafka.commitOnFailure is "true" \(host.json extensions.kafka.commitOnFailure\): must be false/],
    ['commitOnFailure left out', kafka({ commitOnFailure: undefined }), {}, /commitOnFailure is not set: must be false/],
    ['maxRetries finite', kafka({ maxRetries: 5 }), {}, /maxRetries is "5".*loses it/],
    ['maxRetries left out', kafka({ maxRetries: undefined }), {}, /maxRetries is not set/],
    ['batches too large', kafka({ maxBatchSize: 16_385 }), {}, /268451840 bytes, more than the 268435456/],
    ['records too large', shipped, { MAX_MESSAGE_BYTES: '1048576' }, /times MAX_MESSAGE_BYTES \(1048576\)/],
    ['queued batches', kafka({ executorChannelCapacity: 4 }), {}, /executorChannelCapacity is "4"/],
    ['polls too far apart', kafka({ maxPollIntervalMs: undefined }), {}, /maxPollIntervalMs is not set: must be at least functionTimeout \(600000 ms/],
    ['session longer than a poll', kafka({ sessionTimeoutMs: 1_000_000 }), {}, /at least sessionTimeoutMs \(1000000\)/],
    ['a reset to the end', kafka({ autoOffsetReset: 'Latest' }), {}, /autoOffsetReset is "Latest"/],
    ['no functionTimeout', changed((host) => delete host.functionTimeout), {}, /at least functionTimeout \(1800000 ms/],
    ['an endless functionTimeout', changed((host) => (host.functionTimeout = '-1')), {}, /at least functionTimeout \(Infinity ms/],
    ['stages longer than the timeout', shipped, { STAGE_TIME_MS: '300001' }, /functionTimeout is "00:10:00".*STAGE_TIME_MS \(300001 ms\)/],
    ['an old bundle', changed((host) => (host.extensionBundle!.version = '[4.36.0, 5.0.0)')), {}, /extensionBundle.version is "\[4.36.0, 5.0.0\)".*begins at 4.37.0/],
    ['any bundle 4', changed((host) => (host.extensionBundle!.version = '[4.*, 5.0.0)')), {}, /extensionBundle.version/],
    ['no bundle', changed((host) => delete host.extensionBundle), {}, /extensionBundle.id is not set/],
    ['another bundle', changed((host) => (host.extensionBundle!.id = 'Microsoft.Azure.Functions.ExtensionBundle.Preview')), {}, /extensionBundle.id/],
  ])('refuses %s', (_name, text, env, expected) => {
    expect(() => checkHost(text, {}, config(env))).toThrow(ConfigError);
    expect(() => checkHost(text, {}, config(env))).toThrow(expected);
  });

  it.each([
    ['commitOnFailure', 'true'],
    ['COMMITONFAILURE', 'True'],
    ['maxRetries', '3'],
    ['maxBatchSize', '100000'],
  ])('sees the app setting that overrides %s', (name, value) => {
    expect(() => checkHost(shipped, { [override + name]: value }, config())).toThrow(`app setting ${override}${name}`);
  });

  it('takes overrides in any case and with colons', () => {
    expect(() => checkHost(shipped, { 'azurefunctionsjobhost:Extensions:Kafka:MaxRetries': '0' }, config())).toThrow(/maxRetries is "0"/);
    expect(() => checkHost(kafka({ maxRetries: 5 }), { [`${override}maxretries`]: '-1' }, config())).not.toThrow();
  });

  it('reads keys of host.json without case', () => {
    expect(() => checkHost(shipped.replace('"commitOnFailure"', '"CommitOnFailure"'), {}, config())).not.toThrow();
  });

  it('lists every problem at once', () => {
    const text = kafka({ commitOnFailure: true, maxRetries: 5, executorChannelCapacity: 2 });
    expect(() => checkHost(text, {}, config())).toThrow(/commitOnFailure[^]*maxRetries[^]*executorChannelCapacity/);
  });

  it('asks nothing of Kafka where no ingest is registered', () => {
    expect(() => checkHost(kafka({ commitOnFailure: true }), {}, config({ INGEST_SOURCE: 'none' }))).not.toThrow();
  });

  it.each(['', '[]', '{', 'null'])('refuses %j as host.json', (text) => expect(() => checkHost(text, {}, config())).toThrow(ConfigError));
});

describe('effective values', () => {
  it('are the extension\'s defaults where nothing is set', () => {
    expect(kafkaOptions(readHostSettings('{}', {}))).toEqual({
      maxBatchSize: 64, subscriberIntervalInSeconds: 1, executorChannelCapacity: 1, commitOnFailure: true, maxRetries: 5,
      maxPollIntervalMs: 300_000, sessionTimeoutMs: 10_000, autoOffsetReset: 'earliest', autoCommitIntervalMs: 200,
    });
  });

  it.each([['00:10:00', 600_000], ['1.02:03:04', 93_784_000], ['-1', Infinity]])('functionTimeout %s', (text, expected) => {
    expect(functionTimeoutMs(readHostSettings(JSON.stringify({ functionTimeout: text }), {}))).toBe(expected);
  });

  it('says which number is none', () => {
    expect(() => kafkaOptions(readHostSettings(kafka({ maxBatchSize: 'many' }), {}))).toThrow(/maxBatchSize is "many"/);
  });
});
