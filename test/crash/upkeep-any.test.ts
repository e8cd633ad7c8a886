import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commitKey } from '../../shared/delta/log-path.ts';
import { compactFiles } from '../../shared/delta/operations/optimize.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { vacuum } from '../../shared/delta/operations/vacuum.ts';
import { isAssayError } from '../../shared/errors.ts';
import { consumedOf } from '../../shared/pipeline/consumers.ts';
import { expiredBefore } from '../../shared/pipeline/expired.ts';
import { KEEP_ALL, retain } from '../../shared/pipeline/retention.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { restoreLake } from '../../shared/pipeline/restore-lake.ts';
import { score } from '../../shared/pipeline/score.ts';
import { BRONZE, GOLD, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import { makeChampion } from '../simulation/worker.ts';
import { backfillIn, contentOf, land, lakeOf, newPlace, refineAll, ruled, verdictOf } from '../support/backfill.ts';
import type { Place } from '../support/backfill.ts';
import { Lifeline } from '../support/dying-store.ts';
import { replayIn } from '../support/replay.ts';
import { TestBroker, event, record } from '../support/test-lake.ts';

/**
 * Whatever upkeep does, in whatever order, among batches, refines and their deaths, VACUUMs without regard for readers and logs cut by hand: Silver is that
 * of a lake without any of it, Gold has its rows, and the balance is ok.
 */
const DAY_MS = 86_400_000;
const RUNS = Number(process.env['UPKEEP_RUNS'] ?? 250);
const rules = ruled(1, { rules: [{ name: 'low', column: 'value', range: { min: 20 } }] });
const TABLES = [BRONZE, SILVER, QUARANTINE, GOLD];
const champion = makeChampion(rules);

/** What a backfill or a restore refuses, and says so. */
const REFUSALS = new Set(['backfill/quarantine-expired', 'backfill/bronze-expired', 'backfill/rereading', 'backfill/gone', 'pipeline/restore', 'delta/version-gone', 'delta/no-such-version', 'delta/missing-file']);

const DOES: Readonly<Record<string, (place: Place, n: number) => Promise<unknown>>> = {
  'refine all': (place, n) => refineAll(place, rules, { sliceRows: 1 + (n % 4) }),
  'refine, and die': (place, n) => refineAll(place, rules, { sliceRows: 1 + (n % 4), life: new Lifeline(5 + n, n % 2 === 0 ? 'stop-after' : 'stop-before') }).catch(dead),
  'five weeks pass, quarantine expires': (place) => {
    place.clock.advance(35 * DAY_MS);
    return DOES['expire quarantine'](place, 0);
  },
  'score all': (place, n) => scoreAll(place, { sliceRows: 1 + (n % 4) }),
  'score, and die': (place, n) => scoreAll(place, { sliceRows: 1 + (n % 4), life: new Lifeline(5 + (n % 30), n % 2 === 0 ? 'stop-after' : 'stop-before') }).catch(dead),
  'expire quarantine': (place) => retain(QUARANTINE, { lake: lakeOf(place, rules), clock: place.clock, days: { ...KEEP_ALL, quarantine: 1 } }),
  'expire Bronze': (place) => retain(BRONZE, { lake: lakeOf(place, rules), clock: place.clock, days: { ...KEEP_ALL, bronze: 1 } }),
  'five weeks pass': ({ clock }) => Promise.resolve(clock.advance(35 * DAY_MS)),
  compact: (place, n) => compact(place, TABLES[n % TABLES.length]),
  'eight days pass, vacuum': async (place) => {
    place.clock.advance(8 * DAY_MS);
    for (const name of TABLES) {
      const lake = lakeOf(place, rules);
      const consumed = await consumedOf(name, lake);
      await vacuum(await lake.table(name), { isDryRun: false, consumed: consumed && consumed.version });
    }
  },
  'two days pass, vacuum of a stranger': async (place, n) => {
    place.clock.advance(2 * DAY_MS);
    return vacuum(await lakeOf(place, rules).table(TABLES[n % TABLES.length]), { isDryRun: false, consumed: null, isForced: true, retentionMs: 0 });
  },
  'clean logs': async (place) => {
    for (const name of TABLES) {
      const lake = lakeOf(place, rules);
      const { delta } = await lake.table(name);
      await delta.checkpoint();
      const consumed = await consumedOf(name, lake);
      await delta.cleanLogIfDue({ consumed: consumed && consumed.version });
    }
  },
  'cut a log': async (place, n) => {
    const name = n % 3 > 0 ? BRONZE : SILVER;
    const { delta } = await lakeOf(place, rules).table(name);
    await delta.checkpoint();
    for (let version = 0n; version < delta.snapshot.version; version++) await place.store.delete(`${name}/${commitKey(version)}`);
  },
  'restore Silver or Gold': async (place, n) => {
    const [lake, name] = [lakeOf(place, rules), n % 2 === 0 ? SILVER : GOLD];
    const { version } = (await lake.table(name)).delta.snapshot;
    await restoreLake({ lake, table: name, version: version - BigInt(n % 5), clock: place.clock, isDryRun: false }).catch(refused);
  },
  replay: (place) => replayIn({ lake: lakeOf(place, rules), pipeline: rules }, { clock: place.clock }),
  backfill: (place, n) => backfillIn({ lake: lakeOf(place, rules), pipeline: rules }, { clock: place.clock, sliceRows: 1 + (n % 5) }).catch(refused),
};

async function scoreAll(place: Place, { sliceRows = 100, life = new Lifeline() } = {}): Promise<void> {
  const options = { lake: lakeOf(place, rules, life), pipeline: rules, clock: place.clock, checkpointInterval: 3n, observe: unobserved, champions: { current: () => Promise.resolve(champion) }, sliceRows };
  while ((await score(options)).kind !== 'nothing-to-do');
}

/** Whose rows Silver and Gold have, and of which value: what a row says beside them is not the same after every way. */
async function keysOf(place: Place, name: string): Promise<string[]> {
  const table = await lakeOf(place, rules).table(name);
  const rows = await table.engine.session(async (session) => session.rows(await scanLive(session, table, table.delta.snapshot)));
  return rows.map(({ event_id, timestamp, value }) => `${String(event_id)} ${String(timestamp)} ${String(value)}`).sort();
}

function dead(error: unknown): void {
  if (!isAssayError(error) || !/^(?:test\/dead|delta\/commit-unknown)$/.test(error.code)) throw error;
}

function refused(error: unknown): void {
  if (!isAssayError(error) || !REFUSALS.has(error.code)) throw error;
}

async function compact(place: Place, name: string): Promise<void> {
  const table = await lakeOf(place, rules).table(name);
  const snapshot = await table.delta.refresh();
  const partitions = Map.groupBy(snapshot.files.values(), ({ partitionValues }) => JSON.stringify(partitionValues));
  const bin = [...partitions.values()].find((files) => files.length > 1);
  if (bin) await table.delta.commit(snapshot, await compactFiles(table, snapshot, bin));
}

test('Silver is what it is without upkeep, and the balance is ok', async () => {
  const payload = fc.oneof(
    fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), second: fc.integer({ min: 10, max: 13 }), value: fc.constantFrom('10', '50', '60') }).map(({ id, second, value }) => event(id, { timestamp: `2025-04-01T17:59:${second}Z`, value })),
    fc.constant('nonsense'));
  const batch = fc.array(fc.record({ partition: fc.integer({ min: 0, max: 1 }), payload }), { minLength: 1, maxLength: 4 });
  const upkeep = fc.record({ does: fc.constantFrom(...Object.keys(DOES), 'refine all', 'refine all', 'refine all'), n: fc.integer({ min: 0, max: 60 }) });
  const step = fc.oneof({ weight: 2, arbitrary: batch }, { weight: 5, arbitrary: upkeep });
  const seen = new Map<string, number>();
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), fc.boolean(), async (steps, vectors) => {
    const next = [0, 0];
    const [place, straight, broker] = [newPlace(vectors), newPlace(vectors), new TestBroker()];
    await land(place, rules, []);
    for (const each of steps) {
      if (Array.isArray(each)) {
        const records = each.map(({ partition, payload: text }) => record(next[partition]++, text, { partition }));
        for (const at of [place, straight]) await land(at, rules, records, broker);
      } else {
        seen.set(each.does, (seen.get(each.does) ?? 0) + 1);
        await DOES[each.does](place, each.n);
      }
    }
    for (const at of [place, straight]) await refineAll(at, rules);
    await scoreAll(place);
    expect(await keysOf(place, GOLD)).toEqual(await keysOf(place, SILVER));
    expect(await verdictOf(place, rules)).toBe('ok');
    // Who lost is not told apart any more from what expired from Bronze, where it is read whole then.
    const isKnown = expiredBefore((await lakeOf(place, rules).table(BRONZE)).delta.snapshot) === null;
    const sure = (lines: readonly string[]) => lines.filter((line) => line.startsWith(SILVER) || (isKnown && /^lost .* [1-9]/.test(line)));
    expect(sure(await contentOf(place, rules))).toEqual(sure(await contentOf(straight, rules)));
  }), { numRuns: RUNS });
  for (const does of Object.keys(DOES)) expect(seen.get(does), does).toBeGreaterThan(20);
}, 200_000);
