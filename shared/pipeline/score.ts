import type { Clock } from '../clock.ts';
import type { LoadColumn } from '../columnar/load-column.ts';
import { compare } from '../columnar/predicate.ts';
import { CHANGE, FILE } from '../columnar/relation.ts';
import type { Relation, RelationSession } from '../columnar/relation.ts';
import { TableError } from '../errors.ts';
import type { AddFile } from '../delta/actions.ts';
import { changeRows, positionsOf } from '../delta/operations/change-rows.ts';
import { changesSince } from '../delta/operations/changes.ts';
import type { NetChanges } from '../delta/operations/changes.ts';
import { findByKey } from '../delta/operations/lookup.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { scanLive } from '../delta/operations/scan.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import type { PlannedChange } from '../delta/operations/upsert.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { reasonFor } from '../model/reason.ts';
import type { Champion } from './champion.ts';
import type { Pipeline } from './definition.ts';
import { parseCountAppId } from './counts.ts';
import { checkGeneration } from './generation.ts';
import { isGone } from './gone.ts';
import type { Lake } from './lake.ts';
import type { WriteObserver } from './observer.ts';
import { nextSlice } from './slice.ts';
import type { Slice } from './slice.ts';
import { checkSourceUnchanged, isConsumed, rowsOf, stageAppId } from './stage.ts';
import type { StageOutcome } from './stage.ts';
import { GOLD, POSITION, SILVER, SOURCE_COLUMNS, goldSourceColumns } from './tables.ts';
import { copyNumbers } from './training-data.ts';

export const SCORE = 'score';

export interface ScoreOptions {
  readonly lake: Lake;
  readonly pipeline: Pipeline;
  /** Who is in charge of scoring (`Champions`). */
  readonly champions: { current(): Promise<Champion> };
  readonly sliceRows: number;
  readonly checkpointInterval: bigint;
  readonly clock: Clock;
  readonly observe: WriteObserver;
  /** For people: that Silver is read whole. */
  readonly say?: ((line: string) => void) | undefined;
}

/** One slice of Silver's changes into Gold: features, scores, one upsert with its two txns (semantics.md, section 7). */
export async function score(options: ScoreOptions): Promise<StageOutcome> {
  const { lake } = options;
  const [silver, gold] = await Promise.all([lake.table(SILVER), lake.table(GOLD)]);
  const outcome = await untilSettled<StageOutcome>('score', async () => {
    await silver.delta.refresh();
    // Progress only goes forward: what this worker last saw of it proves that nothing waits. An idle tick asks no further.
    if (await isConsumed(SCORE, silver.delta, gold.delta)) return { kind: 'nothing-to-do' };
    const source = silver.delta.snapshot;
    await gold.delta.refresh();
    const snapshot = await checkGeneration(gold.delta, lake.definition(GOLD));
    checkSourceUnchanged(SCORE, silver.delta.id, snapshot.txns.keys());
    const from = progressOf(snapshot, stageAppId(SCORE, silver.delta.id)) ?? -1n;
    const work = { snapshot, source, gold, silver };
    try {
      return await scoreNext(work, from, options);
    } catch (error) {
      if (!isGone(error)) throw error;
      // What is gone may be what others have consumed while this worker slept.
      if ((progressOf(await gold.delta.refresh(), stageAppId(SCORE, silver.delta.id)) ?? -1n) > from) return null;
      return scoreDifference(work, from, options);
    }
  });
  await gold.delta.checkpointIfDue(options.checkpointInterval);
  return outcome;
}

/** Null: overtaken, plan again. */
async function scoreNext(work: Tables, from: bigint, options: ScoreOptions): Promise<StageOutcome | null> {
  for (let rowsMax = options.sliceRows; ; rowsMax *= 4) {
    const slice = await nextSlice(work.silver.delta, { from, upTo: work.source.version, rowsMax });
    if (slice === null) return { kind: 'nothing-to-do' };
    const result = await scoreSlice({ ...work, slice }, options);
    if (!(result instanceof ForeignRemoval)) return result;
    const before = upToVersion(slice, result.version);
    if (before) return settled(await scoreSlice({ ...work, slice: before }, options));
    // It may be undone by what comes next, as a restore does: seen together they are no change.
    if (!slice.more) return settled(result);
  }
}

interface Tables {
  readonly snapshot: Snapshot;
  readonly source: Snapshot;
  readonly gold: RowTable;
  readonly silver: RowTable;
}

type Work = Tables & { readonly slice: Slice };

/** A removal that nobody explains may be a mistake that must not spread (semantics.md, section 6). */
class ForeignRemoval {
  readonly version: bigint;
  readonly error: TableError;

  constructor(version: bigint, error: TableError) {
    this.version = version;
    this.error = error;
  }
}

function settled(result: StageOutcome | ForeignRemoval | null): StageOutcome | null {
  if (result instanceof ForeignRemoval) throw result.error;
  return result;
}

