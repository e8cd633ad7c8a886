import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import type { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import type { LoadColumn } from '../../shared/columnar/load-column.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { transactionOf } from '../../shared/delta/operations/transaction.ts';
import { upsert } from '../../shared/delta/operations/upsert.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { STATISTICS_COLUMNS } from '../../shared/delta/stats.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { untilSettled } from '../../shared/delta/until-settled.ts';
import { seededRandom } from '../../shared/model/random.ts';
import { duckOver } from '../../shared/open-lake.ts';
import { FileStore } from '../../shared/storage/file-store.ts';

/** Ids that are upserted, in two partitions; each row has the number of the round that wrote it last. */
const [IDS, BATCH_ROWS, CHECKPOINT_INTERVAL] = [400, 25, 10n];
const SCHEMA = struct(field('id', 'string'), field('part', 'string'), field('n', 'long'));

export interface UpsertedTable extends RowTable<DuckRelations> {
  close(): Promise<void>;
}

/** In `folder`/table, made where it is not there yet; `name` is this process's own. */
export async function openUpserted(folder: string, name: string): Promise<UpsertedTable> {
  const tempDir = join(folder, `temp-${name}`);
  const store = new FileStore({ dir: join(folder, 'table') });
  const engine = new Engine({ memoryMb: 256, threads: 1, tempDir: join(tempDir, 'spill') });
  const duck = duckOver(store, { engine, tempDir, cacheBytesMax: 1e9, clock: systemClock });
  // The list of columns with statistics is heeded by every engine that writes here.
  const definition = { name: 'upserted', description: '', schema: SCHEMA, partitionColumns: ['part'], configuration: { 'delta.enableDeletionVectors': 'true', [STATISTICS_COLUMNS]: '`id`,n' } };
  const delta = await DeltaTable.ensure({ store, codec: duck.codec, table: 'upserted' }, definition, systemClock);
  return { delta, engine: duck.engine, folder: '', clock: systemClock, close: () => engine.close() };
}

/** The ids of a round: a function of its number. Round 0 has them all. */
function idsOf(round: number): number[] {
  if (round === 0) return Array.from({ length: IDS }, (_value, i) => i);
  const random = seededRandom(round);
  return [...new Set(Array.from({ length: BATCH_ROWS }, () => random.below(IDS)))];
}

export async function upsertRound(table: RowTable<DuckRelations>, round: number): Promise<void> {
  const ids = idsOf(round);
  const columns: LoadColumn[] = [
    { name: 'id', kind: 'text', values: ids.map((id) => `id ${id}`) }, { name: 'part', kind: 'text', values: ids.map(partOf) }, { name: 'n', kind: 'long', constant: BigInt(round) },
  ];
  await untilSettled(`round ${round}`, async () => {
    const snapshot = await table.delta.refresh();
    const change = await table.engine.session(async (session) => upsert(session, table, snapshot, { rows: await session.values(columns), key: ['id'] }));
    const outcome = await table.delta.commit(snapshot, transactionOf(table, snapshot, change, { operation: 'MERGE', removalIntent: 'replace' }));
    return outcome.kind === 'committed' ? true : null;
  });
  await table.delta.checkpointIfDue(CHECKPOINT_INTERVAL);
}

const partOf = (id: number) => (id % 2 === 0 ? 'even' : 'odd');

/** `id part n` of every row after rounds 0 to `rounds`, sorted. */
export function expectedAfter(rounds: number): string[] {
  const latest = new Map<number, number>();
  for (let round = 0; round <= rounds; round++) for (const id of idsOf(round)) latest.set(id, round);
  return [...latest].map(([id, n]) => `id ${id} ${partOf(id)} ${n}`).toSorted();
}

export async function rowsOf(table: RowTable<DuckRelations>): Promise<string[]> {
  const snapshot = await table.delta.refresh();
  const rows = await table.engine.session(async (session) => session.rows(await scanLive(session, table, snapshot)));
  return rows.map((row) => `${String(row['id'])} ${String(row['part'])} ${String(row['n'])}`).toSorted();
}

/** A process of its own that upserts without a pause until it is told to stop. */
export class Upserter {
  readonly #child: ChildProcess;
  /** Rounds that are committed. */
  rounds = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (round: number) => { this.rounds = round; });
  }

  /** Resolves when its first round is committed. */
  static async start(folder: string): Promise<Upserter> {
    const child = fork(join(import.meta.dirname, 'upserter-child.ts'), [folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const upserter = new Upserter(child);
    await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => { throw new Error(`the upserter ended with ${code}`); })]);
    return upserter;
  }

  /** Gives the number of its last round. */
  async stop(): Promise<number> {
    const ended = once(this.#child, 'exit');
    this.#child.send('stop');
    const [code] = await ended;
    if (code !== 0) throw new Error(`the upserter ended with ${code} after ${this.rounds} rounds`);
    return this.rounds;
  }
}
