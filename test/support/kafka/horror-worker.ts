import { createWriteStream } from 'node:fs';
import { KafkaSource } from '../../../local/kafka-source.ts';
import { startHost } from '../../../local/host/host.ts';
import type { HostLog } from '../../../local/host/host.ts';

/**
 * One instance of the app: the built functions in the local host, each topic read by a member of the group. Runs until SIGTERM (drains)
 * or whatever kills it. The app's settings are its environment.
 */
export interface WorkerOptions {
  readonly appDir: string;
  readonly entry: string;
  readonly brokers: string;
  readonly topics: readonly string[];
  readonly group: string;
  readonly sessionTimeoutMs: number;
  readonly maxPollIntervalMs: number;
  readonly autoCommitIntervalMs: number;
  readonly logFile: string;
}

const options = JSON.parse(process.argv[2]) as WorkerOptions;
const out = createWriteStream(options.logFile, { flags: 'a' });
const say = (level: string, message: string) => out.write(`${new Date().toISOString()} ${process.pid} ${level} ${message}\n`);
const onLog = ({ level, category, message }: HostLog) => { if (level !== 'information' && level !== 'debug') say(level, `${category}: ${message}`); };

try {
  const { brokers, group, sessionTimeoutMs, maxPollIntervalMs, autoCommitIntervalMs } = options;
  const sources = new Map(await Promise.all(options.topics.map(async (topic) => {
    const onProblem = (line: string) => say('warning', `${topic}: ${line}`);
    return [topic, await KafkaSource.open({ brokers: brokers.split(','), clientId: 'horrors', topic, group, sessionTimeoutMs, maxPollIntervalMs, autoCommitIntervalMs, onProblem })] as const;
  })));
  const host = await startHost({ appDir: options.appDir, entry: options.entry, source: (topic) => sources.get(topic)!, httpPort: null, onLog });
  say('information', `reads ${options.topics.join()}`);
  process.once('SIGTERM', () => {
    void (async () => {
      await host.stop();
      for (const source of sources.values()) await source.close();
      process.exit(0);
    })();
  });
} catch (error) {
  // A broker that is down, a topic that is not there: the instance ends, and the platform starts another one.
  say('error', `ended: ${String(error)}`);
  out.end(() => process.exit(1));
}
