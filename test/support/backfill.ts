import { systemClock } from '../../shared/clock.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { progressOf } from '../../shared/delta/snapshot.ts';
import { balance } from '../../shared/monitoring/balance.ts';
import { backfill } from '../../shared/pipeline/backfill.ts';
import type { BackfillOptions, BackfillReport } from '../../shared/pipeline/backfill.ts';
import { readBalanceFacts } from '../../shared/pipeline/balance-facts.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import { parseCountAppId } from '../../shared/pipeline/counts.ts';
import type { Pipeline } from '../../shared/pipeline/definition.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { Lake } from '../../shared/pipeline/lake.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import { QUARANTINE, SILVER, pipelineTables } from '../../shared/pipeline/tables.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { line } from '../simulation/expectation.ts';
import { patientClock } from './delta.ts';
import { DyingStore, Lifeline } from './dying-store.ts';
import { LinesCodec } from './lines-codec.ts';
import { MemoryRelations } from './memory-relations.ts';
import { MemoryStore } from './memory-store.ts';
import { eventsPipelineText, ruleSettings } from './pipelines.ts';
import { TestBroker } from './test-lake.ts';

/** `assay backfill silver` without the command. */
export function backfillIn({ lake, pipeline }: { readonly lake: Lake; readonly pipeline: Pipeline }, more: Partial<BackfillOptions> = {}): Promise<BackfillReport> {
  const judge = compileRules(pipeline, ruleSettings);
  return backfill({
    lake, pipeline, judge, unrouted: judge, lateAfterMs: ruleSettings.lateAfterMs, sliceRows: 250_000, checkpointInterval: 10n, clock: systemClock,
    observe: unobserved, isDryRun: false, ...more,
  });
}

/** The pipeline that ships, of another generation, with something changed. */
export const ruled = (generation: number, change: object): Pipeline =>
  parsePipelineFile(JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, 'assay.generation': generation, ...change }), 'ruled', ruleSettings);

/** A lake in memory. */
export interface Place {
  readonly store: MemoryStore;
  readonly clock: ReturnType<typeof patientClock>;
  readonly vectors: boolean;
}

export function newPlace(vectors = true): Place {
  const clock = patientClock();
  return { clock, vectors, store: new MemoryStore({ clock }) };
}

export function copyOf({ store, vectors }: Place): Place {
  const clock = patientClock();
  return { vectors, clock, store: store.copy({ clock }) };
}

/** A worker's view of the place. */
export function lakeOf({ store, clock, vectors }: Place, pipeline: Pipeline, life = new Lifeline()): Lake {
  const definitions = pipelineTables(pipeline).map((definition) => ({ ...definition, configuration: { ...definition.configuration, 'delta.enableDeletionVectors': String(vectors) } }));
  const dying = new DyingStore(store, life);
  return new Lake({ store: dying, engine: new MemoryRelations(dying), codec: new LinesCodec(), clock, definitions });
}

export async function land(place: Place, pipeline: Pipeline, batch: readonly KafkaRecord[], broker = new TestBroker()): Promise<void> {
  const { clock } = place;
  const lake = lakeOf(place, pipeline);
  await lake.ensureAll();
  await ingest(batch, { lake, pipeline, clock, checkpointInterval: 3n, observe: unobserved, broker, consumerGroup: 'test', seen: new Map() });
}

export async function refineAll(place: Place, pipeline: Pipeline, { sliceRows = 100, life = new Lifeline() } = {}): Promise<void> {
  const options = { lake: lakeOf(place, pipeline, life), pipeline, clock: place.clock, checkpointInterval: 3n, observe: unobserved, judge: compileRules(pipeline, ruleSettings), lateAfterMs: ruleSettings.lateAfterMs, sliceRows };
  while ((await refine(options)).kind !== 'nothing-to-do');
}

/** The verdict, and the equations that do not hold. Gold stays empty here, and its equation holds. */
export async function verdictOf(place: Place, pipeline: Pipeline): Promise<string> {
  const { verdict, equations } = balance(await readBalanceFacts(lakeOf(place, pipeline)));
  return [verdict, ...equations.filter((each) => each.verdict !== 'ok').map(({ text }) => text)].join('; ');
}

const WITHOUT = new Set(['processed_at', 'quarantined_at', 'rules_hash', 'resolved_at', 'bronze_version', 'ingested_at', 'incarnation']);

/** The balance, Silver, open quarantine, and how many lost, as lines: all but when a row was written, under which hash, and which Bronze version it names. */
export async function contentOf(place: Place, pipeline: Pipeline): Promise<string[]> {
  const lake = lakeOf(place, pipeline);
  const lines = [`balance ${await verdictOf(place, pipeline)}`];
  for (const name of [SILVER, QUARANTINE]) {
    const table = await lake.table(name);
    const { snapshot } = table.delta;
    const rows = await table.engine.session(async (session) => session.rows(await scanLive(session, table, snapshot)));
    const columns = snapshot.schema.fields.map((field) => field.name).filter((column) => !WITHOUT.has(column));
    lines.push(...rows.filter((row) => name === SILVER || row['resolved_at'] === null).map((row) => `${name} ${line(Object.fromEntries(columns.map((column) => [column, row[column]])))}`).sort());
  }
  const { snapshot } = (await lake.table(SILVER)).delta;
  const lost = new Map<string, bigint>();
  for (const appId of snapshot.txns.keys()) {
    const counted = parseCountAppId(appId);
    if (counted?.term !== 'duplicate' && counted?.term !== 'superseded') continue;
    const lane = `${counted.lane.topic}/${counted.lane.partition}`;
    lost.set(lane, (lost.get(lane) ?? 0n) + progressOf(snapshot, appId)!);
  }
  return [...lines, ...[...lost].map(([lane, rows]) => `lost ${lane} ${rows}`).sort()];
}
