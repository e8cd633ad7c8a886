import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { pageFacts, renderLakePage } from '../../shared/lake-page.ts';
import { liveFiles } from '../support/foreign-commit.ts';
import { OpenLakes, range } from '../support/lakes.ts';
import { ordersPipelineText } from '../support/pipelines.ts';
import { record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

/** The second pipeline: other columns, nested paths, a key of two columns, optional columns, two topics. */
const lakes = new OpenLakes();
let lake: TestLake;
const next = new Map<string, number>();
beforeEach(async () => {
  lake = await lakes.open({ pipelineText: ordersPipelineText() });
  next.clear();
});

const KAFKA_MS = Date.parse('2025-04-02T12:00:00Z');

interface Order { readonly [field: string]: unknown }

function order(shop: string, no: unknown, fields: Order = {}, placedAt: unknown = '2025-04-02T11:59:00Z'): Order {
  return { shop, order: { no, at: placedAt }, total: { amount: 10 }, gift: false, ...fields };
}

function land(topic: string, ...orders: (Order | string)[]) {
  return lake.ingest(orders.map((each) => {
    const offset = next.get(topic) ?? 0;
    next.set(topic, offset + 1);
    return record(offset, typeof each === 'string' ? each : JSON.stringify(each), { topic, timestampMs: KAFKA_MS });
  }));
}

const silver = () => lake.rows('silver_events', 'SELECT shop, order_no, amount, gift, coupon, customer, items, rule_flags, rescued, topic FROM rows ORDER BY shop, order_no');

describe('orders', () => {
  test('a key is both columns: the same number in two shops is two rows, and shops are partitions', async () => {
    await land('orders.eu', order('oslo', 1), order('lyon', 1), order('oslo', 2), order('oslo', '1', { total: { amount: 11 } }, '2025-04-02T11:59:30Z'));
    await lake.drain();
    expect((await silver()).map(({ shop, order_no, amount }) => [shop, order_no, amount])).toEqual([['lyon', 1n, 10], ['oslo', 1n, 11], ['oslo', 2n, 10]]);
    expect((await liveFiles(lake, 'silver_events')).map(({ partitionValues }) => String(partitionValues['shop'])).sort()).toEqual(['lyon', 'oslo']);
  });

  test('numbers of orders keep every digit, from the least to the greatest', async () => {
    const numbers = ['9223372036854775807', '9007199254740993', '9007199254740992', '1'];
    await land('orders.eu', ...numbers.map((no) => `{"shop":"oslo","order":{"no":${no},"at":"2025-04-02T11:59:00Z"},"total":{"amount":1},"gift":true}`));
    await lake.drain();
    await land('orders.eu', ...numbers.map((no) => order('oslo', no, { total: { amount: 2 } }, '2025-04-02T11:59:30Z')));
    await lake.drain();
    expect((await silver()).map(({ order_no, amount }) => [order_no, amount])).toEqual(numbers.toReversed().map((no) => [BigInt(no), 2]));
    expect(await lake.rows('gold_anomaly_predictions', 'SELECT order_no FROM rows ORDER BY 1')).toEqual(numbers.toReversed().map((no) => ({ order_no: BigInt(no) })));
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('absent optional columns are null, also where a later version lacks what an earlier had', async () => {
    await land('orders.eu', order('oslo', 1, { coupon: 'AB', customer: { id: 'C-1' }, items: 2, note: 'x' }), order('oslo', 2, { coupon: '', items: null }));
    await lake.drain();
    await land('orders.eu', order('oslo', 1, {}, '2025-04-02T11:59:30Z'));
    await lake.drain();
    expect(await silver()).toMatchObject([
      { order_no: 1n, coupon: null, customer: null, items: null }, { order_no: 2n, coupon: null, customer: null, items: null },
    ]);
  });

  test('rules quarantine, flag or stop; topics of bytes are judged as text', async () => {
    await land('orders.eu', order('oslo', 1, { total: { amount: -1 } }), order('oslo', 2, { coupon: 'ABCDE' }), order('rome', 3), order('oslo', 4, { customer: { id: 'x' }, items: 9 }));
    await land('orders.us', order('berlin', 5), '\uFEFF{}');
    await lake.drain();
    expect((await lake.rows('quarantine_events', 'SELECT reason FROM rows ORDER BY topic, "offset"')).map(({ reason }) => reason)).toEqual(['amount_in_range', 'coupon_length', 'unknown_shop', 'malformed_json']);
    expect(await silver()).toMatchObject([{ order_no: 5n, topic: 'orders.us', rule_flags: null }, { order_no: 4n, topic: 'orders.eu', rule_flags: 'odd_customer,usual_items' }]);
    await land('orders.eu', order('oslo', 0));
    const before = (await lake.lake.table('silver_events')).delta.snapshot.version;
    await expect(lake.refine()).rejects.toMatchObject({ retry: 'never' });
    expect((await (await lake.lake.table('silver_events')).delta.refresh()).version).toBe(before);
  });

  test('one key over two topics: the order of versions is one, whichever came first', async () => {
    await land('orders.us', order('oslo', 1, { total: { amount: 1 } }));
    await lake.drain();
    await land('orders.eu', order('oslo', 1, { total: { amount: 2 } }));
    await lake.drain();
    expect(await silver()).toMatchObject([{ topic: 'orders.eu', amount: 2 }]);
    await land('orders.us', order('oslo', 1, { total: { amount: 3 } }));
    await lake.drain();
    expect(await silver()).toMatchObject([{ topic: 'orders.eu', amount: 2 }]);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('runs whole: Gold is Silver by key, compaction changes nothing, and the page draws it', async () => {
    for (const round of range(0, 8)) await land('orders.eu', ...range(0, 5).map((i) => order(['berlin', 'lyon', 'oslo'][i % 3], 1 + round + i, { total: { amount: round * i } }, 1_743_594_000_000 + round)));
    await land('orders.us', order('berlin', 100, { total: { amount: 99_999 } }), 'bad');
    await lake.drain(10);
    await lake.maintain();
    await lake.drain();
    const columns = 'shop, order_no, placed_at, amount';
    const [silverRows, gold] = await Promise.all(['silver_events', 'gold_anomaly_predictions'].map((name) => lake.rows(name, `SELECT ${columns} FROM rows ORDER BY 1, 2`)));
    expect(gold).toEqual(silverRows);
    expect((await lake.balance()).verdict).toBe('ok');
    const options = { lake: lake.lake, pipeline: lake.pipeline, clock: systemClock, topics: ['orders.eu', 'orders.us'], targetS: 30 };
    const facts = await pageFacts(options);
    expect(facts.values).toMatchObject({ kind: 'ready', value: { column: 'amount', groupColumn: 'shop' } });
    expect(facts.quarantine).toMatchObject({ kind: 'ready', value: { rows: 1n } });
    const { html } = await renderLakePage(options);
    expect(html).toContain('orders.us');
    expect(html).toContain('amount');
    expect(html).not.toContain('event_type');
  });

  test('a pipeline keyed by a time and a truth value, without partitions', async () => {
    const columns = [{ name: 'at', type: 'timestamp' }, { name: 'up', type: 'boolean' }, { name: 'seen', type: 'timestamp' }, { name: 'load', type: 'double' }];
    const text = JSON.stringify({ ...JSON.parse(ordersPipelineText()) as object, topics: [{ name: 'm' }], columns, key: ['at', 'up'], event_time: 'seen', rules: [], partition_by: [], z_order_by: [], features: ['load'] });
    const metrics = await lakes.open({ pipelineText: text });
    const row = (offset: number, at: string, up: boolean, load: number) => record(offset, JSON.stringify({ at, up, seen: 1_743_594_000_000 + offset, load }), { topic: 'm', timestampMs: KAFKA_MS });
    await metrics.ingest([row(0, '0001-01-01T00:00:00Z', true, 1), row(1, '0001-01-01T00:00:00Z', false, 2), row(2, '9999-12-31T23:59:59.999999Z', true, 3)]);
    await metrics.drain();
    await metrics.ingest([row(3, '0001-01-01T00:00:00.000000Z', true, 4), row(4, '9999-12-31T23:59:59.999999Z', true, 5), row(5, '9999-12-31T23:59:59.999998Z', true, 6)]);
    await metrics.drain();
    for (const table of ['silver_events', 'gold_anomaly_predictions']) {
      expect((await metrics.rows(table, 'SELECT load FROM rows ORDER BY "at", up')).map(({ load }) => load)).toEqual([2, 4, 6, 5]);
    }
    expect((await metrics.balance()).verdict).toBe('ok');
  });

  test('more columns than statistics cover, the key among the last: rows are found all the same', async () => {
    const filler = range(0, 39).map((i) => ({ name: `c${i}`, type: 'long', required: false }));
    const columns = [...filler, { name: 'id', type: 'id' }, { name: 'seen', type: 'timestamp' }, { name: 'load', type: 'double' }];
    const text = JSON.stringify({ ...JSON.parse(ordersPipelineText()) as object, topics: [{ name: 'm' }], columns, key: ['id'], event_time: 'seen', rules: [], partition_by: [], z_order_by: [], features: ['load'] });
    const wide = await lakes.open({ pipelineText: text });
    const row = (offset: number, id: string, load: number) => record(offset, offset % 3 === 2 ? 'bad' : JSON.stringify({ id, seen: 1_743_594_000_000 + offset, load, c0: offset }), { topic: 'm', timestampMs: KAFKA_MS });
    for (const round of range(0, 2)) {
      await wide.ingest(range(0, 5).map((i) => row(round * 6 + i, `id ${i % 3}`, round)));
      await wide.drain(4);
    }
    expect(await wide.rows('gold_anomaly_predictions', 'SELECT id, load FROM rows ORDER BY id')).toEqual([{ id: 'id 0', load: 2 }, { id: 'id 1', load: 2 }]);
    expect((await wide.balance()).verdict).toBe('ok');
  });
});
