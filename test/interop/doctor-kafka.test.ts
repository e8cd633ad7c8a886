import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkKafka } from '../../local/cli/doctor/kafka.ts';
import { parseConfig } from '../../shared/config.ts';
import { missingForKafka, TestKafka } from '../support/kafka-broker.ts';

const missing = missingForKafka();

describe.skipIf(missing !== null)(`doctor asks a real broker${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await TestKafka.start();
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.address] });
    await admin.createTopics({ topics: ['create'], partitions: 2, replicas: 1 });
    await admin.createTopics({ topics: ['append'], partitions: 1, replicas: 1, configs: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }] });
    await admin.close();
  });
  afterAll(() => kafka.stop());

  const config = (brokers: string) => parseConfig({ LAKE_URL: 'file:lake', KAFKA_BROKERS: brokers });

  test('whose clock stamps the records', async () => {
    const findings = await checkKafka(config(kafka.address), ['create', 'append']);
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'warn', 'ok', 'ok']);
    expect(findings[0].text).toContain('2 partitions');
    expect(findings[1].text).toContain('CreateTime');
    expect(findings[3].text).toContain('LogAppendTime');
  });

  test('a topic that is not there', async () => {
    await expect(checkKafka(config(kafka.address), ['nowhere'])).rejects.toMatchObject({ code: 'kafka/no-answer' });
  });
});
