import { isUtf8 } from 'node:buffer';
import { fieldSource } from './judge/fields.ts';
import type { JsonField } from './json-scan.ts';
import type { Pipeline, RouteDefinition } from './definition.ts';

/** The quarantine reason of a record that no pipeline takes. */
export const UNROUTED = 'unrouted';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** The payload as a scanned object; null where it is none, so that no field matches. */
export type ScannedPayload = { readonly text: string; readonly fields: readonly JsonField[] } | null;

/**
 * - `mine`: this pipeline judges it. - `elsewhere`: another one does. - `unrouted`: nobody takes it, and this pipeline is the first that names
 *   the topic: it goes to its quarantine, for nothing may vanish.
 */
export type Destination = 'mine' | 'elsewhere' | 'unrouted';

export interface Router {
  readonly readsHeaders: boolean;
  /** `by-field`: the payload has to be looked at. */
  before(topic: string, headers: readonly RecordHeader[] | null): Destination | 'by-field';
  withPayload(topic: string, headers: readonly RecordHeader[] | null, payload: ScannedPayload): Destination;
}

/**
 * Every pipeline that names a topic takes those of its records that its `where` matches, all without one; more than one may take a record. A
 * topic that no pipeline names is the first one's. Pure. Null where there is nothing to decide: one pipeline that takes all.
 */
export function compileRouter(mine: Pipeline, pipelines: readonly Pipeline[]): Router | null {
  if (pipelines.length === 1 && mine.topics.every(({ where }) => where === null)) return null;
  const claims = new Map<string, Claims>();
  for (const [index, { topics }] of pipelines.entries()) {
    for (const { name, where } of topics) {
      const claimed = claims.get(name) ?? { own: null, isFirst: pipelines[index] === mine, others: [] };
      if (pipelines[index] === mine) claimed.own = { where };
      else claimed.others.push(where);
      claims.set(name, claimed);
    }
  }
  const unclaimed: Destination = pipelines[0] === mine ? 'mine' : 'elsewhere';
  return {
    readsHeaders: [...claims.values()].some(({ own, others }) => [own?.where ?? null, ...others].some((where) => where?.by.kind === 'header')),
    before: (topic, headers) => {
      const claimed = claims.get(topic);
      if (!claimed) return unclaimed;
      return readsField(claimed) ? 'by-field' : settle(claimed, headers, null);
    },
    withPayload: (topic, headers, payload) => {
      const claimed = claims.get(topic);
      return claimed ? settle(claimed, headers, payload) : unclaimed;
    },
  };
}

interface Claims {
  own: { readonly where: RouteDefinition | null } | null;
  readonly isFirst: boolean;
  readonly others: (RouteDefinition | null)[];
}

/** Where somebody else takes it does not matter to whom it is certainly another's. */
function readsField({ own, isFirst, others }: Claims): boolean {
  if (!own || own.where === null) return false;
  return own.where.by.kind === 'field' || (isFirst && others.some((where) => where?.by.kind === 'field'));
}

function settle({ own, isFirst, others }: Claims, headers: readonly RecordHeader[] | null, payload: ScannedPayload): Destination {
  if (own && matches(own.where, headers, payload)) return 'mine';
  if (!isFirst || others.some((where) => matches(where, headers, payload))) return 'elsewhere';
  return 'unrouted';
}

function matches(where: RouteDefinition | null, headers: readonly RecordHeader[] | null, payload: ScannedPayload): boolean {
  if (where === null) return true;
  const value = where.by.kind === 'header' ? headerText(headers, where.by.name) : payload && fieldText(payload, where.by.path);
  return value !== null && where.equals.includes(value);
}

/** The last header of that name, as Kafka's own `lastHeader` has it; null where its value is null or no UTF-8. */
function headerText(headers: readonly RecordHeader[] | null, name: string): string | null {
  const value = headers?.findLast(({ key }) => key === name)?.value;
  return value ? (isUtf8(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8') : null) : null;
}

/** A text's content; of any other value its source. */
function fieldText({ text, fields }: NonNullable<ScannedPayload>, path: readonly string[]): string | null {
  const source = fieldSource(text, fields, path);
  return source?.startsWith('"') ? (JSON.parse(source) as string) : source;
}
