import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { findRoute } from './http-routes.ts';
import type { Route } from './http-routes.ts';
import type { WorkerLog } from './loaded-app.ts';
import type { InvocationResponse, RpcHttp, TypedData } from './rpc.ts';

export interface HttpServerOptions {
  readonly routes: readonly Route[];
  /** Runs a function of the routes. */
  readonly invoke: (functionName: string, request: TypedData) => Promise<InvocationResponse>;
  /** Starts any function by hand, as `POST /admin/functions/<name>`; false where there is none. */
  readonly trigger: (functionName: string, input: string) => boolean;
  readonly log: WorkerLog;
}

/** The first free port from this one on; 0 takes any. */
const portsTried = 50;

/** Listens on the loopback interface only. Authorisation levels are not enforced, as in Core Tools. */
export async function startHttpServer(port: number, options: HttpServerOptions): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      options.log('error', 'Host.Http', `${request.method} ${request.url} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  const bound = await listen(server, port);
  return {
    url: `http://127.0.0.1:${bound}`,
    close: () => new Promise((resolve, reject) => {
      server.close((error) => (error === undefined ? resolve() : reject(error)));
      server.closeIdleConnections();
    }),
  };
}

async function listen(server: Server, port: number): Promise<number> {
  for (let tried = 0; ; tried++) {
    try {
      return await listenOnce(server, port === 0 ? 0 : port + tried);
    } catch (error) {
      const busy = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!busy || port === 0 || tried + 1 >= portsTried) throw error;
    }
  }
}

function listenOnce(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.removeListener('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, { routes, invoke, trigger }: HttpServerOptions): Promise<void> {
  const method = request.method ?? 'GET';
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`);
  const body = await buffer(request);
  const admin = /^\/admin\/functions\/([^/]+)\/?$/.exec(url.pathname);
  if (admin !== null && method === 'POST') {
    response.writeHead(trigger(decodeURIComponent(admin[1]), adminInput(body)) ? 202 : 404).end();
    return;
  }
  const found = findRoute(routes, method, url.pathname);
  if (found === null) {
    response.writeHead(404).end();
    return;
  }
  const { outputData, returnValue } = await invoke(found.route.functionName, { http: toRpcHttp(method, url, request, found.params, body) });
  sendHttp(response, (returnValue ?? outputData?.find(({ data }) => data.http !== undefined)?.data)?.http);
}

/** `{"input": "…"}`, as the admin endpoint takes it. */
function adminInput(body: Buffer): string {
  if (body.length === 0) return '';
  const { input } = JSON.parse(body.toString('utf8')) as { input?: unknown };
  return typeof input === 'string' ? input : '';
}

function toRpcHttp(method: string, url: URL, request: IncomingMessage, params: Record<string, string>, body: Buffer): RpcHttp {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')] as const);
  return {
    method,
    url: url.href,
    nullableHeaders: nullable(headers),
    nullableParams: nullable(Object.entries(params)),
    nullableQuery: nullable([...url.searchParams]),
    ...(body.length > 0 ? { body: { bytes: body } } : {}),
  };
}

function nullable(entries: readonly (readonly [string, string])[]): Record<string, { value: string }> {
  return Object.fromEntries(entries.map(([name, value]) => [name, { value }]));
}

/** A function that answers nothing is 204, as in the host. */
function sendHttp(response: ServerResponse, http: RpcHttp | undefined): void {
  if (http === undefined) {
    response.writeHead(204).end();
    return;
  }
  const cookies = (http.cookies ?? []).map(({ name, value, path }) => `${name}=${value}${path === undefined ? '' : `; path=${path.value}`}`);
  response.writeHead(Number(http.statusCode ?? 200), { ...http.headers, ...(cookies.length > 0 ? { 'set-cookie': cookies } : {}) });
  response.end(http.body?.bytes ?? http.body?.string);
}
