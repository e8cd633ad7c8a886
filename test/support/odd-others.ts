import type { Row } from '../../shared/columnar/relation.ts';
import type { DeltaEngines, EngineName } from './delta-engines.ts';
import type { OddTable } from './odd-table.ts';

/** Another engine as a writer of an odd table; what the table should hold follows. */
export class OtherWriter {
  readonly #engines: DeltaEngines;
  readonly #engine: EngineName;
  readonly #table: OddTable;

  constructor(engines: DeltaEngines, engine: EngineName, table: OddTable) {
    this.#engines = engines;
    this.#engine = engine;
    this.#table = table;
  }

  /** Copies rows of these `k`, under other ids. */
  async appendCopies(below: number): Promise<void> {
    const { expected } = this.#table;
    await this.call('append', { select: `${this.#select({ id: `concat('${this.#engine} ', id)` })} WHERE k < ${below}` });
    expected.put(expected.all().filter((row) => (row['k'] as number) < below).map((row) => ({ ...row, id: `${this.#engine} ${String(row['id'])}` })));
  }

  async delete(k: number): Promise<void> {
    await this.call('delete', { where: `k = ${k}` });
    this.#table.expected.delete(this.#rowsOf(k));
  }

  /** Rows of this `k` get another `n`, and come once more under other ids. */
  async merge(k: number): Promise<void> {
    const { expected } = this.#table;
    const [updated, inserted] = [{ n: 'CAST(7 AS BIGINT)' }, { n: 'CAST(7 AS BIGINT)', id: `concat('merged by ${this.#engine} ', id)` }];
    const select = `${this.#select(updated)} WHERE k = ${k} UNION ALL ${this.#select(inserted)} WHERE k = ${k}`;
    await this.call('merge', { select, on: 's.id = t.id AND s.k = t.k' });
    const rows = this.#rowsOf(k).map((row): Row => ({ ...row, n: 7n }));
    expected.put([...rows, ...rows.map((row) => ({ ...row, id: `merged by ${this.#engine} ${String(row['id'])}` }))]);
  }

  /** A function of test/support/engines. */
  call<T>(op: string, request: Readonly<Record<string, unknown>> = {}): Promise<T> {
    return this.#engines.call(this.#engine, op, { table: this.#table.dir, ...request });
  }

  #rowsOf(k: number): Row[] {
    return this.#table.expected.all().filter((row) => row['k'] === k);
  }

  #select(over: Readonly<Record<string, string>>): string {
    const quoted = (name: string) => (this.#engine === 'spark' ? `\`${name}\`` : `"${name}"`);
    return `SELECT ${this.#table.expected.schema.fields.map(({ name }) => `${over[name] ?? quoted(name)} AS ${quoted(name)}`).join(', ')} FROM t`;
  }
}
