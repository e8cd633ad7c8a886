import { removeOf } from '../../shared/delta/actions.ts';
import type { Action, AddFile } from '../../shared/delta/actions.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { progressOf } from '../../shared/delta/snapshot.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import type { TableDefinition } from '../../shared/delta/table.ts';
import { TableError, TransientError } from '../../shared/errors.ts';
import { LinesCodec } from '../support/lines-codec.ts';
import { keepDoing } from './supervisor.ts';
import type { Host } from './supervisor.ts';

/** Writers on one table through shared/delta alone: what every commit promises, without a pipeline around it. */
export const TABLE = 'numbers';
const APPENDS_OF_A_SOURCE = 6;
const BUMPS_OF_A_SOURCE = 4;
const MARKS_OF_A_SOURCE = 4;
export const COUNTERS = 2;

/** A row of a data file: an item of a source, a counter, or a blind item. */
export type WriterRow = { readonly item: string } | { readonly counter: number; readonly count: number } | { readonly blind: string };

/** What writers tell the world about blind appends, outside of the table. */
export interface BlindItems {
  readonly tried: Set<string>;
  readonly acknowledged: Set<string>;
}

const DEFINITION: TableDefinition = { name: TABLE, description: '', schema: struct(field('x', 'long')), partitionColumns: [], configuration: {} };

export const linesCodec = new LinesCodec();

/** One process. All of them work on all sources: whoever finds the next item missing writes it. */
export async function runWriter(host: Host, { sources, blind }: { sources: number; blind: BlindItems }): Promise<void> {
  const opening = { table: null as DeltaTable | null };
  const open = async () => (opening.table ??= await DeltaTable.ensure({ store: host.store.sub(TABLE), codec: linesCodec, table: TABLE }, DEFINITION, host.clock));
  const doing = (pauseMs: number, task: (writer: Writer) => Promise<{ more: boolean }>) =>
    keepDoing(host, pauseMs, async () => task(new Writer(host, await open())));
  const all = Array.from({ length: sources }, (_value, source) => [
    doing(800, (writer) => writer.append(source)),
    doing(800, (writer) => writer.bump(source)),
    doing(800, (writer) => writer.mark(source)),
  ]);
  await Promise.all([...all.flat(), doing(3_000, (writer) => writer.appendBlindly(blind)), doing(2_000, (writer) => writer.compact())]);
}

/** Where the table's progress stands when all is written. */
export function finalTxns(sources: number): Map<string, bigint> {
  return new Map(Array.from({ length: sources }, (_value, source) => [
    [`writer/${source}`, BigInt(APPENDS_OF_A_SOURCE - 1)], [`bump/${source}`, BigInt(BUMPS_OF_A_SOURCE - 1)], [`mark/${source}`, BigInt(MARKS_OF_A_SOURCE - 1)],
  ] as const).flat());
}

/** The rows of items and counters when all is written, in order. */
export function finalRows(sources: number): string[] {
  const items = Array.from({ length: sources }, (_value, source) => Array.from({ length: APPENDS_OF_A_SOURCE }, (_item, i) => ({ item: `${source}-${i}` }))).flat();
  const counts = new Map<number, number>();
  for (let source = 0; source < sources; source++) for (let i = 0; i < BUMPS_OF_A_SOURCE; i++) counts.set((source + i) % COUNTERS, (counts.get((source + i) % COUNTERS) ?? 0) + 1);
  return [...items, ...[...counts].map(([counter, count]) => ({ counter, count }))].map((row) => JSON.stringify(row)).sort();
}

export async function readRows(host: Host, adds: Iterable<AddFile>): Promise<WriterRow[]> {
  const rows: WriterRow[] = [];
  for (const { path } of adds) {
    const bytes = await host.store.sub(TABLE).get(path);
    if (bytes === null) throw new TableError('delta/missing-file', `${path} is not there`);
    rows.push(...(JSON.parse(Buffer.from(bytes).toString('utf8')) as WriterRow[]));
  }
  return rows;
}

class Writer {
  readonly #host: Host;
  readonly #table: DeltaTable;

  constructor(host: Host, table: DeltaTable) {
    this.#host = host;
    this.#table = table;
  }

