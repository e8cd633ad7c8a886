import type { Predicate } from '../columnar/predicate.ts';
import type { AddFile, MetaData } from './actions.ts';
import type { StructType } from './schema.ts';
import { parseStats } from './stats.ts';
import type { FileStats } from './stats.ts';

/** Which files need not be read. PRELIMINARY by the lead: helper "memory" replaces this file whole (see /tmp/brief4/memory.md, 2). */
export interface SkippingTable {
  readonly schema: StructType;
  readonly metaData: Pick<MetaData, 'partitionColumns'>;
}

export type SkippedFile = Pick<AddFile, 'stats' | 'partitionValues' | 'deletionVector'>;

/** False only where statistics or partition values prove that no row of the file makes the predicate true. */
export function mayHold(predicate: Predicate, file: SkippedFile, table: SkippingTable): boolean {
  return may(predicate, parseStats(file.stats), table);
}

/** False only where some key column's range lies wholly outside the file's. */
export function overlapsBounds(ranges: readonly { readonly column: string; readonly min: unknown; readonly max: unknown }[], file: SkippedFile, table: SkippingTable): boolean {
  const stats = parseStats(file.stats);
  if (ranges.some(({ min }) => min === null) && ranges.every(({ column }) => isWhole(table, column) || isText(table, column))) return false;
  return ranges.every(({ column, min, max }) => {
    if (min === null || max === null || !(isWhole(table, column) || isText(table, column))) return true;
    const [low, high] = [stats?.minValues[column], stats?.maxValues[column]];
    return (high === undefined || order(min, high) <= 0) && (low === undefined || order(max, low) >= 0);
  });
}

function may(predicate: Predicate, stats: FileStats | null, table: SkippingTable): boolean {
  switch (predicate.op) {
    case 'and': return predicate.of.every((each) => may(each, stats, table));
    case 'or': return predicate.of.some((each) => may(each, stats, table));
    case '=': case '<': case '<=': case '>': case '>=': {
      if (!isWhole(table, predicate.column)) return true;
      const [low, high] = [stats?.minValues[predicate.column], stats?.maxValues[predicate.column]];
      const above = high === undefined || order(high, predicate.value) > 0;
      const below = low === undefined || order(low, predicate.value) < 0;
      const touchesHigh = high === undefined || order(high, predicate.value) >= 0;
      const touchesLow = low === undefined || order(low, predicate.value) <= 0;
      return { '=': touchesHigh && touchesLow, '<': below, '<=': touchesLow, '>': above, '>=': touchesHigh }[predicate.op];
    }
    default: return true;
  }
}

function isWhole({ schema }: SkippingTable, column: string): boolean {
  return ['long', 'integer'].includes(schema.fields.find(({ name }) => name === column)?.type as string);
}

function isText({ schema }: SkippingTable, column: string): boolean {
  return schema.fields.find(({ name }) => name === column)?.type === 'string';
}

/** Text by UTF-8 bytes, whole numbers by value. */
function order(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  const [x, y] = [BigInt(a as bigint | number), BigInt(b as bigint | number)];
  return x < y ? -1 : x > y ? 1 : 0;
}
