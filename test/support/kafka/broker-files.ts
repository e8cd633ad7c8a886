import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A listener beside the plain one. */
export type SecureListener = 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL';

/** Whom the SASL listeners let in, by PLAIN and by SCRAM-SHA-256. A test's user, of a broker that ends with the test. */
export const SASL_USER = { username: 'assay', password: 'right horse' } as const;

export interface BrokerFiles {
  readonly dir: string;
  readonly ports: ReadonlyMap<string, number>;
  readonly controllerPort: number;
  /** Lines of server.properties that win. */
  readonly extra: readonly string[];
}

const LOGGING = `Configuration:
  status: ERROR
  Appenders:
    Console: {name: STDOUT, PatternLayout: {pattern: "%p %c{1} %m%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: STDOUT}}
    Logger: [{name: kafka.server.KafkaRaftServer, level: INFO}]
`;

const STORE_PASSWORD = 'of a test';

/** log4j2.yaml, server.properties and, for TLS, a key made now: all of a broker but its data. */
export function writeBrokerFiles(files: BrokerFiles): void {
  writeFileSync(join(files.dir, 'log4j2.yaml'), LOGGING);
  if (hasTls(files)) makeCertificate(files.dir);
  writeFileSync(join(files.dir, 'server.properties'), properties(files));
}

/** What a client trusts, PEM. */
export function certificateFile(dir: string): string {
  return join(dir, 'broker.pem');
}

function hasTls({ ports }: BrokerFiles): boolean {
  return ports.has('SSL') || ports.has('SASL_SSL');
}

/** One self-signed key for localhost and 127.0.0.1, two days long. */
function makeCertificate(dir: string): void {
  const store = ['-keystore', keyStore(dir), '-storetype', 'PKCS12', '-storepass', STORE_PASSWORD, '-alias', 'broker'];
  const key = ['-keyalg', 'RSA', '-keysize', '2048', '-validity', '2', '-dname', 'CN=localhost', '-ext', 'SAN=dns:localhost,ip:127.0.0.1'];
  for (const args of [['-genkeypair', ...store, ...key], ['-exportcert', '-rfc', ...store, '-file', certificateFile(dir)]]) {
    const done = spawnSync('keytool', args);
    if (done.status !== 0) throw new Error(`keytool ${args[0]} ended with ${done.status}: ${String(done.stdout)}${String(done.stderr)}`);
  }
}

function keyStore(dir: string): string {
  return join(dir, 'broker.p12');
}

function properties(files: BrokerFiles): string {
  const { dir, ports, controllerPort } = files;
  const names = ['offsets.topic.replication.factor', 'transaction.state.log.replication.factor', 'transaction.state.log.min.isr', 'share.coordinator.state.topic.replication.factor', 'share.coordinator.state.topic.min.isr', 'offsets.topic.num.partitions', 'transaction.state.log.num.partitions'];
  const addresses = [...ports].map(([name, port]) => `${name}://127.0.0.1:${port}`);
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=${[...addresses, `CONTROLLER://127.0.0.1:${controllerPort}`].join()}`,
    `advertised.listeners=${addresses.join()}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    `listener.security.protocol.map=CONTROLLER:PLAINTEXT,${[...ports.keys()].map((name) => `${name}:${name}`).join()}`,
    ...security(files),
    `log.dirs=${join(dir, 'data')}`,
    ...names.map((name) => `${name}=1`),
    'group.initial.rebalance.delay.ms=0',
    'group.min.session.timeout.ms=1000',
    // A killed broker may register again when its session is over: nine seconds by default.
    'broker.session.timeout.ms=2000',
    'broker.heartbeat.interval.ms=500',
    'auto.create.topics.enable=false',
    // The stream's own time lies long ago: the default of seven days would expire its records half a minute after the start.
    'log.retention.ms=-1',
    ...files.extra,
    '',
  ].join('\n');
}

function security(files: BrokerFiles): string[] {
  const { username, password } = SASL_USER;
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const sasl = [...files.ports.keys()].filter((name) => name.startsWith('SASL_')).map((name) => `listener.name.${name.toLowerCase()}`);
  return [
    ...(sasl.length > 0 ? ['sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256'] : []),
    ...sasl.flatMap((listener) => [`${listener}.plain.sasl.jaas.config=${plain}`, `${listener}.scram-sha-256.sasl.jaas.config=${scram}`]),
    ...(hasTls(files) ? [`ssl.keystore.location=${keyStore(files.dir)}`, 'ssl.keystore.type=PKCS12', `ssl.keystore.password=${STORE_PASSWORD}`, `ssl.key.password=${STORE_PASSWORD}`] : []),
  ];
}
