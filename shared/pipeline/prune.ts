import { quote } from '../columnar/sql-text.ts';
import type { Session } from '../columnar/duckdb.ts';
import type { AddFile } from '../delta/actions.ts';
import { fieldOf } from '../delta/schema.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { parseStats } from '../delta/stats.ts';

/** The live files that may hold a key of the relation, by the range of its text or integer key columns. A file without statistics may. */
export async function pruneByKey(session: Session, snapshot: Snapshot, key: readonly string[], relation: string): Promise<AddFile[]> {
  const files = [...snapshot.files.values()];
  if (files.length === 0) return [];
  const comparable = key.filter((column) => ['string', 'long', 'integer'].includes(fieldOf(snapshot.schema, column).type as string));
  if (comparable.length === 0) return files;
  const bounds = comparable.map((column, i) => `min(${quote(column)}) AS min${i}, max(${quote(column)}) AS max${i}`).join(', ');
  const [range] = await session.rows(`SELECT ${bounds} FROM ${relation}`);
  if (comparable.some((_column, i) => range[`min${i}`] === null)) return [];
  return files.filter((add) => {
    const stats = parseStats(add.stats);
    return comparable.every((column, i) => mayOverlap([range[`min${i}`], range[`max${i}`]], [stats?.minValues[column], stats?.maxValues[column]]));
  });
}

function mayOverlap([lowest, highest]: readonly [unknown, unknown], [min, max]: readonly [unknown, unknown]): boolean {
  return (max === undefined || compare(lowest, max) <= 0) && (min === undefined || compare(highest, min) >= 0);
}

/** Text by UTF-8 bytes, integers by value. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  const [x, y] = [BigInt(a as bigint | number), BigInt(b as bigint | number)];
  return x < y ? -1 : x > y ? 1 : 0;
}
