import { backoffMs } from '../clock.ts';
import type { Backoff, Clock } from '../clock.ts';
import { ConfigError, TransientError } from '../errors.ts';

export interface SchemaRegistryOptions {
  /** http(s)://host[:port][/path], without credentials. */
  readonly url: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly clock: Clock;
  readonly timeoutMs?: number;
  readonly backoff?: Backoff;
}

const BACKOFF: Backoff = { attemptsMax: 4, delayMsBase: 200, delayMsMax: 2_000 };
const TIMEOUT_MS = 10_000;
/** Too early, too many, and what a gateway says while the registry is away. */
const PASSING = new Set([408, 425, 429]);

type Answer =
  | { readonly kind: 'found'; readonly body: unknown }
  | { readonly kind: 'none' }
  /** May be another one next time. */
  | { readonly kind: 'failed'; readonly what: string; readonly cause?: unknown };

/**
 * Schemas by id, over the HTTP interface that Confluent's Schema Registry has and others answer as well (docs.confluent.io, "Schema
 * Registry API Reference"). Keeps nothing: ids mean the same schema for ever, so whoever asks keeps what it needs. Connections are kept
 * by fetch.
 *
 * Failures: TransientError `registry/no-answer` after the last try; ConfigError `registry/refused` (401, 403) and `registry/unlike-one`
 * (an answer that no registry gives: most likely the URL is another server's). No message holds a credential.
 */
export class SchemaRegistry {
  readonly #options: SchemaRegistryOptions;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: SchemaRegistryOptions) {
    this.#options = options;
    const { username, password } = options;
    const accept = 'application/vnd.schemaregistry.v1+json, application/json';
    this.#headers = username === null ? { accept } : { accept, authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` };
  }

  /** The schema of an id; null where the registry answers that there is none. */
  async schema(id: number): Promise<RegistrySchema | null> {
    return this.#schema(`/schemas/ids/${id}`);
  }

  /** One version of a subject; null where the registry answers that there is none. A deleted one counts: schemas still refer to it. */
  async version(subject: string, version: number): Promise<RegistrySchema | null> {
    return this.#schema(`/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`);
  }

  async #schema(path: string): Promise<RegistrySchema | null> {
    const body = await this.#get(path);
    if (body === null) return null;
    const schema = readSchema(body);
    if (schema === null) throw this.#unlike(path, 'answered 200 with something else than a schema');
    return schema;
  }

  async #get(path: string): Promise<unknown> {
    const { clock, backoff = BACKOFF } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#ask(path);
      if (answer.kind === 'found') return answer.body;
      if (answer.kind === 'none') return null;
      if (attempt >= backoff.attemptsMax) {
        throw new TransientError(
          'registry/no-answer',
          `asking the schema registry ${this.#options.url} for ${path}: ${answer.what}, ${attempt} times; refine waits for it. Check that it is up and that SCHEMA_REGISTRY_URL is right.`,
          { cause: answer.cause, facts: { url: this.#options.url, path, attempts: attempt } },
        );
      }
      await clock.sleep(backoffMs(attempt - 1, backoff, clock));
    }
  }

  async #ask(path: string): Promise<Answer> {
    const { url, timeoutMs = TIMEOUT_MS } = this.#options;
    let [status, text] = [0, ''];
    try {
      const response = await fetch(`${url.replace(/\/+$/, '')}${path}`, { headers: this.#headers, signal: AbortSignal.timeout(timeoutMs) });
      // Read whatever the status is, so that the connection can be used again.
      [status, text] = [response.status, await response.text()];
    } catch (cause) {
      return { kind: 'failed', what: `no answer (${reason(cause)})`, cause };
    }
    if (status === 401 || status === 403) {
      throw new ConfigError('registry/refused', `asking the schema registry ${url} for ${path}: it answered ${status}. Check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, and what they may read.`, { facts: { url, path, status } });
    }
    if (status >= 500 || PASSING.has(status)) return { kind: 'failed', what: `it answered ${status}` };
    const body = parse(text);
    if (status === 200 && body !== undefined) return { kind: 'found', body };
    // A registry names what it did not find by codes of its own; any other 404 is a path that the server does not have.
    if (status === 404 && isNotFound(body)) return { kind: 'none' };
    throw this.#unlike(path, `answered ${status}, which no schema registry does there`);
  }

  #unlike(path: string, what: string): ConfigError {
    const { url } = this.#options;
    return new ConfigError('registry/unlike-one', `asking the schema registry ${url} for ${path}: the server ${what}. Check SCHEMA_REGISTRY_URL, its path included.`, { facts: { url, path } });
  }
}

/** Fits `formats/schemas.ts`. */
export interface RegistrySchema {
  /** AVRO where the registry names none. */
  readonly type: string;
  readonly text: string;
  readonly references: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

function readSchema(body: unknown): RegistrySchema | null {
  if (typeof body !== 'object' || body === null) return null;
  const { schema, schemaType = 'AVRO', references } = body as { schema?: unknown; schemaType?: unknown; references?: unknown };
  const list: unknown = references ?? [];
  return typeof schema === 'string' && typeof schemaType === 'string' && Array.isArray(list) && list.every(isReference) ? { type: schemaType, text: schema, references: list } : null;
}

function isReference(value: unknown): value is RegistrySchema['references'][number] {
  const { name, subject, version } = (value ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && typeof subject === 'string' && Number.isInteger(version);
}

/** 40401 subject, 40402 version, 40403 schema. */
function isNotFound(body: unknown): boolean {
  const { error_code: code } = (body ?? {}) as { error_code?: unknown };
  return typeof code === 'number' && code > 40_400 && code < 40_500;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What fetch wraps says more than "fetch failed". */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? (cause as NodeJS.ErrnoException).code ?? cause.message : error.message;
}
