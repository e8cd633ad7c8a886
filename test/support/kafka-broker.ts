import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MavenJars } from './maven-jars.ts';

const JARS = new MavenJars({ name: 'kafka-4.4.0', dependencies: ['org.apache.kafka:kafka_2.13:4.4.0', 'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3'] });

const LOGGING = `Configuration:
  status: ERROR
  Appenders:
    Console: {name: STDOUT, PatternLayout: {pattern: "%p %c{1} %m%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: STDOUT}}
    Logger: [{name: kafka.server.KafkaRaftServer, level: INFO}]
`;

/** Fetches Kafka's jars, once a machine. Returns why it can't, or null when they are there. */
export function missingForKafka(): string | null {
  return JARS.missing();
}

/** One broker of Kafka in KRaft mode on free ports of 127.0.0.1, its data in a folder that goes with it. */
export class TestKafka {
  readonly address: string;
  readonly #process: ChildProcess;
  readonly #dir: string;

  private constructor(address: string, process: ChildProcess, dir: string) {
    this.address = address;
    this.#process = process;
    this.#dir = dir;
  }

  static async start(): Promise<TestKafka> {
    const dir = mkdtempSync(join(tmpdir(), 'assay-kafka-data-'));
    mkdirSync(join(dir, 'data'));
    const [port, controllerPort] = [await freePort(), await freePort()];
    writeFileSync(join(dir, 'log4j2.yaml'), LOGGING);
    writeFileSync(join(dir, 'server.properties'), properties(dir, port, controllerPort));
    // A cluster id that begins with a hyphen is an option to Kafka's own tool: base64url begins with one every 64th time.
    const bytes = randomBytes(16);
    bytes[0] &= 0x7f;
    const clusterId = bytes.toString('base64url');
    const formatted = spawnSync('java', javaArguments(dir, 'kafka.tools.StorageTool', ['format', '-t', clusterId, '-c', join(dir, 'server.properties')]));
    if (formatted.status !== 0) throw new Error(`formatting Kafka's storage ended with ${formatted.status}: ${String(formatted.stderr)}`);
    const broker = spawn('java', ['-Xms256m', '-Xmx512m', ...javaArguments(dir, 'kafka.Kafka', [join(dir, 'server.properties')])], { stdio: ['ignore', 'pipe', 'ignore'] });
    await started(broker);
    return new TestKafka(`127.0.0.1:${port}`, broker, dir);
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, 'exit');
    // Nothing of it is kept, so it need not close its files.
    this.#process.kill('SIGKILL');
    await exited;
    rmSync(this.#dir, { recursive: true });
  }
}

async function started(broker: ChildProcess): Promise<void> {
  const lines: string[] = [];
  const reader = createInterface({ input: broker.stdout! });
  for await (const line of reader) {
    lines.push(line);
    if (line.includes('Kafka Server started')) {
      broker.stdout!.resume();
      return;
    }
  }
  throw new Error(`Kafka ended before it was up:\n${lines.slice(-20).join('\n')}`);
}

function javaArguments(dir: string, main: string, rest: readonly string[]): string[] {
  return ['-Djava.awt.headless=true', `-Dlog4j2.configurationFile=${join(dir, 'log4j2.yaml')}`, '-cp', JARS.classPath, main, ...rest];
}

function properties(dir: string, port: number, controllerPort: number): string {
  const one = ['offsets.topic.replication.factor', 'transaction.state.log.replication.factor', 'transaction.state.log.min.isr', 'share.coordinator.state.topic.replication.factor', 'share.coordinator.state.topic.min.isr', 'offsets.topic.num.partitions', 'transaction.state.log.num.partitions'];
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${join(dir, 'data')}`,
    ...one.map((name) => `${name}=1`),
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    // The stream's own time lies long ago: the default of seven days would expire its records half a minute after the start.
    'log.retention.ms=-1',
    '',
  ].join('\n');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
