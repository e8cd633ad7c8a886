import { kafkaConnection } from '../../shared/app.ts';
import { parseConfig } from '../../shared/config.ts';
import type { Config } from '../../shared/config.ts';
import type { KafkaConnection } from '../../shared/sources/kafka-broker.ts';
import { readSettings } from '../host/host-settings.ts';
import type { RunInfo } from './home.ts';
import { APP_DIR } from './local-lake.ts';

/** The KAFKA_* settings as the local host gives them to the app: the environment's, else local.settings.json's. */
export function kafkaSettings(): Config {
  const settings = Object.entries(readSettings(APP_DIR, process.env, {})).filter(([name]) => name.startsWith('KAFKA_'));
  return parseConfig({ LAKE_URL: 'file:lake', ...Object.fromEntries(settings) });
}

/** How the brokers that were named are spoken to: with the protocol and the credentials of the settings, which no command line holds. */
export function connectionTo(brokers: string, clientId: string): KafkaConnection {
  return { ...kafkaConnection({ ...kafkaSettings(), kafkaBrokers: brokers.split(',') }), clientId };
}

/** Those of a running `assay start`, as it speaks to them: its embedded log asks for nothing. Null where it has none. */
export function connectionOf({ brokers, embedded }: RunInfo, clientId: string): KafkaConnection | null {
  if (brokers === null) return null;
  return embedded ? { brokers: brokers.split(','), clientId } : connectionTo(brokers, clientId);
}
