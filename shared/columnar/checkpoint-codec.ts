import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TableError } from '../errors.ts';
import { fileList, literal, quote } from './sql-text.ts';
import type { Engine, Session } from './duckdb.ts';

/**
 * Delta checkpoints in and out of Parquet (PROTOCOL.md, "Checkpoint Schema"): one nullable struct a kind of action, standard
 * three-level maps and lists. Lines of JSON on this side, so that commits and checkpoints share one parser.
 */
const DELETION_VECTOR = 'STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, "offset" INTEGER, sizeInBytes INTEGER, cardinality BIGINT)';
const STRINGS = 'MAP(VARCHAR, VARCHAR)';

const ACTIONS: Readonly<Record<string, string>> = {
  txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',
  add: `STRUCT(path VARCHAR, partitionValues ${STRINGS}, size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR, tags ${STRINGS}, deletionVector ${DELETION_VECTOR}, baseRowId BIGINT, defaultRowCommitVersion BIGINT, clusteringProvider VARCHAR)`,
  remove: `STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, partitionValues ${STRINGS}, size BIGINT, deletionVector ${DELETION_VECTOR}, baseRowId BIGINT, defaultRowCommitVersion BIGINT)`,
  metaData: `STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options ${STRINGS}), schemaString VARCHAR, partitionColumns VARCHAR[], createdTime BIGINT, configuration ${STRINGS})`,
  protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures VARCHAR[])',
  domainMetadata: 'STRUCT(domain VARCHAR, configuration VARCHAR, removed BOOLEAN)',
};
const READ_ONLY_ACTIONS: Readonly<Record<string, string>> = {
  sidecar: `STRUCT(path VARCHAR, sizeInBytes BIGINT, modificationTime BIGINT, tags ${STRINGS})`,
};

/** Those that a table may have many of. */
const FILE_ACTIONS = new Set(['add', 'remove']);

const BLOCK_CHARS = 1024 * 1024;
/** Longer lines are rare: DuckDB is told of them, for it sets aside several buffers of that size. */
const LINE_BYTES = 1024 * 1024;
/** A row group stands in memory once a thread; at a twelfth of DuckDB's own size a checkpoint is 8 % larger. */
const ROW_GROUP_ROWS = 10_240;
/** At least so many rows are read at a time. */
const PIECE_ROWS = 3 * ROW_GROUP_ROWS;

/** Where checkpoints lie; `storage` fits it. */
interface Files {
  getFile(key: string, path: string): Promise<boolean>;
  putFile(key: string, path: string): Promise<{ readonly kind: 'created' | 'exists' }>;
}

/** Rows of the file, `from` included, `to` not. */
interface RowRange { readonly from: bigint; readonly to: bigint }

export class DuckCheckpointCodec {
  readonly #engine: Engine;
  readonly #tempDir: string;

  constructor(options: { engine: Engine; tempDir: string }) {
    this.#engine = options.engine;
    this.#tempDir = options.tempDir;
  }

