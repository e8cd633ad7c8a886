import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The account every emulator has; its key is public (learn.microsoft.com, "Use the Azurite emulator"). */
export const AZURITE_ACCOUNT = 'devstoreaccount1';
const AZURITE_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const HOST = '127.0.0.1';
/** Requests under way at the end get this long to be answered. */
const DRAIN_MS = 5_000;

export interface AzuritePorts {
  readonly blobPort: number;
  readonly tablePort: number;
}

export interface AzuriteServers extends AzuritePorts {
  /** Answers what is under way, then saves everything. Resolves when it is on disk. */
  close(): Promise<void>;
}

export function azuriteConnectionString({ blobPort, tablePort }: AzuritePorts): string {
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${AZURITE_ACCOUNT}`,
    `AccountKey=${AZURITE_KEY}`,
    `BlobEndpoint=http://${HOST}:${blobPort}/${AZURITE_ACCOUNT}`,
    `TableEndpoint=http://${HOST}:${tablePort}/${AZURITE_ACCOUNT}`,
    '',
  ].join(';');
}

/**
 * Azurite's blob and table servers in this process. It exports no types for this use; seen in 3.37.0 (azure.md 8).
 * `dir` `null` keeps everything in memory. A port of 0 takes a free one; a busy one throws with the code EADDRINUSE.
 */
export async function openAzurite({ dir, blobPort, tablePort }: AzuritePorts & { readonly dir: string | null }): Promise<AzuriteServers> {
  const { BlobServer, BlobConfiguration, TableServer, TableConfiguration } = loadAzurite();
  const inMemory = dir === null;
  const path = (name: string) => join(dir ?? '', name);
  const extents = [{ locationId: 'Default', locationPath: path('__blobstorage__'), maxConcurrency: 50 }];
  // Positional: …, accessLog, accessLogStream, debugLog, debugLogPath, loose, skipApiVersionCheck, cert, key, pwd, oauth, disableProductStyleUrl, inMemory.
  const blob = new BlobServer(new BlobConfiguration(HOST, blobPort, 5, path('__azurite_db_blob__.json'), path('__azurite_db_blob_extent__.json'), extents, false, undefined, false, undefined, false, true, '', '', '', undefined, false, inMemory));
  const table = new TableServer(new TableConfiguration(HOST, tablePort, 5, path('__azurite_db_table__.json'), false, false, undefined, undefined, false, true, '', '', '', undefined, false, inMemory));
  await blob.start();
  try {
    await table.start();
  } catch (error) {
    await blob.close();
    throw error;
  }
  return {
    blobPort: portOf(blob),
    tablePort: portOf(table),
    close: async () => {
      await Promise.all([closeServer(blob), closeServer(table)]);
      if (inMemory) return;
      for (const store of [blob.extentMetadataStore, blob.metadataStore, table.metadataStore]) await save(store!.db);
    },
  };
}

/** What we use of Azurite's classes and of the LokiJS databases below them. */
interface LokiDatabase {
  throttledSaveDrain(done: (drained: boolean) => void): void;
  saveDatabase(done: (error?: Error | null) => void): void;
}
interface LokiBacked {
  readonly db: LokiDatabase;
}
interface AzuriteServer {
  readonly httpServer: Server;
  readonly metadataStore: LokiBacked;
  readonly extentMetadataStore?: LokiBacked;
  start(): Promise<void>;
  close(): Promise<void>;
}
type Constructor<T> = new (...parameters: unknown[]) => T;

function loadAzurite() {
  const require = createRequire(import.meta.url);
  const fromAzurite = createRequire(require.resolve('azurite'));
  // Telemetry is off; its library alone would be 70 % of Azurite's loading time, so Azurite finds an empty one in its place.
  const telemetry = fromAzurite.resolve('applicationinsights');
  fromAzurite.cache[telemetry] ??= Object.assign(Object.create(null), { id: telemetry, filename: telemetry, loaded: true, exports: {} });
  const load = <T>(path: string) => (require(`azurite/dist/src/${path}`) as { default: Constructor<T> }).default;
  return {
    BlobServer: load<AzuriteServer>('blob/BlobServer'),
    BlobConfiguration: load<object>('blob/BlobConfiguration'),
    TableServer: load<AzuriteServer>('table/TableServer'),
    TableConfiguration: load<object>('table/TableConfiguration'),
  };
}

function portOf({ httpServer }: AzuriteServer): number {
  const address = httpServer.address();
  if (address === null || typeof address === 'string') throw new Error('bug: Azurite listens on no TCP port');
  return address.port;
}

/** Azurite's own close does not wait for requests under way; whatever they still change must be saved after them. */
async function closeServer(server: AzuriteServer): Promise<void> {
  const drained = new Promise<void>((resolve) => server.httpServer.once('close', resolve));
  await server.close();
  const late = setTimeout(() => server.httpServer.closeAllConnections(), DRAIN_MS);
  await drained;
  clearTimeout(late);
}

/** LokiJS counts data as saved when it begins to write it, so its own close may return before a save under way is on disk. */
async function save(db: LokiDatabase): Promise<void> {
  await new Promise<void>((resolve) => db.throttledSaveDrain(() => resolve()));
  await new Promise<void>((resolve, reject) => db.saveDatabase((error) => (error ? reject(error) : resolve())));
}
