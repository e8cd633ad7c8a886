import { randomUUID } from 'node:crypto';
import type { AzuriteServers } from '../../local/azurite-servers.ts';
import { azuriteConnectionString, openAzurite } from '../../local/azurite-servers.ts';
import type { BlobStoreOptions } from '../../shared/storage/blob-store.ts';
import { BlobStore } from '../../shared/storage/blob-store.ts';

export interface TestAzurite extends AzuriteServers {
  readonly connectionString: string;
  /** A store on a container of its own. */
  container(options?: Partial<Omit<BlobStoreOptions, 'container' | 'access'>>): Promise<BlobStore>;
}

/** One Azurite in this process and in memory, on free ports: for `beforeAll`, closed in `afterAll`. */
export async function startTestAzurite(): Promise<TestAzurite> {
  const servers = await openAzurite({ dir: null, blobPort: 0, tablePort: 0 });
  const connectionString = azuriteConnectionString(servers);
  return {
    ...servers,
    connectionString,
    container: async (options = {}) => {
      const store = new BlobStore({ ...options, access: { connectionString }, container: freshName() });
      await store.ensureContainer();
      return store;
    },
  };
}

/** Fits a container and a table: letters and digits, begins with a letter. */
export function freshName(): string {
  return `t${randomUUID().replaceAll('-', '')}`;
}
