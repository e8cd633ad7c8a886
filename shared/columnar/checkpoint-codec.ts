import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

const BLOCK_CHARS = 1024 * 1024;

export class DuckCheckpointCodec {
  readonly #engine: Engine;
  readonly #tempDir: string;

  constructor(options: { engine: Engine; tempDir: string }) {
    this.#engine = options.engine;
    this.#tempDir = options.tempDir;
  }

  write(lines: Iterable<string>): Promise<Uint8Array> {
    return this.#inFolder(async (folder) => {
      const [source, target] = [join(folder, 'actions.ndjson'), join(folder, 'checkpoint.parquet')];
      const longest = { bytes: 1024 * 1024 };
      await writeFile(source, blocks(lines, longest));
      const columns = Object.entries(ACTIONS).map(([name, type]) => `${name}: ${literal(type)}`).join(', ');
      const select = `SELECT * FROM read_json(${fileList([source])}, format = 'newline_delimited', maximum_object_size = ${longest.bytes}, columns = {${columns}})`;
      await this.#engine.session((session) => session.run(`COPY (${select}) TO ${literal(target)} (FORMAT parquet, COMPRESSION zstd)`));
      return readFile(target);
    });
  }

  /** Failures: TableError `columnar/not-parquet` for bytes that are none. */
  async read(bytes: Uint8Array): Promise<string[]> {
    checkParquet(bytes);
    return this.#inFolder(async (folder) => {
      const file = join(folder, 'checkpoint.parquet');
      await writeFile(file, bytes);
      return this.#engine.session(async (session) => {
        const present = await columnsOf(session, `SELECT * FROM read_parquet(${fileList([file])})`);
        const lines: string[] = [];
        for (const name of Object.keys({ ...ACTIONS, ...READ_ONLY_ACTIONS })) {
          if (present.has(name)) lines.push(...(await readAction(session, file, name)));
        }
        return lines;
      });
    });
  }

  async #inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
    const folder = await mkdtemp(join(this.#tempDir, 'checkpoint-'));
    try {
      return await use(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Lines, in blocks worth a write each. Raises `longest` to the longest line: DuckDB sets aside several buffers of that size. */
function* blocks(lines: Iterable<string>, longest: { bytes: number }): Iterable<string> {
  let block = '';
  for (const line of lines) {
    block += `${line}\n`;
    longest.bytes = Math.max(longest.bytes, Buffer.byteLength(line) + 1);
    if (block.length < BLOCK_CHARS) continue;
    yield block;
    block = '';
  }
  yield block;
}

/** The frame of a Parquet file: magic at both ends, and a footer that fits between (parquet-format, "File format"). */
function checkParquet(bytes: Uint8Array): void {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [head, tail] = [body.subarray(0, 4).toString('latin1'), body.subarray(-4).toString('latin1')];
  if (body.length >= 12 && head === 'PAR1' && tail === 'PAR1' && body.readUInt32LE(body.length - 8) <= body.length - 12) return;
  throw new TableError('columnar/not-parquet', `a checkpoint of ${body.length} bytes is no whole Parquet file; delete it if an older one or all commits are there, else restore it`);
}

/** The fields this code knows, as far as the file has them; stats_parsed and other struct forms are left out. */
async function readAction(session: Session, file: string, name: string): Promise<string[]> {
  const from = `FROM read_parquet(${fileList([file])}) WHERE ${quote(name)} IS NOT NULL`;
  const known = knownFields((ACTIONS[name] ?? READ_ONLY_ACTIONS[name]));
  const there = await columnsOf(session, `SELECT unnest(${quote(name)}) ${from}`);
  const fields = known.filter((field) => there.has(field)).map((field) => `${quote(field)} := ${quote(name)}.${quote(field)}`);
  const lines: string[] = [];
  const sql = `SELECT '{"${name}":' || to_json(struct_pack(${fields.join(', ')})) || '}' ${from}`;
  for await (const chunk of session.chunks(sql)) lines.push(...(chunk.columns[0] as string[]));
  return lines;
}

function knownFields(type: string): string[] {
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

async function columnsOf(session: Session, sql: string): Promise<Set<string>> {
  return new Set((await session.rows(`DESCRIBE ${sql}`)).map((row) => String(row['column_name'])));
}
