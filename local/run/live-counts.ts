import { systemClock } from '../../shared/clock.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { countRows } from '../../shared/pipeline/balance-facts.ts';
import { withTables } from '../../shared/pipeline/lake-sql.ts';
import { greatestMs } from '../../shared/pipeline/monitor.ts';
import { BRONZE, GOLD, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';

export interface LiveFacts {
  readonly bronze: number;
  readonly quarantined: number;
  readonly silver: number;
  readonly late: number;
  readonly gold: number;
  readonly anomalies: number;
  /** Seconds between the newest kafka_timestamp in Gold's source and now; null before there is one. */
  readonly freshnessS: number | null;
}

const DETAILS_EVERY_MS = 5_000;

/** What the terminal shows: rows from the logs each time, late rows and anomalies, which are read, less often. */
export class LiveCounts {
  readonly #opened: OpenLake;
  #details = { late: 0, anomalies: 0, atMs: Number.NEGATIVE_INFINITY };

  constructor(opened: OpenLake) {
    this.#opened = opened;
  }

  async read(): Promise<LiveFacts> {
    const { lake } = this.#opened;
    const snapshots = await Promise.all([BRONZE, QUARANTINE, SILVER, GOLD].map(async (name) => (await lake.table(name)).delta.refresh()));
    const [bronze, quarantined, silver, gold] = snapshots.map((snapshot) => Number(countRows(snapshot.files.values()) ?? 0n));
    if (systemClock.monotonicMs() - this.#details.atMs >= DETAILS_EVERY_MS) await this.#readDetails();
    const kafkaMs = greatestMs(snapshots[2], 'kafka_timestamp');
    const { late, anomalies } = this.#details;
    return { bronze, quarantined, silver, late, gold, anomalies, freshnessS: kafkaMs === null ? null : (systemClock.nowMs() - kafkaMs) / 1000 };
  }

  async #readDetails(): Promise<void> {
    const { lake } = this.#opened;
    this.#details = await withTables(lake, [SILVER, GOLD], async (session) => {
      const [silver] = await session.rows(`SELECT count(*) FILTER (WHERE is_late) AS n FROM ${SILVER}`);
      const [gold] = await session.rows(`SELECT count(*) FILTER (WHERE anomaly_flag = -1) AS n FROM ${GOLD}`);
      return { late: Number(silver['n']), anomalies: Number(gold['n']), atMs: systemClock.monotonicMs() };
    });
  }
}
