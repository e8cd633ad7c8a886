import { spaceEnd, valueEnd } from '../json-scan.ts';

/** A JSON text as values that know where they stand, for files that people write and get told about. */
export type JsonNode = JsonObject | JsonArray | JsonScalar;

export interface JsonObject {
  readonly kind: 'object';
  /** UTF-16 index of the first character. */
  readonly at: number;
  /** In source order, duplicates included. */
  readonly members: readonly JsonMember[];
}

export interface JsonMember {
  readonly key: string;
  readonly at: number;
  readonly value: JsonNode;
}

export interface JsonArray {
  readonly kind: 'array';
  readonly at: number;
  readonly items: readonly JsonNode[];
}

export interface JsonScalar {
  readonly kind: 'scalar';
  readonly at: number;
  readonly value: string | number | boolean | null;
}

/** `text` is JSON: `jsonProblem` has found nothing. Recursion is as deep as the text, which is bounded there. */
export function readJsonTree(text: string): JsonNode {
  return nodeAt(text, spaceEnd(text, 0));
}

function nodeAt(text: string, at: number): JsonNode {
  if (text[at] === '{') return { kind: 'object', at, members: [...members(text, at)] };
  if (text[at] === '[') return { kind: 'array', at, items: [...items(text, at)] };
  return { kind: 'scalar', at, value: JSON.parse(text.slice(at, valueEnd(text, at))) as JsonScalar['value'] };
}

function* members(text: string, open: number): Generator<JsonMember> {
  for (const at of elementStarts(text, open)) {
    const keyEnd = valueEnd(text, at);
    const colon = spaceEnd(text, keyEnd);
    yield { key: JSON.parse(text.slice(at, keyEnd)) as string, at, value: nodeAt(text, spaceEnd(text, colon + 1)) };
  }
}

function* items(text: string, open: number): Generator<JsonNode> {
  for (const at of elementStarts(text, open)) yield nodeAt(text, at);
}

/** Where each member (its key) or item of the container begins. */
function* elementStarts(text: string, open: number): Generator<number> {
  const isObject = text[open] === '{';
  let at = spaceEnd(text, open + 1);
  if (text[at] === '}' || text[at] === ']') return;
  for (;;) {
    yield at;
    const valueStart = isObject ? spaceEnd(text, spaceEnd(text, valueEnd(text, at)) + 1) : at;
    const separator = spaceEnd(text, valueEnd(text, valueStart));
    if (text[separator] !== ',') return;
    at = spaceEnd(text, separator + 1);
  }
}
