import { TableError } from '../../errors.ts';
import { excerpt, rejected } from './rejection.ts';
import type { ColumnDefinition, ColumnType, RuleDefinition } from '../definition.ts';
import type { ColumnValue, Rejected } from '../verdict.ts';

type Value = Exclude<ColumnValue, null>;

export interface CompiledRule {
  readonly name: string;
  /** Index into the row's values. */
  readonly column: number;
  /** A rule says nothing about an absent optional value. */
  readonly holds: (value: Value) => boolean;
  /** Quarantine: the verdict. Flag: null. Fail: throws a TableError. */
  readonly broken: (value: Value) => Rejected | null;
}

export function compileRule(rule: RuleDefinition, columns: readonly ColumnDefinition[]): CompiledRule {
  const column = columns.findIndex((candidate) => candidate.name === rule.column);
  return { name: rule.name, column, holds: compileCheck(rule, columns[column].type), broken: compileAction(rule) };
}

function compileCheck({ check }: RuleDefinition, type: ColumnType): (value: Value) => boolean {
  if (check.kind === 'pattern') return (value) => check.pattern.test(value as string);
  if (check.kind === 'set') {
    const values = new Set<Value>(check.values.map((value) => (type === 'long' ? BigInt(value) : value)));
    return (value) => values.has(value);
  }
  const { min, max } = check;
  // Comparing a bigint with a number is exact.
  const within = (number: number | bigint): boolean => (min === null || number >= min) && (max === null || number <= max);
  return check.kind === 'range' ? (value) => within(value as number | bigint) : (value) => within(codePointCount(value as string));
}

function compileAction(rule: RuleDefinition): (value: Value) => Rejected | null {
  if (rule.action === 'flag') return () => null;
  if (rule.action === 'fail') return () => fail(rule);
  return (value) => rejected(rule.name, `${rule.column} is ${excerpt(String(value))}: breaks the rule's ${rule.check.kind}`);
}

function fail({ name, column, check }: RuleDefinition): never {
  throw new TableError(
    'pipeline/rule-failed',
    `judged rows by the rule ${name} (${check.kind} of ${column}), whose action is fail: a row breaks it and the slice stops; `
      + 'correct the source or the rule, or change the action to quarantine or flag',
    { facts: { rule: name, column, check: check.kind } },
  );
}

/** The text is well formed: every high surrogate begins a pair. */
function codePointCount(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xd800) count--;
  return count;
}
