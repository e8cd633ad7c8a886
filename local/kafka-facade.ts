import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { EventLog } from './event-log/event-log.ts';
import { API_VERSIONS_KEY, answerApiVersions } from './kafka-facade/api-versions.ts';
import type { Api, Cluster } from './kafka-facade/api.ts';
import { fetch } from './kafka-facade/fetch.ts';
import { findCoordinator } from './kafka-facade/find-coordinator.ts';
import { listOffsets } from './kafka-facade/list-offsets.ts';
import { metadata } from './kafka-facade/metadata.ts';
import { offsetFetch } from './kafka-facade/offset-fetch.ts';
import { WireError, WireReader, WireWriter } from './kafka-facade/wire.ts';

const HOST = '127.0.0.1';
const REQUEST_BYTES_MAX = 1 << 20;
const APIS: readonly Api[] = [fetch, listOffsets, metadata, offsetFetch, findCoordinator];

/**
 * The part of a Kafka broker that the app asks for topic ids, offsets and records, over the embedded log: what the deployed app asks a
 * real broker, the local one asks here. Reads only, no groups, no security: it listens on 127.0.0.1 alone.
 */
export class KafkaFacade {
  /** `host:port` for a client's bootstrap list. */
  readonly address: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.address = `${HOST}:${(server.address() as AddressInfo).port}`;
  }

  /** @param options.port 0 or none: any free one. */
  static async start(options: { log: EventLog; port?: number }): Promise<KafkaFacade> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      const { port } = server.address() as AddressInfo;
      void serve(socket, { log: options.log, host: HOST, port });
    });
    server.listen(options.port ?? 0, HOST);
    await once(server, 'listening');
    return new KafkaFacade(server, sockets);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Answers one connection's requests in order until it ends. A request that breaks the protocol closes it, as a broker does. */
async function serve(socket: Socket, cluster: Cluster): Promise<void> {
  socket.setNoDelay(true);
  try {
    for await (const request of requests(socket)) socket.write(await answer(request, cluster));
  } catch (error) {
    socket.destroy();
    if (!(error instanceof WireError) && !isDisconnect(error)) throw error;
  }
}

function isDisconnect(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/*
  RequestOrResponse => Size (RequestMessage | ResponseMessage)
    Size => INT32
*/
async function* requests(socket: Socket): AsyncGenerator<Buffer> {
  let buffered = Buffer.alloc(0);
  for await (const chunk of socket) {
    buffered = Buffer.concat([buffered, chunk as Buffer]);
    while (buffered.length >= 4) {
      const size = buffered.readInt32BE(0);
      if (size < 0 || size > REQUEST_BYTES_MAX) throw new WireError(`a request of ${size} bytes`);
      if (buffered.length < 4 + size) break;
      yield buffered.subarray(4, 4 + size);
      buffered = buffered.subarray(4 + size);
    }
  }
}

/*
  Request Header v2 => request_api_key request_api_version correlation_id client_id TAG_BUFFER
    request_api_key => INT16
    request_api_version => INT16
    correlation_id => INT32
    client_id => NULLABLE_STRING
  Response Header v1 => correlation_id TAG_BUFFER            v0, which ApiVersions always has => correlation_id
    correlation_id => INT32
*/
async function answer(request: Buffer, cluster: Cluster): Promise<Buffer> {
  const reader = new WireReader(request);
  const [key, version, correlation] = [reader.int16(), reader.int16(), reader.int32()];
  const header = new WireWriter().int32(correlation);
  if (key === API_VERSIONS_KEY) return sized(header, answerApiVersions(version, APIS));
  const api = APIS.find((candidate) => candidate.key === key && version >= candidate.versionMin && version <= candidate.versionMax);
  if (api === undefined) throw new WireError(`api ${key} version ${version}`);
  reader.nullableString();
  reader.tags();
  return sized(header.tags(), await api.answer(reader, cluster, version));
}

function sized(header: WireWriter, body: WireWriter): Buffer {
  const message = Buffer.concat([header.toBuffer(), body.toBuffer()]);
  return new WireWriter().int32(message.length).bytes(message).toBuffer();
}
