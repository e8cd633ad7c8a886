import { assert } from '../../errors.ts';
import { removeOf } from '../actions.ts';
import type { Action, AddFile } from '../actions.ts';
import type { Transaction } from '../commit.ts';
import { withVector } from '../deletion-vector-file.ts';
import { difference, rankOf } from '../positions.ts';
import { writesVectors } from '../protocol.ts';
import type { Snapshot } from '../snapshot.ts';
import { numRecords } from '../stats.ts';
import { mayShrink, withoutPlace, writeVectors } from './change-rows.ts';
import { cubeTags } from './plan-clustering.ts';
import type { RowTable } from './row-table.ts';
import { VectorReader, scanLive, vectorsOf } from './scan.ts';
import { earliest, writeFiles } from './write.ts';

/** A bin of files, of one partition, written anew as one file. */
interface Rewrite {
  readonly table: RowTable;
  readonly inputs: readonly AddFile[];
  /** None where no input had a row. */
  readonly output: AddFile | null;
  readonly writtenAtMs: number | undefined;
  /** Rows of the inputs: the output holds them one input after the other, each in its order, without those deleted before. */
  readonly deletedBefore: readonly BigInt64Array[];
  readonly details: Pick<Transaction, 'operation' | 'operationParameters'>;
}

/**
 * Rewrites files of one partition into one, for a commit on `snapshot`: rows stay the same, vectors are purged. If a rival meanwhile takes
 * more rows away, the commit takes the same rows away from the new file by a vector, without planning again (delta.md F): constant upserts
 * do not starve it. On a table without vectors it clashes; so it does with `zOrderBy`, which moves rows: they come in Z-order of these columns,
 * in a file tagged as one cube (plan-clustering.ts).
 */
export async function compactFiles(table: RowTable, snapshot: Snapshot, inputs: readonly AddFile[], { zOrderBy = [] }: { zOrderBy?: readonly string[] } = {}): Promise<Transaction> {
  const { adds, writtenAtMs, deletedBefore } = await table.engine.session(async (session) => {
    const live = withoutPlace(session, await scanLive(session, table, snapshot, inputs));
    const rows = zOrderBy.length === 0 ? live : await session.clustered(live, zOrderBy);
    const vectors = vectorsOf(session, table);
    return { ...(await writeFiles(session, table, snapshot, rows, { dataChange: false })), deletedBefore: await Promise.all(inputs.map((file) => vectors.read(file))) };
  });
  assert(adds.length <= 1, `a bin of ${inputs.length} files of ${table.delta.source.table} became ${adds.length}: they are not of one partition`);
  const details = { operation: 'OPTIMIZE', operationParameters: { predicate: '[]', zOrderBy: JSON.stringify(zOrderBy) } };
  // One that is written anew alone keeps the order of its rows, and so what is said of it.
  const kept = inputs.length === 1 && inputs[0].tags ? { tags: inputs[0].tags } : {};
  const tags = zOrderBy.length === 0 ? kept : { tags: cubeTags(zOrderBy, table.clock.uuid()) };
  const rewrite = { table, inputs, output: adds.length === 0 ? null : { ...adds[0], ...tags }, writtenAtMs, deletedBefore, details };
  return transaction(rewrite, { ...rewrite, canFollow: writesVectors(snapshot) && zOrderBy.length === 0 });
}

/** As it is to be committed: the inputs with their vectors of now, the output with the vector that follows from them. */
interface Current extends Pick<Rewrite, 'inputs' | 'output' | 'writtenAtMs'> {
  /** Whether this table deletes rows by vectors: where not, the output could not follow. */
  readonly canFollow: boolean;
}

function transaction(rewrite: Rewrite, { inputs, output, writtenAtMs, canFollow }: Current): Transaction {
  const nowMs = rewrite.table.clock.nowMs();
  const removes: Action[] = inputs.map((file) => ({ remove: removeOf(file, { nowMs, dataChange: false }) }));
  return {
    ...rewrite.details,
    operationMetrics: { numAddedFiles: output ? '1' : '0', numRemovedFiles: String(inputs.length) },
    actions: [...removes, ...(output ? [{ add: output }] : [])],
    reads: 'nothing',
    dataChange: false,
    ...(writtenAtMs === undefined ? {} : { writtenAtMs }),
    ...(canFollow ? { remap: async (to) => follow(rewrite, to) } : {}),
  };
}

/** Null where an input got rows back, or none is left. */
async function follow(rewrite: Rewrite, to: Snapshot): Promise<Transaction | null> {
  const { table, output } = rewrite;
  const paths = new Set(rewrite.inputs.map(({ path }) => path));
  const live = new Map([...to.files.values()].flatMap((file) => (paths.has(file.path) ? [[file.path, file] as const] : [])));
  const gone = await goneFromOutput(rewrite, live);
  if (gone === null || live.size === 0) return null;
  const current = { inputs: [...live.values()], output, writtenAtMs: rewrite.writtenAtMs, canFollow: writesVectors(to) };
  if (gone.length === 0 || output === null) return transaction(rewrite, current);
  if (BigInt(gone.length) === numRecords(output)) return transaction(rewrite, { ...current, output: null });
  if (!mayShrink(output)) return null;
  const { descriptors, writtenAtMs } = await writeVectors(table, [gone]);
  return transaction(rewrite, { ...current, output: { ...withVector(output, descriptors[0]), dataChange: false }, writtenAtMs: earliest([rewrite.writtenAtMs, writtenAtMs]) });
}

/** Positions in the output of rows that rivals took from the inputs. Of an input that is gone all rows are, wherever they may be now. */
async function goneFromOutput({ table, inputs, deletedBefore }: Rewrite, live: ReadonlyMap<string, AddFile>): Promise<BigInt64Array | null> {
  const vectors = new VectorReader(table);
  const gone: bigint[] = [];
  let start = 0n;
  for (const [i, input] of inputs.entries()) {
    const [records, before, now] = [numRecords(input), deletedBefore[i], live.get(input.path)];
    if (records === null) return null;
    const end = start + records - BigInt(before.length);
    if (now) {
      const deletedNow = await vectors.read(now);
      if (difference(before, deletedNow).length > 0) return null;
      for (const position of difference(deletedNow, before)) gone.push(start + position - BigInt(rankOf(before, position)));
    } else {
      for (let position = start; position < end; position++) gone.push(position);
    }
    start = end;
  }
  return BigInt64Array.from(gone);
}

/**
 * The files of a plan made on an older snapshot as they are now, under their vectors of now: those of then would bring back rows replaced since.
 * Null where one is gone.
 */
export function liveNow(snapshot: Snapshot, files: readonly AddFile[]): AddFile[] | null {
  const paths = new Set(files.map(({ path }) => path));
  const live = new Map([...snapshot.files.values()].flatMap((file) => (paths.has(file.path) ? [[file.path, file] as const] : [])));
  const now = files.flatMap(({ path }) => live.get(path) ?? []);
  return now.length === files.length ? now : null;
}
