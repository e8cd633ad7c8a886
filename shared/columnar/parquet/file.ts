import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync } from 'node:zlib';
import type { LoadColumn } from '../load-column.ts';
import { joinBounds } from './bound.ts';
import type { Bound, Bounds } from './bound.ts';
import { encoderOf } from './column.ts';
import type { ColumnEncoder, EncodedColumn } from './column.ts';
import { plainNumber } from './leaf.ts';
import type { Leaf, Page, Range } from './leaf.ts';
import { leavesOf, schemaElements } from './schema.ts';
import { binary, bool, i16, i32, i64, list, struct, text, thriftBytes } from './thrift.ts';
import type { ThriftValue } from './thrift.ts';

/** What one column of a whole file holds. */
export interface ColumnFacts {
  readonly nulls: number;
  readonly bounds: Bounds | null;
}

export interface FileFacts {
  readonly bytes: number;
  /** By column, in order. */
  readonly columns: readonly ColumnFacts[];
}

export interface FileRows {
  readonly columns: readonly LoadColumn[];
  readonly rows: number;
}

/** As many rows as DuckDB puts into a group. */
const GROUP_ROWS = 122_880;
/** A group stands in memory once more while it is encoded and compressed. */
const GROUP_BYTES = 32 * 1024 * 1024;
/** Level 1 is no larger than 3 on JSON events, and takes a third less time. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** What is smaller is not worth a compressor. */
const COMPRESS_BYTES_MIN = 256;
/** From here on another thread compresses, while this one encodes on. */
const ASIDE_BYTES_MIN = 64 * 1024;
/** Longer texts serve no reader's skipping. */
const BOUND_BYTES_MAX = 64;
const MAGIC = Buffer.from('PAR1');
const [UNCOMPRESSED, COMPRESSED] = [0, 6];
const [PLAIN, RLE, RLE_DICTIONARY] = [0, 3, 8];
const [DATA_PAGE, DICTIONARY_PAGE] = [0, 2];

/**
 * One Parquet file of rows as they are (parquet-format, "File format"): row groups of bounded rows and bytes, zstd where it pays, exact statistics. At
 * most one row group is in memory beside the rows.
 */
export async function writeParquetFile(path: string, { columns, rows }: FileRows): Promise<FileFacts> {
  const file = await open(path, 'wx');
  try {
    const facts = columns.map(() => ({ nulls: 0, bounds: null as Bounds | null, hasNaN: false }));
    const encoders = columns.map(encoderOf);
    const groups: ThriftValue[] = [];
    let at = await append(file, [MAGIC]);
    for (const range of groupRanges(encoders, rows)) {
      const encoded = encoders.map(({ encode }) => encode(range));
      encoded.forEach((column, i) => include(facts[i], column));
      const group = await groupBytes(columns, encoded, { start: at, rows: range.to - range.from, ordinal: groups.length });
      groups.push(group.meta);
      at += await append(file, group.parts);
    }
    at += await append(file, footer(columns, rows, groups));
    return { bytes: at, columns: facts.map(({ nulls, bounds, hasNaN }) => ({ nulls, bounds: hasNaN ? null : bounds })) };
  } finally {
    await file.close();
  }
}

function include(facts: { nulls: number; bounds: Bounds | null; hasNaN: boolean }, { nulls, bounds, hasNaN }: EncodedColumn): void {
  facts.nulls += nulls;
  facts.bounds = joinBounds(facts.bounds, bounds);
  facts.hasNaN ||= hasNaN;
}

/** Every group has a row, however large that is. */
function* groupRanges(encoders: readonly ColumnEncoder[], rows: number): Generator<Range> {
  const sizes = encoders.map((encoder) => encoder.sizes).filter((size) => size !== null);
  for (let from = 0; from < rows;) {
    let [to, bytes] = [from, 0];
    const last = Math.min(rows, from + GROUP_ROWS);
    while (to < last && bytes < GROUP_BYTES) {
      for (let i = 0; i < sizes.length; i++) bytes += Math.max(0, sizes[i][to]);
      to++;
    }
    yield { from, to };
    from = to;
  }
}

