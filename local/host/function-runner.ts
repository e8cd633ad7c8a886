import { ConfigError } from '../../shared/errors.ts';
import type { KafkaOptions } from '../../shared/host-check.ts';
import { parseSchedule } from '../../shared/ncrontab.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import type { TriggerSource } from '../trigger-source.ts';
import type { HostClock } from './host-clock.ts';
import { isDisabled, resolveBinding } from './host-settings.ts';
import type { Env } from './host-settings.ts';
import { KafkaListener } from './kafka-listener.ts';
import { kafkaBatch, kafkaSingle } from './kafka-shapes.ts';
import type { LoadedApp, WorkerLog } from './loaded-app.ts';
import { withRetryPolicy } from './retry.ts';
import type { Binding, FunctionMetadata, InvocationRequest, InvocationResponse, RetryContext, TypedData } from './rpc.ts';
import { timerInput, TimerLoop } from './timer-loop.ts';

export interface FunctionInfo {
  readonly name: string;
  /** `kafkaTrigger`, `timerTrigger`, `httpTrigger`. */
  readonly type: string;
  /** The trigger as registered, its `%SETTING%`s resolved. */
  readonly binding: Binding;
  readonly retry: FunctionMetadata['retryOptions'] | null;
  readonly disabled: boolean;
}

export interface HostFaults {
  /**
   * Called before each execution of a Kafka batch; what it throws is an exception of the extension's executor, not of the function: it is
   * logged, and the next batch's commit passes the one that was never delivered.
   */
  readonly executor?: (functionName: string, records: readonly KafkaRecord[]) => void;
}

export interface FunctionRunnerOptions {
  readonly app: LoadedApp;
  readonly metadata: FunctionMetadata;
  readonly settings: Readonly<Env>;
  readonly kafka: KafkaOptions;
  readonly clock: HostClock;
  readonly log: WorkerLog;
  readonly sourceOf: (topic: string) => TriggerSource | null;
  readonly faults: HostFaults;
}

/** One registered function with its trigger's listener. */
export class FunctionRunner {
  readonly info: FunctionInfo;
  readonly #options: FunctionRunnerOptions;
  /** The trigger binding's name, by which the library finds the input. */
  readonly #input: string;
  readonly #stopping = new AbortController();
  readonly #timer: TimerLoop | null;
  readonly #kafka: KafkaListener | null;
  /** The last of the runs, which go one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #listening = false;

  constructor(options: FunctionRunnerOptions) {
    const { metadata, settings } = options;
    const { name: input, binding } = triggerOf(metadata);
    const disabled = isDisabled(metadata.name, settings);
    const resolved = disabled ? binding : resolveBinding(metadata.name, binding, settings);
    this.#options = options;
    this.#input = input;
    this.info = { name: metadata.name, type: binding.type, binding: resolved, retry: metadata.retryOptions ?? null, disabled };
    this.#timer = binding.type === 'timerTrigger' && !disabled ? this.#timerLoop(resolved) : null;
    this.#kafka = binding.type === 'kafkaTrigger' && !disabled ? this.#kafkaListener(resolved) : null;
  }

  /** Begins to fire its trigger, unless the function is disabled. */
  start(): void {
    this.#listening = true;
    this.#timer?.start();
    this.#kafka?.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#timer?.stop(), this.#kafka?.stop()]);
    await this.#turn.catch(() => undefined); // whoever started that run has its error
  }

  invoke(input: unknown): Promise<unknown> {
    const { type, binding, name, disabled } = this.info;
    if (disabled) return Promise.reject(new ConfigError('host/disabled', `Function ${name} is disabled by the setting AzureWebJobs.${name}.Disabled.`));
    if (type === 'timerTrigger') return this.#inTurn(async () => fromTypedData((await this.#runTimer(this.#timerNow(binding))).returnValue));
    if (type === 'kafkaTrigger') return this.#inTurn(() => this.#invokeKafka(input as { windowMs?: number } | undefined));
    return this.#invokeHttpByHand(input as { method?: string; path?: string; body?: string } | undefined);
  }

  invokeHttp(request: TypedData): Promise<InvocationResponse> {
    return this.#runLogged(() => this.#options.app.invoke(this.info.name, { inputData: [{ name: this.#input, data: request }], triggerMetadata: {} }));
  }

