import { beforeEach, describe, expect, test } from 'vitest';
import { ConfigError } from '../../shared/errors.ts';
import { judgeGeneration } from '../../shared/pipeline/generation.ts';
import { pipelineTables } from '../../shared/pipeline/tables.ts';
import { OpenLakes } from '../support/lakes.ts';
import { eventsPipeline, eventsPipelineText } from '../support/pipelines.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const definition = (name: string, generation: number, hash: string) =>
  ({ name, description: '', schema: { type: 'struct' as const, fields: [] }, partitionColumns: [], configuration: { 'assay.generation': String(generation), 'assay.hash': hash } });

describe('judgeGeneration', () => {
  const judge = (theirs: Record<string, string>, own: number, hash: string, name = 'silver_events') => judgeGeneration({ configuration: theirs }, definition(name, own, hash));
  const table = { 'assay.generation': '3', 'assay.hash': 'h' };

  test('the same number and hash may commit', () => expect(judge(table, 3, 'h')).toBe('current'));
  test('a newer one raises, whether its rules differ or not', () => expect([judge(table, 4, 'i'), judge(table, 10, 'h')]).toEqual(['raise', 'raise']));
  test('numbers compare as numbers', () => expect(judge({ ...table, 'assay.generation': '9' }, 10, 'i')).toBe('raise'));
  test('a table that knows no generation is raised', () => expect(judge({}, 1, 'h')).toBe('raise'));
  test('an older one is refused', () => expect(() => judge(table, 2, 'h')).toThrow(expect.objectContaining({ constructor: ConfigError, code: 'pipeline/older-generation' })));
  test('one number for two hashes is refused', () => expect(() => judge(table, 3, 'i')).toThrow(expect.objectContaining({ constructor: ConfigError, code: 'pipeline/generation-reused' })));
  test('Bronze goes by its schema: rules neither raise nor refuse it', () => {
    expect([2, 3, 4].map((own) => judge(table, own, 'h', 'bronze_events'))).toEqual(['current', 'current', 'current']);
    expect(judge(table, 4, 'i', 'bronze_events')).toBe('raise');
    expect(() => judge(table, 2, 'i', 'bronze_events')).toThrow(ConfigError);
  });

  test('Bronze\'s hash is the same under other rules, that of the others is not', () => {
    const hashes = (rulesHash: string) => Object.fromEntries(pipelineTables({ ...eventsPipeline(), rulesHash }).map(({ name, configuration }) => [name, configuration['assay.hash']]));
    const [one, two] = [hashes('one'), hashes('two')];
    expect(Object.keys(one).filter((name) => one[name] === two[name])).toEqual(['bronze_events']);
  });
});