/** The bytes of a row group, and what the footer says of it. */
async function groupBytes(columns: readonly LoadColumn[], encoded: readonly EncodedColumn[], { start, rows, ordinal }: { start: number; rows: number; ordinal: number }): Promise<{ parts: Buffer[]; meta: ThriftValue }> {
  const leaves = encoded.flatMap((column, i) => leavesOf(columns[i]).map((type, k) => ({ ...type, kind: columns[i].kind, leaf: column.leaves[k] })));
  const packed = await Promise.all(leaves.map(({ leaf }) => packLeaf(leaf)));
  let [at, plain] = [start, 0];
  const chunks = leaves.map(({ leaf, path, physical, kind }, i) => {
    const { size, plainSize, codec, dictionarySize } = packed[i];
    const meta = struct([
      [1, i32(physical)], [2, list([RLE, leaf.dictionary === null ? PLAIN : RLE_DICTIONARY, ...(leaf.dictionary === null ? [] : [PLAIN])].map(i32))], [3, list(path.map(text))], [4, i32(codec)],
      [5, i64(leaf.pages.reduce((sum, { values }) => sum + values, 0))], [6, i64(plainSize)], [7, i64(size)], [9, i64(at + dictionarySize)],
      [11, leaf.dictionary === null ? null : i64(at)], [12, statistics(leaf, kind)],
    ]);
    const chunk = struct([[2, i64(at)], [3, meta]]);
    at += size;
    plain += plainSize;
    return chunk;
  });
  const meta = struct([[1, list(chunks)], [2, i64(plain)], [3, i64(rows)], [5, i64(start)], [6, i64(at - start)], [7, i16(ordinal)]]);
  return { parts: packed.flatMap(({ parts }) => parts), meta };
}

interface PackedLeaf {
  readonly parts: Buffer[];
  readonly codec: number;
  readonly size: number;
  readonly plainSize: number;
  /** Of it, what stands before the first data page. */
  readonly dictionarySize: number;
}

async function packLeaf({ dictionary, pages }: Leaf): Promise<PackedLeaf> {
  const all = dictionary === null ? pages : [dictionary, ...pages];
  const codec = all.reduce((sum, { body }) => sum + body.length, 0) < COMPRESS_BYTES_MIN ? UNCOMPRESSED : COMPRESSED;
  const bodies = await Promise.all(all.map(({ body }) => (codec === UNCOMPRESSED ? Promise.resolve(body) : compressed(body))));
  const heads = all.map((page, i) => pageHeader(page, bodies[i].length, { isDictionary: page === dictionary, encoding: dictionary === null ? PLAIN : RLE_DICTIONARY }));
  const size = (pieces: readonly Buffer[]) => pieces.reduce((sum, { length }) => sum + length, 0);
  return {
    parts: bodies.flatMap((body, i) => [heads[i], body]), codec, size: size(heads) + size(bodies), plainSize: size(heads) + size(all.map(({ body }) => body)),
    dictionarySize: dictionary === null ? 0 : heads[0].length + bodies[0].length,
  };
}

const compressAside = promisify(zstdCompress);

function compressed(body: Buffer): Promise<Buffer> {
  return body.length < ASIDE_BYTES_MIN ? Promise.resolve(zstdCompressSync(body, ZSTD)) : compressAside(body, { ...ZSTD, chunkSize: 256 * 1024 });
}

function pageHeader({ values, body }: Page, size: number, { isDictionary, encoding }: { isDictionary: boolean; encoding: number }): Buffer {
  const sizes = [[2, i32(body.length)], [3, i32(size)]] as const;
  return thriftBytes(isDictionary
    ? struct([[1, i32(DICTIONARY_PAGE)], ...sizes, [7, struct([[1, i32(values)], [2, i32(PLAIN)]])]])
    : struct([[1, i32(DATA_PAGE)], ...sizes, [5, struct([[1, i32(values)], [2, i32(encoding)], [3, i32(RLE)], [4, i32(RLE)]])]]));
}

function statistics({ nulls, bounds }: Leaf, kind: LoadColumn['kind']): ThriftValue {
  const [min, max] = bounds === null ? [null, null] : [boundBytes(bounds.min, kind, -0), boundBytes(bounds.max, kind, 0)];
  const isKept = min !== null && max !== null && Math.max(min.length, max.length) <= BOUND_BYTES_MAX;
  return struct([[3, i64(nulls)], ...(isKept ? [[5, binary(max)], [6, binary(min)], [7, bool(true)], [8, bool(true)]] as const : [])]);
}

/** A zero of doubles covers both (parquet.thrift, "ColumnOrder"). */
function boundBytes(bound: Bound, kind: LoadColumn['kind'], zero: number): Buffer {
  if (bound instanceof Uint8Array) return Buffer.from(bound);
  return plainNumber(kind === 'double' && bound === 0 ? zero : bound, kind);
}

function footer(columns: readonly LoadColumn[], rows: number, groups: readonly ThriftValue[]): Buffer[] {
  const orders = columns.flatMap(leavesOf).map(() => struct([[1, struct([])]]));
  const meta = thriftBytes(struct([[1, i32(1)], [2, list(schemaElements(columns))], [3, i64(rows)], [4, list(groups)], [6, text('assay version 0.1.0')], [7, list(orders)]]));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return [meta, length, MAGIC];
}

async function append(file: FileHandle, parts: readonly Buffer[]): Promise<number> {
  const whole = Buffer.concat(parts);
  await file.writeFile(whole);
  return whole.length;
}
