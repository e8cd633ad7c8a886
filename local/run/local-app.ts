import { rmSync } from 'node:fs';
import { parseConfig } from '../../shared/config.ts';
import { hostOverrides, planFreshness } from '../../shared/freshness-plan.ts';
import type { Flags } from '../cli/command.ts';
import { APP_DIR, pipelineFileOf } from '../cli/local-lake.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import { homeOf } from '../cli/home.ts';
import { buildIfStale } from '../build.ts';
import { startHost } from '../host/host.ts';
import type { HostLog, LocalHost } from '../host/host.ts';
import type { Feed } from './feed.ts';
import { makeTempDir } from './temp-dir.ts';

export interface LocalAppOptions {
  readonly access: LakeAccess;
  readonly feed: Feed;
  readonly flags: Flags;
  /** True: triggers fire by themselves and the page is served. False: functions run when invoked. */
  readonly live: boolean;
  readonly httpPort: number;
  readonly onLog: (entry: HostLog) => void;
}

/** Somebody is watching. */
const LIVE_FRESHNESS = '2s';
const LIVE_SETTINGS: Readonly<Record<string, string>> = {
  MONITOR_SCHEDULE: '*/15 * * * * *',
  MAINTAIN_SCHEDULE: '30 * * * * *',
};

/** What a deployed app would be set to for this freshness. TARGET_FRESHNESS of the environment is kept. */
function liveSettings(): Record<string, string> {
  const env = { LAKE_URL: 'file:lake', ...process.env, TARGET_FRESHNESS: process.env['TARGET_FRESHNESS'] || LIVE_FRESHNESS };
  const { targetFreshnessS: targetS, maxMessageBytes: messageBytesMax } = parseConfig(env);
  return { ...LIVE_SETTINGS, TARGET_FRESHNESS: env.TARGET_FRESHNESS, ...hostOverrides(planFreshness({ targetS, messageBytesMax })) };
}

export interface LocalApp {
  readonly host: LocalHost;
  stop(): Promise<void>;
}

/** Builds the functions and runs them as the Functions host would, on this lake and this feed. */
export async function startLocalApp({ access, feed, flags, live, httpPort, onLog }: LocalAppOptions): Promise<LocalApp> {
  const entry = await buildIfStale();
  const cacheDir = makeTempDir(homeOf(), 'app');
  const removeCache = () => rmSync(cacheDir, { recursive: true, force: true });
  const pipeline = pipelineFileOf(flags);
  const settings: Record<string, string> = {
    ...(live ? liveSettings() : {}),
    LAKE_URL: access.lakeUrl,
    LAKE_CONNECTION_STRING: access.connectionString ?? '',
    AzureWebJobsStorage: access.connectionString ?? '',
    ...feed.settings,
    CACHE_DIR: cacheDir,
    ...(pipeline === undefined ? {} : { PIPELINE_FILE: pipeline }),
  };
  try {
    const host = await startHost({ appDir: APP_DIR, entry, settings, source: feed.sourceOf, httpPort: live ? httpPort : null, listen: live, onLog });
    return { host, stop: () => host.stop().finally(removeCache) };
  } catch (error) {
    removeCache();
    throw error;
  }
}
