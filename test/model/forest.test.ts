import { describe, expect, test } from 'vitest';
import { ModelError } from '../../shared/errors.ts';
import { averagePathLength, parseForest, pathLengths, printForest } from '../../shared/model/forest.ts';
import { goldenNames, readGolden } from '../support/model-goldens.ts';

/** Root with the leaves 1 and 2. */
const STUMP = {
  format: 'isolation-forest/1',
  params: { n_estimators: 1, max_samples: 3, contamination: 'auto', random_state: 0 },
  features: ['value'],
  max_samples: 3,
  offset: -0.5,
  c_max_samples: averagePathLength(3),
  trees: [{ feature: [0, -1, -1], threshold: [1.5, 0, 0], left: [1, -1, -1], right: [2, -1, -1], n_node_samples: [3, 1, 2], missing_left: [0, 0, 0] }],
};

function withTree(change: object): string {
  return JSON.stringify({ ...STUMP, trees: [{ ...STUMP.trees[0], ...change }] });
}

test.each([
  [0, 0],
  [1, 0],
  [2, 1],
  [3, 1.2073923577],
  [256, 10.2447709201],
])('c(%d) is %d', (n, expected) => {
  expect(averagePathLength(n)).toBeCloseTo(expected, 9);
});

test('path lengths count edges and what the leaf did not resolve', () => {
  const [tree] = parseForest(JSON.stringify(STUMP)).trees;
  expect(Array.from(pathLengths(tree)).slice(1)).toEqual([1, 2]);
});

test.each([
  ['no JSON', '{', 'not JSON'],
  ['another format', JSON.stringify({ ...STUMP, format: 'isolation-forest/2' }), 'the format is "isolation-forest/2"'],
  ['no format at all', 'null', 'the format is undefined'],
  ['no features', JSON.stringify({ ...STUMP, features: [] }), 'names no features'],
  ['no trees', JSON.stringify({ ...STUMP, trees: [] }), 'has no trees'],
  ['no offset', JSON.stringify({ ...STUMP, offset: null }), 'offset is null'],
  ['arrays of two lengths', withTree({ threshold: [1] }), 'tree 0 has 3 nodes but 1 values of threshold'],
  ['a missing array', withTree({ left: undefined }), 'tree 0 has 3 nodes but undefined values of left'],
  ['a feature too far', withTree({ feature: [1, -1, -1] }), 'tree 0, node 0 asks for feature 1 of 1'],
  ['a child out of the tree', withTree({ right: [3, -1, -1] }), 'tree 0, node 0 points to 3'],
  ['a loop', withTree({ left: [0, -1, -1] }), 'tree 0, node 0 points to 0'],
])('%s is refused', (_, text, message) => {
  expect(() => parseForest(text)).toThrow(ModelError);
  expect(() => parseForest(text)).toThrow(message);
});

describe.skipIf(goldenNames().length === 0)('goldens', () => {
  test.each(goldenNames())('%s is read back from its print', (name) => {
    const { forest } = readGolden(name);
    const text = printForest(forest);
    const again = parseForest(text);
    // By text: a threshold of −0 comes back as 0, which compares alike.
    expect(printForest(again)).toBe(text);
    expect(again.trees.length).toBe(forest.trees.length);
  });
});
