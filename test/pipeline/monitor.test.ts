import { beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { TableError, TransientError } from '../../shared/errors.ts';
import { monitor } from '../../shared/pipeline/monitor.ts';
import { BRONZE } from '../../shared/pipeline/tables.ts';
import { OpenLakes } from '../support/lakes.ts';
import { TestBroker, event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => {
  lake = await lakes.open({});
  await lake.ingest([record(0, event('a')), record(1, event('b'))]);
  await lake.drain();
});

class OddBroker extends TestBroker {
  readonly #failure: Error;
  constructor(failure: Error) {
    super();
    this.#failure = failure;
    this.latest = 5n;
    this.partitions = 1;
  }
  override topicId(topic?: string): Promise<string> {
    return topic === 'gone' ? Promise.reject(this.#failure) : super.topicId();
  }
}

const observe = (broker: TestBroker, ...topics: string[]) => monitor({
  lake: lake.lake, pipeline: lake.pipeline, topics, broker, clock: systemClock, runId: 'test', targetS: 60, checkpointInterval: 10n,
});
const lagOf = ({ tables }: Awaited<ReturnType<typeof observe>>) => tables.find(({ table }) => table === BRONZE)!.lag!;

test('lag in records where the broker answers', async () => {
  expect(lagOf(await observe(new OddBroker(new Error('unused')), 'events'))).toMatchObject({ records: 3n, unknown: [] });
});

test('a topic that the broker does not answer for makes the lag unknown, and says why; the tables are looked at all the same', async () => {
  const report = await observe(new OddBroker(new TransientError('kafka/no-answer', 'no such topic')), 'events', 'gone');
  expect(lagOf(report)).toEqual({ records: null, seconds: null, unknown: ['gone: no such topic'] });
  expect(report.balance.verdict).toBe('ok');
  const [row] = await lake.rows('monitor_logs', `SELECT verdict, detail, lag_records FROM rows WHERE "table" = 'bronze_events' AND topic IS NULL`);
  expect(row).toMatchObject({ lag_records: null, detail: expect.stringContaining('gone: no such topic') as string });
});

test('other trouble is not taken for an unknown lag', async () => {
  await expect(observe(new OddBroker(new TableError('delta/log-gap', 'odd')), 'gone')).rejects.toThrow('odd');
});