describe('an upgrade', () => {
  const lakes = new OpenLakes();
  let old: TestLake;
  beforeEach(async () => { old = await lakes.open(); });

  const columns = (JSON.parse(eventsPipelineText()) as { columns: object[] }).columns;
  const changed = (change: object) => JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, 'assay.generation': 2, ...change });
  const newer = (change: object) => lakes.another(old, { pipelineText: changed(change) });
  const generations = async (of: TestLake) => Promise.all(['bronze_events', 'silver_events', 'quarantine_events', 'gold_anomaly_predictions'].map(async (name) =>
    (await (await of.lake.table(name)).delta.refresh()).metaData.configuration['assay.generation']));

  test('other rules: old and new ingest side by side, the old one refines and scores no more, and says why', async () => {
    await old.ingest([record(0, event('a'))]);
    await old.drain();
    const worker = await newer({ rules: [{ name: 'low', column: 'value', range: { min: 60 } }] });
    await worker.ingest([record(1, event('b'))]);
    await worker.drain();
    await old.ingest([record(2, event('c', { value: '70' }))]);
    await worker.ingest([record(3, event('d', { value: '80' }))]);
    await expect(old.refine()).rejects.toMatchObject({ code: 'pipeline/older-generation' });
    await worker.drain();
    await expect(old.score()).rejects.toMatchObject({ code: 'pipeline/older-generation' });
    expect(await generations(worker)).toEqual(['1', '2', '2', '2']);
    expect((await worker.rows('gold_anomaly_predictions', 'SELECT event_id FROM rows ORDER BY 1')).map((row) => row['event_id'])).toEqual(['a', 'c', 'd']);
    expect((await worker.balance()).verdict).toBe('ok');
  });

  test('the same number for other rules is refused before anything is written', async () => {
    await old.ingest([record(0, event('a'))]);
    await old.drain();
    await old.ingest([record(1, event('b'))]);
    const worker = await lakes.another(old, { pipelineText: changed({ 'assay.generation': 1, rules: [{ name: 'low', column: 'value', range: { min: 60 } }] }) });
    await expect(worker.refine()).rejects.toMatchObject({ code: 'pipeline/generation-reused' });
    expect(await worker.rows('quarantine_events')).toEqual([]);
  });

  test.each([true, false])('deletion vectors are chosen at creation alone: %s at first', async (first) => {
    const protocols = async (of: TestLake) => Object.fromEntries(await Promise.all(of.lake.names.map(async (name) => {
      const { protocol } = await (await of.lake.table(name)).delta.refresh();
      return [name, `${protocol.minReaderVersion}/${protocol.minWriterVersion} ${(protocol.readerFeatures ?? []).join()}`] as const;
    })));
    const asked = (change: object) => JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, ...change });
    const lake = await lakes.open({ pipelineText: asked({ deletion_vectors: first }) });
    await lake.ingest([record(0, event('a')), record(1, event('b'))]);
    await lake.drain();
    const before = await protocols(lake);
    const replaced = first ? '3/7 deletionVectors' : '1/2 ';
    expect(before).toMatchObject({ bronze_events: '1/2 ', feature_state: '1/2 ', silver_events: replaced, quarantine_events: replaced, gold_anomaly_predictions: replaced, offset_gaps: replaced });
    for (const generation of [1, 2]) {
      const worker = await lakes.another(lake, { pipelineText: asked({ deletion_vectors: !first, 'assay.generation': generation }) });
      await worker.ingest([record(1 + generation, event('a', { timestamp: `2025-04-01T18:0${generation}:00Z` }))]);
      await worker.drain();
      expect(await protocols(worker)).toEqual(before);
      // Which way a row was replaced: the table says, not the file.
      const { files } = (await worker.lake.table('silver_events')).delta.snapshot;
      expect([...files.values()].some(({ deletionVector }) => deletionVector)).toBe(first);
      expect((await worker.balance()).verdict).toBe('ok');
    }
  });

  test('a new column stands behind the others, is null in older rows and kept from then on', async () => {
    await old.ingest([record(0, event('a', { city: 'Lyon' })), record(1, event('b', { city: 'Oslo' }))]);
    await old.drain();
    const worker = await newer({ columns: [...columns.slice(0, 1), { name: 'city', type: 'string', required: false }, ...columns.slice(1)] });
    await worker.ingest([record(2, event('c', { city: 'Bern' })), record(3, event('a', { city: 'Rom', timestamp: '2025-04-01T17:59:30Z' }))]);
    await worker.drain();
    expect(await worker.rows('silver_events', 'SELECT event_id, city, rescued FROM rows ORDER BY 1')).toEqual([
      { event_id: 'a', city: 'Rom', rescued: null }, { event_id: 'b', city: null, rescued: '{"city":"Oslo"}' }, { event_id: 'c', city: 'Bern', rescued: null },
    ]);
    expect((await worker.lake.table('silver_events')).delta.snapshot.schema.fields.at(-1)).toMatchObject({ name: 'city', nullable: true });
    expect(await worker.rows('gold_anomaly_predictions', 'SELECT event_id FROM rows')).toHaveLength(3);
  });

  test('a dropped column may come back with its type, but with no other', async () => {
    const city = { name: 'city', type: 'string', required: false };
    const first = await lakes.open({ pipelineText: changed({ 'assay.generation': 1, columns: [...columns, city] }) });
    await first.ingest([record(0, event('a', { city: 'Lyon' }))]);
    await first.drain();
    const without = await lakes.another(first, { pipelineText: changed({}) });
    await without.ingest([record(1, event('b'))]);
    await without.drain();
    const asNumber = await lakes.another(first, { pipelineText: changed({ 'assay.generation': 3, columns: [...columns, { ...city, type: 'double' }] }) });
    await without.ingest([record(2, event('c', { city: 'Bern' }))]);
    await expect(asNumber.refine()).rejects.toMatchObject({ code: 'pipeline/columns-changed' });
    const back = await lakes.another(first, { pipelineText: changed({ 'assay.generation': 3, columns: [...columns, city] }) });
    await back.drain();
    expect(await back.rows('silver_events', 'SELECT event_id, city FROM rows ORDER BY 1')).toEqual([{ event_id: 'a', city: 'Lyon' }, { event_id: 'b', city: null }, { event_id: 'c', city: 'Bern' }]);
  });

  test('a column that the pipeline drops stays, and is null from then on', async () => {
    const text = changed({ 'assay.generation': 1, columns: [...columns, { name: 'city', type: 'string', required: false }] });
    const first = await lakes.open({ pipelineText: text });
    await first.ingest([record(0, event('a', { city: 'Lyon' }))]);
    await first.drain();
    const worker = await lakes.another(first, { pipelineText: changed({}) });
    await worker.ingest([record(1, event('b', { city: 'Bern' }))]);
    await worker.drain();
    expect(await worker.rows('silver_events', 'SELECT event_id, city FROM rows ORDER BY 1')).toEqual([{ event_id: 'a', city: 'Lyon' }, { event_id: 'b', city: null }]);
  });

  test('a rename is a new column: the old one is null from then on, the new one before', async () => {
    await old.ingest([record(0, event('a'))]);
    await old.drain();
    const renamed = columns.map((column) => ('name' in column && column.name === 'value' ? { ...column, name: 'amount', path: '$.value' } : column));
    const worker = await newer({ columns: renamed, features: ['amount'] });
    await worker.ingest([record(1, event('b', { value: '7' }))]);
    await worker.refine();
    expect(await worker.rows('silver_events', 'SELECT event_id, value, amount FROM rows ORDER BY 1')).toEqual([{ event_id: 'a', value: 50, amount: null }, { event_id: 'b', value: null, amount: 7 }]);
  });

  test('a field whose value does not fit the new column\'s type is rejected for it, and stops nothing', async () => {
    await old.ingest([record(0, event('a', { size: 1 }))]);
    await old.drain();
    const worker = await newer({ columns: [...columns, { name: 'size', type: 'long', required: false }] });
    await worker.ingest([record(1, event('b', { size: 'large' })), record(2, event('c', { size: 1.5 })), record(3, event('d', { size: '9007199254740993' })), record(4, event('e', { size: null })), record(5, event('f'))]);
    await worker.drain();
    expect(await worker.rows('silver_events', 'SELECT event_id, size FROM rows ORDER BY 1')).toEqual([
      { event_id: 'a', size: null }, { event_id: 'd', size: 9007199254740993n }, { event_id: 'e', size: null }, { event_id: 'f', size: null },
    ]);
    expect(await worker.rows('quarantine_events', 'SELECT reason, count(*)::INTEGER AS n FROM rows GROUP BY reason')).toEqual([{ reason: 'invalid_size', n: 2 }]);
  });

  test.each([
    { what: 'another type', change: { columns: columns.map((column) => ('name' in column && column.name === 'value' ? { ...column, type: 'long' } : column)) } },
    { what: 'another case', change: { columns: columns.map((column) => ('name' in column && column.name === 'value' ? { ...column, name: 'VALUE' } : column)), features: ['VALUE'] } },
    { what: 'other partitions', change: { partition_by: [] } },
    { what: 'another key', change: { key: ['event_id', 'event_type'] } },
    { what: 'another event time', change: { columns: [...columns, { name: 'seen', type: 'timestamp' }], event_time: 'seen' } },
  ])('$what cannot follow the rows that are there: refused, nothing is written', async ({ change }) => {
    await old.ingest([record(0, event('a'))]);
    await old.drain();
    await old.ingest([record(1, event('b'))]);
    const worker = await newer(change);
    await expect(worker.refine()).rejects.toMatchObject({ constructor: ConfigError, code: 'pipeline/columns-changed' });
    expect(await generations(worker)).toEqual(['1', '1', '1', '1']);
    expect(await worker.rows('silver_events', 'SELECT event_id FROM rows')).toHaveLength(1);
  });
});
