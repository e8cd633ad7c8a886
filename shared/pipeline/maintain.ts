import type { Clock } from '../clock.ts';
import type { AddFile } from '../delta/actions.ts';
import { compactFiles, liveNow } from '../delta/operations/optimize.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { vacuum } from '../delta/operations/vacuum.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { Broker } from '../sources/broker.ts';
import { consumedOf } from './consumers.ts';
import type { Pipeline } from './definition.ts';
import { healListed } from './heal-later.ts';
import type { Lake } from './lake.ts';
import { planMaintenance } from './maintenance-plan.ts';
import type { MaintenancePlan, RewriteStep, TableFacts, UpkeepStep } from './maintenance-plan.ts';
import type { WriteObserver } from './observer.ts';
import { KEEP_ALL, retain, retentionDaysOf } from './retention.ts';
import type { RetentionDays } from './retention.ts';
import { rowsOf } from './stage.ts';
import type { StageOutcome } from './stage.ts';
import { GOLD, SILVER } from './tables.ts';

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
  /** No further step begins after so long; default: no bound. */
  readonly timeMs?: number;
  /** Of these tables alone; default: all of the lake's own. */
  readonly tables?: readonly string[];
  /** When this worker last vacuumed a table, by its name: kept by the caller from run to run. */
  readonly vacuumed?: Map<string, number>;
  readonly observe: WriteObserver;
  /** Told of every step that was done. */
  readonly onStep?: (step: RewriteStep | UpkeepStep, done: StepDone) => void;
  /** For people: what keeps a log, or old rows, from going. */
  readonly say?: (line: string) => void;
}

/** Of one run; the next goes on. */
const BYTES_MAX = 1024 ** 3;
const VACUUM_FILES_MAX = 10_000;

/**
 * Does what the plan says (maintenance-plan.ts): gaps are read again, old rows go, small files are merged, clustered or purged, the hottest first; then
 * checkpoints, logs, and files that nobody needs. No row changes otherwise. A step that meets a rival is left for the next run, and one table's trouble
 * is no reason to leave the others alone: the first failure is thrown at the end.
 */
export async function maintain(options: MaintainOptions): Promise<StageOutcome> {
  const { clock, timeMs = Infinity } = options;
  const endMs = clock.monotonicMs() + timeMs;
  const failures = new Map<string, unknown>();
  const plan = await planLake(options, failures);
  let [rows, version, more] = [0, -1n, plan.left.length > 0];
  for (const step of plan.steps) {
    if (failures.has(step.table)) continue;
    if (clock.monotonicMs() >= endMs) {
      more = true;
      break;
    }
    try {
      const done = await perform(step, { ...options, timeMs: endMs - clock.monotonicMs() });
      options.onStep?.(step, done);
      rows += done.rows ?? 0;
      version = done.version ?? version;
      more ||= done.more ?? false;
    } catch (error) {
      // A broker that does not answer is no reason to leave the table of gaps alone.
      failures.set(step.kind === 'heal' ? 'broker' : step.table, error);
    }
  }
  for (const failure of failures.values()) throw failure;
  return version < 0n ? { kind: 'nothing-to-do' } : { kind: 'committed', rows, version, more };
}

/** What `maintain` would do now, of the tables that are there. Reads logs, and no more. A table whose log can't be read is in `failures`. */
export async function planLake(options: MaintainOptions, failures: Map<string, unknown>): Promise<MaintenancePlan> {
  const { lake, tables = lake.ownNames, broker, checkpointInterval } = options;
  const facts: TableFacts[] = [];
  for (const name of tables) {
    try {
      const table = await lake.find(name);
      if (table !== null) facts.push(await factsOf(name, await table.delta.refresh(), options));
    } catch (error) {
      failures.set(name, error);
    }
  }
  return planMaintenance(facts, { nowMs: lake.store.nowMs(), checkpointInterval, hasBroker: Boolean(broker), bytesMax: BYTES_MAX });
}

async function factsOf(name: string, snapshot: Snapshot, { lake, readers, pipeline, retention = KEEP_ALL, vacuumed }: MaintainOptions): Promise<TableFacts> {
  const has = (column: string) => snapshot.schema.fields.some((field) => field.name === column);
  const zOrderBy = (name === SILVER || name === GOLD) && pipeline.zOrderBy.every(has) ? pipeline.zOrderBy : [];
  return { name, snapshot, zOrderBy, consumed: await consumedOf(name, lake, readers), retentionDays: retentionDaysOf(name, retention), vacuumedMs: vacuumed?.get(name) ?? null };
}

