import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LayeredMap, MapDraft } from '../../shared/delta/layered-map.ts';

interface Value { readonly n: number }
type Change = readonly [kind: 'set' | 'delete', key: number];

const changes = (most: number) => fc.array(fc.tuple(fc.constantFrom<'set' | 'delete'>('set', 'set', 'delete'), fc.nat({ max: 40 })), { maxLength: most });
const drafts = fc.array(fc.oneof({ weight: 5, arbitrary: changes(4) }, { weight: 1, arbitrary: changes(60) }), { maxLength: 25 });

/** What a Map does that gives a key set again the last place. */
function applied(to: ReadonlyMap<number, Value>, draft: readonly Change[], stamp: number): Map<number, Value> {
  const result = new Map(to);
  for (const [kind, key] of draft) {
    result.delete(key);
    if (kind === 'set') result.set(key, { n: stamp * 100 + key });
  }
  return result;
}

function expectSame(map: LayeredMap<number, Value>, model: ReadonlyMap<number, Value>): void {
  expect([...map]).toEqual([...model]);
  expect([...map.keys()]).toEqual([...model.keys()]);
  expect([...map.values()]).toEqual([...model.values()]);
  expect(map.size).toBe(model.size);
  for (let key = 0; key <= 40; key++) expect([map.get(key), map.has(key)]).toEqual([model.get(key), model.has(key)]);
  const seen: [number, Value][] = [];
  map.forEach((value, key) => seen.push([key, value]));
  expect(seen).toEqual([...model]);
}

test('is a Map at every version, and stays so while newer ones come of it, on any branch', () => {
  fc.assert(fc.property(drafts, fc.infiniteStream(fc.nat({ max: 1_000 })), (all, picks) => {
    const versions: { map: LayeredMap<number, Value>; model: Map<number, Value> }[] = [{ map: LayeredMap.from<number, Value>(new Map()), model: new Map() }];
    for (const [stamp, draft] of all.entries()) {
      // Mostly on the newest; now and then on one that somebody held.
      const pick = picks.next().value;
      const base = versions[pick % 4 === 0 ? pick % versions.length : versions.length - 1];
      const made = new MapDraft(base.map);
      for (const [kind, key] of draft) {
        if (kind === 'set') made.set(key, { n: stamp * 100 + key });
        else made.delete(key);
      }
      versions.push({ map: made.finish(), model: applied(base.model, draft, stamp) });
    }
    for (const { map, model } of versions) expectSame(map, model);
  }), { numRuns: 300 });
});

test('a change costs what changed: few layers, and the large one is not copied', () => {
  let map = LayeredMap.from(new Map(Array.from({ length: 10_000 }, (_value, i) => [i, { n: i }])));
  const [bottom] = map.layers;
  let copied = 0;
  for (let i = 0; i < 2_000; i++) {
    const draft = new MapDraft(map);
    draft.set(20_000 + i, { n: i });
    draft.delete(i);
    const before = new Set(map.layers);
    map = draft.finish();
    for (const layer of map.layers) if (!before.has(layer)) copied += layer.size;
    expect(map.layers.length).toBeLessThan(9);
  }
  expect(map.size).toBe(10_000);
  // 4,000 changes: some copies of each, but never the 10,000 for one of them.
  expect(copied).toBeLessThan(4_000 * 40);
  expect(map.layers[0] === bottom || map.layers[0].size >= 10_000).toBe(true);
});

test('without a change it is the same map', () => {
  const map = LayeredMap.from(new Map([[1, { n: 1 }]]));
  const draft = new MapDraft(map);
  draft.delete(2);
  expect(draft.finish()).toBe(map);
});
