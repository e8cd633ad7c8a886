import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../shared/clock.ts';
import { parseConfig } from '../../../shared/config.ts';
import { balance } from '../../../shared/monitoring/balance.ts';
import { openLake } from '../../../shared/open-lake.ts';
import type { OpenLake } from '../../../shared/open-lake.ts';
import { readBalanceFacts } from '../../../shared/pipeline/balance-facts.ts';
import { laneAppId } from '../../../shared/pipeline/bronze-plan.ts';
import { BRONZE } from '../../../shared/pipeline/tables.ts';
import { ARROW_VENV } from '../delta-engines.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const READER = readFileSync(new URL('bronze_rows.py', import.meta.url), 'utf8');

export interface LaneTarget { readonly topic: string; readonly incarnation: string; readonly partition: number; readonly last: number }

/** The lake of the run, from outside: how far Bronze is, by our own reader, and what is in it, by delta-rs. */
export class HorrorLake {
  readonly #dir: string;
  readonly #folder: string;
  #opened: Promise<OpenLake> | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    this.#dir = join(folder, 'lake');
  }

  get url(): string {
    return `file:${this.#dir}`;
  }

  /** Those whose last offset Bronze's progress has not reached, with where it stands. */
  async behind(targets: readonly LaneTarget[]): Promise<string[]> {
    const { lake } = await this.#open();
    const { txns } = await (await lake.table(BRONZE)).delta.refresh();
    return targets.flatMap((target) => {
      const at = txns.get(laneAppId(target))?.version ?? null;
      return at !== null && at >= BigInt(target.last) ? [] : [`${laneAppId(target)} stands at ${at ?? 'nothing'} of ${target.last}`];
    });
  }

  /** Two files, as bronze_rows.py writes them, and DuckDB's count of Bronze's rows. */
  async dump(): Promise<{ rows: string; gaps: string; duckRows: number }> {
    const [rows, gaps] = [join(this.#folder, 'rows.tsv'), join(this.#folder, 'gaps.tsv')];
    const { stdout } = await ARROW_VENV.run(READER, { args: [this.#dir, rows, gaps] });
    return { rows, gaps, duckRows: Number(stdout) };
  }

  /** What does not hold of «offsets consumed = Bronze rows + gaps», or is not known, by the program's own books. */
  async unbalanced(): Promise<string[]> {
    const { lake } = await this.#open();
    await lake.ensureAll();
    const { equations } = balance(await readBalanceFacts(lake));
    return equations.filter(({ name, verdict }) => name === 'consumed' && verdict !== 'ok').map(({ text }) => text);
  }

  async close(): Promise<void> {
    await (await this.#opened)?.engine.close();
  }

  #open(): Promise<OpenLake> {
    const config = parseConfig({ LAKE_URL: this.url, DUCKDB_MEMORY_MB: '256', DUCKDB_THREADS: '1' });
    this.#opened ??= openLake({ config, clock: systemClock, root: ROOT, tempDir: mkdtempSync(join(this.#folder, 'look-')) });
    return this.#opened;
  }
}
