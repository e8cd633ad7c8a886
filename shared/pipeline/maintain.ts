import type { Clock } from '../clock.ts';
import type { AddFile } from '../delta/actions.ts';
import { areLive, compactFiles } from '../delta/operations/optimize.ts';
import { planBins } from '../delta/operations/plan-compaction.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import type { Broker } from '../sources/broker.ts';
import { consumedOf } from './consumers.ts';
import type { Pipeline } from './definition.ts';
import { healListed } from './heal-later.ts';
import type { Lake } from './lake.ts';
import type { WriteObserver } from './observer.ts';
import { KEEP_ALL, retain } from './retention.ts';
import type { RetentionDays } from './retention.ts';
import { rowsOf } from './stage.ts';
import type { StageOutcome } from './stage.ts';
import { OFFSET_GAPS } from './tables.ts';

export interface MaintainOptions {
  readonly lake: Lake;
  /** Every lake that reads tables of this one, itself among them; default: it alone. */
  readonly readers?: readonly Lake[];
  /** Who may give by now what was missing when it was delivered; null: nobody to ask. */
  readonly broker?: Broker | null;
  /** With the topics of every pipeline over this lake's Bronze. */
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  readonly checkpointInterval: bigint;
  /** How long rows stay; default: for ever. */
  readonly retention?: RetentionDays;
  readonly observe: WriteObserver;
  /** For people: what keeps a log from being cleaned. */
  readonly say?: (line: string) => void;
}

/** So many small files of a partition are merged at a time, one commit a bin. */
export const COMPACTION = { filesMin: 8 };
const BINS_MAX = 16;

/**
 * Reads gaps again that may be read by now, compacts small files, writes checkpoints that are due, and cleans logs. Rows go where they are
 * older than they are kept; others never change; a bin that meets a rival is left for the next tick.
 */
export async function maintain(options: MaintainOptions): Promise<StageOutcome> {
  const done: Done = { rows: 0, version: -1n, bins: 0 };
  let [more, failure]: [boolean, unknown] = [false, null];
  try {
    await healSome(done, options);
  } catch (error) {
    // A broker that does not answer is no reason to leave the tables alone.
    failure = error;
  }
  for (const name of options.lake.ownNames) {
    try {
      more = (await maintainTable(name, done, options)) || more;
    } catch (error) {
      // One table's trouble is no reason to leave the others alone.
      failure ??= error;
    }
  }
  if (failure !== null) throw failure;
  return done.version < 0n ? { kind: 'nothing-to-do' } : { kind: 'committed', rows: done.rows, version: done.version, more };
}

interface Done { rows: number; version: bigint; bins: number }

async function healSome(done: Done, options: MaintainOptions): Promise<void> {
  const { lake, broker } = options;
  if (!broker || !lake.ownNames.includes(OFFSET_GAPS)) return;
  const healed = await healListed({ ...options, broker });
  done.rows += healed.rows;
  done.version = healed.version ?? done.version;
}

/** True: files to expire, or bins, are left for the next run. */
async function maintainTable(name: string, done: Done, options: MaintainOptions): Promise<boolean> {
  const table = await options.lake.table(name);
  await table.delta.refresh();
  const expired = await retain(name, { ...options, days: options.retention ?? KEEP_ALL });
  done.rows += Number(expired.rows ?? 0n);
  done.version = expired.version ?? done.version;
  const bins = planBins(table.delta.snapshot, COMPACTION);
  const taken = bins.slice(0, BINS_MAX - done.bins);
  for (const bin of taken) {
    const compacted = await compact(table, bin, options);
    if (compacted === null) continue;
    done.rows += Number(rowsOf(bin));
    done.version = compacted;
    done.bins++;
  }
  await table.delta.checkpointIfDue(options.checkpointInterval);
  await cleanLog(table, name, options);
  return expired.more || taken.length < bins.length;
}

/** Never past a stage that reads the table (semantics.md, section 6). */
async function cleanLog({ delta }: RowTable, name: string, { lake, readers, say }: MaintainOptions): Promise<void> {
  const consumed = await consumedOf(name, lake, readers);
  const outcome = await delta.cleanLogIfDue({ consumed: consumed && consumed.version });
  if (outcome?.kind !== 'kept') return;
  if (outcome.why === 'consumer') say?.(`${name}: its log is older than it needs to be, and stays: ${consumed?.stage} has read up to version ${consumed?.version} only; look why ${consumed?.stage} is behind`);
  if (outcome.why === 'damaged') say?.(`${name}: its log is older than it needs to be, and stays: the checkpoint that it would begin with cannot be read; delete that file, and the next one serves`);
}

async function compact(table: RowTable, bin: readonly AddFile[], { observe }: MaintainOptions): Promise<bigint | null> {
  const { snapshot } = table.delta;
  if (!areLive(snapshot, bin)) return null;
  const done = observe('optimize');
  const transaction = await compactFiles(table, snapshot, bin);
  const outcome = await table.delta.commit(snapshot, transaction);
  if (outcome.kind === 'clash') return null;
  done({ rows: Number(rowsOf(bin)), adds: transaction.actions.flatMap(({ add }) => (add ? [add] : [])) });
  return outcome.snapshot.version;
}