/** What of the slice lies before a version; null: nothing. */
function upToVersion(slice: Slice, version: bigint): Slice | null {
  const versions = slice.versions.filter((each) => each.version < version);
  return versions.length === 0 ? null : { ...slice, to: versions.at(-1)!.version, versions, more: true };
}

/** Null: overtaken, plan again. */
async function scoreSlice(work: Work, options: ScoreOptions): Promise<StageOutcome | ForeignRemoval | null> {
  const { slice, snapshot, gold, silver } = work;
  const nowMs = options.clock.nowMs();
  const done = options.observe('gold_write');
  const hasChanges = slice.versions.some(({ adds, removes }) => adds.length + removes.length > 0);
  const planned = hasChanges ? await planGold(work, options, nowMs) : UNCHANGED;
  if (planned instanceof ForeignRemoval) return planned;
  const id = silver.delta.id;
  const outcome = await gold.delta.commit(snapshot, transactionOf(gold, snapshot, planned, {
    operation: 'MERGE',
    operationMetrics: { numSourceRows: String(planned.rows) },
    removalIntent: 'replace',
    actions: [
      { txn: { appId: stageAppId(SCORE, id), version: slice.to, lastUpdated: nowMs } },
      { txn: { appId: stageAppId('score-from', id), version: slice.from, lastUpdated: nowMs } },
    ],
  }));
  if (outcome.kind === 'clash') return null;
  done({ rows: planned.rows, adds: planned.adds });
  return { kind: 'committed', rows: planned.rows, version: outcome.snapshot.version, more: slice.more };
}

type PlannedGold = PlannedChange & { readonly rows: number };

const UNCHANGED: PlannedGold = { actions: [], adds: [], emptied: [], rewritten: [], shrunk: [], rowsRemoved: 0, writtenAtMs: undefined, found: null, remove: new Map(), rows: 0 };

/** The changed rows of Silver with their scores, instead of what Gold has of their keys; keys that are gone from Silver go. */
async function planGold({ slice, snapshot, source, gold, silver }: Work, options: ScoreOptions, nowMs: number): Promise<PlannedGold | ForeignRemoval> {
  const { key } = options.pipeline;
  const columns = goldSourceColumns(options.pipeline);
  return options.lake.engine.session(async (session) => {
    const changes = await changesSince(session, silver, source, { versions: slice.versions, key, columns: [...new Set([...columns, ...SOURCE_COLUMNS, 'rules_hash'])] });
    const foreign = foreignRemoval(changes, silver, slice);
    if (foreign) return foreign;
    const came = session.select(session.where(changes.rows, { op: '<>', column: CHANGE, value: 'removed' }), columns);
    return putScores(session, { gold, snapshot, came, keys: session.union(session.select(came, key), ...goneKeys(session, changes, key)) }, options, nowMs);
  });
}

interface Scoring {
  readonly gold: RowTable;
  readonly snapshot: Snapshot;
  /** Rows of Silver. */
  readonly came: Relation;
  /** Whose rows of Gold go. */
  readonly keys: Relation;
}

async function putScores(session: RelationSession, { gold, snapshot, came, keys }: Scoring, options: ScoreOptions, nowMs: number): Promise<PlannedGold> {
  const { key } = options.pipeline;
  const rows = await session.count(came);
  // Without rows there is nothing to choose a model by.
  const add = rows === 0 ? null : await loadScores(session, came, { champion: await options.champions.current(), rows, nowMs }, options.pipeline);
  const found = await findByKey(session, gold, snapshot, { keys, key });
  const remove = found ? await positionsOf(session, found.rows, found.files) : new Map<AddFile, BigInt64Array>();
  return { ...(await changeRows(session, gold, snapshot, { remove, add })), remove, found: { key }, rows };
}

const PLACE = 'place of the difference';

/**
 * What sets Gold apart from Silver as it is, by key, for versions in between are gone (semantics.md, section 6): at most `sliceRows` rows. Only with the
 * last of them is Silver's version consumed; until then the difference is taken anew. TableError `pipeline/foreign-removal` where Silver does
 * not have the rows that refine has counted. Null: overtaken.
 */
