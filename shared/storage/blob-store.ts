import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { BlobItem, ContainerClient, newPipeline } from '@azure/storage-blob';
import type { Backoff, Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { ConfigError, TransientError } from '../errors.ts';
import type { Attempt } from './blob-attempts.ts';
import { Attempts } from './blob-attempts.ts';
import { checkKey, compareKeys, joinKey } from './keys.ts';
import type { RequestKind } from './meter.ts';
import type { ObjectInfo, ObjectStore, PutFileOutcome, PutOutcome } from './object-store.ts';
import { StorageClock } from './storage-clock.ts';

export type BlobCredential = Extract<Parameters<typeof newPipeline>[0], { getToken: unknown }>;

export interface BlobStoreOptions {
  readonly access:
    | { readonly account: string; readonly credential: BlobCredential }
    /** With an account key: only for Azurite. */
    | { readonly connectionString: string };
  readonly container: string;
  /** Empty or a folder below the container. */
  readonly prefix?: string;
  readonly clock?: Clock;
  readonly backoff?: Backoff;
  /** An attempt is given up when this long (at most twice as long) nothing arrives or leaves. */
  readonly stallMs?: number;
  /** Objects a listing asks for at a time; 5,000 is Azure's most. */
  readonly pageSize?: number;
  /** Told of every request that really goes out, retries and pages included. */
  readonly onRequest?: (kind: RequestKind) => void;
}

const BACKOFF: Backoff = { attemptsMax: 5, delayMsBase: 200, delayMsMax: 5_000 };
const STALL_MS = 15_000;
const PAGE_SIZE = 5_000;
/** Metadata of an uploaded file: which upload it was. It tells our own blob, whose answer was lost, from somebody else's of that name. */
const UPLOAD_ID = 'assayupload';
/** Up to here one Put Blob, billed as one write; above it, blocks of half that size. */
const SINGLE_PUT_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Azure Blob Storage, flat or hierarchical, through the Blob API alone, which Azurite has too (azure.md 0.10, delta.md A4).
 * The SDK's own retries are off: each attempt is decided here, so that an answer which tells nothing stays visible.
 */
export class BlobStore implements ObjectStore {
  readonly url: string;
  readonly #options: BlobStoreOptions;
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #attempts: Attempts;

  /** `connection` is for `sub`, whose stores share one. */
  constructor(options: BlobStoreOptions, connection?: Connection) {
    const { container, prefix = '', clock = systemClock, backoff = BACKOFF, stallMs = STALL_MS } = options;
    const endpoint = endpointOf(options.access);
    this.#options = options;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#connection = connection ?? new Connection(endpoint, options, new StorageClock(clock));
    this.url = joinKey(`az://${endpoint.account}/${container}`, prefix).replace(/\/$/, '');
    this.#attempts = new Attempts({ clock, backoff, stallMs, url: this.url });
  }

  /** Creates the container where it is missing. For local work: in Azure the deployment made it. */
  async ensureContainer(): Promise<void> {
    const client = await this.#connection.client();
    await this.#attempts.value({ operation: 'ensureContainer', key: '' }, ({ signal }) => client.createIfNotExists({ abortSignal: signal }));
  }

  async get(key: string): Promise<Uint8Array | null> {
    const blob = await this.#blob(key);
    return this.#attempts.valueOrNull({ operation: 'get', key }, async (attempt) => {
      const body = await download(blob, attempt);
      if (body === null) return null;
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk as Buffer);
      return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    });
  }

  async head(key: string): Promise<ObjectInfo | null> {
    const blob = await this.#blob(key);
    return this.#attempts.valueOrNull({ operation: 'head', key }, async ({ signal }) => {
      const found = await blob.getProperties({ abortSignal: signal });
      return isFolder(found) ? null : { key, size: found.contentLength!, lastModifiedMs: found.lastModified!.getTime() };
    });
  }

  /** One Put Blob with `If-None-Match: *`. Sent again only after an answer, or a failure to connect, that rules out the first. */
  async putIfAbsent(key: string, body: Uint8Array): Promise<PutOutcome> {
    const blob = await this.#blob(key);
    const put = (attempt: Attempt) => blob.upload(body, body.byteLength, { conditions: { ifNoneMatch: '*' }, abortSignal: attempt.signal, onProgress: attempt.progress });
    const settled = await this.#attempts.settle(put, ['rejected']);
    if (settled.ok) return 'created';
    if (settled.failure.kind === 'taken') return 'exists';
    if (settled.failure.kind === 'unclear') return 'unknown';
    throw this.#attempts.error({ operation: 'putIfAbsent', key }, settled);
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    const blob = await this.#blob(key);
    await this.#attempts.value({ operation: 'put', key }, ({ signal, progress }) => blob.upload(body, body.byteLength, { abortSignal: signal, onProgress: progress }));
  }

  /** The local file stays where it is. */
  async putFile(key: string, path: string): Promise<PutFileOutcome> {
    const blob = await this.#blob(key);
    const uploadId = this.#clock.uuid();
    const options = { maxSingleShotSize: SINGLE_PUT_BYTES_MAX, blockSize: SINGLE_PUT_BYTES_MAX / 2, concurrency: 2, conditions: { ifNoneMatch: '*' }, metadata: { [UPLOAD_ID]: uploadId } };
    const settled = await this.#attempts.settle(({ signal, progress }) => blob.uploadFile(path, { ...options, abortSignal: signal, onProgress: progress }));
    if (settled.ok) return { kind: 'created', storedAtMs: settled.value.lastModified!.getTime() };
    if (settled.failure.kind !== 'taken') throw this.#attempts.error({ operation: 'putFile', key }, settled);
    if (!settled.sawUnclear) return { kind: 'exists' };
    const there = await this.#attempts.valueOrNull({ operation: 'head', key }, ({ signal }) => blob.getProperties({ abortSignal: signal }));
    if (there === null) {
      throw new TransientError('storage/unavailable', `putFile of ${JSON.stringify(key)} in ${this.url}: after an attempt without an answer the name was taken, then it was free. Somebody else deletes there: the work is tried again later.`, { facts: { operation: 'putFile', key } });
    }
    return there.metadata?.[UPLOAD_ID] === uploadId ? { kind: 'created', storedAtMs: there.lastModified!.getTime() } : { kind: 'exists' };
  }

  async getFile(key: string, path: string): Promise<boolean> {
    const blob = await this.#blob(key);
    const written = await this.#attempts.valueOrNull({ operation: 'getFile', key }, async (attempt) => {
      const body = await download(blob, attempt);
      if (body !== null) await pipeline(body, createWriteStream(path));
      return body !== null;
    });
    return written ?? false;
  }

  localPath(key: string): null {
    checkKey(key);
    return null;
  }

  /**
   * Collects every page before the first object is given: a hierarchical account lists folder by folder, which is another order.
   */
  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const cut = this.#prefix === '' ? 0 : this.#prefix.length + 1;
    const found: ObjectInfo[] = [];
    for await (const blob of this.#blobs(joinKey(this.#prefix, prefix))) {
      if (isFolder(blob)) continue;
      const { contentLength, lastModified } = blob.properties;
      found.push({ key: blob.name.slice(cut), size: contentLength!, lastModifiedMs: lastModified.getTime() });
    }
    yield* found.sort((a, b) => compareKeys(a.key, b.key));
  }

  async delete(key: string): Promise<void> {
    const blob = await this.#blob(key);
    await this.#attempts.valueOrNull({ operation: 'delete', key }, ({ signal }) => blob.delete({ abortSignal: signal }));
  }

  sub(folder: string): BlobStore {
    checkKey(folder);
    return new BlobStore({ ...this.#options, prefix: joinKey(this.#prefix, folder) }, this.#connection);
  }

  nowMs(): number {
    return this.#connection.clock.nowMs();
  }

  async #blob(key: string) {
    checkKey(key);
    const client = await this.#connection.client();
    return client.getBlockBlobClient(joinKey(this.#prefix, key));
  }

  async *#blobs(prefix: string): AsyncGenerator<BlobItem> {
    const client = await this.#connection.client();
    let continuationToken: string | undefined;
    do {
      const page = await this.#attempts.value({ operation: 'list', key: prefix }, async ({ signal }) => {
        const pages = client.listBlobsFlat({ prefix, includeMetadata: true, abortSignal: signal }).byPage({ maxPageSize: this.#options.pageSize ?? PAGE_SIZE, ...(continuationToken && { continuationToken }) });
        const { value } = await pages.next();
        return value as { continuationToken?: string; segment: { blobItems: BlobItem[] } };
      });
      yield* page.segment.blobItems;
      continuationToken = page.continuationToken === '' ? undefined : page.continuationToken;
    } while (continuationToken !== undefined);
  }
}

/** The body as a stream that takes up a broken download where it stopped, bound to the etag of its start; `null` for a folder. */
async function download(blob: ReturnType<ContainerClient['getBlockBlobClient']>, { signal, progress }: Attempt): Promise<NodeJS.ReadableStream | null> {
  const response = await blob.download(0, undefined, { abortSignal: signal, onProgress: progress, maxRetryRequests: 3 });
  return isFolder(response) ? null : response.readableStreamBody!;
}

/** A hierarchical account shows its folders to the Blob API as empty blobs with this mark. */
function isFolder({ metadata }: { metadata?: Record<string, string> }): boolean {
  return metadata?.['hdi_isfolder'] === 'true';
}

type Endpoint = { readonly account: string; readonly blobUrl: string } & ({ readonly credential: BlobCredential } | { readonly accountKey: string });

function endpointOf(access: BlobStoreOptions['access']): Endpoint {
  if ('credential' in access) return { account: access.account, blobUrl: `https://${access.account}.blob.core.windows.net`, credential: access.credential };
  const parts = new Map(access.connectionString.split(';').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] as const));
  const account = parts.get('AccountName');
  const accountKey = parts.get('AccountKey');
  const blobUrl = parts.get('BlobEndpoint');
  if (!account || !accountKey || !blobUrl) {
    throw new ConfigError('config/connection-string', 'The storage connection string lacks AccountName, AccountKey or BlobEndpoint. It is meant for Azurite; in Azure give the account and let the identity sign.');
  }
  return { account, accountKey, blobUrl: blobUrl.replace(/\/$/, '') };
}

