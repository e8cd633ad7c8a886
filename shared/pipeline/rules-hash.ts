import { createHash } from 'node:crypto';
import type { Pipeline, RuleDefinition } from './definition.ts';
import type { RuleSettings } from './judge.ts';

const HASH_DIGITS = 16;

/** Raised when the rules of semantics.md, section 4, themselves change. */
const SEMANTICS_VERSION = 1;

/**
 * The first 16 hex digits of the sha-256 over everything that decides a verdict or Silver's columns, and nothing else:
 * a new model, JSON topic or Z-order is no new rule. Where order means nothing (key, allowed values, sets) it is no difference.
 */
export function rulesHash(pipeline: Omit<Pipeline, 'rulesHash'>, settings: RuleSettings): string {
  const canonical = {
    semantics: SEMANTICS_VERSION,
    columns: pipeline.columns.map(({ name, type, path, required, allowed }) => ({ name, type, path, required, allowed: allowed?.toSorted() ?? null })),
    key: pipeline.key.toSorted(),
    eventTime: pipeline.eventTime,
    partitionBy: pipeline.partitionBy,
    rules: pipeline.rules.map(({ name, column, check, action }) => ({ name, column, check: canonicalCheck(check), action })),
    lateAfterMs: settings.lateAfterMs,
    futureAfterMs: settings.futureAfterMs,
    ...canonicalFormats(pipeline.topics),
    ...canonicalRoutes(pipeline.topics),
  };
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex').slice(0, HASH_DIGITS);
}

/** Nothing where every topic is plain JSON: lakes from before there were formats keep their hash. */
function canonicalFormats(topics: Pipeline['topics']): { readonly formats?: unknown } {
  const formats = topics.filter(({ format, compression }) => format !== 'json' || compression !== 'none').map(({ name, format, compression }) => ({ name, format, compression }));
  return formats.length === 0 ? {} : { formats: formats.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** What another pipeline takes is no rule of this one. */
function canonicalRoutes(topics: Pipeline['topics']): { readonly routes?: unknown } {
  const routes = topics.flatMap(({ name, where }) => (where === null ? [] : [{ name, by: where.by, equals: where.equals.toSorted() }]));
  return routes.length === 0 ? {} : { routes: routes.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

function canonicalCheck(check: RuleDefinition['check']): unknown {
  if (check.kind === 'pattern') return { kind: check.kind, source: check.pattern.source };
  if (check.kind === 'set') return { kind: check.kind, values: check.values.map((value) => JSON.stringify(value)).toSorted() };
  return { kind: check.kind, min: check.min, max: check.max };
}
