import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collect } from './collect.ts';

/**
 * - `pass`: through. - `refuse`: answered with 503 or the given status, never forwarded. - `drop-reply`: carried out, then the
 * connection is cut. - `drop-request`: cut before it is forwarded. - `cut-body`: half of the answer, then cut. - `hang`: carried out, never answered.
 */
export type Flaw = 'pass' | 'drop-reply' | 'drop-request' | 'cut-body' | 'hang' | { readonly refuse: number; readonly code?: string };

export interface FlakyProxy {
  readonly connectionString: string;
  /** The flaws of the next requests, in order; then everything passes. */
  next(...flaws: Flaw[]): void;
  /** Requests seen since the last call, `METHOD comp`. */
  seen(): string[];
  close(): Promise<void>;
}

/** A real HTTP proxy before Azurite's blob server, for faults that a client can meet on the wire. */
export async function startFlakyProxy(connectionString: string): Promise<FlakyProxy> {
  const endpoint = new URL(/BlobEndpoint=([^;]+)/.exec(connectionString)![1]);
  const flaws: Flaw[] = [];
  let seen: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const comp = new URL(incoming.url!, endpoint).searchParams.get('comp');
    seen.push(comp === null ? incoming.method! : `${incoming.method!} ${comp}`);
    void treat(flaws.shift() ?? 'pass', { incoming, outgoing, endpoint });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    connectionString: connectionString.replace(endpoint.host, `127.0.0.1:${port}`),
    next: (...more) => void flaws.push(...more),
    seen: () => seen.splice(0),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function treat(flaw: Flaw, { incoming, outgoing, endpoint }: { incoming: IncomingMessage; outgoing: ServerResponse; endpoint: URL }): Promise<void> {
  if (flaw === 'drop-request') return void incoming.socket.destroy();
  const body = Buffer.concat(await collect(incoming as AsyncIterable<Buffer>));
  if (typeof flaw === 'object') {
    outgoing.writeHead(flaw.refuse, flaw.code === undefined ? {} : { 'x-ms-error-code': flaw.code });
    outgoing.end();
    return;
  }
  // Signed for this path, not for a host, so it may be sent on as it is.
  const forwarded = httpRequest({ host: endpoint.hostname, port: endpoint.port, method: incoming.method, path: incoming.url, headers: incoming.headers });
  forwarded.end(body);
  const [reply] = (await once(forwarded, 'response')) as [IncomingMessage];
  const answer = Buffer.concat(await collect(reply as AsyncIterable<Buffer>));
  if (flaw === 'hang') return;
  if (flaw === 'drop-reply') return void outgoing.destroy();
  outgoing.writeHead(reply.statusCode!, reply.headers);
  if (flaw === 'pass') return void outgoing.end(answer);
  outgoing.write(answer.subarray(0, answer.length / 2), () => outgoing.destroy());
}
