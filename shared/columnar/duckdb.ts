import type * as DuckModule from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { ConfigError, TransientError, assert } from '../errors.ts';
import { appendRows, itemsOf } from './duck-append.ts';
import { physicalType, rowCount, selectList, sentColumn } from './load-column.ts';
import type { LoadColumn } from './load-column.ts';
import { literal, quote } from './sql-text.ts';

/** DuckDB as the relational engine of one process: memory and threads capped, nothing fetched, loaded on first use. */
export interface EngineOptions {
  readonly memoryMb: number;
  readonly threads: number;
  /** Where larger-than-memory work spills; made if missing. */
  readonly tempDir: string;
}

export type Row = Record<string, unknown>;


export class Engine {
  readonly #options: EngineOptions;
  #instance: Promise<DuckDBInstance> | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** One connection with its own temporary tables, made by the first statement, closed when `use` ends. Statements inside run one after the other. */
  async session<T>(use: (session: Session) => Promise<T>): Promise<T> {
    const session = new Session(() => this.#connect());
    try {
      return await use(session);
    } finally {
      await session.close();
    }
  }

  async close(): Promise<void> {
    const instance = this.#instance;
    this.#instance = null;
    if (instance) (await instance).closeSync();
  }

  async #connect(): Promise<Opened> {
    const instance = await (this.#instance ??= this.#start());
    return { duckdb: await import('@duckdb/node-api'), connection: await instance.connect() };
  }

  /** A failed start is not kept: the next session tries again. */
  #start(): Promise<DuckDBInstance> {
    const starting = this.#create();
    starting.catch(() => {
      if (this.#instance === starting) this.#instance = null;
    });
    return starting;
  }

  async #create(): Promise<DuckDBInstance> {
    const duckdb = await import('@duckdb/node-api');
    await keepByteOrderMarks();
    const instance = await duckdb.DuckDBInstance.create(':memory:', {
      memory_limit: `${this.#options.memoryMb}MB`,
      threads: String(this.#options.threads),
      temp_directory: this.#options.tempDir,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      preserve_insertion_order: 'true',
    });
    const connection = await instance.connect();
    await connection.run(`SET GLOBAL TimeZone = 'UTC'`);
    connection.closeSync();
    return instance;
  }
}

/** The client decodes text without the byte order mark it begins with; to a payload or a key that is a character like any other. */
async function keepByteOrderMarks(): Promise<void> {
  const { default: accessors } = await import('@duckdb/node-api/lib/vectors/dataAccessors.js');
  Object.assign(accessors, { textDecoder: new TextDecoder('utf-8', { ignoreBOM: true }) });
}

interface Load {
  readonly table: string;
  readonly columns: readonly LoadColumn[];
}

interface Opened {
  readonly connection: DuckDBConnection;
  readonly duckdb: typeof DuckModule;
}

export class Session {
  readonly #connect: () => Promise<Opened>;
  #opened: Promise<Opened> | null = null;
  #isClosed = false;
  /** Loads that no statement has needed yet. */
  readonly #waiting: Load[] = [];
  /** Those that one has: a statement that comes meanwhile waits for them, too. */
  #loaded: Promise<void> = Promise.resolve();

  constructor(connect: () => Promise<Opened>) {
    this.#connect = connect;
  }

  /** By the engine alone, when the session ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#opened) (await this.#opened).connection.closeSync();
  }

  async run(sql: string): Promise<void> {
    const { connection } = await this.#ready();
    await this.#guard(sql, () => connection.run(sql));
  }

  /** Every row, with values as `plainValue` gives them. For small results. */
  async rows(sql: string): Promise<Row[]> {
    const { connection } = await this.#ready();
    const reader = await this.#guard(sql, () => connection.runAndReadAll(sql));
    const names = reader.deduplicatedColumnNames();
    return reader.getRows().map((row) => Object.fromEntries(row.map((value, i) => [names[i], plainValue(value)])));
  }

  /** The result in chunks of columns, streamed: for large results. No other statement may run on this session meanwhile. */
  async *chunks(sql: string): AsyncIterable<{ readonly rows: number; readonly columns: readonly ArrayLike<unknown>[] }> {
    const { connection } = await this.#ready();
    const result = await this.#guard(sql, () => connection.stream(sql));
    for (;;) {
      const chunk = await this.#guard(sql, () => result.fetchChunk());
      if (!chunk || chunk.rowCount === 0) return;
      const columns = Array.from({ length: chunk.columnCount }, (_value, i) => plainColumn(chunk, i));
      yield { rows: chunk.rowCount, columns };
    }
  }

  /**
   * The columns of a text that somebody typed, with DuckDB's names of their types; nothing runs. Failures: ConfigError
   * `columnar/not-a-select` where it is not exactly one statement that only reads.
   */
  async columnsOfSelect(sql: string): Promise<{ readonly name: string; readonly type: string }[]> {
    const { connection, duckdb } = await this.#ready();
    const statements = await this.#guard(sql, () => connection.extractStatements(sql));
    if (statements.count !== 1) throw notASelect(`it holds ${statements.count} statements`);
    const prepared = await this.#guard(sql, () => statements.prepare(0));
    try {
      if (prepared.statementType !== duckdb.StatementType.SELECT) throw notASelect(`it is ${duckdb.StatementType[prepared.statementType]}`);
      return Array.from({ length: prepared.columnCount }, (_, i) => ({ name: prepared.columnName(i), type: prepared.columnType(i).toString() }));
    } finally {
      prepared.destroySync();
    }
  }

