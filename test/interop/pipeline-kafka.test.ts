import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KafkaBroker } from '../../shared/sources/kafka-broker.ts';
import { EventStream } from '../../local/producer/generate.ts';
import { KafkaTarget } from '../../local/producer/kafka-target.ts';
import { produceAll } from '../../local/producer/run.ts';
import { RATE_PER_S, START_MS } from '../../local/producer/timeline.ts';
import { assay } from '../support/assay-process.ts';
import { TestKafka, missingForKafka } from '../support/kafka-broker.ts';
import { digestLake } from '../support/lake-digest.ts';

/** A real topic through `assay start --once --brokers`: the balance is held against the broker's own offsets. */
const EVENTS = Number(process.env['ASSAY_INTEROP_EVENTS'] ?? '200000');
const TOPIC = 'events';
const PARTITIONS = 4;
const TIMEOUT_MS = 600_000;
const TABLES = ['silver_events', 'quarantine_events', 'gold_anomaly_predictions'];

const missing = missingForKafka();
if (missing !== null) console.warn(`skipped, a real Kafka: ${missing}`); // oxlint-disable-line no-console -- a skip says why

describe.skipIf(missing !== null)(`${EVENTS} events from a real Kafka topic`, () => {
  let kafka: TestKafka;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-kafka-'));
    kafka = await TestKafka.start();
    const target = await KafkaTarget.open({ connection: { brokers: [kafka.address], clientId: 'test' }, topic: TOPIC, partitions: PARTITIONS });
    await produceAll({ source: new EventStream({ seed: 7, startMs: START_MS, ratePerS: RATE_PER_S, partitions: PARTITIONS }, EVENTS), target });
    await target.close();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await kafka.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const once = (lake: string) => ['start', '--once', '--brokers', kafka.address, '--topic', TOPIC, '--lake', `file:${join(folder, lake)}`, '--json'];

  test('every offset of the broker is in Bronze once, and Silver and Gold are those of the embedded log', async () => {
    const { code, stdout, stderr } = await assay(once('kafka'), { cwd: folder });
    expect(code, stderr).toBe(0);
    const broker = new KafkaBroker({ brokers: [kafka.address], clientId: 'test' });
    const offered = (await broker.offsets(TOPIC)).reduce((sum, { earliest, latest }) => sum + Number(latest - earliest), 0);
    await broker.close();
    expect(offered).toBe(EVENTS);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'ok', bronze: EVENTS, gaps: 0 });
    const embedded = await assay(['start', '--once', '--events', String(EVENTS), '--seed', '7', '--lake', `file:${join(folder, 'log')}`, '--json'], { cwd: folder });
    expect(embedded.code, embedded.stderr).toBe(0);
    expect(await digestLake(join(folder, 'kafka'), TABLES)).toEqual(await digestLake(join(folder, 'log'), TABLES));
  }, TIMEOUT_MS);

  test('another lake gets all of the topic, too', async () => {
    const { code, stdout, stderr } = await assay(once('another'), { cwd: folder });
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'ok', bronze: EVENTS, gaps: 0 });
  }, TIMEOUT_MS);

  test('a second run finds nothing to do', async () => {
    const { code, stdout } = await assay(once('kafka'), { cwd: folder });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'ok', bronze: EVENTS });
  }, TIMEOUT_MS);
});
