import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../../shared/config.ts';
import { parseConfig } from '../../../shared/config.ts';
import { checkHost } from '../../../shared/host-check.ts';
import { readPipeline } from '../../../shared/open-lake.ts';
import type { Pipeline } from '../../../shared/pipeline/definition.ts';
import { readSettings } from '../../host/host-settings.ts';
import { ok } from './finding.ts';
import type { Finding } from './finding.ts';

/** The settings that a local start would run with: the environment's over local.settings.json's, else the template's. */
export function checkSettings(appDir: string, overrides: Readonly<Record<string, string>>): { config: Config; env: Readonly<Record<string, string>>; findings: Finding[] } {
  const env = readSettings(appDir, process.env, overrides);
  const config = parseConfig(env);
  return { config, env, findings: [ok('settings', 'every setting is within its bounds')] };
}

export async function checkHostJson(appDir: string, env: Readonly<Record<string, string>>, config: Config): Promise<Finding[]> {
  checkHost(await readFile(join(appDir, 'host.json'), 'utf8'), env, config);
  return [ok('host.json', 'no setting of the host would lose records')];
}

export async function checkPipeline(appDir: string, config: Config): Promise<{ pipeline: Pipeline; findings: Finding[] }> {
  const pipeline = await readPipeline(config, appDir);
  const { name, generation, columns, key, topics } = pipeline;
  return { pipeline, findings: [ok('pipeline', `${config.pipelineFile}: "${name}", generation ${generation}, ${columns.length} columns, key ${key.join(', ')}, topics ${topics.map((topic) => topic.name).join(', ')}`)] };
}
