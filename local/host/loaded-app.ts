import { randomUUID } from 'node:crypto';
import Module, { createRequire } from 'node:module';
import { ConfigError } from '../../shared/errors.ts';
import type { FunctionMetadata, InvocationRequest, InvocationResponse, LogLevel } from './rpc.ts';

type Callback = (...args: unknown[]) => unknown;
type Hook = (context: Record<string, unknown>) => unknown;
export type WorkerLog = (level: LogLevel, category: string, message: string) => void;

/** What `@azure/functions` gives the worker for each invocation. */
interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: Callback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

interface ProgrammingModel {
  readonly name: string;
  getInvocationModel(context: Record<string, unknown>): InvocationModel | Promise<InvocationModel>;
  getCapabilities?(capabilities: Record<string, string>): unknown;
}

interface Registered {
  readonly metadata: FunctionMetadata;
  readonly callback: Callback;
}

class Disposable {
  readonly #onDispose: () => unknown;

  constructor(onDispose: () => unknown) {
    this.#onDispose = onDispose;
  }

  dispose(): unknown {
    return this.#onDispose();
  }
}

/**
 * A built app, loaded and invoked as the Node worker does it (azure-functions-nodejs-worker: setupCoreModule.ts, startApp.ts,
 * InvocationHandler.ts): the app's own copy of `@azure/functions` asks for the built-in module `@azure/functions-core`, gets ours,
 * and does every conversion itself.
 */
export class LoadedApp {
  readonly #functions = new Map<string, Registered>();
  readonly #hooks = new Map<string, Hook[]>();
  readonly #appHookData = {};
  readonly #log: WorkerLog;
  #model: ProgrammingModel | null = null;
  #locked = false;

  private constructor(log: WorkerLog) {
    this.#log = log;
  }

  /** Requires the entry file afresh; whatever it throws is what the worker would report as its start failure. */
  static async load(entry: string, appDir: string, log: WorkerLog): Promise<LoadedApp> {
    const app = new LoadedApp(log);
    requireWithCore(entry, app.#coreModule());
    if (app.#model === null || app.#functions.size === 0) {
      throw new ConfigError('host/no-functions', `${entry} registered no function; build it with \`npm run build\` from functions/index.ts.`);
    }
    await app.#model.getCapabilities?.({});
    await app.#runHooks('appStart', { functionAppDirectory: appDir, hookData: {} });
    app.#locked = true;
    return app;
  }

  get functions(): readonly FunctionMetadata[] {
    return [...this.#functions.values()].map(({ metadata }) => metadata);
  }

  /** Runs one invocation with the hooks around it; rejects with whatever the handler threw. */
  async invoke(name: string, request: Omit<InvocationRequest, 'invocationId'>): Promise<InvocationResponse> {
    const { metadata, callback } = this.#functions.get(name)!;
    const invocationId = randomUUID();
    const log: WorkerLog = (level, category, message) => this.#log(level, category === 'user' ? name : `${name}.${category}`, message);
    const core: Record<string, unknown> = { invocationId, request: { invocationId, ...request }, metadata, log };
    const model = await this.#model!.getInvocationModel(core);
    const { context, inputs } = await withoutStackTraces(() => model.getArguments());
    const before: Record<string, unknown> = { hookData: {}, invocationContext: context, inputs, functionCallback: callback };
    await this.#runHooks('preInvocation', before);
    const after: Record<string, unknown> = { hookData: before['hookData'], invocationContext: context, inputs: before['inputs'], result: null, error: null };
    core['state'] = 'invocation';
    try {
      after['result'] = await model.invokeFunction(context, before['inputs'] as unknown[], before['functionCallback'] as Callback);
    } catch (error) {
      after['error'] = error;
    }
    core['state'] = 'postInvocationHooks';
    await this.#runHooks('postInvocation', after);
    core['state'] = undefined;
    if (after['error'] !== null) throw after['error'];
    return model.getResponse(context, after['result']);
  }

  async terminate(): Promise<void> {
    await this.#runHooks('appTerminate', { hookData: {} });
  }

  async #runHooks(name: string, context: Record<string, unknown>): Promise<void> {
    for (const hook of this.#hooks.get(name) ?? []) await hook(Object.assign(context, { appHookData: this.#appHookData }));
  }

  #coreModule(): object {
    return {
      version: '3.14.1',
      hostVersion: '4.1037.0',
      Disposable,
      setProgrammingModel: (model: ProgrammingModel) => (this.#model = model),
      getProgrammingModel: () => this.#model,
      log: this.#log,
      registerFunction: (metadata: FunctionMetadata, callback: Callback) => this.#register(metadata, callback),
      registerHook: (name: string, hook: Hook) => this.#registerHook(name, hook),
    };
  }

  #register(metadata: FunctionMetadata, callback: Callback): Disposable {
    const { name } = metadata;
    if (this.#locked) throw new Error(`A function can only be registered during app startup; ${name} came later.`);
    if (this.#functions.has(name)) throw new Error(`A function with id "${name}" has already been registered.`);
    this.#functions.set(name, { metadata, callback });
    return new Disposable(() => this.#functions.delete(name));
  }

  #registerHook(name: string, hook: Hook): Disposable {
    const hooks = this.#hooks.get(name) ?? [];
    this.#hooks.set(name, hooks);
    hooks.push(hook);
    return new Disposable(() => hooks.splice(hooks.indexOf(hook), 1));
  }
}

/** The library asks for the core module once, while it loads, and keeps the answer: so the patch lasts no longer than the load. */
function requireWithCore(entry: string, core: object): void {
  const require = createRequire(entry);
  delete require.cache[require.resolve(entry)];
  const prototype = Module.prototype as { require: (this: unknown, id: string) => unknown };
  const original = prototype.require;
  prototype.require = function (id) {
    return id === '@azure/functions-core' ? core : original.call(this, id);
  };
  try {
    require(entry);
  } finally {
    prototype.require = original;
  }
}

/**
 * The library tries every text of a batch as JSON, so a topic's name costs an exception a record; taking its stack is most of that. The
 * worker pays it; here it would only slow down what somebody waits for.
 */
function withoutStackTraces<T>(convert: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return convert();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
