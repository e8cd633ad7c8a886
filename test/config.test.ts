import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { localSettingsTemplate, parseConfig, settingsTable } from '../shared/config.ts';
import { ConfigError } from '../shared/errors.ts';

const message = (env: Record<string, string>) => {
  try {
    parseConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error('accepted');
};

describe('parseConfig', () => {
  it('needs only LAKE_URL and freezes what it returns', () => {
    const config = parseConfig({ LAKE_URL: 'file:lake', ASSAY_UNKNOWN: '1', PATH: '/bin' });
    expect(config).toMatchObject({ lakeUrl: 'file:lake', kafkaBrokers: [], sliceRows: 100_000, kafkaPassword: null });
    expect(Object.isFrozen(config) && Object.isFrozen(config.kafkaBrokers)).toBe(true);
  });

  it('takes an empty text as not set', () => {
    expect(parseConfig({ LAKE_URL: 'file:lake', SLICE_ROWS: '', KAFKA_TOPICS: '' })).toMatchObject({ sliceRows: 100_000, kafkaTopics: [] });
  });

  it('parses each kind', () => {
    const env = { LAKE_URL: 'file:lake', KAFKA_BROKERS: ' a:1, b:2,', DUCKDB_THREADS: '8', KAFKA_PROTOCOL: 'ssl', REFINE_SCHEDULE: '0 0 * * * *' };
    expect(parseConfig(env)).toMatchObject({ kafkaBrokers: ['a:1', 'b:2'], duckdbThreads: 8, kafkaProtocol: 'ssl', refineSchedule: '0 0 * * * *' });
  });

  it('lists every problem by its setting', () => {
    const text = message({ SLICE_ROWS: '1e3', DUCKDB_THREADS: '900', KAFKA_PROTOCOL: 'tls', REFINE_SCHEDULE: 'hourly', LATE_AFTER_MS: '-1' });
    expect(text.split('\n')).toHaveLength(7);
    for (const part of ['6 settings are wrong', 'LAKE_URL is not set', 'SLICE_ROWS is "1e3", not a whole number', 'DUCKDB_THREADS is 900, outside 1 to 64', 'KAFKA_PROTOCOL is "tls", not one of plaintext', 'REFINE_SCHEDULE is not valid', 'LATE_AFTER_MS is -1']) {
      expect(text).toContain(part);
    }
  });

  it.each([
    [{ KAFKA_PROTOCOL: 'saslSsl', KAFKA_USERNAME: 'me' }, 'needs KAFKA_USERNAME and KAFKA_PASSWORD'],
    [{ KAFKA_USERNAME: 'me', KAFKA_PASSWORD: 'hunter2' }, 'sends neither'],
    [{ SCHEMA_REGISTRY_URL: 'https://me:hunter2@registry' }, 'SCHEMA_REGISTRY_URL has credentials'],
    [{ SCHEMA_REGISTRY_URL: 'https://registry?token=hunter2' }, 'SCHEMA_REGISTRY_URL has credentials'],
    [{ SCHEMA_REGISTRY_URL: 'registry:8081' }, 'SCHEMA_REGISTRY_URL is no http or https URL'],
    [{ SCHEMA_REGISTRY_USERNAME: 'me' }, 'SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD go together'],
    [{ SCHEMA_REGISTRY_PASSWORD: 'hunter2' }, 'SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD go together'],
  ])('holds protocol and credentials together, and never shows them: %o', (env, part) => {
    const text = message({ LAKE_URL: 'file:lake', ...env });
    expect(text).toContain(part);
    expect(text).not.toContain('hunter2');
  });
});

describe('the one table of settings', () => {
  it('is what local.settings.template.json holds', () => {
    const template: unknown = JSON.parse(readFileSync(new URL('../local.settings.template.json', import.meta.url), 'utf8'));
    expect(template, 'write JSON.stringify(localSettingsTemplate(), null, 2) to local.settings.template.json').toEqual(localSettingsTemplate());
  });

  it('gives a template that parses as it stands, with every name of the table', () => {
    const { Values: values } = localSettingsTemplate();
    expect(parseConfig(values).lakeUrl).toBe('az://devstoreaccount1/lake');
    expect(Object.keys(values)).toEqual(['FUNCTIONS_WORKER_RUNTIME', 'AzureWebJobsStorage', ...settingsTable().map((row) => row.name)]);
  });

  it('explains every setting, and its defaults are within its bounds', () => {
    expect(parseConfig({ LAKE_URL: 'x' })).toBeDefined();
    for (const row of settingsTable()) expect(row.meaning, row.name).toMatch(/^.{10,}\.$/);
    expect(settingsTable().filter((row) => row.default === 'secret').map((row) => row.name)).toEqual(['LAKE_CONNECTION_STRING', 'KAFKA_PASSWORD', 'SCHEMA_REGISTRY_PASSWORD']);
  });
});
