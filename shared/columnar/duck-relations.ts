import type { Clock } from '../clock.ts';
import { TableError } from '../errors.ts';
import { aggregatesOf, aggregatesSql } from './aggregate-sql.ts';
import type { Engine, Session } from './duckdb.ts';
import { columnsOfLoad } from './load-column.ts';
import type { LoadColumn } from './load-column.ts';
import { addedSql, netSql } from './net-sql.ts';
import type { Net } from './net-sql.ts';
import { scanGroups, scanRelation, selectedBits } from './parquet-scan.ts';
import type { ScanGroup } from './parquet-scan.ts';
import { writeParquet } from './parquet-write.ts';
import type { Predicate } from './predicate.ts';
import { readSql } from './raw-sql.ts';
import { CHANGE, FILE, ROW } from './relation.ts';
import type { Chunk, Column, ColumnAggregate, FileScan, ReadColumn, Relation, RelationEngine, RelationSession, Row, ScanFile, WriteTarget, WrittenFile } from './relation.ts';
import { rowsAsTheyAre, writeRows } from './rows-write.ts';
import { DuckRelation, duck, filtered, keyName, listSql, ordered, paired, selected, semiJoined, tableRelation, united, visibleSql } from './relation-sql.ts';
import { fileList, literal, quote } from './sql-text.ts';
import { boundariesSql, curveSql, sampleSql } from './z-order-sql.ts';
import { checkZColumns, sampleStep } from './z-order.ts';

/** Objects as files of this machine, below the root that an engine is opened on. */
export interface LocalObjects {
  /** Throws a TableError where one is missing; nothing is held then. `release` is called once, when nothing reads the paths any more. */
  acquire(keys: Iterable<string>): Promise<{ readonly paths: ReadonlyMap<string, string>; readonly release: () => void }>;
  /** Uploads a file under a fresh key; it may be moved away by that. */
  put(key: string, path: string): Promise<{ readonly storedAtMs: number }>;
}

export interface DuckRelationsOptions {
  readonly engine: Engine;
  readonly objects: LocalObjects;
  /** For files that are being written; made if missing. */
  readonly tempDir: string;
  readonly clock: Clock;
}

/** Relations over DuckDB and Parquet. Failures: EngineError for a refused statement or a damaged file, TableError for a missing object. */
export class DuckRelations implements RelationEngine {
  readonly #options: DuckRelationsOptions;

  constructor(options: DuckRelationsOptions) {
    this.#options = options;
  }

  async session<T>(use: (session: DuckSession) => Promise<T>): Promise<T> {
    const held: (() => void)[] = [];
    try {
      return await this.#options.engine.session((sql) => use(new DuckSession(sql, this.#options, held)));
    } finally {
      for (const release of held) release();
    }
  }
}

/** One connection. Relations are texts of SQL; what is computed at once is a temporary table of the connection. */
export class DuckSession implements RelationSession {
  /** For those who write SQL themselves: over `sqlOf` a relation. */
  readonly sql: Session;
  readonly #options: DuckRelationsOptions;
  readonly #held: (() => void)[];
  readonly #paths = new Set<string>();
  #tables = 0;

  constructor(sql: Session, options: DuckRelationsOptions, held: (() => void)[]) {
    this.sql = sql;
    this.#options = options;
    this.#held = held;
  }

  /** A SELECT of the relation's columns; in no order that is promised. */
  sqlOf(relation: Relation): string {
    return visibleSql(duck(relation), { ordered: false });
  }

  /** What a SELECT of one's own gives, computed at once; `columns` are its columns in order. */
  query(select: string, columns: readonly Column[]): Promise<Relation> {
    return this.#computed('query', columns, select);
  }