  /**
   * From here on no session of this engine reads or writes a file, but for these and what lies in these folders; no settings change, no
   * extensions load. Cannot be undone (duckdb.org, "Securing DuckDB").
   */
  async confine({ files, folders }: { files: readonly string[]; folders: readonly string[] }): Promise<void> {
    await this.run(`SET allowed_paths = [${files.map(literal).join(', ')}]`);
    await this.run(`SET allowed_directories = [${folders.map(literal).join(', ')}]`);
    await this.run('SET enable_external_access = false');
    await this.run('SET lock_configuration = true');
  }

  /** A temporary view `name` with these columns, over rows held by DuckDB. */
  async load(name: string, columns: readonly LoadColumn[]): Promise<void> {
    const raw = `raw_${name}`;
    const list = await this.loadTable(raw, columns);
    await this.run(`CREATE OR REPLACE TEMP VIEW ${quote(name)} AS SELECT ${list.join(', ')} FROM ${quote(raw)}`);
  }

  /** A temporary table of the rows as they were sent; what to select from it for these columns. */
  async loadTable(table: string, columns: readonly LoadColumn[]): Promise<string[]> {
    const opened = await this.#ready();
    await this.#load(opened, { table, columns });
    return selectList(columns);
  }

  /** The same, when a statement first needs the connection: never, where none does. */
  loadLater(table: string, columns: readonly LoadColumn[]): string[] {
    rowCount(columns);
    this.#waiting.push({ table, columns });
    return selectList(columns);
  }

  async #ready(): Promise<Opened> {
    assert(!this.#isClosed, 'a statement on a session that has ended');
    const opened = await (this.#opened ??= this.#connect());
    const loads = this.#waiting.splice(0);
    if (loads.length > 0) this.#loaded = this.#loaded.then(() => this.#loadAll(opened, loads));
    await this.#loaded;
    return opened;
  }

  async #loadAll(opened: Opened, loads: readonly Load[]): Promise<void> {
    for (const load of loads) await this.#load(opened, load);
  }

  async #load({ connection, duckdb }: Opened, { table, columns }: Load): Promise<void> {
    const rows = rowCount(columns);
    const sent = columns.map(sentColumn).filter((column) => column !== null);
    // A table needs a column: rows of constants alone are counted by one of their own.
    if (sent.length === 0) sent.push({ name: 'row', kind: 'integer', values: Int32Array.from({ length: rows }) });
    const create = `CREATE OR REPLACE TEMP TABLE ${quote(table)} (${sent.map((column) => `${quote(column.name)} ${physicalType(column)}`).join(', ')})`;
    await this.#guard(create, () => connection.run(create));
    appendRows(await connection.createAppender(table), { columns: sent, rows }, duckdb);
  }

  /** DuckDB's own failures come with the statement; running out of memory passes when less runs at once. */
  async #guard<T>(sql: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      throw new EngineError(sql, cause);
    }
  }
}

/** A statement failed. `later`: memory or disk may be free then; a wrong statement is a bug that its text shows. */
export class EngineError extends TransientError {
  constructor(sql: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('columnar/statement', `DuckDB refused a statement: ${reason}; statement: ${sql.slice(0, 500)}`, { cause });
  }
}

function notASelect(why: string): ConfigError {
  return new ConfigError('columnar/not-a-select', `only one statement that reads (SELECT, WITH … SELECT) is run here; ${why}`);
}

const PRIMITIVES = new Set(['BIGINT', 'INTEGER', 'DOUBLE', 'VARCHAR', 'BOOLEAN']);

function plainColumn(chunk: DuckDBDataChunk, index: number): ArrayLike<unknown> {
  const vector = chunk.getColumnVector(index);
  if (!PRIMITIVES.has(vector.type.toString())) return chunk.getColumnValues(index).map(plainValue);
  const items = itemsOf(vector);
  const { data } = (vector as unknown as { readonly validity: { readonly data: unknown } }).validity;
  // Without a validity mask no row is null: one copy of the vector's memory, which goes with the chunk.
  return items !== null && data === null ? items.slice() : chunk.getColumnValues(index);
}

/** bigint, number, string, boolean and null as they are; a BLOB as Uint8Array; timestamps as bigint µs; dates as number of days; a MAP as a list of {key, value}; the rest as text. */
function plainValue(value: DuckDBValue): unknown {
  if (value === null || typeof value !== 'object') return value;
  if ('bytes' in value) return new Uint8Array(value.bytes.buffer, value.bytes.byteOffset, value.bytes.length);
  if ('micros' in value && !('months' in value)) return value.micros;
  if ('days' in value && !('months' in value)) return value.days;
  if ('items' in value) return (value.items).map(plainValue);
  if ('entries' in value && !Array.isArray(value.entries)) {
    return Object.fromEntries(Object.entries(value.entries as Record<string, DuckDBValue>).map(([key, inner]) => [key, plainValue(inner)]));
  }
  if ('entries' in value) return (value.entries as readonly { key: DuckDBValue; value: DuckDBValue }[]).map((entry) => ({ key: plainValue(entry.key), value: plainValue(entry.value) }));
  return String(value);
}
