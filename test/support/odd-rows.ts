import { seededRandom } from '../../shared/model/random.ts';
import type { Random } from '../../shared/model/random.ts';
import type { ColumnKind, LoadColumn } from '../../shared/columnar/load-column.ts';
import type { Row } from '../../shared/columnar/relation.ts';
import { array, field, struct } from '../../shared/delta/schema.ts';
import type { StructType } from '../../shared/delta/schema.ts';
import { canonicalRaw } from './canonical-row.ts';

/** Rows with every type that our tables have, and the values that engines trip over. */
export const ODD_SCHEMA = struct(
  field('id', 'string'), field('k', 'integer'), field('part', 'string'), field('day', 'date'), field('n', 'long'), field('d', 'double'), field('flag', 'boolean'),
  field('at', 'timestamp'), field('text', 'string'), field('bytes', 'binary'), field('headers', array(struct(field('key', 'string'), field('value', 'binary')))),
);
/** Comes to the table later. */
export const LATER = field('later', 'string');
export const ODD_KEY = ['id', 'k'];
export const ODD_PARTITIONS = ['part', 'day'];

/** The first two hold most rows. */
export const PARTS: readonly (string | null)[] = [
  'plain', 'grün weiß ☃', 'click', 'with space', '100%', '%20', 'a/b', 'a=b', 'it\'s', '"quoted"', '', null, '+', '日本', '?#&', 'a:b*', 'back\\slash', '..', '€😀', '__HIVE_DEFAULT_PARTITION__x',
];
/** As a folder's name longer than file systems allow. */
export const LONG_PART = 'very long '.repeat(30);

const DAYS = [null, 0, -719_162];
const LONGS = [0n, 1n, -1n, 9_007_199_254_740_993n, 9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n, null];
const DOUBLES = [0, -0, 0.1, 1e300, -1e300, 5e-324, NaN, Infinity, -Infinity, 4.35, null];
const TIMES = [0n, -1n, 1_764_000_000_123_456n, -62_135_596_800_000_000n, 253_402_300_799_999_999n, null];
const TEXTS = ['', 'null', 'NaN', '\uFEFFmark', 'line\nbreak\ttab', 'quote " and \\', '😀 beyond', 'e\u0301', '\u0001\u001f', '\uFFFF', '𐀀', 'x'.repeat(40) + '😀', '\u{10FFFF}'.repeat(33), null];
const BYTES = [new Uint8Array(), Uint8Array.of(0), Uint8Array.of(255, 254, 0, 1), Buffer.from('text'), null];
const HEADERS = [null, [], [{ key: 'a', value: null }], [{ key: 'a', value: Uint8Array.of(0, 255) }, { key: '', value: new Uint8Array() }, { key: 'a', value: Buffer.from('ä') }]];

/** Spark writes times as INT96, which delta-rs takes for nanoseconds: outside the years 1677 to 2262 it reads, and rewrites, another time. */
export const SPARK_TIMES = TIMES.filter((time) => time === null || (time > -9_000_000_000_000_000n && time < 9_000_000_000_000_000n));

export class OddRows {
  readonly #random: Random;
  readonly #times: readonly (bigint | null)[];
  #made = 0;

  constructor(seed: number, times = TIMES) {
    this.#random = seededRandom(seed);
    this.#times = times;
  }

  below(count: number): number {
    return this.#random.below(count);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }

  /** Rows with keys of their own. */
  fresh(count: number, over: Partial<Row> = {}): Row[] {
    return Array.from({ length: count }, () => this.row({ id: `${this.pick(['row', 'ключ', 'it\'s'])} ${this.#made++}`, k: this.below(100) }, over));
  }

  /** A row of this key with new values. */
  row({ id, k }: Readonly<Row>, over: Partial<Row> = {}): Row {
    return {
      id, k, part: this.below(5) < 4 ? PARTS[this.below(2)] : this.pick(PARTS), day: this.below(20) === 0 ? this.pick(DAYS) : 19_782, n: this.pick(LONGS), d: this.pick(DOUBLES), flag: this.pick([true, false, null]),
      at: this.pick(this.#times), text: this.pick(TEXTS), bytes: this.pick(BYTES), headers: this.pick(HEADERS), later: this.pick(TEXTS), ...over,
    };
  }
}

const KINDS: Readonly<Record<string, ColumnKind>> = { string: 'text', integer: 'integer', long: 'long', double: 'double', boolean: 'boolean', timestamp: 'timestamp', date: 'date', binary: 'blob' };

/** The rows as columns to be loaded. */
export function loadColumns(schema: StructType, rows: readonly Row[]): LoadColumn[] {
  return schema.fields.map(({ name, type }) => ({ name, kind: typeof type === 'string' ? KINDS[type] : 'headers', values: rows.map((row) => row[name] ?? null) }));
}

/** What a table should hold. */
export class ExpectedRows {
  schema = ODD_SCHEMA;
  readonly #rows = new Map<string, Row>();

  get size(): number {
    return this.#rows.size;
  }

  all(): Row[] {
    return [...this.#rows.values()];
  }

  put(rows: readonly Row[]): void {
    for (const row of rows) {
      const kept = Object.fromEntries(this.schema.fields.map(({ name }) => [name, row[name]]));
      // Delta does not tell an empty partition value from none.
      this.#rows.set(keyOf(row), { ...kept, part: row['part'] === '' ? null : row['part'] });
    }
  }

  delete(rows: readonly Row[]): void {
    for (const row of rows) this.#rows.delete(keyOf(row));
  }

  /** Canonical, as test/support/engines/canonical.py prints them. */
  lines(): string[] {
    return this.all().map((row) => canonicalRaw(this.schema, row));
  }
}

function keyOf(row: Readonly<Row>): string {
  return JSON.stringify([row['id'], row['k']]);
}
