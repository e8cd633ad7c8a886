import { and, compare, or } from '../columnar/predicate.ts';
import type { Predicate } from '../columnar/predicate.ts';
import { FILE, ROW } from '../columnar/relation.ts';
import type { RelationSession } from '../columnar/relation.ts';
import { fileKey } from '../delta/actions.ts';
import type { Action, AddFile } from '../delta/actions.ts';
import { changeRows, sortedUnique } from '../delta/operations/change-rows.ts';
import { findByKey } from '../delta/operations/lookup.ts';
import { scanLive } from '../delta/operations/scan.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { numRecords } from '../delta/stats.ts';
import { TableError } from '../errors.ts';
import { eachBronzeRow, placeOf } from './backfill-bronze.ts';
import { LaneChange } from './backfill-counts.ts';
import type { Lane } from './bronze-plan.ts';
import { Tally, countAppId, parseCountAppId } from './counts.ts';
import { expiredBefore } from './expired.ts';
import { quarantineColumns, RefineBatch } from './refine-batch.ts';
import type { RejectedRow } from './refine-batch.ts';
import type { RoutedRefineOptions } from './refine-options.ts';
import { expiredNow, rereadCounts } from './reread-counts.ts';
import { mergeIntoSilver } from './silver.ts';
import { payloadBytes } from './slice.ts';
import { rowsOf, stageAppId } from './stage.ts';
import type { StageOutcome } from './stage.ts';
import { BRONZE, QUARANTINE, SILVER, SOURCE_COLUMNS } from './tables.ts';

/** Silver's txns: the version of Bronze that is read whole, and how many of its rows are done, in order of file and place. */
const REREAD = 'reread';
const REREAD_ROWS = 'reread-rows';

export interface Reread {
  /** Newest. */
  readonly bronze: Snapshot;
  readonly silver: Snapshot;
  readonly quarantine: Snapshot;
  /** What refine has consumed. */
  readonly from: bigint;
}

/** Whether refine has begun to read Bronze whole, and is not through. */
export function isRereading({ silver, from }: Pick<Reread, 'silver' | 'from'>, bronzeId: string): boolean {
  return (progressOf(silver, stageAppId(REREAD, bronzeId)) ?? -1n) > from;
}

/**
 * One slice of Bronze whole, for versions that refine has yet to read are gone (semantics.md, section 6). Which of Bronze's rows are new nobody can
 * tell. Silver takes them all as any: a row that meets itself is neither duplicate nor superseded. Quarantine keeps what it has of records
 * that refine had judged, `resolved_at` included, and gets the others, provisional until the end. Three kinds of commits of Silver: the first
 * names the version that is read; each slice says how far it is, and counts the more it read; the last counts what is there, and says that the
 * version is consumed. Until then the balance is unknown. Under other rules than before, records that were judged stay as they are: that is
 * a backfill's. Null: overtaken.
 */
export async function reread(state: Reread, options: RoutedRefineOptions): Promise<StageOutcome | null> {
  const { lake } = options;
  const bronze = await lake.table(BRONZE);
  const target = progressOf(state.silver, stageAppId(REREAD, bronze.delta.id)) ?? -1n;
  const whole = target > state.from ? await versionOf(bronze.delta, target) : null;
  if (whole === null) return begin(state, options);
  const files = [...whole.files.values()].sort((a, b) => (fileKey(a) < fileKey(b) ? -1 : 1));
  const done = progressOf(state.silver, stageAppId(REREAD_ROWS, bronze.delta.id)) ?? 0n;
  const slice = nextRows(files, done, options);
  return slice === null ? finish(state, whole, options) : takeSlice(state, whole, slice, options);
}

/** Null where the log no longer reaches it: then the newest version is read from the start. */
async function versionOf(table: { at(version: bigint): Promise<Snapshot> }, version: bigint): Promise<Snapshot | null> {
  try {
    return await table.at(version);
  } catch (error) {
    if (error instanceof TableError && (error.code === 'delta/no-such-version' || error.code === 'delta/version-gone')) return null;
    throw error;
  }
}

/** Rows left to other pipelines count as losers from here on; those that are read again are counted anew. */
async function begin({ bronze, silver, from }: Reread, { lake, clock, say }: RoutedRefineOptions): Promise<StageOutcome | null> {
  checkWhole(bronze);
  const { delta } = await lake.table(SILVER);
  const [id, nowMs, why] = [bronze.metaData.id, clock.nowMs(), `versions after ${from} are gone`];
  say?.(`refine: ${BRONZE}'s ${why} from its log, or their files from storage; reading its version ${bronze.version} whole`);
  const lanes = new LaneChange();
  for (const appId of silver.txns.keys()) {
    const counted = parseCountAppId(appId);
    if (counted?.term === 'elsewhere') lanes.add(counted.lane, -Number(progressOf(silver, appId)!));
  }
  const txn = (name: string, version: bigint): Action => ({ txn: { appId: stageAppId(name, id), version, lastUpdated: nowMs } });
  const outcome = await delta.commit(silver, {
    operation: 'WRITE', operationParameters: { reread: JSON.stringify(`${BRONZE} version ${bronze.version}: ${why}`) },
    actions: [txn(REREAD, bronze.version), txn(REREAD_ROWS, 0n), ...lanes.tally('elsewhere', silver).txns(silver, nowMs)], reads: 'table',
  });
  return outcome.kind === 'clash' ? null : { kind: 'committed', rows: 0, version: outcome.snapshot.version, more: true };
}

