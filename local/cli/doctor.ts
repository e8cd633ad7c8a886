import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '../../shared/config.ts';
import { ConfigError } from '../../shared/errors.ts';
import { parseLakeUrl } from '../../shared/storage/lake-url.ts';
import type { Command, Flags } from './command.ts';
import { examine, ok, warn } from './doctor/finding.ts';
import type { Finding } from './doctor/finding.ts';
import { checkKafka } from './doctor/kafka.ts';
import { checkDisk, checkDuckdb, checkModel, checkNode, checkPorts } from './doctor/machine.ts';
import { checkHostJson, checkPipeline, checkSettings } from './doctor/settings.ts';
import { checkTables } from './doctor/tables.ts';
import { homeOf, readRunInfo } from './home.ts';
import { APP_DIR, AZURITE_LAKE_URL, AZURITE_PORTS, pipelineFileOf } from './local-lake.ts';
import { requireLake, withReadLake } from './read-lake.ts';

const HOST_PORT = 7071;

export const doctorCommand: Command = {
  name: 'doctor',
  usage: '[--lake URL] [--pipeline FILE] [--brokers HOST:PORT [--topic T]...] [--json]',
  summary: 'Check this machine, the settings, the lake and the broker; say what to do about what is wrong',
  options: { brokers: { type: 'string' }, topic: { type: 'string', multiple: true } },
  run: async ({ flags, out }) => {
    let failed = false;
    for await (const { check, level, text } of findings(flags)) {
      failed ||= level === 'fail';
      out.row({ check, level, text }, () => `${level.padEnd(4)}  ${check.padEnd(11)}  ${text.replaceAll('\n', '\n                   ')}`);
    }
    return failed ? 1 : 0;
  },
};

async function* findings(flags: Flags): AsyncIterable<Finding> {
  yield* await examine('node', () => checkNode());
  yield* await inTempDir((dir) => examine('duckdb', () => checkDuckdb(dir)));
  yield* await examine('onnxruntime', () => checkModel(APP_DIR));
  const running = readRunInfo(homeOf());
  yield* running === null
    ? await examine('ports', () => checkPorts({ 'Azurite, blobs': AZURITE_PORTS.blobPort, 'Azurite, tables': AZURITE_PORTS.tablePort, 'functions and page': HOST_PORT }))
    : [ok('ports', `assay start (pid ${running.pid}) runs here${running.pageUrl === null ? '' : `: ${running.pageUrl}`}`)];
  yield* await examine('disk', () => checkDisk(diskDir(flags)));
  const checked: { settings?: ReturnType<typeof checkSettings> } = {};
  yield* await examine('settings', () => (checked.settings = checkSettings(APP_DIR, overrides(flags))).findings);
  if (checked.settings !== undefined) yield* afterSettings(checked.settings, flags);
}

async function* afterSettings({ config, env }: { config: Config; env: Readonly<Record<string, string>> }, flags: Flags): AsyncIterable<Finding> {
  yield* await examine('host.json', () => checkHostJson(APP_DIR, env, config));
  let topics: readonly string[] = config.kafkaTopics;
  yield* await examine('pipeline', async () => {
    const { topics: named, findings } = await checkPipeline(APP_DIR, config);
    if (topics.length === 0) topics = named;
    return findings;
  });
  yield* await examine('lake', () => checkLake(flags));
  yield* await examine('kafka', () => checkKafka(config, topics));
}

/** A lake that nobody has made yet is no fault of the machine. */
async function checkLake(flags: Flags): Promise<Finding[]> {
  try {
    requireLake(flags);
  } catch (error) {
    if (error instanceof ConfigError && error.code === 'cli/no-lake') return [warn('lake', error.message)];
    throw error;
  }
  return withReadLake(flags, async (reader) => {
    const tables = await checkTables(reader);
    return [ok('lake', `${reader.lake.store.url} answers`), ...tables];
  });
}

/** As a command sees them: the lake and the pipeline that were named; a broker only where the environment names one. */
function overrides(flags: Flags): Record<string, string> {
  const [lake, pipeline] = [flags.text('lake') ?? process.env['LAKE_URL'], pipelineFileOf(flags)];
  return {
    KAFKA_BROKERS: flags.text('brokers') ?? process.env['KAFKA_BROKERS'] ?? '',
    ...(flags.list('topic').length === 0 ? {} : { KAFKA_TOPICS: flags.list('topic').join(',') }),
    ...(lake === undefined ? {} : { LAKE_URL: lake }),
    ...(pipeline === undefined ? {} : { PIPELINE_FILE: pipeline }),
  };
}

function diskDir(flags: Flags): string {
  const url = parseLakeUrl(flags.text('lake') ?? process.env['LAKE_URL'] ?? AZURITE_LAKE_URL);
  return url.kind === 'file' ? resolve(url.dir) : homeOf().dir;
}

async function inTempDir<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-doctor-'));
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
