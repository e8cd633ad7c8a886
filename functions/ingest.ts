import { app, trigger } from '@azure/functions';
import { getApp } from '../shared/app.ts';
import { systemClock } from '../shared/clock.ts';
import { ingestTopic } from './ingest-topic.ts';
import { config, failureDelayMsMax, topics } from './setup.ts';

const sasl = config.kafkaProtocol.startsWith('sasl');

for (const [i, topic] of topics.entries()) {
  app.generic(i === 0 ? 'ingest' : `ingest_${i + 1}`, {
    trigger: trigger.generic({
      type: 'kafkaTrigger',
      name: 'batch',
      topic,
      brokerList: '%KAFKA_BROKERS%',
      consumerGroup: config.kafkaConsumerGroup,
      cardinality: 'MANY',
      dataType: 'binary',
      keyDataType: 'Binary',
      ...(config.kafkaProtocol === 'plaintext' ? {} : { protocol: config.kafkaProtocol }),
      ...(config.kafkaCaFile === null ? {} : { sslCaLocation: '%KAFKA_CA_FILE%' }),
      ...(sasl ? { authenticationMode: config.kafkaAuthentication, username: '%KAFKA_USERNAME%', password: '%KAFKA_PASSWORD%' } : {}),
    }),
    // Beside the extension's own endless retry (host.json): this one holds whatever extension is installed.
    retry: { strategy: 'exponentialBackoff', maxRetryCount: -1, minimumInterval: 1000, maximumInterval: 30_000 },
    handler: ingestTopic(topic, { getApp, clock: systemClock, failureDelayMsMax }),
  });
}
