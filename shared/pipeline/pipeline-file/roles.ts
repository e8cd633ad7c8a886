import { suggestion } from './mistakes.ts';
import type { ColumnType } from '../definition.ts';
import type { ReadColumn } from './columns.ts';
import type { Mistakes } from './mistakes.ts';
import type { Located } from './object-reader.ts';

/** The lists of column names in a pipeline file, each with where its names stand; absent where the file has none or a wrong one. */
export interface Roles {
  readonly key: readonly Located<string>[];
  readonly eventTime: Located<string> | undefined;
  readonly partitionBy: readonly Located<string>[];
  readonly zOrderBy: readonly Located<string>[];
  readonly features: readonly Located<string>[];
}

/** Gold has these beside the columns it takes over from Silver (semantics.md, section 2). */
const GOLD_COLUMNS = ['anomaly_score', 'anomaly_flag', 'reason', 'model_name', 'model_version', 'scored_at'];

interface RoleRule {
  readonly key: string;
  readonly names: readonly Located<string>[];
  /** What is wrong with the column in this role; null: nothing. */
  readonly objection: (column: ReadColumn) => string | null;
  /** Gold takes the role's columns over. */
  readonly inGold: boolean;
}

export function checkRoles(roles: Roles, columns: readonly ReadColumn[], mistakes: Mistakes): void {
  const partitions = roles.partitionBy.map(({ value }) => value);
  const rules: readonly RoleRule[] = [
    { key: 'key', names: roles.key, objection: (column) => wrongType(column, ['id', 'string', 'long', 'timestamp', 'boolean']) ?? optional(column), inGold: true },
    { key: 'event_time', names: roles.eventTime ? [roles.eventTime] : [], objection: (column) => wrongType(column, ['timestamp']) ?? optional(column), inGold: true },
    { key: 'partition_by', names: roles.partitionBy, objection: (column) => partitionObjection(column) ?? optional(column), inGold: true },
    { key: 'z_order_by', names: roles.zOrderBy, objection: (column) => (partitions.includes(column.name) ? 'is a partition column already' : null), inGold: false },
    { key: 'features', names: roles.features, objection: (column) => wrongType(column, ['double', 'long']) ?? optional(column), inGold: true },
  ];
  for (const rule of rules) for (const name of rule.names) checkRole(rule, name, columns, mistakes);
}

function checkRole(rule: RoleRule, { value, at }: Located<string>, columns: readonly ReadColumn[], mistakes: Mistakes): void {
  const column = columns.find((candidate) => candidate.name === value);
  const quoted = JSON.stringify(value);
  if (!column) {
    mistakes.add(at, `${rule.key} names ${quoted}, which is no column${suggestion(value, columns.map(({ name }) => name))}`);
    return;
  }
  const objection = rule.objection(column);
  if (objection !== null) mistakes.add(at, `${rule.key} names ${quoted}, which ${objection}`);
  if (rule.inGold && GOLD_COLUMNS.includes(value.toLowerCase())) mistakes.add(at, `${rule.key} names ${quoted}, which is a column that Gold has of its own`);
}

function wrongType({ type }: ReadColumn, fitting: readonly ColumnType[]): string | null {
  return type === undefined || fitting.includes(type) ? null : `is ${type} and must be ${fitting.join(', ')}`;
}

function optional({ required }: ReadColumn): string | null {
  return required ? null : 'is not required: every row must have it';
}

/** A folder per value: only types of few values, and free text could even be longer than a path may be. */
function partitionObjection(column: ReadColumn): string | null {
  const few = column.type === undefined || column.type === 'boolean' || column.type === 'long' || (column.type === 'string' && column.allowed !== null);
  return few ? null : `is ${column.type}: partitioning takes a string with allowed values, a long or a boolean`;
}