/** A removal that nobody explains may be a mistake that must not spread; which version it was, the log does not tell any more. */
function checkWhole(bronze: Snapshot): void {
  const counted = [...bronze.txns.keys()].reduce((sum, appId) => (parseCountAppId(appId)?.term === 'bronze' ? sum + progressOf(bronze, appId)! : sum), 0n);
  const rows = rowsOf(bronze.files.values());
  if (rows >= counted || expiredBefore(bronze) !== null) return;
  throw new TableError('pipeline/foreign-removal', `${BRONZE} version ${bronze.version} holds ${rows} of ${counted} rows, and none has expired; refine does not read it whole before they are back: restore ${BRONZE}`);
}

interface RowRange {
  readonly files: readonly AddFile[];
  readonly where: Predicate;
  /** How many rows are done after it. */
  readonly end: bigint;
}

/** The rows after the first `done`, at most `sliceRows`, and about `sliceBytes`; null: there are none. */
function nextRows(files: readonly AddFile[], done: bigint, { sliceRows, sliceBytes = Infinity }: RoutedRefineOptions): RowRange | null {
  const picked: AddFile[] = [];
  const ranges: Predicate[] = [];
  let [start, at, rowsLeft, bytesLeft] = [0n, done, BigInt(sliceRows), sliceBytes];
  for (const file of files) {
    // Never null: rows of Bronze were counted before this.
    const rows = numRecords(file) ?? 0n;
    const end = start + rows;
    if (end > at && rowsLeft > 0n) {
      const bytesPerRow = payloadBytes([file]) / Number(rows);
      const fit = Number.isFinite(bytesLeft) ? BigInt(Math.floor(bytesLeft / Math.max(1, bytesPerRow))) : rowsLeft;
      const least = picked.length === 0 ? 1n : 0n;
      const take = [end - at, rowsLeft, fit > least ? fit : least].reduce((a, b) => (a < b ? a : b));
      if (take === 0n) break;
      ranges.push(and(compare(FILE, '=', picked.length), compare(ROW, '>=', at - start), compare(ROW, '<', at - start + take)));
      picked.push(file);
      [at, rowsLeft, bytesLeft] = [at + take, rowsLeft - take, bytesLeft - Number(take) * bytesPerRow];
      if (at < end) break;
    }
    start = end;
  }
  return picked.length === 0 ? null : { files: picked, where: or(...ranges), end: at };
}

/** What quarantine has of the slice's records: the places that refine had judged, and whether they are settled; the rows that are provisional. */
interface Known {
  readonly judged: ReadonlyMap<string, 'open' | 'resolved'>;
  readonly provisional: ReadonlyMap<AddFile, BigInt64Array>;
}

async function takeSlice(state: Reread, whole: Snapshot, slice: RowRange, options: RoutedRefineOptions): Promise<StageOutcome | null> {
  const { lake, pipeline, judge } = options;
  const bronze = await lake.table(BRONZE);
  const known = await lake.engine.session(async (session) => knownOf(session, state, { whole, slice }, options));
  const batch = new RefineBatch(pipeline, judge);
  let rows = 0;
  await eachBronzeRow(options, whole, (row, payload) => {
    rows++;
    const before = known.judged.get(placeOf(row));
    if (before === 'open') return;
    const rejected = batch.rejected.length;
    batch.add(row, payload);
    if (before === 'resolved' && batch.rejected.length > rejected) batch.rejected.pop();
  }, slice);
  if (!(await quarantineNew(state, { batch, known }, options))) return null;
  const tally = new Tally();
  tally.merge(batch.elsewhere);
  const progress = { appId: stageAppId(REREAD_ROWS, bronze.delta.id), version: slice.end };
  const version = await mergeIntoSilver({ batch, tally, snapshot: state.silver, progress, isAgain: true, metrics: { numRereadRows: String(rows) } }, options);
  return version === null ? null : { kind: 'committed', rows, version, more: true };
}