async function scoreDifference({ snapshot, source, gold, silver }: Tables, from: bigint, options: ScoreOptions): Promise<StageOutcome | null> {
  checkCounted(source);
  const { lake, clock, pipeline: { key, eventTime }, sliceRows, say } = options;
  const [columns, nowMs, id, done] = [goldSourceColumns(options.pipeline), clock.nowMs(), silver.delta.id, options.observe('gold_write')];
  const why = `versions after ${from} are gone`;
  say?.(`score: ${SILVER}'s ${why} from its log, or their files from storage; comparing its version ${source.version} with ${GOLD}`);
  const { planned, more } = await lake.engine.session(async (session) => {
    const [is, was] = [await scanLive(session, silver, source), await scanLive(session, gold, snapshot)];
    const net = await session.net({ added: session.select(is, columns), removed: session.select(was, [...columns, FILE]) }, { key, columns });
    const changes = await session.numbered(net, [...new Set([eventTime, ...key])], PLACE);
    const some = session.where(changes, compare(PLACE, '<', sliceRows));
    const came = session.select(session.where(some, compare(CHANGE, '<>', 'removed')), columns);
    return { planned: await putScores(session, { gold, snapshot, came, keys: session.select(some, key) }, options, nowMs), more: (await session.count(changes)) > sliceRows };
  });
  const progress = [{ txn: { appId: stageAppId(SCORE, id), version: source.version, lastUpdated: nowMs } }, { txn: { appId: stageAppId('score-from', id), version: from, lastUpdated: nowMs } }];
  const outcome = await gold.delta.commit(snapshot, transactionOf(gold, snapshot, planned, {
    operation: 'MERGE', operationParameters: { reread: JSON.stringify(`${SILVER} version ${source.version}: ${why}`) },
    operationMetrics: { numSourceRows: String(planned.rows) }, removalIntent: 'replace', actions: more ? [] : progress,
  }));
  if (outcome.kind === 'clash') return null;
  done({ rows: planned.rows, adds: planned.adds });
  return { kind: 'committed', rows: planned.rows, version: outcome.snapshot.version, more };
}

/** A removal that nobody explains may be a mistake that must not spread; which version it was, the log does not tell any more. */
function checkCounted(silver: Snapshot): void {
  const counts = [...silver.txns.keys()].filter((appId) => parseCountAppId(appId)?.term === 'silver').map((appId) => progressOf(silver, appId)!);
  const [counted, rows] = [counts.reduce((a, b) => a + b, 0n), rowsOf(silver.files.values())];
  if (counts.length === 0 || rows === counted) return;
  throw new TableError('pipeline/foreign-removal', `${SILVER} version ${silver.version} has ${rows} rows, refine has counted ${counted}; score does not compare it with ${GOLD} before they are the same: restore ${SILVER}`);
}

function foreignRemoval({ removals }: NetChanges, { delta: { source: { table } } }: RowTable, { from, to }: Slice): ForeignRemoval | null {
  const foreign = removals.filter(({ intent }) => intent === null).sort((a, b) => (a.version < b.version ? -1 : 1))[0] as NetChanges['removals'][number] | undefined;
  if (!foreign) return null;
  return new ForeignRemoval(foreign.version, new TableError('pipeline/foreign-removal', `${table} version ${foreign.version} removes ${foreign.rows} keys that do not come back in versions ${from + 1n} to ${to}; the stage stops before it: restore the table ("assay table restore ${table} --version ${foreign.version - 1n}")`));
}

/** Keys that Silver took away for good: what was replaced or erased goes from Gold too, what expired stays there. */
function goneKeys(session: RelationSession, { rows, removals }: NetChanges, key: readonly string[]): Relation[] {
  const files = removals.filter(({ intent }) => intent !== 'expire').flatMap((removal) => removal.files);
  if (files.length === 0) return [];
  const gone = session.where(rows, { op: 'and', of: [{ op: '=', column: CHANGE, value: 'removed' }, { op: 'in', column: FILE, values: files }] });
  return [session.select(gone, key)];
}

/** The rows with their scores, in order of event time and key. */
async function loadScores(session: RelationSession, came: Relation, { champion, rows, nowMs }: { champion: Champion; rows: number; nowMs: number }, pipeline: Pipeline): Promise<Relation> {
  const ordered = await session.numbered(came, [...new Set([pipeline.eventTime, ...pipeline.key])], POSITION);
  const features = pipeline.features.map(() => new Float64Array(rows));
  let filled = 0;
  for await (const chunk of session.chunks(ordered, pipeline.features.map((name) => ({ name, as: 'double' as const })))) {
    for (const [i, column] of features.entries()) copyNumbers(column, filled, chunk.columns[i] as ArrayLike<number | null>);
    filled += chunk.rows;
  }
  return session.join(ordered, await session.values(await scoreColumns(champion, features, rows, nowMs)), [POSITION]);
}

async function scoreColumns({ manifest, scorer }: Champion, features: readonly Float64Array[], rows: number, nowMs: number): Promise<LoadColumn[]> {
  const { decision, label } = await scorer.score(features, rows);
  return [
    { name: POSITION, kind: 'integer', values: Int32Array.from({ length: rows }, (_value, i) => i) },
    { name: 'anomaly_score', kind: 'double', values: decision },
    { name: 'anomaly_flag', kind: 'integer', values: Int32Array.from(label) },
    { name: 'reason', kind: 'text', values: Array.from(label, (flag, i) => (flag < 0 ? reasonFor(manifest, features.map((column) => column[i]), flag) : null)) },
    { name: 'model_name', kind: 'text', constant: manifest.name },
    { name: 'model_version', kind: 'long', constant: BigInt(manifest.version) },
    { name: 'scored_at', kind: 'timestamp', constant: BigInt(nowMs) * 1000n },
  ];
}