  /** As the admin endpoint starts a function: at once, nobody waits. False for HTTP functions, which have their own address. */
  runInBackground(): boolean {
    if (this.info.type === 'httpTrigger' || (this.info.type === 'kafkaTrigger' && this.#listening)) return false;
    this.invoke(undefined).catch(() => undefined); // #runLogged has logged it
    return true;
  }

  #timerLoop(binding: Binding): TimerLoop {
    const schedule = parseSchedule(String(binding['schedule']));
    const run = (timer: TypedData) => this.#inTurn(() => this.#runTimer(timer)).then(() => undefined, () => undefined); // logged
    return new TimerLoop({ schedule, run, clock: this.#options.clock });
  }

  #timerNow(binding: Binding): TypedData {
    const nowMs = this.#options.clock.nowMs();
    return timerInput({ lastMs: nowMs, nextMs: parseSchedule(String(binding['schedule'])).next(nowMs), isPastDue: false });
  }

  #runTimer(timer: TypedData): Promise<InvocationResponse> {
    return this.#runLogged(() => this.#options.app.invoke(this.info.name, { inputData: [{ name: this.#input, data: timer }], triggerMetadata: {} }));
  }

  #kafkaListener(binding: Binding): KafkaListener | null {
    const { kafka, clock, log, sourceOf, faults } = this.#options;
    const { name } = this.info;
    const source = sourceOf(String(binding['topic']));
    if (source === null) return null;
    const execute = (records: readonly KafkaRecord[]) => this.#execute(records, binding);
    const executorFault = faults.executor && ((records: readonly KafkaRecord[]) => faults.executor?.(name, records));
    return new KafkaListener({ name, source, kafka, execute, executorFault, clock, log });
  }

  /** One execution: the function's retry policy repeats the invocation, each with the same records. */
  async #execute(records: readonly KafkaRecord[], binding: Binding): Promise<void> {
    const { metadata, clock } = this.#options;
    const isMany = String(binding['cardinality']).toLowerCase() === 'many';
    const inputs = isMany ? [kafkaBatch(records, binding, this.#input)] : records.map((record) => kafkaSingle(record, binding, this.#input));
    for (const input of inputs) {
      const policy = this.#listening ? metadata.retryOptions : undefined;
      await withRetryPolicy((retryContext) => this.#runKafka(input, retryContext), policy, clock, this.#stopping.signal);
    }
  }

  async #runKafka(input: Pick<InvocationRequest, 'inputData' | 'triggerMetadata'>, retryContext: RetryContext | undefined): Promise<void> {
    await this.#runLogged(() => this.#options.app.invoke(this.info.name, { ...input, ...(retryContext === undefined ? {} : { retryContext }) }));
  }

  async #invokeKafka(input: { windowMs?: number } | undefined): Promise<{ records: number }> {
    const { name } = this.info;
    if (this.#kafka === null) throw new ConfigError('host/no-source', `Function ${name} has no source: it is disabled, or the host was started with source null.`);
    if (this.#listening) throw new ConfigError('host/listening', `Function ${name} is reading already; start the host with listen: false to run it by hand.`);
    return { records: await this.#kafka.runOnce(input?.windowMs ?? this.#options.kafka.subscriberIntervalInSeconds * 1000) };
  }

  async #invokeHttpByHand({ method = 'GET', path = '/', body }: { method?: string; path?: string; body?: string } = {}): Promise<{ status: number; body: string }> {
    const request = { method, url: new URL(path, 'http://127.0.0.1').href, ...(body === undefined ? {} : { body: { string: body } }) };
    const { returnValue } = await this.invokeHttp({ http: request });
    const { statusCode = '204', body: answer } = returnValue?.http ?? {};
    return { status: Number(statusCode), body: answer?.string ?? Buffer.from(answer?.bytes ?? []).toString('utf8') };
  }

  async #runLogged(run: () => Promise<InvocationResponse>): Promise<InvocationResponse> {
    const { clock, log } = this.#options;
    const { name } = this.info;
    const startMs = clock.nowMs();
    try {
      const response = await run();
      log('debug', name, `Executed ${name}: succeeded in ${clock.nowMs() - startMs} ms`);
      return response;
    } catch (error) {
      log('error', name, `Executed ${name}: failed after ${clock.nowMs() - startMs} ms: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      throw error;
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run, run);
    this.#turn = result;
    return result;
  }
}

/** The binding that starts the function, and the name under which its input comes. */
export function triggerOf(metadata: FunctionMetadata): { name: string; binding: Binding } {
  const found = Object.entries(metadata.bindings).find(([, binding]) => binding.type.toLowerCase().endsWith('trigger'));
  if (found === undefined) throw new ConfigError('host/no-trigger', `Function ${metadata.name} has no trigger.`);
  return { name: found[0], binding: found[1] };
}

function fromTypedData(data: TypedData | null | undefined): unknown {
  if (data?.json !== undefined) return JSON.parse(data.json);
  return data?.string ?? data?.int ?? data?.double ?? data?.bytes ?? undefined;
}
