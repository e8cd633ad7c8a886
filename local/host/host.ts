import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import { kafkaOptions, readHostSettings } from '../../shared/host-check.ts';
import type { HostSettings } from '../../shared/host-check.ts';
import type { TriggerSource } from '../trigger-source.ts';
import { FunctionRunner, triggerOf } from './function-runner.ts';
import type { FunctionInfo, HostFaults } from './function-runner.ts';
import { machineClock } from './host-clock.ts';
import type { HostClock } from './host-clock.ts';
import { readSettings } from './host-settings.ts';
import type { Env } from './host-settings.ts';
import { toRoute } from './http-routes.ts';
import { startHttpServer } from './http-server.ts';
import { LoadedApp } from './loaded-app.ts';
import type { WorkerLog } from './loaded-app.ts';
import type { LogLevel } from './rpc.ts';

export interface HostOptions {
  /** The folder of host.json and local.settings.json (else its template). */
  readonly appDir: string;
  /** The built entry file, such as dist/functions.cjs. */
  readonly entry: string;
  /** Settings that win over files and environment; also `AzureFunctionsJobHost__extensions__kafka__…`, which win over host.json. */
  readonly settings?: Readonly<Env>;
  /** What Kafka triggers read: one source for a single Kafka function, or one a topic. Null: Kafka functions are not started. */
  readonly source: TriggerSource | ((topic: string) => TriggerSource) | null;
  /** The first port tried, a busy one gives way to the next; 0: any. Null: no HTTP. */
  readonly httpPort: number | null;
  readonly onLog: (entry: HostLog) => void;
  /** False: no timer fires and no Kafka listener reads; functions run by `invoke` alone. Default true. */
  readonly listen?: boolean;
  readonly clock?: HostClock;
  /** For tests: what else goes wrong in a host. */
  readonly faults?: HostFaults;
}

export interface HostLog {
  readonly level: LogLevel;
  /** The function's name, or the part of the host that speaks. */
  readonly category: string;
  readonly message: string;
}

export interface LocalHost {
  /** Null where httpPort is null. */
  readonly url: string | null;
  readonly functions: readonly FunctionInfo[];
  /**
   * Runs a function once, outside its trigger's own time, never beside another run of it; rejects with what its handler threw.
   * A timer gives the handler's return value. A Kafka function takes one batch (`{ windowMs }`, default the trigger's own) and gives
   * `{ records }`; the host must have been started with `listen: false`. HTTP takes `{ method, path, body }` and gives `{ status, body }`.
   */
  invoke(name: string, input?: unknown): Promise<unknown>;
  /** Ends listeners, timers and HTTP after their running invocations; a batch whose invocation failed or never began comes again. */
  stop(): Promise<void>;
}

/**
 * The Functions host for one app, in this process: loads the built app as the worker does, and fires its triggers as host and
 * extension do. Not here: scaling, several workers, function keys, functionTimeout. One host at a time: the settings are process.env.
 * Throws a ConfigError where a setting is wrong; whatever the app throws while it loads comes through as it is.
 */
export async function startHost(options: HostOptions): Promise<LocalHost> {
  const clock = options.clock ?? machineClock;
  const settings = readSettings(options.appDir, process.env, options.settings ?? {});
  const host = readHostSettings(readFileSync(path.join(options.appDir, 'host.json'), 'utf8'), settings);
  const log = filteredLog(options.onLog, host);
  const restoreEnv = setEnvironment(settings);
  try {
    const app = await LoadedApp.load(options.entry, options.appDir, log);
    const sourceOf = sourceFinder(options.source, app);
    const runners = app.functions.map((metadata) => new FunctionRunner({ app, metadata, settings, kafka: kafkaOptions(host), clock, log, sourceOf, faults: options.faults ?? {} }));
    return await start(options, { app, host, runners, log, restoreEnv });
  } catch (error) {
    restoreEnv();
    throw error;
  }
}

interface Parts {
  readonly app: LoadedApp;
  readonly host: HostSettings;
  readonly runners: readonly FunctionRunner[];
  readonly log: WorkerLog;
  readonly restoreEnv: () => void;
}

async function start(options: HostOptions, { app, host, runners, log, restoreEnv }: Parts): Promise<LocalHost> {
  const byName = (name: string) => runners.find((runner) => runner.info.name.toLowerCase() === name.toLowerCase());
  const prefix = host.get('extensions.http.routePrefix')?.value ?? 'api';
  const routes = runners.filter(({ info }) => info.type === 'httpTrigger' && !info.disabled).map(({ info }) => toRoute(info.name, info.binding, prefix));
  const http = options.httpPort === null ? null : await startHttpServer(options.httpPort, {
    routes,
    log,
    invoke: (name, request) => byName(name)!.invokeHttp(request),
    trigger: (name) => byName(name)?.runInBackground() ?? false,
  });
  if (options.listen !== false) for (const runner of runners) runner.start();
  return {
    url: http?.url ?? null,
    functions: runners.map(({ info }) => info),
    invoke: async (name, input) => {
      const runner = byName(name);
      if (runner === undefined) throw new ConfigError('host/unknown-function', `No function ${name} is registered; there are ${runners.map(({ info }) => info.name).join(', ')}.`);
      return runner.invoke(input);
    },
    stop: async () => {
      await Promise.all([...runners.map((runner) => runner.stop()), http?.close()]);
      await app.terminate();
      restoreEnv();
    },
  };
}

function sourceFinder(source: HostOptions['source'], app: LoadedApp): (topic: string) => TriggerSource | null {
  if (source === null) return () => null;
  if (typeof source === 'function') return source;
  const kafkaFunctions = app.functions.filter((metadata) => triggerOf(metadata).binding.type === 'kafkaTrigger');
  if (kafkaFunctions.length > 1) {
    throw new ConfigError('host/one-source', `${kafkaFunctions.length} functions read Kafka topics, but one source was given: give a function that finds the source of a topic.`);
  }
  return () => source;
}

const levels: readonly LogLevel[] = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none'];

/** host.json's `logging.logLevel.default` decides what is let through. */
function filteredLog(onLog: HostOptions['onLog'], host: HostSettings): WorkerLog {
  const lowest = levels.indexOf((host.get('logging.logLevel.default')?.value ?? 'information').toLowerCase() as LogLevel);
  return (level, category, message) => {
    if (levels.indexOf(level) >= lowest) onLog({ level, category, message });
  };
}

/** The worker's environment is this process's own. Returns what puts it back. */
function setEnvironment(settings: Readonly<Env>): () => void {
  const before = { ...process.env };
  Object.assign(process.env, settings);
  return () => {
    for (const name of Object.keys(settings)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  };
}
