import type { RowDigest } from './canonical-row.ts';
import { EngineWorker } from './engine-worker.ts';
import { MavenJars } from './maven-jars.ts';
import { PythonVenv } from './python-venv.ts';
import { join } from 'node:path';

/** In the versions that ../shared/tools/oracles names. DuckDB's extensions come as files: nothing is fetched when they load. */
export const ARROW_VENV = new PythonVenv(['deltalake==1.6.6', 'duckdb==1.5.5', 'duckdb-extension-delta==1.5.5', 'duckdb-extension-azure==1.5.5', 'polars==2.1.0', 'pyarrow==26.0.1']);
const SPARK_VENV = new PythonVenv(['pyspark==4.2.0', 'pyarrow==26.0.1']);
/** Spark itself is in its Python package. */
const SPARK_JARS = new MavenJars({ name: 'delta-spark-4.4.0', dependencies: ['io.delta:delta-spark_4.2_2.13:4.4.0'], groups: ['io.delta', 'io.unitycatalog', 'org.locationtech.jts'] });

export const ARROW_ENGINES = ['delta-rs', 'duckdb', 'polars'] as const;
export const ALL_ENGINES = [...ARROW_ENGINES, 'spark'] as const;
export type EngineName = (typeof ALL_ENGINES)[number];

/** Why these engines can't run here, or null. Installs what is missing. */
export function missingFor(engines: readonly EngineName[]): string | null {
  const forArrow = engines.some((engine) => engine !== 'spark') ? ARROW_VENV.missing() : null;
  return forArrow ?? (engines.includes('spark') ? SPARK_JARS.missing() ?? SPARK_VENV.missing() : null);
}

/** How a test's title ends. */
export function skippedFor(missing: string | null): string {
  return missing === null ? '' : ` (skipped: ${missing})`;
}

export interface ReadOptions {
  readonly version?: number;
  /** SQL. */
  readonly where?: string;
}

/** Other engines on tables of this machine; a process starts when its first engine is asked. */
export class DeltaEngines {
  #arrow: EngineWorker | null = null;
  #spark: EngineWorker | null = null;

  /** The digest of the rows that the engine reads. */
  read(engine: EngineName, table: string, options: ReadOptions = {}): Promise<RowDigest> {
    return this.call(engine, 'read', { table, ...options });
  }

  /** The rows, in the form of engines/canonical.py. */
  async lines(engine: EngineName, table: string, options: ReadOptions = {}): Promise<string[]> {
    return (await this.call<{ lines: string[] }>(engine, 'read', { table, ...options, lines: true })).lines;
  }

  /** A function of test/support/engines/arrow_engines.py or spark_engine.py. */
  call<T>(engine: EngineName, op: string, request: Readonly<Record<string, unknown>>): Promise<T> {
    return this.#worker(engine).call<T>({ op, engine, ...request });
  }

  async close(): Promise<void> {
    await Promise.all([this.#arrow?.close(), this.#spark?.close()]);
  }

  #worker(engine: EngineName): EngineWorker {
    if (engine !== 'spark') return this.#arrow ??= new EngineWorker({ venv: ARROW_VENV, module: 'arrow_engines' });
    return this.#spark ??= new EngineWorker({ venv: SPARK_VENV, module: 'spark_engine', env: { ASSAY_SPARK_JARS: join(SPARK_JARS.folder, 'libs') } });
  }
}

/** A few rows of each side that the other lacks. */
export function difference(ours: readonly string[], theirs: readonly string[]): { onlyOurs: string[]; onlyTheirs: string[] } {
  const without = (rows: readonly string[], others: readonly string[]) => {
    const left = new Map<string, number>();
    for (const row of others) left.set(row, (left.get(row) ?? 0) + 1);
    return rows.filter((row) => {
      const count = left.get(row) ?? 0;
      left.set(row, count - 1);
      return count <= 0;
    }).slice(0, 3);
  };
  return { onlyOurs: without(ours, theirs), onlyTheirs: without(theirs, ours) };
}
