import { kafkaConnection } from '../../../shared/app.ts';
import type { Config } from '../../../shared/config.ts';
import { KafkaBroker } from '../../../shared/sources/kafka-broker.ts';
import { ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** With CreateTime, Kafka's default, the record's time is the producer's clock, which late_by_ms and the future test trust (semantics.md, section 4). */
export async function checkKafka(config: Config, topics: readonly string[]): Promise<Finding[]> {
  if (config.kafkaBrokers.length === 0) return [ok('kafka', 'no broker is set: the embedded event log is used')];
  const broker = new KafkaBroker(kafkaConnection(config));
  try {
    const findings: Finding[] = [];
    for (const topic of topics) {
      const id = await broker.topicId(topic);
      const ends = await broker.offsets(topic);
      findings.push(ok('kafka', `${config.kafkaBrokers.join(',')}: topic ${topic} has ${ends.length} partitions and ${id === 'none' ? 'no id, so a topic made again is seen only by a redelivery' : `the id ${id}`}`));
      const type = await broker.timestampType(topic);
      findings.push(type === 'LogAppendTime'
        ? ok('kafka', `${topic}: record times are the broker's (LogAppendTime)`)
        : warn('kafka', `${topic}: record times are the producers' own (${type ?? 'the broker does not say, so CreateTime is likely'}): a wrong clock there makes events late, early or "future". Set message.timestamp.type=LogAppendTime on the topic if the clocks cannot be trusted.`));
    }
    return findings;
  } finally {
    await broker.close();
  }
}
