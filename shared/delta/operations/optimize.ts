import { assert } from '../../errors.ts';
import { fileKey, removeOf } from '../actions.ts';
import type { Action, AddFile } from '../actions.ts';
import type { Transaction } from '../commit.ts';
import { withVector } from '../deletion-vector-file.ts';
import { difference, rankOf } from '../positions.ts';
import type { Snapshot } from '../snapshot.ts';
import { numRecords } from '../stats.ts';
import { sortedUnique, withoutPlace, writeVectors } from './change-rows.ts';
import type { RowTable } from './row-table.ts';
import { VectorReader, scanLive } from './scan.ts';
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
 * more rows away by vectors, the commit takes the same rows away from the new file, without planning again (delta.md F): constant
 * upserts do not starve it.
 */
export async function compactFiles(table: RowTable, snapshot: Snapshot, inputs: readonly AddFile[]): Promise<Transaction> {
  const vectors = new VectorReader(table);
  const deletedBefore = await Promise.all(inputs.map((file) => vectors.read(file)));
  const { adds, writtenAtMs } = await table.engine.session(async (session) =>
    writeFiles(session, table, snapshot, withoutPlace(session, await scanLive(session, table, snapshot, inputs)), { dataChange: false }));
  assert(adds.length <= 1, `a bin of ${inputs.length} files of ${table.delta.source.table} became ${adds.length}: they are not of one partition`);
  const details = { operation: 'OPTIMIZE', operationParameters: { predicate: '[]', zOrderBy: '[]' } };
  return transaction({ table, inputs, output: adds[0] ?? null, writtenAtMs, deletedBefore, details }, { inputs, output: adds[0] ?? null, writtenAtMs });
}

/** As it is to be committed: the inputs with their vectors of now, the output with the vector that follows from them. */
interface Current extends Pick<Rewrite, 'inputs' | 'output' | 'writtenAtMs'> {}

function transaction(rewrite: Rewrite, { inputs, output, writtenAtMs }: Current): Transaction {
  const nowMs = rewrite.table.clock.nowMs();
  const removes: Action[] = inputs.map((file) => ({ remove: removeOf(file, { nowMs, dataChange: false }) }));
  return {
    ...rewrite.details,
    operationMetrics: { numAddedFiles: output ? '1' : '0', numRemovedFiles: String(inputs.length) },
    actions: [...removes, ...(output ? [{ add: output }] : [])],
    reads: 'nothing',
    dataChange: false,
    ...(writtenAtMs === undefined ? {} : { writtenAtMs }),
    remap: async (to) => follow(rewrite, to),
  };
}

/** Null where an input is gone, or got rows back. */
async function follow(rewrite: Rewrite, to: Snapshot): Promise<Transaction | null> {
  const { table, deletedBefore, output } = rewrite;
  const byPath = new Map([...to.files.values()].map((file) => [file.path, file]));
  const inputs = rewrite.inputs.map(({ path }) => byPath.get(path));
  if (!inputs.every((file) => file !== undefined)) return null;
  const vectors = new VectorReader(table);
  const deletedNow = await Promise.all(inputs.map((file) => vectors.read(file)));
  const gone: bigint[] = [];
  let start = 0n;
  for (const [i, before] of deletedBefore.entries()) {
    if (difference(before, deletedNow[i]).length > 0) return null;
    for (const position of difference(deletedNow[i], before)) gone.push(start + position - BigInt(rankOf(before, position)));
    const records = numRecords(rewrite.inputs[i]);
    if (records === null) return null;
    start += records - BigInt(before.length);
  }
  if (gone.length === 0 || output === null) return transaction(rewrite, { inputs, output, writtenAtMs: rewrite.writtenAtMs });
  if (BigInt(gone.length) === numRecords(output)) return transaction(rewrite, { inputs, output: null, writtenAtMs: rewrite.writtenAtMs });
  const { descriptors, writtenAtMs } = await writeVectors(table, [sortedUnique(gone)]);
  return transaction(rewrite, { inputs, output: { ...withVector(output, descriptors[0]), dataChange: false }, writtenAtMs: earliest([rewrite.writtenAtMs, writtenAtMs]) });
}

/** Whether all of these are still live under the same vectors: a plan made on an older snapshot must not bring back rows replaced since. */
export function areLive(snapshot: Snapshot, files: readonly AddFile[]): boolean {
  return files.every((file) => snapshot.files.has(fileKey(file)));
}
