import { describe, expect, test } from 'vitest';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { balance } from '../../shared/monitoring/balance.ts';
import { readBalanceFacts } from '../../shared/pipeline/balance-facts.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import type { Pipeline } from '../../shared/pipeline/definition.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { Lake } from '../../shared/pipeline/lake.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import { QUARANTINE, SILVER, pipelineTables } from '../../shared/pipeline/tables.ts';
import { line } from '../simulation/expectation.ts';
import { patientClock } from '../support/delta.ts';
import { DyingStore, Lifeline, deathsOf, isWrite } from '../support/dying-store.ts';
import { LinesCodec } from '../support/lines-codec.ts';
import { MemoryRelations } from '../support/memory-relations.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { eventsPipelineText, ruleSettings } from '../support/pipelines.ts';
import { replayIn } from '../support/replay.ts';
import { TestBroker, event, record } from '../support/test-lake.ts';
import { isDone } from './cycle.ts';
import type { Mode } from './cycle.ts';

/**
 * A replay meets every failure at every storage operation. At whatever place it ends, the balance holds then and there; another one, which has
 * to finish what it finds, comes to the tables of a replay that nothing disturbed.
 */
const parse = (generation: number, change: object) =>
  parsePipelineFile(JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, 'assay.generation': generation, ...change }), 'replay', ruleSettings);
const strict = parse(1, { rules: [{ name: 'low', column: 'value', range: { min: 60 } }] });
const lenient = parse(2, {});

const later = { timestamp: '2025-04-01T17:59:30Z' };
const batches = [
  [record(0, event('kept', { value: '70' })), record(1, event('low')), record(2, 'nonsense')],
  [record(3, event('low', { ...later, value: '51' })), record(4, event('low')), record(5, event('kept', { ...later, value: '52' }))],
  [record(6, event('kept', { timestamp: '2025-04-01T17:58:00Z', value: '53' })), record(0, event('low', { ...later, value: '54', event_type: 'view' }), { partition: 1 }), record(7, event('fine', { value: '90' }))],
];
const SLICE_ROWS = 3;

interface Place { readonly mode: Mode; readonly store: MemoryStore; readonly clock: ReturnType<typeof patientClock> }

function copyOf({ mode, store }: Place): Place {
  const clock = patientClock();
  return { mode, clock, store: store.copy({ clock }) };
}

function lakeOf({ mode, store, clock }: Place, pipeline: Pipeline, life = new Lifeline()): Lake {
  const vectors = { 'delta.enableDeletionVectors': String(mode === 'deletion vectors') };
  const definitions = pipelineTables(pipeline).map((definition) => ({ ...definition, configuration: { ...definition.configuration, ...vectors } }));
  const dying = new DyingStore(store, life);
  return new Lake({ store: dying, engine: new MemoryRelations(dying), codec: new LinesCodec(), clock, definitions });
}

async function placeWith(mode: Mode, pipeline: Pipeline): Promise<Place> {
  const clock = patientClock();
  const place = { mode, clock, store: new MemoryStore({ clock }) };
  const [lake, broker] = [lakeOf(place, pipeline), new TestBroker()];
  await lake.ensureAll();
  const common = { lake, pipeline, clock, checkpointInterval: 3n, observe: unobserved };
  const judge = compileRules(pipeline, ruleSettings);
  for (const batch of batches) {
    await ingest(batch, { ...common, broker, consumerGroup: 'replay', seen: new Map() });
    while ((await refine({ ...common, judge, lateAfterMs: ruleSettings.lateAfterMs, sliceRows: 100 })).kind !== 'nothing-to-do');
  }
  return place;
}

async function replayOnce(place: Place, life = new Lifeline()): Promise<void> {
  await replayIn({ lake: lakeOf(place, lenient, life), pipeline: lenient }, { clock: place.clock, checkpointInterval: 3n, sliceRows: SLICE_ROWS });
}

const WITHOUT = new Set(['processed_at', 'quarantined_at', 'rules_hash', 'resolved_at']);

