import { vectorKey } from '../../shared/delta/deletion-vector.ts';
import { fileKey } from '../../shared/delta/actions.ts';
import type { Action, AddFile, RemoveFile } from '../../shared/delta/actions.ts';
import { parseJson, toBigInt } from '../../shared/delta/json.ts';
import { parseLogPath } from '../../shared/delta/log-path.ts';
import { OFFSET_GAPS } from '../../shared/pipeline/tables.ts';

/** A live file, or one that was removed. */
export interface LedgerFile {
  readonly add: AddFile;
  readonly key: string;
  /** Of the file that holds its vector; null where it has none, or one in the log. */
  readonly vectorKey: string | null;
  readonly addedAt: bigint;
  removedAt: bigint | null;
  removedAtMs: number;
  removesData: boolean;
}

/** What a reader of the log knows of a table, kept by the world as commits land. */
export class LedgerTable {
  readonly name: string;
  readonly files = new Map<string, LedgerFile>();
  readonly removed: LedgerFile[] = [];
  readonly txns = new Map<string, bigint>();
  readonly metaDataIds = new Set<string>();
  version = -1n;

  constructor(name: string) {
    this.name = name;
  }
}

const COMMIT = /^(?:(.*)\/)?(_delta_log\/\d{20}\.json)$/;
/** Progress of these kinds only goes forward. */
const PROGRESS = /^(?:bronze|refine|score|writer|bump|mark)\//;

/**
 * Every promise of a table that can be checked when a commit lands: versions come one after the other, each once; what is added exists,
 * what is removed was there; rows go only where the commit says why; a rewrite keeps their number; progress goes forward.
 */
export class Ledger {
  readonly tables = new Map<string, LedgerTable>();
  commits = 0;
  readonly #fail: (message: string) => void;
  readonly #exists: (key: string) => boolean;

  constructor(options: { readonly fail: (message: string) => void; readonly exists: (key: string) => boolean }) {
    this.#fail = options.fail;
    this.#exists = options.exists;
  }

  /** An object has landed under a key that was free. */
  landed(key: string, body: Uint8Array, nowMs: number): void {
    const match = COMMIT.exec(key);
    if (!match) return;
    const name = match[1] ?? '';
    const { version } = parseLogPath(match[2])!;
    const table = this.tables.get(name) ?? new LedgerTable(name);
    this.tables.set(name, table);
    const where = `${name} version ${version}`;
    if (version !== table.version + 1n) {
      this.#fail(`${where} landed after version ${table.version}${version <= table.version ? ': it had been there, and was cleaned from the log' : ''}`);
      return;
    }
    table.version = version;
    this.commits++;
    this.#apply(table, linesOf(body), { where, nowMs });
  }

  /** A live file is gone for good. */
  deleted(key: string): void {
    for (const table of this.tables.values()) {
      for (const file of table.files.values()) if (file.key === key || file.vectorKey === key) this.#fail(`${key} was deleted, but ${table.name} version ${table.version} has it`);
    }
  }

  #apply(table: LedgerTable, actions: readonly Action[], { where, nowMs }: { where: string; nowMs: number }): void {
    const info = actions.find(({ commitInfo }) => commitInfo)?.commitInfo;
    if (!info?.txnId) this.#fail(`${where} has no commitInfo with a txnId`);
    const removes = actions.flatMap(({ remove }) => (remove ? [remove] : []));
    const adds = actions.flatMap(({ add }) => (add ? [add] : []));
    if (removes.some(({ dataChange }) => dataChange) && !info?.intent) this.#fail(`${where} removes rows and does not say why`);
    const removedRows = sum(removes.map((remove) => this.#remove(table, remove, { where, nowMs })));
    const addedRows = sum(adds.map((add) => this.#add(table, add, where)));
    // A listed gap may be found to be part of a larger one.
    if (removes.length > 0 && addedRows < removedRows && table.name !== OFFSET_GAPS) this.#fail(`${where} (${info?.operation}) removes ${removedRows} rows and adds ${addedRows}`);
    const files = [...adds, ...removes];
    if (files.length > 0 && files.every(({ dataChange }) => !dataChange) && addedRows !== removedRows) this.#fail(`${where} (${info?.operation}) changes no data but turns ${removedRows} rows into ${addedRows}`);
    for (const { txn, metaData } of actions) {
      if (metaData) table.metaDataIds.add(metaData.id);
      if (!txn) continue;
      const before = table.txns.get(txn.appId);
      if (before !== undefined && PROGRESS.test(txn.appId) && toBigInt(txn.version) <= before) this.#fail(`${where} sets ${txn.appId} to ${txn.version}, it was ${before}`);
      table.txns.set(txn.appId, toBigInt(txn.version));
    }
    if (table.metaDataIds.size > 1) this.#fail(`${where} gives the table another id`);
  }

  #remove(table: LedgerTable, remove: RemoveFile, { where, nowMs }: { where: string; nowMs: number }): bigint {
    const file = table.files.get(fileKey(remove));
    if (!file) {
      this.#fail(`${where} removes ${remove.path}, which is not live`);
      return 0n;
    }
    table.files.delete(fileKey(remove));
    table.removed.push({ ...file, removedAt: table.version, removedAtMs: nowMs, removesData: remove.dataChange });
    return rowsOf(file.add);
  }

  #add(table: LedgerTable, add: AddFile, where: string): bigint {
    const path = decodeURIComponent(add.path);
    const key = table.name === '' ? path : `${table.name}/${path}`;
    if (!this.#exists(key)) this.#fail(`${where} adds ${add.path}, which does not exist`);
    const vector = add.deletionVector ? vectorKey(add.deletionVector, '') : null;
    const keyOfVector = vector === null || table.name === '' ? vector : `${table.name}/${vector}`;
    if (keyOfVector !== null && !this.#exists(keyOfVector)) this.#fail(`${where} adds ${add.path} with a vector in ${keyOfVector}, which does not exist`);
    for (const file of table.files.values()) if (file.add.path === add.path) this.#fail(`${where} adds ${add.path}, which is live already`);
    table.files.set(fileKey(add), { add, key, vectorKey: keyOfVector, addedAt: table.version, removedAt: null, removedAtMs: 0, removesData: false });
    return rowsOf(add);
  }
}

function linesOf(body: Uint8Array): Action[] {
  return Buffer.from(body).toString('utf8').split('\n').filter((line) => line !== '').map((line) => parseJson(line) as Action);
}

/** Rows that a reader sees. */
export function rowsOf(add: AddFile): bigint {
  const { numRecords } = JSON.parse(add.stats ?? '{"numRecords":0}') as { numRecords: number };
  return BigInt(numRecords) - BigInt(add.deletionVector?.cardinality ?? 0);
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n);
}
