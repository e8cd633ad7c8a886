import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SASL_USER, certificateFile, writeBrokerFiles } from './kafka/broker-files.ts';
import type { SecureListener } from './kafka/broker-files.ts';
import { MavenJars } from './maven-jars.ts';

const JARS = new MavenJars({ name: 'kafka-4.4.0', dependencies: ['org.apache.kafka:kafka_2.13:4.4.0', 'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3'] });

/** Fetches Kafka's jars, once a machine. Returns why it can't, or null when they are there. */
export function missingForKafka(): string | null {
  return JARS.missing();
}

/** Kafka's own classes, for Java's -cp. */
export function kafkaClassPath(): string {
  return JARS.classPath;
}

export interface TestKafkaOptions {
  /** Beside PLAINTEXT; each lets in `SASL_USER`, TLS with a certificate made now for localhost and 127.0.0.1. */
  readonly listeners?: readonly SecureListener[];
  /** Further lines of server.properties; they win. */
  readonly properties?: readonly string[];
}

/** One broker of Kafka in KRaft mode on free ports of 127.0.0.1, its data in a folder that goes with it. */
export class TestKafka {
  /** Of the plain listener. */
  readonly address: string;
  readonly #ports: ReadonlyMap<string, number>;
  readonly #dir: string;
  #process: ChildProcess;

  private constructor(ports: ReadonlyMap<string, number>, process: ChildProcess, dir: string) {
    this.address = `127.0.0.1:${ports.get('PLAINTEXT')}`;
    this.#ports = ports;
    this.#process = process;
    this.#dir = dir;
  }

  static async start({ listeners = [], properties = [] }: TestKafkaOptions = {}): Promise<TestKafka> {
    const dir = mkdtempSync(join(tmpdir(), 'assay-kafka-data-'));
    mkdirSync(join(dir, 'data'));
    const [controllerPort, ...freePorts] = await findFreePorts(listeners.length + 2);
    const ports = new Map(['PLAINTEXT', ...listeners].map((name, i) => [name, freePorts[i]]));
    writeBrokerFiles({ dir, ports, controllerPort, extra: properties });
    format(dir);
    return new TestKafka(ports, await run(dir), dir);
  }

  addressOf(listener: SecureListener): string {
    const port = this.#ports.get(listener);
    if (port === undefined) throw new Error(`this broker was started without the listener ${listener}`);
    return `127.0.0.1:${port}`;
  }

  /** The certificate of the TLS listeners, PEM. */
  get certificateFile(): string {
    return certificateFile(this.#dir);
  }

  /** SIGKILL: as a machine's loss of power without the loss of its disk. SIGTERM: in good order. Its data and ports stay for `up`. */
  async down(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }

  async up(): Promise<void> {
    this.#process = await run(this.#dir);
  }

  async restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await this.down(signal);
    await this.up();
  }

  async stop(): Promise<void> {
    // Nothing of it is kept, so it need not close its files.
    await this.down('SIGKILL');
    rmSync(this.#dir, { recursive: true });
  }
}

function format(dir: string): void {
  // A cluster id that begins with a hyphen is an option to Kafka's own tool: base64url begins with one every 64th time.
  const bytes = randomBytes(16);
  bytes[0] &= 0x7f;
  const scram = `SCRAM-SHA-256=[name=${SASL_USER.username},password=${SASL_USER.password}]`;
  const args = ['format', '-t', bytes.toString('base64url'), '-c', join(dir, 'server.properties'), '--add-scram', scram];
  const formatted = spawnSync('java', javaArguments(dir, 'kafka.tools.StorageTool', args));
  if (formatted.status !== 0) throw new Error(`formatting Kafka's storage ended with ${formatted.status}: ${String(formatted.stderr)}`);
}

/** Resolves when the broker takes connections. */
async function run(dir: string): Promise<ChildProcess> {
  const broker = spawn('java', ['-Xms256m', '-Xmx512m', ...javaArguments(dir, 'kafka.Kafka', [join(dir, 'server.properties')])], { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines: string[] = [];
  const reader = createInterface({ input: broker.stdout });
  for await (const line of reader) {
    lines.push(line);
    if (line.includes('Kafka Server started')) {
      broker.stdout.resume();
      return broker;
    }
  }
  throw new Error(`Kafka ended before it was up:\n${lines.slice(-20).join('\n')}`);
}

function javaArguments(dir: string, main: string, rest: readonly string[]): string[] {
  return ['-Djava.awt.headless=true', `-Dlog4j2.configurationFile=${join(dir, 'log4j2.yaml')}`, '-cp', JARS.classPath, main, ...rest];
}

/** All are held at once, so that no two are the same. */
async function findFreePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
