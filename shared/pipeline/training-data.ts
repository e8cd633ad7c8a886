import type { DuckRelations } from '../columnar/duck-relations.ts';
import { quote } from '../columnar/sql-text.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { scanLive } from '../delta/operations/scan.ts';
import { ModelError } from '../errors.ts';
import type { Pipeline } from './definition.ts';

/** Silver's features, rows ordered by key: the order decides which rows a tree draws (semantics.md, section 5). */
export interface TrainingData {
  readonly columns: readonly Float64Array[];
  readonly rows: number;
  /** The Silver version they are of. */
  readonly version: bigint;
}

const TRAINING_ROWS_MAX = 1_000_000;

/** All rows, or, beyond a million, those whose key's hash falls into an even share. Absent values are NaN. */
export async function readTrainingData(silver: RowTable<DuckRelations>, pipeline: Pipeline): Promise<TrainingData> {
  const snapshot = await silver.delta.refresh();
  const key = pipeline.key.map(quote).join(', ');
  const features = pipeline.features.map((name) => `${quote(name)}::DOUBLE`).join(', ');
  return silver.engine.session(async (session) => {
    const rowsOfSilver = await scanLive(session, silver, snapshot);
    const total = await session.count(rowsOfSilver);
    const scan = session.sqlOf(rowsOfSilver);
    if (total === 0) throw new ModelError('model/no-data', 'training: Silver has no rows yet; wait for the first refine');
    const share = Math.ceil(total / TRAINING_ROWS_MAX);
    const sample = share === 1 ? '' : `WHERE md5_number_lower(concat_ws('|', ${pipeline.key.map((name) => `${quote(name)}::VARCHAR`).join(', ')})) % ${share} = 0`;
    const columns = pipeline.features.map(() => new Float64Array(total));
    let rows = 0;
    for await (const chunk of session.sql.chunks(`SELECT ${features} FROM (${scan}) ${sample} ORDER BY ${key}`)) {
      for (const [i, column] of columns.entries()) copyNumbers(column, rows, chunk.columns[i] as ArrayLike<number | null>);
      rows += chunk.rows;
    }
    return { columns: columns.map((column) => column.subarray(0, rows)), rows, version: snapshot.version };
  });
}

/** Copies a column of DOUBLE from `at` on; absent values become NaN. */
export function copyNumbers(target: Float64Array, at: number, column: ArrayLike<number | null>): void {
  if (column instanceof Float64Array) target.set(column, at);
  else for (let i = 0; i < column.length; i++) target[at + i] = column[i] ?? Number.NaN;
}
