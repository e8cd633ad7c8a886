import { EngineError } from '../../shared/columnar/duckdb.ts';
import { quote } from '../../shared/columnar/sql-text.ts';
import type { Session } from '../../shared/columnar/duckdb.ts';
import { sourceType } from '../../shared/columnar/sql-type.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { Column, RowSink } from './row-sink.ts';

/**
 * Streams the answer of one SELECT that somebody typed; the session should be confined. Values of types that Delta lacks (TIME, INTERVAL,
 * UUID, …) come as DuckDB's text. Returns the number of rows. Failures: ConfigError `columnar/not-a-select`; EngineError with DuckDB's words.
 */
export async function streamSelect(session: Session, sql: string, sinkFor: (columns: readonly Column[]) => RowSink | Promise<RowSink>): Promise<number> {
  const described = await session.columnsOfSelect(sql);
  const names = distinct(described.map(({ name }) => name));
  const types = described.map(({ type }) => sourceType(type));
  const sink = await sinkFor(names.map((name, i) => ({ name, type: types[i] ?? 'string' })));
  let rows = 0;
  try {
    for await (const chunk of session.chunks(types.includes(null) ? withTexts(sql, types) : sql)) {
      await sink.rows(Array.from({ length: chunk.rows }, (_, row) => chunk.columns.map((column) => column[row])));
      rows += chunk.rows;
    }
  } finally {
    await sink.end();
  }
  return rows;
}

function withTexts(sql: string, types: readonly unknown[]): string {
  const names = types.map((_, i) => quote(`c${i}`));
  const columns = names.map((name, i) => (types[i] === null ? `${name}::VARCHAR` : name));
  return `SELECT ${columns.join(', ')} FROM (${sql.replace(/[;\s]+$/, '')}\n) AS answer(${names.join(', ')})`;
}

/** JSON objects and CSV headers need names of their own: a, a → a, a_1. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let i = 1; taken.has(own); i++) own = `${name}_${i}`;
    taken.add(own);
    return own;
  });
}

/** The question is the caller's, so what DuckDB says about it is all there is to say. */
export async function plainly<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new ConfigError('cli/sql', error.cause instanceof Error ? error.cause.message : error.message, { cause: error });
  }
}
