import type { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { ConfigError, TransientError } from '../errors.ts';
import type { LeaseCell, NoteKind, StateCells } from './run-state.ts';
import { CellRunState } from './run-state.ts';

export type TableCredential = TokenCredential;

export interface AzureRunStateOptions {
  readonly access:
    | { readonly account: string; readonly credential: TableCredential }
    /** With an account key: only for Azurite. */
    | { readonly connectionString: string };
  /** Letters and digits; created when it is first needed. */
  readonly table: string;
  readonly clock?: Clock;
  /** A request, with the SDK's own retries, is given up after this. */
  readonly timeoutMs?: number;
}

/** Run state in one Azure table: PartitionKey = `pause`, `summary` or `lease`, RowKey = the name. Leases change by ETag. */
export function azureRunState(options: AzureRunStateOptions): CellRunState {
  return new CellRunState(new TableCells(options), options.clock ?? systemClock);
}

interface Row {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly value: string;
}

const TIMEOUT_MS = 20_000;

class TableCells implements StateCells {
  readonly #options: AzureRunStateOptions;
  #client: Promise<TableClient> | undefined;

  constructor(options: AzureRunStateOptions) {
    this.#options = options;
  }

  async all(kind: NoteKind): Promise<ReadonlyMap<string, string>> {
    return this.#request('list', kind, async (table, abortSignal) => {
      const values = new Map<string, string>();
      const rows = table.listEntities<Row>({ queryOptions: { filter: `PartitionKey eq '${kind}'` }, abortSignal });
      for await (const { rowKey, value } of rows) values.set(rowKey, value);
      return values;
    });
  }

  async set(kind: NoteKind, name: string, value: string): Promise<void> {
    await this.#request('set', `${kind}/${name}`, (table, abortSignal) => table.upsertEntity<Row>({ partitionKey: kind, rowKey: name, value }, 'Replace', { abortSignal }));
  }

  async unset(kind: NoteKind, name: string): Promise<void> {
    await this.#request('unset', `${kind}/${name}`, (table, abortSignal) => ifFound(() => table.deleteEntity(kind, name, { abortSignal })));
  }

  async lease(name: string): Promise<LeaseCell> {
    return this.#request('read', `lease/${name}`, async (table, abortSignal) => {
      const row = await ifFound(() => table.getEntity<Row>('lease', name, { abortSignal }));
      return { tag: row?.etag ?? null, value: row?.value ?? null };
    });
  }

  async swapLease(name: string, tag: string | null, value: string): Promise<string | null> {
    const row: Row = { partitionKey: 'lease', rowKey: name, value };
    return this.#request('swap', `lease/${name}`, async (table, abortSignal) => {
      try {
        const { etag } = tag === null ? await table.createEntity(row, { abortSignal }) : await table.updateEntity(row, 'Replace', { etag: tag, abortSignal });
        return etag ?? null;
      } catch (error) {
        const { status, code } = answerOf(error);
        if (status === 409 || status === 412 || (status === 404 && code !== 'TableNotFound')) return null;
        throw error;
      }
    });
  }

  async #request<T>(operation: string, key: string, work: (table: TableClient, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const table = await (this.#client ??= openTable(this.#options));
    try {
      return await work(table, AbortSignal.timeout(timeoutMs)).catch(async (error: unknown) => {
        if (answerOf(error).code !== 'TableNotFound') throw error;
        await table.createTable({ abortSignal: AbortSignal.timeout(timeoutMs) });
        return work(table, AbortSignal.timeout(timeoutMs));
      });
    } catch (error) {
      throw this.#translated(error, operation, key);
    }
  }

  #translated(error: unknown, operation: string, key: string): unknown {
    const { status, code, timedOut } = answerOf(error);
    if (status === undefined && !timedOut && code === '') return error;
    const detail = { facts: { operation, key, table: this.#options.table, status, code }, cause: error };
    const what = `Run state: ${operation} of ${key} in table ${this.#options.table} ended with ${status === undefined ? 'no answer' : `status ${status}`} (${timedOut ? 'timeout' : code}).`;
    const passes = status === undefined || status >= 500 || status === 408 || status === 429;
    if (passes) return new TransientError('state/unavailable', `${what} The table service or the network is busy: the work is tried again later.`, detail);
    return new ConfigError('state/refused', `${what} Give the identity the role Storage Table Data Contributor on the account, and check its firewall.`, detail);
  }
}

/** `undefined` where there is no such row. */
async function ifFound<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const { status, code } = answerOf(error);
    if (status === 404 && code !== 'TableNotFound') return undefined;
    throw error;
  }
}

function answerOf(error: unknown): { status: number | undefined; code: string; timedOut: boolean } {
  if (!(error instanceof Error)) return { status: undefined, code: '', timedOut: false };
  const { statusCode, code, details } = error as Error & { statusCode?: number; code?: string; details?: { odataError?: { code?: string } } };
  return { status: statusCode, code: details?.odataError?.code ?? code ?? '', timedOut: error.name === 'AbortError' };
}

async function openTable({ access, table }: AzureRunStateOptions): Promise<TableClient> {
  const { TableClient } = await import('@azure/data-tables');
  if ('credential' in access) return new TableClient(`https://${access.account}.table.core.windows.net`, table, access.credential);
  return TableClient.fromConnectionString(access.connectionString, table, { allowInsecureConnection: access.connectionString.includes('TableEndpoint=http://') });
}
