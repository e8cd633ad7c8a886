import { Admin, Producer } from '@platformatic/kafka';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KafkaSource } from '../../local/kafka-source.ts';
import { TransientError } from '../../shared/errors.ts';
import { KafkaBroker } from '../../shared/sources/kafka-broker.ts';
import type { KafkaConnection } from '../../shared/sources/kafka-broker.ts';
import { assay } from '../support/assay-process.ts';
import { TestKafka, missingForKafka } from '../support/kafka-broker.ts';
import { SASL_USER } from '../support/kafka/broker-files.ts';

const missing = missingForKafka();
const EVENTS = 40;
const TOPIC = 'events';
const PLAIN = { mechanism: 'PLAIN', ...SASL_USER } as const;
const SCRAM = { mechanism: 'SCRAM-SHA-256', ...SASL_USER } as const;

describe.skipIf(missing !== null)(`a broker that asks who comes${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let kafka: TestKafka;
  let folder: string;
  beforeAll(async () => {
    kafka = await TestKafka.start({ listeners: ['SASL_PLAINTEXT', 'SSL', 'SASL_SSL'] });
    folder = mkdtempSync(join(tmpdir(), 'assay-auth-'));
    const plain = { clientId: 'test', bootstrapBrokers: [kafka.address] };
    const [admin, producer] = [new Admin(plain), new Producer(plain)];
    await admin.createTopics({ topics: [TOPIC], partitions: 1, replicas: 1 });
    const value = (n: number) => Buffer.from(JSON.stringify({ event_id: `e${n}`, event_type: 'click', timestamp: 1_764_000_000_000 + n, value: n }));
    await producer.send({ messages: Array.from({ length: EVENTS }, (_, n) => ({ topic: TOPIC, partition: 0, value: value(n) })), acks: -1 });
    await Promise.all([admin.close(), producer.close()]);
  });
  afterAll(async () => {
    await kafka.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const tls = () => ({ tls: true, caFile: kafka.certificateFile });
  const connections: [string, () => KafkaConnection][] = [
    ['SASL/PLAIN', () => ({ brokers: [kafka.addressOf('SASL_PLAINTEXT')], clientId: 'test', sasl: PLAIN })],
    ['SCRAM-SHA-256', () => ({ brokers: [kafka.addressOf('SASL_PLAINTEXT')], clientId: 'test', sasl: SCRAM })],
    ['TLS', () => ({ brokers: [kafka.addressOf('SSL')], clientId: 'test', ...tls() })],
    ['SASL/PLAIN over TLS', () => ({ brokers: [kafka.addressOf('SASL_SSL')], clientId: 'test', sasl: PLAIN, ...tls() })],
    ['SCRAM-SHA-256 over TLS', () => ({ brokers: [kafka.addressOf('SASL_SSL')], clientId: 'test', sasl: SCRAM, ...tls() })],
  ];

  test.each(connections)('%s: topic ids, offsets, offsets read again, and a member of a group', async (name, connection) => {
    const broker = new KafkaBroker(connection());
    const topicId = await broker.topicId(TOPIC);
    expect(await broker.offsets(TOPIC)).toEqual([{ partition: 0, earliest: 0n, latest: BigInt(EVENTS) }]);
    const again = await broker.read({ topic: TOPIC, topicId, partition: 0 }, [{ firstOffset: 3n, lastOffset: 5n }], { recordsMax: 100, bytesMax: 1 << 20 });
    expect(again.records.map(({ offset }) => offset)).toEqual([3n, 4n, 5n]);
    await broker.close();
    const source = await KafkaSource.open({ ...connection(), topic: TOPIC, group: `group-${name.replaceAll(' ', '-')}` });
    const records = await source.poll({ recordsMax: EVENTS, windowMs: 60_000, signal: new AbortController().signal });
    expect(records).toHaveLength(EVENTS);
    await source.close();
  });

  const failures: [string, () => KafkaConnection, RegExp][] = [
    ['a wrong password', () => ({ brokers: [kafka.addressOf('SASL_PLAINTEXT')], clientId: 'test', sasl: { ...PLAIN, password: 'wrong horse' } }), /authentication failed/i],
    ['a wrong password, SCRAM', () => ({ brokers: [kafka.addressOf('SASL_PLAINTEXT')], clientId: 'test', sasl: { ...SCRAM, password: 'wrong horse' } }), /authentication failed/i],
    ['a wrong password over TLS', () => ({ brokers: [kafka.addressOf('SASL_SSL')], clientId: 'test', ...tls(), sasl: { ...PLAIN, password: 'wrong horse' } }), /authentication failed/i],
    ['no credentials', () => ({ brokers: [kafka.addressOf('SASL_PLAINTEXT')], clientId: 'test' }), /credentials/],
    ['a certificate that nobody vouches for', () => ({ brokers: [kafka.addressOf('SSL')], clientId: 'test', tls: true }), /self-signed certificate/],
    ['no TLS where the broker has it', () => ({ brokers: [kafka.addressOf('SSL')], clientId: 'test' }), /TLS/],
    ['TLS where the broker has none', () => ({ brokers: [kafka.address], clientId: 'test', tls: true }), /TLS/],
  ];

  test.each(failures)('%s is a TransientError that says so', async (_name, connection, words) => {
    const broker = new KafkaBroker(connection());
    const asked = broker.topicId(TOPIC);
    await expect(asked).rejects.toBeInstanceOf(TransientError);
    await expect(asked).rejects.toThrow(words);
    // Neither the password nor what was wrong with it.
    await expect(asked).rejects.not.toThrow(/horse/);
    await broker.close();
    await expect(KafkaSource.open({ ...connection(), topic: TOPIC, group: 'refused' })).rejects.toThrow(words);
  });

  const start = (listener: 'SASL_PLAINTEXT' | 'SASL_SSL', lake: string) => ['start', '--once', '--brokers', kafka.addressOf(listener), '--lake', `file:${join(folder, lake)}`, '--json'];
  const credentials = (protocol: string, password: string) => ({ KAFKA_PROTOCOL: protocol, KAFKA_USERNAME: SASL_USER.username, KAFKA_PASSWORD: password });

  test.each([
    ['saslPlaintext', 'SASL_PLAINTEXT', 'plain'],
    ['saslSsl', 'SASL_SSL', 'scramSha256'],
  ] as const)('assay start --once --brokers with the settings of the environment: %s', async (protocol, listener, authentication) => {
    const env = { ...credentials(protocol, SASL_USER.password), KAFKA_AUTHENTICATION: authentication, ...(protocol === 'saslSsl' ? { KAFKA_CA_FILE: kafka.certificateFile } : {}) };
    const { code, stdout, stderr } = await assay(start(listener, protocol), { cwd: folder, env });
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'ok', bronze: EVENTS, gaps: 0 });
  });

  test('assay start --once with a wrong password ends, says why and does not say the password', async () => {
    const { code, stdout, stderr } = await assay(start('SASL_PLAINTEXT', 'refused'), { cwd: folder, env: credentials('saslPlaintext', 'wrong horse') });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/authentication failed/i);
    expect(stdout + stderr).not.toContain('horse');
  });
});
