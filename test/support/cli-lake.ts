import { join } from 'node:path';
import type { TestLake, TestLakeOptions } from './test-lake.ts';
import { event, openTestLake, record } from './test-lake.ts';

export const EVENTS = 120;

/** A small directory lake that went through every stage: 120 records, of which 3 are broken (and would clear a terminal), 1 late, 1 a later version. */
export async function openCliLake(options: TestLakeOptions = {}): Promise<TestLake & { readonly url: string; readonly dir: string }> {
  const lake = await openTestLake(options);
  await lake.lake.ensureAll();
  const values = Array.from({ length: EVENTS }, (_, i) => {
    if (i % 50 === 7) return 'no json \u001b[2J';
    if (i === 20) return event('late', { timestamp: '2025-04-01T10:00:00.000Z' });
    if (i === 100) return event('30', { timestamp: '2025-04-01T17:59:30.123456Z', value: '77.25', extra: '12345678901234567890' });
    return event(String(i), { event_type: ['click', 'view', 'purchase'][i % 3], value: i === 110 ? '1000000' : String(i) });
  });
  await lake.ingest(values.slice(0, 60).map((value, i) => record(i, value, { key: `k${i}` })));
  await lake.refine();
  await lake.score();
  await lake.ingest(values.slice(60).map((value, i) => record(60 + i, value)));
  await lake.refine();
  await lake.score();
  const dir = join(lake.folder, 'lake');
  return { ...lake, url: `file:${dir}`, dir };
}