async function contentOf(place: Place): Promise<string[]> {
  const lake = lakeOf(place, lenient);
  const lines = [`balance ${await verdictOf(place)}`];
  for (const name of [SILVER, QUARANTINE]) {
    const table = await lake.table(name);
    const { snapshot } = table.delta;
    const rows = await table.engine.session(async (session) => session.rows(await scanLive(session, table, snapshot)));
    const isOpen = (row: Record<string, unknown>) => (name === QUARANTINE ? ` open: ${row['resolved_at'] === null}` : '');
    const columns = snapshot.schema.fields.map((field) => field.name).filter((column) => !WITHOUT.has(column));
    lines.push(...rows.map((row) => `${name} ${line(Object.fromEntries(columns.map((column) => [column, row[column]])))}${isOpen(row)}`).sort());
  }
  return lines;
}

async function verdictOf(place: Place): Promise<string> {
  const { verdict, equations } = balance(await readBalanceFacts(lakeOf(place, lenient)));
  // Gold is not part of this.
  return [verdict, ...equations.filter((each) => each.verdict !== 'ok').map(({ text }) => text)].join('; ');
}

/** Until it is told no more of failures, as whoever runs it again does. */
async function finish(place: Place, life = new Lifeline()): Promise<void> {
  const isOver = async () => (await isDone(replayOnce(place, life))) || life.stopped;
  while (!(await isOver()));
}

describe.each<Mode>(['copy-on-write', 'deletion vectors'])('%s', (mode) => {
  test('nothing happens: Silver is what the lenient rules would have made of Bronze, open quarantine too', async () => {
    const place = await placeWith(mode, strict);
    await replayOnce(place);
    const [replayed, ruledSo] = [await contentOf(place), await contentOf(await placeWith(mode, lenient))];
    const isWanted = (text: string) => !text.startsWith(QUARANTINE) || text.endsWith('open: true');
    expect(replayed.filter(isWanted)).toEqual(ruledSo.filter(isWanted));
    expect(replayed.filter((text) => text.endsWith('open: false'))).toHaveLength(6);
  });

  test('ends, or fails, at every operation', async () => {
    const start = await placeWith(mode, strict);
    const whole = copyOf(start);
    const life = new Lifeline();
    await replayOnce(whole, life);
    const expected = await contentOf(whole);
    expect(expected[0]).toBe('balance ok');
    expect(life.operations.filter(isWrite).length).toBeGreaterThanOrEqual(12);
    const harms: unknown[] = [];
    for (const [i, operation] of life.operations.entries()) {
      for (const death of deathsOf(operation)) {
        const place = copyOf(start);
        const disturbed = new Lifeline(i + 1, death);
        await finish(place, disturbed);
        const verdict = await verdictOf(place);
        if (verdict !== 'ok') harms.push(`${death} ${i + 1} ${operation}: balance ${verdict}`);
        await finish(place);
        const found = await contentOf(place);
        if (found.join('\n') !== expected.join('\n')) harms.push([`${death} ${i + 1} ${operation}`, ...expected.filter((text) => !found.includes(text)), ...found.filter((text) => !expected.includes(text)).map((text) => `+ ${text}`)]);
      }
    }
    expect(harms).toEqual([]);
  }, 300_000);

  test('a row that Silver has forgotten to count, or counted twice, is seen: the sweep has eyes', async () => {
    const place = await placeWith(mode, strict);
    await finish(place, new Lifeline(40, 'stop-after'));
    const silver = await lakeOf(place, lenient).table(SILVER);
    const counts = [...silver.delta.snapshot.txns.values()].filter(({ appId }) => appId.startsWith('count/quarantine/'));
    await silver.delta.commit(silver.delta.snapshot, { operation: 'WRITE', actions: [{ txn: { ...counts[0], version: counts[0].version + 1n } }], reads: 'table' });
    expect(await verdictOf(place)).toContain('broken');
  });
});
