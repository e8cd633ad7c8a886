import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KafkaSource } from '../../local/kafka-source.ts';
import { EventStream } from '../../local/producer/generate.ts';
import { KafkaTarget } from '../../local/producer/kafka-target.ts';
import { produceAll } from '../../local/producer/run.ts';
import type { ProducedRecord, RecordsByPartition } from '../../local/producer/target.ts';
import { START_MS } from '../../local/producer/timeline.ts';
import { ConfigError, TransientError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { missingForKafka, TestKafka } from '../support/kafka-broker.ts';

const missing = missingForKafka();
const STREAM = { seed: 7, startMs: START_MS, ratePerS: 200, partitions: 4 };
const EVENTS = 30_000;

describe.skipIf(missing !== null)(`producing to a real Kafka broker${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await TestKafka.start();
  });
  afterAll(async () => {
    await kafka.stop();
  });

  function connection() {
    return { brokers: [kafka.address], clientId: 'test' };
  }

  async function contents(topic: string, count: number): Promise<KafkaRecord[]> {
    const source = await KafkaSource.open({ ...connection(), topic, group: `group-of-${topic}` });
    const records: KafkaRecord[] = [];
    while (records.length < count) records.push(...(await source.poll({ recordsMax: count, windowMs: 60_000, signal: new AbortController().signal })));
    await source.close();
    return records;
  }

  function sameAs(record: KafkaRecord, { key, value, headers, timestampMs }: ProducedRecord): void {
    expect({ key: record.key, value: record.value, headers: record.headers, timestampMs: record.timestampMs }).toEqual({ key, value, headers, timestampMs });
  }

  test('a stream stopped in the middle of a batch goes on to the same records: keys, nulls, headers and times', async () => {
    const topic = 'stream';
    const source = new EventStream(STREAM, EVENTS);
    const torn = await KafkaTarget.open({ connection: connection(), topic, partitions: 4 });
    for (const batch of source.remaining([0n, 0n, 0n, 0n])) {
      const ofTwo = batch.filter(({ partition }) => partition < 2);
      await torn.append(new Map([0, 1].map((partition) => [partition, ofTwo.filter((event) => event.partition === partition).map(({ record }) => record)])));
      if (batch.at(-1)!.index > EVENTS / 3) break;
    }
    const held = (await torn.counts()).reduce((sum, count) => sum + count, 0n);
    await torn.close();
    const target = await KafkaTarget.open({ connection: connection(), topic });
    const report = await produceAll({ source, target });
    expect(report).toMatchObject({ held: Number(held), appended: EVENTS - Number(held), ended: 'done' });
    await target.close();
    const records = await contents(topic, EVENTS);
    expect(records).toHaveLength(EVENTS);
    const offsets = [0n, 0n, 0n, 0n];
    const byPlace = new Map(records.map((record) => [`${record.partition}/${record.offset}`, record]));
    for (const { partition, record } of source.generate()) sameAs(byPlace.get(`${partition}/${offsets[partition]++}`)!, record);
  });

  test('more than a broker takes in one batch goes in several', async () => {
    const target = await KafkaTarget.open({ connection: connection(), topic: 'large', partitions: 2 });
    const large = Array.from({ length: 40 }, (_, i): ProducedRecord => ({ key: null, value: Buffer.alloc(100_000 + i), headers: [], timestampMs: START_MS + i }));
    const alone: ProducedRecord = { key: null, value: Buffer.alloc(900_000), headers: [], timestampMs: START_MS };
    const all: RecordsByPartition = new Map([[0, large], [1, [alone, ...large.slice(0, 3)]]]);
    await target.append(all);
    expect(await target.counts()).toEqual([40n, 4n]);
    await target.close();
  });

  test('a record that the broker refuses, an absent topic and an absent broker each say so', async () => {
    const target = await KafkaTarget.open({ connection: connection(), topic: 'refusing', partitions: 1 });
    const tooLarge: ProducedRecord = { key: null, value: Buffer.alloc(1_100_000), headers: [], timestampMs: START_MS };
    await expect(target.append(new Map([[0, [tooLarge]]]))).rejects.toThrow(ConfigError);
    expect(await target.counts()).toEqual([0n]);
    await target.close();
    await expect(KafkaTarget.open({ connection: connection(), topic: 'absent' })).rejects.toBeInstanceOf(ConfigError);
    await expect(KafkaTarget.open({ connection: { brokers: ['127.0.0.1:1'], clientId: 'test' }, topic: 'absent' })).rejects.toBeInstanceOf(TransientError);
  });
});