  /** Files of this machine that relations of this session read. */
  pathsOf(): string[] {
    return [...this.#paths];
  }

  /** The rows go to DuckDB when a statement first runs: what is written as it is never goes there. */
  async values(columns: readonly LoadColumn[]): Promise<Relation> {
    const table = this.#newName('values');
    const list = this.sql.loadLater(table, columns);
    const sql = `SELECT ${[...list, `rowid AS ${keyName(0)}`].join(', ')} FROM ${quote(table)}`;
    return new DuckRelation({ columns: columnsOfLoad(columns), sql, keys: 1, inOrder: true, load: columns });
  }

  async scan(scan: FileScan): Promise<Relation> {
    const taken = scan.columns.find(({ name }) => name === FILE || name === ROW);
    if (taken) throw new TableError('columnar/name', `a table with a column called ${taken.name} can't be read: the scan gives this name to a column of its own; rename it`);
    const { paths, release } = await this.#options.objects.acquire(scan.files.map(({ key }) => key));
    this.#held.push(release);
    const local = scan.files.map(({ key }) => paths.get(key)!);
    for (const path of local) this.#paths.add(path);
    const rows = await this.#rowsOf(local);
    const groups = scanGroups(scan, (index) => rows.get(local[index])!);
    const bits = await this.#bitsOf(scan.files, groups.groups.filter(({ selection }) => selection !== 'all'));
    return scanRelation(scan, groups, { paths: local, bitsOf: (group) => bits.get(group)! });
  }

  select(relation: Relation, names: readonly string[]): Relation {
    return selected(duck(relation), names);
  }

  where(relation: Relation, predicate: Predicate): Relation {
    return filtered(duck(relation), predicate);
  }

  union(first: Relation, ...others: readonly Relation[]): Relation {
    return united([first, ...others].map(duck));
  }

  join(left: Relation, right: Relation, on: readonly string[]): Relation {
    return paired(duck(left), duck(right), on);
  }

  semiJoin(left: Relation, right: Relation, on: readonly string[]): Relation {
    return semiJoined(duck(left), duck(right), on);
  }

  numbered(relation: Relation, by: readonly string[], name: string): Promise<Relation> {
    const { names, keys, sql, columns } = duck(relation);
    const order = [...by.map((column) => `${quote(column)} NULLS LAST`), ...Array.from({ length: keys }, (_value, i) => keyName(i))];
    const sorted = `SELECT ${listSql(names)} FROM (${sql})${order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`}`;
    return this.#computed('numbered', [...columns, { name, type: 'integer' }], `SELECT *, (row_number() OVER () - 1)::INTEGER AS ${quote(name)} FROM (${sorted})`);
  }

  async clustered(relation: Relation, by: readonly string[]): Promise<Relation> {
    checkZColumns(by);
    const source = duck(relation);
    const sample = this.#newName('sample');
    await this.sql.run(sampleSql(source, by.map((name) => source.column(name).name), { table: sample, step: sampleStep(await this.count(source)) }));
    const ranked: { name: string; variable: string; boundaries: number }[] = [];
    for (const name of by) {
      const variable = this.#newName('boundaries');
      await this.sql.run(boundariesSql(name, { table: sample, variable }));
      const [{ n }] = await this.sql.rows(`SELECT coalesce(len(getvariable(${literal(variable)})), 0) AS n`);
      ranked.push({ name, variable, boundaries: Number(n) });
    }
    await this.sql.run(`DROP TABLE ${quote(sample)}`);
    return ordered(source, curveSql(ranked));
  }

  async coded(relation: Relation, by: readonly string[], name: string): Promise<{ relation: Relation; tuples: { values: Row; rows: number }[] }> {
    const source = duck(relation);
    const columns = by.map((column) => source.column(column));
    const count = quote('\u0001rows');
    const tuples = `SELECT ${[...by.map(quote), `count(*) AS ${count}`].join(', ')} FROM (${source.sql}) GROUP BY ALL HAVING count(*) > 0 ORDER BY ALL`;
    const table = this.#newName('codes');
    await this.sql.run(`CREATE TEMP TABLE ${quote(table)} AS SELECT *, (row_number() OVER () - 1)::INTEGER AS ${keyName(0)} FROM (${tuples})`);
    const found = await this.sql.rows(`SELECT * EXCLUDE (${keyName(0)}) FROM ${quote(table)} ORDER BY ${keyName(0)}`);
    const on = by.map((column) => `l.${quote(column)} IS NOT DISTINCT FROM c.${quote(column)}`).join(' AND ');
    const list = [...source.names.map((column) => `l.${quote(column)}`), `c.${keyName(0)} AS ${quote(name)}`];
    const coded = new DuckRelation({
      columns: [...source.columns, { name, type: 'integer' }],
      sql: `SELECT ${list.join(', ')} FROM (${source.sql}) l JOIN ${quote(table)} c ON ${on || 'true'}`,
      keys: 0,
      inOrder: false,
    });
    const values = (row: Row) => Object.fromEntries(columns.map((column) => [column.name, row[column.name]]));
    return { relation: coded, tuples: found.map((row) => ({ values: values(row), rows: Number(row['\u0001rows']) })) };
  }

  async net(sides: { readonly added: Relation; readonly removed: Relation }, by: { readonly key: readonly string[]; readonly columns: readonly string[] }): Promise<Relation> {
    const [added, removed] = [duck(sides.added), duck(sides.removed)];
    const columns = [...by.columns.map((name) => added.column(name)), { name: CHANGE, type: 'string' }, { name: FILE, type: 'integer' }];
    const table = this.#newName('net');
    const went = await this.sql.rows(`SELECT 1 FROM (${removed.sql}) LIMIT 1`);
    // Most slices only add, and each key once: their rows are taken as they are.
    if (went.length > 0 || !(await this.#addedOnce({ added, removed, ...by }, table))) {
      for (const statement of netSql({ added, removed, ...by }, table)) await this.sql.run(statement);
    }
    return tableRelation(table, columns);
  }

  materialise(relation: Relation): Promise<Relation> {
    return this.#computed('kept', relation.columns, visibleSql(duck(relation), { ordered: true }));
  }

  async count(relation: Relation): Promise<number> {
    const [row] = await this.sql.rows(`SELECT count(*) AS n FROM (${duck(relation).sql})`);
    return Number(row['n']);
  }

  async repeated(relation: Relation, columns: readonly string[]): Promise<number> {
    const source = duck(relation);
    const present = columns.map((name) => `${quote(source.column(name).name)} IS NOT NULL`).join(' AND ');
    const [row] = await this.sql.rows(`SELECT count(*) AS n FROM (SELECT ${listSql(columns)} FROM (${source.sql}) WHERE ${present} GROUP BY ${listSql(columns)} HAVING count(*) > 1)`);
    return Number(row['n']);
  }

  async bounds(relation: Relation, columns: readonly string[]): Promise<Pick<ColumnAggregate, 'min' | 'max'>[]> {
    const source = duck(relation);
    const wanted = columns.map((name) => source.column(name));
    const [row] = await this.sql.rows(`SELECT ${aggregatesSql(wanted)} FROM (${source.sql})`);
    return aggregatesOf(row, wanted).aggregates.map(({ min, max }) => ({ min, max }));
  }

  rows(relation: Relation): Promise<Row[]> {
    return this.sql.rows(visibleSql(duck(relation), { ordered: true }));
  }

  chunks(relation: Relation, columns: readonly ReadColumn[]): AsyncIterable<Chunk> {
    const source = duck(relation);
    const list = columns.map((column) => readSql(column, (name) => source.column(name).type));
    return this.sql.chunks(`SELECT ${list.length === 0 ? '1' : list.join(', ')} FROM (${source.sql})${source.orderBy()}`);
  }

  write(relation: Relation, target: WriteTarget): Promise<WrittenFile[]> {
    const { objects, tempDir, clock } = this.#options;
    const to = { put: (key: string, path: string) => objects.put(key, path), tempDir, clock };
    const { load } = duck(relation);
    const rows = load === null ? null : rowsAsTheyAre(load, target);
    return rows === null ? writeParquet(duck(relation), target, { session: this.sql, ...to }) : writeRows(rows, target, to);
  }

  async #computed(kind: string, columns: readonly Column[], select: string): Promise<DuckRelation> {
    const table = this.#newName(kind);
    await this.sql.run(`CREATE TEMP TABLE ${quote(table)} AS ${select}`);
    return tableRelation(table, columns);
  }

  /** By path, from the footers. */
  async #rowsOf(paths: readonly string[]): Promise<Map<string, number>> {
    const rows = new Map<string, number>();
    if (paths.length === 0) return rows;
    for await (const { columns: [names, counts] } of this.sql.chunks(`SELECT file_name, num_rows::DOUBLE FROM parquet_file_metadata(${fileList([...new Set(paths)])})`)) {
      for (let i = 0; i < names.length; i++) rows.set(names[i] as string, counts[i] as number);
    }
    return rows;
  }

  /** Variables of the session with the selected rows of these groups. */
  async #bitsOf(files: readonly ScanFile[], groups: readonly ScanGroup[]): Promise<Map<ScanGroup, string>> {
    const names = new Map(groups.map((group) => [group, this.#newName('selected')]));
    if (names.size === 0) return names;
    const table = this.#newName('bits');
    await this.sql.loadTable(table, [{ name: 'name', kind: 'text', values: [...names.values()] }, { name: 'bits', kind: 'blob', values: groups.map((group) => selectedBits(files, group)) }]);
    for (const name of names.values()) await this.sql.run(`SET VARIABLE ${quote(name)} = (SELECT bits::BIT FROM ${quote(table)} WHERE "name" = ${literal(name)})`);
    await this.sql.run(`DROP TABLE ${quote(table)}`);
    return names;
  }

  /** Whether no key comes twice; then `table` is the net of what came. */
  async #addedOnce(net: Net, table: string): Promise<boolean> {
    await this.sql.run(addedSql(net, table));
    const key = net.key.map(quote).join(', ');
    const twice = await this.sql.rows(`SELECT 1 FROM (SELECT ${key} FROM ${quote(table)} GROUP BY ALL HAVING count(*) > 1) LIMIT 1`);
    return twice.length === 0;
  }

  /** Apart from the names that people give their views. */
  #newName(kind: string): string {
    return `\u0001${kind} ${this.#tables++}`;
  }
}
