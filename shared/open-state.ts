import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { ConfigError } from './errors.ts';
import { azureRunState } from './state/azure-run-state.ts';
import { fileRunState } from './state/file-run-state.ts';
import type { RunState } from './state/run-state.ts';
import { parseLakeUrl } from './storage/lake-url.ts';
import type { ObjectStore } from './storage/object-store.ts';

const TABLE = 'assaystate';

/**
 * Operator state: in Azure a table of the storage account that Functions itself uses (`AzureWebJobsStorage`, or
 * `AzureWebJobsStorage__accountName` with the app's identity); beside a directory lake small files in it.
 */
export async function openState(config: Config, env: Readonly<Record<string, string | undefined>>, store: ObjectStore, clock: Clock): Promise<RunState> {
  if (parseLakeUrl(config.lakeUrl).kind === 'file') return fileRunState({ objects: store.sub('_assay/state'), clock });
  const { AzureWebJobsStorage: connectionString, AzureWebJobsStorage__accountName: account } = env;
  if (connectionString) return azureRunState({ access: { connectionString }, table: TABLE, clock });
  if (account) {
    const { DefaultAzureCredential } = await import('@azure/identity');
    return azureRunState({ access: { account, credential: new DefaultAzureCredential() }, table: TABLE, clock });
  }
  throw new ConfigError('config/state', 'neither AzureWebJobsStorage nor AzureWebJobsStorage__accountName is set: pause switches need a table; Functions needs one of them too');
}