  /** The next items of a source, with its progress, as ingest does. */
  async append(source: number): Promise<{ more: boolean }> {
    const appId = `writer/${source}`;
    const base = await this.#base();
    const from = Number(progressOf(base, appId) ?? -1n) + 1;
    const to = Math.min(from + Math.floor(this.#host.clock.random() * 3), APPENDS_OF_A_SOURCE - 1);
    if (from > to) return { more: false };
    const items = Array.from({ length: to - from + 1 }, (_value, i) => ({ item: `${source}-${from + i}` }));
    await this.#commit(base, { operation: 'STREAMING UPDATE', rows: items, txn: [appId, to], reads: 'nothing' });
    return { more: true };
  }

  /** Reads a counter and writes it back, one higher: wrong as soon as one commit is lost, doubled or based on an old version. */
  async bump(source: number): Promise<{ more: boolean }> {
    const appId = `bump/${source}`;
    const base = await this.#base();
    const next = Number(progressOf(base, appId) ?? -1n) + 1;
    if (next === BUMPS_OF_A_SOURCE) return { more: false };
    const counter = (source + next) % COUNTERS;
    for (const add of base.files.values()) {
      const rows = await readRows(this.#host, [add]);
      const found = rows.find((row) => 'counter' in row && row.counter === counter);
      if (!found || !('counter' in found)) continue;
      const others = rows.filter((row) => row !== found);
      await this.#commit(base, { operation: 'MERGE', rows: [...others, { counter, count: found.count + 1 }], removes: [add], txn: [appId, next], reads: 'table' });
      return { more: true };
    }
    await this.#commit(base, { operation: 'MERGE', rows: [{ counter, count: 1 }], txn: [appId, next], reads: 'table' });
    return { more: true };
  }

  /** Progress alone, without a file. */
  async mark(source: number): Promise<{ more: boolean }> {
    const appId = `mark/${source}`;
    const base = await this.#base();
    const next = Number(progressOf(base, appId) ?? -1n) + 1;
    if (next === MARKS_OF_A_SOURCE) return { more: false };
    const txn = { appId, version: BigInt(next), lastUpdated: this.#host.clock.nowMs() };
    await this.#table.commit(base, { operation: 'STREAMING UPDATE', actions: [{ txn }], reads: 'nothing' });
    return { more: false };
  }

  /** Without progress: only what was acknowledged must be there, once. */
  async appendBlindly({ tried, acknowledged }: BlindItems): Promise<{ more: boolean }> {
    if (tried.size >= 12) return { more: false };
    const blind = this.#host.clock.uuid();
    tried.add(blind);
    if (await this.#commit(this.#table.snapshot, { operation: 'WRITE', rows: [{ blind }], reads: 'nothing' })) acknowledged.add(blind);
    return { more: false };
  }

  async compact(): Promise<{ more: boolean }> {
    await this.#table.checkpointIfDue(3n);
    const base = await this.#base();
    const bin = [...base.files.values()].slice(0, 3);
    if (bin.length < 3 || this.#host.clock.random() < 0.5) return { more: false };
    await this.#commit(base, { operation: 'OPTIMIZE', rows: await readRows(this.#host, bin), removes: bin, reads: 'nothing', dataChange: false });
    return { more: false };
  }

  /** Sometimes from what was seen last, as a warm worker does. */
  async #base(): Promise<Snapshot> {
    return this.#host.clock.random() < 0.3 ? this.#table.snapshot : this.#table.refresh();
  }

  async #commit(base: Snapshot, { operation, rows, removes = [], txn, reads, dataChange = true }: WriterCommit): Promise<boolean> {
    const { clock, store } = this.#host;
    const path = `${clock.uuid()}.json`;
    const writtenAtMs = store.nowMs();
    const body = Buffer.from(JSON.stringify(rows));
    if (await store.sub(TABLE).putIfAbsent(path, body) !== 'created') throw new TransientError('test/data-file', `${path} may not have been stored`);
    const nowMs = clock.nowMs();
    const actions: Action[] = [
      ...(txn ? [{ txn: { appId: txn[0], version: BigInt(txn[1]), lastUpdated: nowMs } }] : []),
      ...removes.map((add) => ({ remove: removeOf(add, { nowMs, dataChange }) })),
      { add: { path, partitionValues: {}, size: body.byteLength, modificationTime: nowMs, dataChange, stats: JSON.stringify({ numRecords: rows.length }) } },
    ];
    const outcome = await this.#table.commit(base, { operation, actions, reads, dataChange, removalIntent: 'replace', writtenAtMs });
    return outcome.kind === 'committed';
  }
}

interface WriterCommit {
  readonly operation: string;
  readonly rows: readonly WriterRow[];
  readonly removes?: readonly AddFile[];
  readonly txn?: readonly [appId: string, version: number];
  readonly reads: 'nothing' | 'table';
  readonly dataChange?: boolean;
}
