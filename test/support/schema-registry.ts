import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StoredSchema {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

/** What becomes of a request before the registry sees it. */
export type Trouble = { readonly status: number; readonly body?: string } | 'drop' | 'hang';

/**
 * A schema registry in memory that answers over HTTP as Confluent's does: schemas by id, versions of subjects, registering, and the errors
 * 40401 to 40403 with their texts.
 */
export class TestRegistry {
  readonly requests: string[] = [];
  /** For the next requests, in order. */
  readonly troubles: Trouble[] = [];
  /** By subject: the .proto text of what Python registers as a binary descriptor. A real registry makes it itself. */
  readonly texts = new Map<string, string>();
  /** `user:password`; null: anybody. */
  credentials: string | null = null;
  readonly #server: Server;
  readonly #schemas = new Map<number, StoredSchema>();
  readonly #subjects = new Map<string, number[]>();
  readonly connections = new Set<unknown>();

  private constructor() {
    this.#server = createServer((request, response) => { void this.#answer(request, response); });
    this.#server.on('connection', (socket) => this.connections.add(socket));
  }

  static async start(): Promise<TestRegistry> {
    const registry = new TestRegistry();
    await new Promise<void>((resolve) => { registry.#server.listen(0, '127.0.0.1', resolve); });
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** As the next version of the subject; equal schemas have equal ids. */
  add(subject: string, schema: StoredSchema): number {
    const known = [...this.#schemas].find(([, stored]) => JSON.stringify(stored) === JSON.stringify(schema))?.[0];
    const id = known ?? this.#schemas.size + 1;
    this.#schemas.set(id, schema);
    const versions = this.#subjects.get(subject) ?? [];
    if (!versions.includes(id)) this.#subjects.set(subject, [...versions, id]);
    return id;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    this.requests.push(`${request.method} ${url.pathname}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const trouble = this.troubles.shift();
    if (trouble === 'hang') return;
    if (trouble === 'drop') {
      request.socket.destroy();
      return;
    }
    const [status, body] = trouble ? [trouble.status, trouble.body ?? JSON.stringify({ error_code: trouble.status, message: 'trouble' })]
      : this.#isAllowed(request) ? this.#route(request.method!, url, Buffer.concat(chunks).toString()) : [401, '{"error_code":401,"message":"Unauthorized"}'];
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(body);
  }

  #isAllowed({ headers }: IncomingMessage): boolean {
    return this.credentials === null || headers.authorization === `Basic ${Buffer.from(this.credentials).toString('base64')}`;
  }

  #route(method: string, url: URL, body: string): [number, string] {
    const ok = (value: unknown): [number, string] => [200, JSON.stringify(value)];
    const path = url.pathname.split('/').slice(1).map(decodeURIComponent);
    if (method === 'GET' && path[0] === 'schemas' && path[1] === 'ids') {
      const stored = this.#schemas.get(Number(path[2]));
      return stored ? ok(stored) : [404, JSON.stringify({ error_code: 40403, message: `Schema ${path[2]} not found` })];
    }
    if (path[0] !== 'subjects') return [404, JSON.stringify({ error_code: 404, message: 'HTTP 404 Not Found' })];
    const [, subject, , version] = path;
    if (method === 'POST') {
      const { schema, schemaType, references } = JSON.parse(body) as StoredSchema;
      const id = this.add(subject, { schema: this.texts.get(subject) ?? schema, ...(schemaType && { schemaType }), ...(references && references.length > 0 && { references }) });
      return ok({ id, ...this.#schemas.get(id), subject, version: this.#subjects.get(subject)!.indexOf(id) + 1 });
    }
    const versions = this.#subjects.get(subject);
    if (!versions) return [404, JSON.stringify({ error_code: 40401, message: `Subject '${subject}' not found.` })];
    const number = version === 'latest' ? versions.length : Number(version);
    const id = versions[number - 1];
    return id === undefined ? [404, JSON.stringify({ error_code: 40402, message: `Version ${version} not found.` })] : ok({ subject, version: number, id, ...this.#schemas.get(id) });
  }
}

/** Confluent's framing. */
export function framed(id: number, ...parts: readonly (Uint8Array | readonly number[])[]): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(id, 1);
  return Buffer.concat([header, ...parts.map((part) => Buffer.from(part))]);
}