/** The SDK's client, made at the first request, and what its replies tell of the store's clock. */
class Connection {
  readonly clock: StorageClock;
  readonly #open: () => Promise<ContainerClient>;
  #client: Promise<ContainerClient> | undefined;

  constructor(endpoint: Endpoint, options: BlobStoreOptions, clock: StorageClock) {
    this.clock = clock;
    this.#open = () => openContainer(endpoint, options, clock);
  }

  client(): Promise<ContainerClient> {
    return (this.#client ??= this.#open());
  }
}

async function openContainer(endpoint: Endpoint, { container, onRequest }: BlobStoreOptions, clock: StorageClock): Promise<ContainerClient> {
  const sdk = await import('@azure/storage-blob');
  const credential = 'credential' in endpoint ? endpoint.credential : new sdk.StorageSharedKeyCredential(endpoint.account, endpoint.accountKey);
  const requests = sdk.newPipeline(credential, { retryOptions: { maxTries: 1 } });
  requests.factories.unshift({
    create: (next) => ({
      sendRequest: async (request) => {
        onRequest?.(kindOf(request));
        try {
          const reply = await next.sendRequest(request);
          clock.saw(reply.headers.get('date'));
          return reply;
        } catch (error) {
          // A refusal is a reply, too; the SDK throws it.
          if (error instanceof sdk.RestError) clock.saw(error.response?.headers.get('date'));
          throw error;
        }
      },
    }),
  });
  return new sdk.ContainerClient(`${endpoint.blobUrl}/${container}`, requests);
}

function kindOf({ method, url }: { method: string; url: string }): RequestKind {
  switch (method) {
    case 'GET':
      return new URL(url).searchParams.get('comp') === 'list' ? 'list' : 'get';
    case 'HEAD':
      return 'head';
    case 'DELETE':
      return 'delete';
    default:
      return 'put';
  }
}