  async write(store: Files, key: string, lines: Iterable<string>): Promise<{ readonly kind: 'created' | 'exists'; readonly bytes: number }> {
    const folder = await mkdtemp(join(this.#tempDir, 'checkpoint-'));
    try {
      const [source, target] = [join(folder, 'actions.ndjson'), join(folder, 'checkpoint.parquet')];
      const longest = { bytes: LINE_BYTES };
      await writeFile(source, blocks(lines, longest));
      const columns = Object.entries(ACTIONS).map(([name, type]) => `${name}: ${literal(type)}`).join(', ');
      const select = `SELECT * FROM read_json(${fileList([source])}, format = 'newline_delimited', maximum_object_size = ${longest.bytes}, columns = {${columns}})`;
      // Order means nothing here, and keeping it holds much of the file in memory; but it keeps threads from writing giant lines side by side.
      const order = longest.bytes > LINE_BYTES;
      await this.#engine.session((session) => session.run(`COPY (${select}) TO ${literal(target)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, PRESERVE_ORDER ${order})`));
      const { size } = await stat(target);
      const { kind } = await store.putFile(key, target);
      return { kind, bytes: size };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Failures: TableError `columnar/not-parquet` for bytes that are none, `columnar/no-checkpoint` where there is no such object. */
  async *read(store: Files, key: string): AsyncGenerator<Uint8Array, undefined> {
    const folder = await mkdtemp(join(this.#tempDir, 'checkpoint-'));
    const ending = Promise.withResolvers<void>();
    let [held, piece]: [Promise<void>, Promise<Buffer> | null] = [Promise.resolve(), null];
    try {
      const file = join(folder, 'checkpoint.parquet');
      if (!(await store.getFile(key, file))) throw new TableError('columnar/no-checkpoint', `the checkpoint file ${key} is not there`, { facts: { key } });
      await checkParquet(file, key);
      const session = await new Promise<Session>((resolve, reject) => {
        held = this.#engine.session((opened) => {
          resolve(opened);
          return ending.promise;
        });
        held.catch(reject);
      });
      const statements = await exportStatements(session, file);
      for (let i = 0; i <= statements.length; i++) {
        const bytes: Buffer | null = await piece;
        // Under way before the reader parses what it gets, so DuckDB makes the next meanwhile.
        piece = i < statements.length ? exported(session, statements[i], join(folder, `${i}.ndjson`)) : null;
        if (bytes !== null) yield bytes;
      }
    } finally {
      // The reader may have had enough while the next one was being made.
      await Promise.allSettled([piece]);
      ending.resolve();
      await Promise.allSettled([held]);
      await rm(folder, { recursive: true, force: true });
    }
    return undefined;
  }
}

/** The statement starts at once. Its failure is heard when it is waited for. */
function exported(session: Session, select: string, target: string): Promise<Buffer> {
  const bytes = session.run(`COPY (${select}) TO ${literal(target)} (FORMAT json, PRESERVE_ORDER false)`).then(async () => {
    const read = await readFile(target);
    await rm(target);
    return read;
  });
  bytes.catch(() => undefined);
  return bytes;
}

/** Lines, in blocks worth a write each. Raises `longest` to the longest line. */
function* blocks(lines: Iterable<string>, longest: { bytes: number }): Iterable<string> {
  let block = '';
  for (const line of lines) {
    block += `${line}\n`;
    if (line.length > longest.bytes / 4) longest.bytes = Math.max(longest.bytes, Buffer.byteLength(line) + 1);
    if (block.length < BLOCK_CHARS) continue;
    yield block;
    block = '';
  }
  yield block;
}

const FOOTER_BYTES = 8;

/** The frame of a Parquet file: magic at both ends, and a footer that fits between (parquet-format, "File format"). */
async function checkParquet(path: string, key: string): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const [head, tail] = [Buffer.alloc(4), Buffer.alloc(FOOTER_BYTES)];
    await file.read(head, 0, 4, 0);
    await file.read(tail, 0, FOOTER_BYTES, Math.max(0, size - FOOTER_BYTES));
    if (size >= 12 && head.toString('latin1') === 'PAR1' && tail.toString('latin1', 4) === 'PAR1' && tail.readUInt32LE() <= size - 12) return;
    throw new TableError('columnar/not-parquet', `the checkpoint file ${key} of ${size} bytes is no whole Parquet file; delete it if an older one or all commits are there, else restore it`, { facts: { key, size } });
  } finally {
    await file.close();
  }
}

/**
 * A SELECT for each piece: the few actions of other kinds, then the files by ranges of rows. Fields that are null in every row need not be
 * printed and parsed; stats_parsed and other struct forms are left out.
 */
async function exportStatements(session: Session, file: string): Promise<string[]> {
  const from = `FROM read_parquet(${fileList([file])})`;
  const kinds = await usedFields(session, from);
  const pack = ([name, fields]: readonly [string, readonly string[]]) =>
    `CASE WHEN ${quote(name)} IS NOT NULL THEN struct_pack(${fields.map((field) => `${quote(field)} := ${quote(name)}.${quote(field)}`).join(', ')}) END AS ${quote(name)}`;
  const select = (some: typeof kinds) => `SELECT ${some.map(pack).join(', ')} ${from} WHERE (${some.map(([name]) => `${quote(name)} IS NOT NULL`).join(' OR ')})`;
  const [files, others] = [kinds.filter(([name]) => FILE_ACTIONS.has(name)), kinds.filter(([name]) => !FILE_ACTIONS.has(name))];
  const ranges = files.length === 0 ? [] : await rowRanges(session, file);
  return [...(others.length === 0 ? [] : [select(others)]), ...ranges.map(({ from: first, to }) => `${select(files)} AND file_row_number >= ${first} AND file_row_number < ${to}`)];
}

/** The kinds of action that the file has, with the fields we know that have a value anywhere. */
async function usedFields(session: Session, from: string): Promise<(readonly [kind: string, fields: readonly string[]])[]> {
  const described = await session.rows(`DESCRIBE SELECT * ${from}`);
  const there = new Map(described.map((row) => [String(row['column_name']), String(row['column_type'])]));
  const candidates = Object.entries({ ...ACTIONS, ...READ_ONLY_ACTIONS }).flatMap(([kind, type]) => {
    const present = there.get(kind)?.startsWith('STRUCT(') ? new Set(fieldNames(there.get(kind)!)) : new Set();
    return fieldNames(type).filter((field) => present.has(field)).map((field) => ({ kind, field }));
  });
  if (candidates.length === 0) return [];
  const [counts] = await session.rows(`SELECT ${candidates.map(({ kind, field }, i) => `count(${quote(kind)}.${quote(field)}) AS "${i}"`).join(', ')} ${from}`);
  const used = candidates.filter((_candidate, i) => counts[i] !== 0n);
  return [...Map.groupBy(used, ({ kind }) => kind)].map(([kind, group]) => [kind, group.map(({ field }) => field)] as const);
}

/** Whole row groups, so that none is read twice. */
async function rowRanges(session: Session, file: string): Promise<RowRange[]> {
  const groups = await session.rows(`SELECT any_value(row_group_num_rows)::BIGINT AS rows FROM parquet_metadata(${literal(file)}) GROUP BY row_group_id ORDER BY row_group_id`);
  const ranges: RowRange[] = [];
  let [from, to] = [0n, 0n];
  for (const [i, { rows }] of groups.entries()) {
    to += rows as bigint;
    if (to - from < PIECE_ROWS && i < groups.length - 1) continue;
    ranges.push({ from, to });
    from = to;
  }
  return ranges;
}

/** Of a struct type as DuckDB writes it. */
function fieldNames(type: string): string[] {
  const fields: string[] = [];
  let depth = 0;
  let word = '';
  for (const char of type.slice('STRUCT('.length, -1)) {
    if (depth === 0 && char === ',') {
      fields.push(word);
      word = '';
    } else {
      word += char;
    }
    depth += char === '(' ? 1 : char === ')' ? -1 : 0;
  }
  return [...fields, word].map((text) => text.trim().split(' ')[0].replaceAll('"', ''));
}
