import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readJsonTree } from '../../../shared/pipeline/pipeline-file/json-tree.ts';
import type { JsonNode } from '../../../shared/pipeline/pipeline-file/json-tree.ts';

function print(node: JsonNode): string {
  if (node.kind === 'scalar') return JSON.stringify(node.value);
  if (node.kind === 'array') return `[${node.items.map(print).join(',')}]`;
  return `{${node.members.map(({ key, value }) => `${JSON.stringify(key)}:${print(value)}`).join(',')}}`;
}

function everyNode(node: JsonNode): JsonNode[] {
  if (node.kind === 'scalar') return [node];
  return [node, ...(node.kind === 'array' ? node.items : node.members.map(({ value }) => value)).flatMap(everyNode)];
}

test('duplicate keys and positions are kept', () => {
  expect(readJsonTree(' {"a" : 1,\n"a":[ true ]}')).toEqual({
    kind: 'object', at: 1,
    members: [
      { key: 'a', at: 2, value: { kind: 'scalar', at: 8, value: 1 } },
      { key: 'a', at: 11, value: { kind: 'array', at: 15, items: [{ kind: 'scalar', at: 17, value: true }] } },
    ],
  });
});

test('holds what JSON.parse holds, each value where it stands', () => {
  fc.assert(fc.property(fc.json(), fc.constantFrom(undefined, 1, '\t'), (compact, space) => {
    const text = JSON.stringify(JSON.parse(compact), null, space);
    const tree = readJsonTree(text);
    expect(print(tree)).toBe(JSON.stringify(JSON.parse(text)));
    for (const node of everyNode(tree)) expect(text.startsWith(print(node).slice(0, 1), node.at)).toBe(true);
  }));
});
