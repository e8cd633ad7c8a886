import { describe, expect, test } from 'vitest';
import { Drift } from '../../shared/pipeline/drift.ts';
import { OpenLakes } from '../support/lakes.ts';
import { event, record } from '../support/test-lake.ts';

describe('what is counted of rescued fields', () => {
  test('nothing rescued is nothing said', () => expect(new Drift().metrics()).toEqual({}));

  test('rows once, fields by name, the most frequent first, names that are numbers or __proto__ too', () => {
    const drift = new Drift();
    for (const text of ['{"a":1,"b":2}', '{"b":null}', '{"__proto__":1}', '{"7":[{"a":1}]}']) drift.add(text);
    expect(drift.metrics()).toEqual({ numRescuedRows: '4', rescuedFields: '{"b":2,"7":1,"__proto__":1,"a":1}' });
  });

  test('whatever arrives, it is small: 20 names of at most 64 characters, the rest as a number', () => {
    const drift = new Drift();
    for (let i = 0; i < 3_000; i++) drift.add(`{"${'x'.repeat(500)}":1,"f${i}":1,"\\ud800":1}`);
    const { numRescuedRows, rescuedFields, numOtherRescuedFields } = drift.metrics();
    expect(numRescuedRows).toBe('3000');
    expect(rescuedFields.length).toBeLessThan(20 * (64 + 12));
    expect(Object.values(JSON.parse(rescuedFields) as object).reduce((sum: number, n: number) => sum + n, 0) + Number(numOtherRescuedFields)).toBe(9_000);
    expect(rescuedFields).toContain('\ufffd');
  });

  const lakes = new OpenLakes();
  test('stands in refine\'s commit', async () => {
    const lake = await lakes.open();
    await lake.ingest([record(0, event('a', { city: 'Lyon', geo: { lat: 1 } })), record(1, event('b', { city: 1 })), record(2, event('c')), record(3, '{"city":"of a rejected row"}')]);
    await lake.refine();
    const { delta } = await lake.lake.table('silver_events');
    const metrics: object[] = [];
    for await (const { actions } of delta.versions(1n, delta.snapshot.version)) metrics.push(...actions.flatMap(({ commitInfo }) => (commitInfo?.operationMetrics ? [commitInfo.operationMetrics] : [])));
    expect(metrics).toEqual([expect.objectContaining({ numRescuedRows: '2', rescuedFields: '{"city":2,"geo":1}' })]);
  });
});