async function knownOf(session: RelationSession, { quarantine, from }: Reread, { whole, slice }: { whole: Snapshot; slice: RowRange }, { lake }: RoutedRefineOptions): Promise<Known> {
  const [bronze, table] = await Promise.all([lake.table(BRONZE), lake.table(QUARANTINE)]);
  const keys = session.select(session.where(await scanLive(session, bronze, whole, slice.files), slice.where), SOURCE_COLUMNS);
  const judged = new Map<string, 'open' | 'resolved'>();
  const provisional = new Map<AddFile, bigint[]>();
  const found = await findByKey(session, table, quarantine, { keys, key: SOURCE_COLUMNS, columns: ['bronze_version', 'resolved_at'] });
  if (found === null) return { judged, provisional: new Map() };
  for await (const { rows, columns } of session.chunks(found.rows, [...SOURCE_COLUMNS, 'bronze_version', 'resolved_at', FILE, ROW])) {
    const [topic, incarnation, partition, offset, version, resolved, file, at] = columns as unknown as [string[], string[], number[], bigint[], bigint[], (bigint | null)[], number[], bigint[]];
    for (let i = 0; i < rows; i++) {
      if (version[i] <= from) {
        judged.set(placeOf({ topic: topic[i], incarnation: incarnation[i], partition: partition[i], offset: offset[i] }), resolved[i] === null || resolved[i]! < 0n ? 'open' : 'resolved');
        continue;
      }
      const positions = provisional.get(found.files[file[i]]);
      if (positions) positions.push(at[i]);
      else provisional.set(found.files[file[i]], [at[i]]);
    }
  }
  return { judged, provisional: new Map([...provisional].map(([file, positions]) => [file, sortedUnique(positions)])) };
}

/** The rejected records that nobody knew, provisional; those that other rules took into Silver stay there. False: overtaken. */
async function quarantineNew({ quarantine, silver }: Reread, { batch, known }: { batch: RefineBatch; known: Known }, options: RoutedRefineOptions): Promise<boolean> {
  const { lake, pipeline, clock } = options;
  if (batch.rejected.length === 0 && known.provisional.size === 0) return true;
  const [table, target] = await Promise.all([lake.table(QUARANTINE), lake.table(SILVER)]);
  const done = options.observe('quarantine_write');
  const { change, rows } = await lake.engine.session(async (session) => {
    const load = async (rejected: readonly RejectedRow[]) => session.values(quarantineColumns(rejected, { pipeline, nowUs: BigInt(clock.nowMs()) * 1000n }));
    const taken = new Set<string>();
    const found = batch.rejected.length === 0 ? null : await findByKey(session, target, silver, { keys: session.select(await load(batch.rejected), SOURCE_COLUMNS), key: SOURCE_COLUMNS });
    if (found) for (const row of await session.rows(session.select(found.rows, SOURCE_COLUMNS))) taken.add(placeOf(row as unknown as Lane & { offset: bigint }));
    const rejected = batch.rejected.filter(({ row }) => !taken.has(placeOf(row)));
    const add = rejected.length === 0 ? null : await load(rejected);
    return { rows: rejected.length, change: { ...await changeRows(session, table, quarantine, { remove: known.provisional, add }), remove: known.provisional, found: { key: SOURCE_COLUMNS } } };
  });
  if (change.actions.length === 0) return true;
  const outcome = await table.delta.commit(quarantine, transactionOf(table, quarantine, change, {
    operation: 'MERGE', operationParameters: { reread: JSON.stringify(`${BRONZE} is read whole`) }, operationMetrics: { numOutputRows: String(rows) }, removalIntent: 'replace',
  }));
  if (outcome.kind === 'clash') return false;
  done({ rows, adds: change.adds });
  return true;
}

/** Counts what is there, and says that the version is consumed. */
async function finish(state: Reread, whole: Snapshot, options: RoutedRefineOptions): Promise<StageOutcome | null> {
  const { lake, clock, say } = options;
  const { delta } = await lake.table(SILVER);
  const nowMs = clock.nowMs();
  const counts = await rereadCounts(state, whole, options);
  const expired = await expiredNow(state, { whole, counts, nowMs }, options);
  if (expired) {
    const settled = await (await lake.table(QUARANTINE)).delta.commit(state.quarantine, { operation: 'WRITE', actions: [{ txn: expired }], reads: 'table' });
    if (settled.kind === 'clash') return null;
  }
  const actions = counts.flatMap(({ lane, terms }) => Object.entries(terms).map(([term, version]) => ({ txn: { appId: countAppId(term as keyof typeof terms, lane), version, lastUpdated: nowMs } })));
  const outcome = await delta.commit(state.silver, {
    operation: 'WRITE', operationParameters: { reread: JSON.stringify(`${BRONZE} version ${whole.version} is read whole`) }, reads: 'table',
    actions: [{ txn: { appId: stageAppId('refine', whole.metaData.id), version: whole.version, lastUpdated: nowMs } }, ...actions],
  });
  if (outcome.kind === 'clash') return null;
  say?.(`refine: ${BRONZE} version ${whole.version} is read whole`);
  return { kind: 'committed', rows: 0, version: outcome.snapshot.version, more: whole.version < state.bronze.version };
}