export interface StepDone {
  readonly rows?: number;
  /** Null or absent: no commit. */
  readonly version?: bigint | null;
  readonly more?: boolean;
}

async function perform(step: RewriteStep | UpkeepStep, options: MaintainOptions): Promise<StepDone> {
  if (step.kind === 'heal') return healListed({ ...options, broker: options.broker! });
  const table = await options.lake.table(step.table);
  if ('inputs' in step) return rewrite(table, step, options);
  if (step.kind === 'expire') return expireRows(table, step.table, options);
  if (step.kind === 'vacuum') return deleteUnneeded(table, step.table, options);
  if (step.kind === 'clean-log') await cleanLog(table, step.table, options);
  else await table.delta.checkpointIfDue(options.checkpointInterval);
  return {};
}

async function rewrite(table: RowTable, { kind, inputs: planned }: RewriteStep, { pipeline, observe }: MaintainOptions): Promise<StepDone> {
  const { snapshot } = table.delta;
  const inputs = liveNow(snapshot, planned);
  if (inputs === null) return {};
  const done = observe(kind);
  const transaction = await compactFiles(table, snapshot, inputs, kind === 'zorder' ? { zOrderBy: pipeline.zOrderBy } : {});
  const outcome = await table.delta.commit(snapshot, transaction);
  if (outcome.kind === 'clash') return {};
  done({ rows: Number(rowsOf(inputs)), adds: transaction.actions.flatMap(({ add }) => (add ? [add] : [])), before: inputs });
  return { rows: Number(rowsOf(inputs)), version: outcome.snapshot.version };
}

async function expireRows(table: RowTable, name: string, options: MaintainOptions): Promise<StepDone> {
  const done = options.observe('expire');
  const before = table.delta.snapshot.files;
  const expired = await retain(name, { ...options, days: options.retention ?? KEEP_ALL });
  const after = table.delta.snapshot.files;
  const only = (files: ReadonlyMap<string, AddFile>, others: ReadonlyMap<string, AddFile>) => [...files].flatMap(([key, file]) => (others.has(key) ? [] : [file]));
  if (expired.version !== null) done({ rows: Number(expired.rows ?? 0n), adds: only(after, before), before: only(before, after) });
  return { rows: Number(expired.rows ?? 0n), version: expired.version, more: expired.more };
}

/** Never past a stage that reads the table (semantics.md, section 6). */
async function cleanLog({ delta }: RowTable, name: string, { lake, readers, say }: MaintainOptions): Promise<void> {
  const consumed = await consumedOf(name, lake, readers);
  const outcome = await delta.cleanLogIfDue({ consumed: consumed && consumed.version });
  if (outcome?.kind !== 'kept') return;
  if (outcome.why === 'consumer') say?.(`${name}: its log is older than it needs to be, and stays: ${consumed?.stage} has read up to version ${consumed?.version} only; look why ${consumed?.stage} is behind`);
  if (outcome.why === 'damaged') say?.(`${name}: its log is older than it needs to be, and stays: the checkpoint that it would begin with cannot be read; delete that file, and the next one serves`);
}

async function deleteUnneeded(table: RowTable, name: string, { lake, readers, observe, say, clock, timeMs = Infinity, vacuumed }: MaintainOptions): Promise<StepDone> {
  const consumed = await consumedOf(name, lake, readers);
  const done = observe('vacuum');
  const { files, deleted, heldBack, more } = await vacuum(table, { isDryRun: false, consumed: consumed && consumed.version, filesMax: VACUUM_FILES_MAX, deadlineMs: clock.nowMs() + timeMs });
  if (heldBack > 0) say?.(`${name}: ${heldBack} files that nobody else needs stay: ${consumed?.stage} has read up to version ${consumed?.version} only; look why ${consumed?.stage} is behind`);
  if (!more) vacuumed?.set(name, lake.store.nowMs());
  if (deleted > 0) done({ rows: 0, adds: [], before: files.slice(0, deleted) });
  return { more: more && deleted > 0 };
}
