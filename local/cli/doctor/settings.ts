import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../../shared/config.ts';
import { parseConfig } from '../../../shared/config.ts';
import { hostOverrides, planFreshness } from '../../../shared/freshness-plan.ts';
import { checkHost, kafkaOptions, readHostSettings } from '../../../shared/host-check.ts';
import { readPipelines } from '../../../shared/open-lake.ts';
import { topicsOf } from '../../../shared/pipeline/pipelines.ts';
import { readSettings } from '../../host/host-settings.ts';
import { ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** The settings that a local start would run with: the environment's over local.settings.json's, else the template's. */
export function checkSettings(appDir: string, overrides: Readonly<Record<string, string>>): { config: Config; env: Readonly<Record<string, string>>; findings: Finding[] } {
  const env = readSettings(appDir, process.env, overrides);
  const config = parseConfig(env);
  return { config, env, findings: [ok('settings', 'every setting is within its bounds')] };
}

export async function checkHostJson(appDir: string, env: Readonly<Record<string, string>>, config: Config): Promise<Finding[]> {
  const hostJson = await readFile(join(appDir, 'host.json'), 'utf8');
  checkHost(hostJson, env, config);
  return [ok('host.json', 'no setting of the host would lose records'), ...checkFreshness(hostJson, env, config)];
}

/** The trigger's window and batch are the host's settings: the app can't lay them over host.json itself. */
function checkFreshness(hostJson: string, env: Readonly<Record<string, string>>, config: Config): Finding[] {
  const plan = planFreshness({ targetS: config.targetFreshnessS, messageBytesMax: config.maxMessageBytes });
  const { subscriberIntervalInSeconds: windowS, maxBatchSize } = kafkaOptions(readHostSettings(hostJson, env));
  if (windowS === plan.windowS && maxBatchSize === plan.batchRecordsMax) return [];
  const lines = Object.entries(hostOverrides(plan)).map(([name, value]) => `${name}=${value}`);
  return [warn('freshness', `TARGET_FRESHNESS of ${config.targetFreshnessS} s wants batches after ${plan.windowS} s or ${plan.batchRecordsMax} records, the host hands them out after ${windowS} s or ${maxBatchSize}; set these app settings in Azure ("assay start" does it by itself):\n${lines.join('\n')}`)];
}

export async function checkPipeline(appDir: string, config: Config): Promise<{ topics: readonly string[]; findings: Finding[] }> {
  const pipelines = await readPipelines(config, appDir);
  const findings = pipelines.map(({ name, generation, columns, key, topics }, i) =>
    ok('pipeline', `${config.pipelineFiles[i]}: "${name}", generation ${generation}, ${columns.length} columns, key ${key.join(', ')}, topics ${topics.map((topic) => topic.name).join(', ')}`));
  return { topics: topicsOf(pipelines).map((topic) => topic.name), findings };
}
