import { readFileSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from './clock.ts';
import { parseConfig } from './config.ts';
import type { Config } from './config.ts';
import { ConfigError } from './errors.ts';
import { checkHost, kafkaOptions, readHostSettings } from './host-check.ts';
import { openSchemas } from './open-schemas.ts';
import type { Pipeline } from './pipeline/definition.ts';
import { compilePayloads } from './pipeline/payloads.ts';
import { topicsOf } from './pipeline/pipelines.ts';
import { parsePipelineFile } from './pipeline/pipeline-file.ts';

/** What functions/ needs to register its triggers. */
export interface Registration {
  readonly config: Config;
  /** One ingest function each; empty where INGEST_SOURCE is none. */
  readonly topics: readonly string[];
  /** Longest wait before a failed batch is given back: the extension retries at once, and must poll within maxPollIntervalMs. */
  readonly failureDelayMsMax: number;
}

const failureDelayMsMax = 30_000;

/**
 * Reads settings, host.json and the pipeline file of the app's folder. Synchronous, as registration is.
 * Throws a ConfigError that names what is wrong. That must happen while the worker loads the app: it then has no functions. A check
 * inside a handler would come too late, because a host that commits offsets after failures would skip the very batch it refused.
 */
export function readRegistration(env: Readonly<Record<string, string | undefined>>, appDir: string): Registration {
  const config = parseConfig(env);
  const hostJson = readText(path.join(appDir, 'host.json'), 'host.json');
  checkHost(hostJson, env, config);
  const { maxPollIntervalMs } = kafkaOptions(readHostSettings(hostJson, env));
  const pipelines = config.pipelineFiles.map((file) => parsePipelineFile(readText(path.resolve(appDir, file), `PIPELINE_FILE ${file}`), file, config));
  for (const { topics } of pipelines) compilePayloads(topics, openSchemas(config, systemClock));
  return { config, topics: topicsToRead(config, pipelines), failureDelayMsMax: Math.min(failureDelayMsMax, maxPollIntervalMs / 3) };
}

function topicsToRead(config: Config, pipelines: readonly Pipeline[]): readonly string[] {
  if (config.ingestSource === 'none') return [];
  if (config.kafkaBrokers.length === 0) {
    throw new ConfigError('config/settings', 'KAFKA_BROKERS is not set, so ingest has nothing to read from: set it to host:port, or INGEST_SOURCE to none.');
  }
  return config.kafkaTopics.length > 0 ? config.kafkaTopics : topicsOf(pipelines).map((topic) => topic.name);
}

function readText(file: string, name: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError('config/file', `${name} can't be read at ${file}: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
  }
}
