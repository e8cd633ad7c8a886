import { compileColumn, isMissing, missingDetail } from './judge/columns.ts';
import type { CompiledColumn } from './judge/columns.ts';
import { compileRule } from './judge/rules.ts';
import type { CompiledRule } from './judge/rules.ts';
import { compileFields } from './judge/fields.ts';
import { scanObject } from './json-scan.ts';
import { compilePayloads } from './payloads.ts';
import { excerpt, rejected } from './judge/rejection.ts';
import { isAfterMs } from './timestamp.ts';
import type { Pipeline } from './definition.ts';
import type { Schemas } from '../formats/schemas.ts';
import { UNROUTED } from './route.ts';
import type { Router } from './route.ts';
import type { ColumnValue, Elsewhere, Judge, Rejected, RawRow, RoutedJudge, Verdict } from './verdict.ts';

/** The two settings that rules depend on (semantics.md, section 4, points 8 and the last paragraph). */
export interface RuleSettings {
  /** `LATE_AFTER_MS`: a row is late when it is more than this behind the broker. */
  readonly lateAfterMs: number;
  /** `FUTURE_AFTER_MS`: a row is rejected when it is more than this ahead of the broker. */
  readonly futureAfterMs: number;
}

const ELSEWHERE: Elsewhere = { kind: 'elsewhere' };
const NOBODYS = rejected(UNROUTED, 'no pipeline takes it: its topic is named with a condition everywhere, and none holds');
const NO_FLAGS: readonly string[] = [];

/**
 * The rules of semantics.md, section 4, as one function of a row: the first reason that holds, in the order
 * payload, JSON, missing columns, invalid columns (with `future_…` right after the event time), the pipeline's rules.
 * The judge is pure and total; only a broken rule with the action `fail` throws, a `TableError`.
 * `router`: says which rows are another pipeline's; `unrouted` comes before all other reasons but those of a payload that cannot be read.
 * `schemas`: of the topics that have any; ConfigError `config/schema-registry` where they are missing.
 */
export function compileRules(pipeline: Pipeline, settings: Pick<RuleSettings, 'futureAfterMs'>, options?: { schemas?: Schemas | null }): Judge;
export function compileRules(pipeline: Pipeline, settings: Pick<RuleSettings, 'futureAfterMs'>, options: { schemas?: Schemas | null; router: Router | null }): RoutedJudge;
export function compileRules(pipeline: Pipeline, settings: Pick<RuleSettings, 'futureAfterMs'>, { schemas = null, router = null }: { schemas?: Schemas | null; router?: Router | null } = {}): RoutedJudge {
  const payloads = compilePayloads(pipeline.topics, schemas);
  const pickFields = compileFields(pipeline.columns);
  const columns = pipeline.columns.map(compileColumn);
  const rules = pipeline.rules.map((rule) => compileRule(rule, pipeline.columns));
  const eventTime = compileFutureTest(pipeline, settings.futureAfterMs);
  const judge = (row: RawRow): Verdict | Elsewhere => {
    const before = router === null ? 'mine' : router.before(row.topic, row.headers ?? null);
    if (before === 'elsewhere') return ELSEWHERE;
    if (before === 'unrouted') return NOBODYS;
    const route = before === 'by-field' ? router : null;
    const reader = payloads.readerOf(row.topic);
    const text = reader.read(row);
    const scan = typeof text === 'string' ? scanObject(text) : null;
    const destination = route?.withPayload(row.topic, row.headers ?? null, scan?.kind === 'object' ? { text: text as string, fields: scan.fields } : null) ?? 'mine';
    if (destination === 'elsewhere') return ELSEWHERE;
    if (typeof text !== 'string') return text;
    if (scan?.kind !== 'object') return rejected(reader.malformedReason, `${scan!.problem} at character ${scan!.at + 1}`);
    if (destination === 'unrouted') return NOBODYS;
    const { sources, rescued, duplicateKeys } = pickFields(text, scan.fields);
    const missing = firstMissing(columns, sources);
    if (missing) return missing;
    const values: ColumnValue[] = [];
    const invalid = readColumns({ columns, sources, values, eventTime, kafkaTimestampMs: row.kafkaTimestampMs });
    if (invalid) return invalid;
    const flags = applyRules(rules, values);
    return isRejected(flags) ? flags : { kind: 'accepted', values, rescued, flags, duplicateKeys };
  };
  return Object.assign(judge, payloads.prepare && { prepare: payloads.prepare });
}

/** Point 4: all missing columns come before any invalid one. */
function firstMissing(columns: readonly CompiledColumn[], sources: readonly (string | null)[]): Rejected | null {
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    const source = sources[i];
    if (column.required && (source === null || isMissing(source))) return rejected(column.missingReason, missingDetail(source));
  }
  return null;
}

interface Reading {
  readonly columns: readonly CompiledColumn[];
  readonly sources: readonly (string | null)[];
  /** Filled in column order. */
  readonly values: ColumnValue[];
  readonly eventTime: FutureTest;
  readonly kafkaTimestampMs: number | null;
}

/** Points 5 to 9. */
function readColumns({ columns, sources, values, eventTime, kafkaTimestampMs }: Reading): Rejected | null {
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    const source = sources[i];
    if (source === null || isMissing(source)) {
      values.push(null);
      continue;
    }
    const value = column.read(source);
    if (value === undefined) return rejected(column.invalidReason, column.invalidDetail(source));
    values.push(value);
    if (i !== eventTime.column || kafkaTimestampMs === null) continue;
    if (isAfterMs(value as bigint, kafkaTimestampMs + eventTime.aheadMsMax)) {
      return rejected(eventTime.reason, `${excerpt(source)} is more than ${eventTime.aheadMsMax} ms after the broker's timestamp`);
    }
  }
  return null;
}

interface FutureTest {
  readonly column: number;
  readonly reason: string;
  readonly aheadMsMax: number;
}

function compileFutureTest(pipeline: Pipeline, futureAfterMs: number): FutureTest {
  return {
    column: pipeline.columns.findIndex((column) => column.name === pipeline.eventTime),
    reason: `future_${pipeline.eventTime}`,
    aheadMsMax: futureAfterMs,
  };
}

function applyRules(rules: readonly CompiledRule[], values: readonly ColumnValue[]): readonly string[] | Rejected {
  let flags = NO_FLAGS;
  for (const rule of rules) {
    const value = values[rule.column];
    if (value === null || rule.holds(value)) continue;
    const rejection = rule.broken(value);
    if (rejection) return rejection;
    flags = [...flags, rule.name];
  }
  return flags;
}

function isRejected(outcome: readonly string[] | Rejected): outcome is Rejected {
  return 'kind' in outcome;
}
