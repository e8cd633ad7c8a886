import type { FreshnessState } from '../monitoring/freshness.ts';
import type { Verdict } from '../monitoring/balance.ts';

/** Everything the page shows, as plain data: `collectFacts` gathers it, `renderPage` prints it, nothing else goes in. */
export interface PageFacts {
  readonly pipeline: string;
  readonly topics: readonly string[];
  /** Where the lake is, without secrets. */
  readonly lake: string;
  readonly nowMs: number;
  readonly refreshS: number;
  readonly targetS: number;
  readonly flow: Section<FlowFacts>;
  readonly quarantine: Section<QuarantineFacts>;
  readonly scores: Section<ScoreFacts>;
  readonly values: Section<ValueFacts>;
  readonly anomalies: Section<readonly AnomalyFacts[]>;
  readonly balance: Section<BalanceCard>;
  readonly model: Section<ModelFacts>;
  readonly tables: readonly TableFacts[];
}

/** A part of the page: told, with nothing to tell yet, or failed and saying why. */
export type Section<T> =
  | { readonly kind: 'ready'; readonly value: T }
  | { readonly kind: 'empty' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** A table as its snapshot and statistics tell it; no data is read for it. */
export interface TableFacts {
  readonly name: string;
  readonly version: bigint;
  /** Sum of numRecords; null where a file has no statistics. */
  readonly rows: bigint | null;
  readonly files: number;
  readonly bytes: bigint;
  /** Last commit that carried rows. */
  readonly commitMs: number | null;
  /** Greatest event time and kafka_timestamp by statistics. */
  readonly eventMsMax: number | null;
  readonly kafkaMsMax: number | null;
  /** What its stage has not consumed yet (records, or source versions); null: not known. */
  readonly waiting: bigint | null;
}

export interface StageFacts {
  readonly rows: bigint | null;
  readonly state: FreshnessState;
  /** Seconds since the newest kafka_timestamp and since the last commit. */
  readonly brokerS: number | null;
  readonly commitS: number | null;
}

export interface FlowFacts {
  readonly lagRecords: bigint | null;
  readonly lagS: number | null;
  readonly bronze: StageFacts;
  readonly silver: StageFacts & { readonly lateRows: bigint | null };
  readonly gold: StageFacts & { readonly flagged: bigint | null };
  readonly quarantined: bigint | null;
  /** Sums over all partitions at the monitor's last run; null before the first, a term null where one partition's is not known. */
  readonly terms: BalanceTerms | null;
}

export interface BalanceTerms {
  readonly offsetsConsumed: bigint | null;
  readonly bronzeRows: bigint | null;
  readonly gapOffsets: bigint | null;
  readonly bronzeRowsRefined: bigint | null;
  readonly silverRows: bigint | null;
  readonly duplicates: bigint | null;
  readonly superseded: bigint | null;
  readonly quarantined: bigint | null;
  /** Left to other pipelines over the same Bronze. */
  readonly elsewhere: bigint | null;
  /** Silver at the version in Gold's txn, and Gold. */
  readonly silverRowsAtGold: bigint | null;
  readonly goldRows: bigint | null;
}

export interface BalanceCard {
  readonly verdict: Verdict;
  readonly checkedMs: number;
  readonly terms: BalanceTerms;
  /** At most five equations that do not hold or cannot be told. */
  readonly details: readonly string[];
}

export interface QuarantineFacts {
  readonly rows: bigint;
  /** Greatest first, at most twelve. */
  readonly reasons: readonly { readonly reason: string; readonly rows: bigint }[];
}

export interface ScoreFacts {
  readonly rows: bigint;
  readonly flagged: bigint;
  /** All bins are as wide as this; 0, the threshold, is an edge. Ascending, empty bins left out, at most 40 places. */
  readonly binWidth: number;
  readonly bins: readonly { readonly low: number; readonly rows: bigint }[];
}

export interface ValueFacts {
  readonly column: string;
  /** The column that tells the series apart; null: one series. */
  readonly groupColumn: string | null;
  /** At most twelve, the largest first; together at most 2,000 points, drawn by a hash of the key: the same rows, the same points. */
  readonly series: readonly SeriesFacts[];
  readonly seriesLeftOut: number;
}

export interface SeriesFacts {
  readonly name: string;
  readonly rows: bigint;
  readonly flagged: bigint;
  readonly points: readonly { readonly atMs: number; readonly value: number; readonly flagged: boolean }[];
}

export interface AnomalyFacts {
  /** The key's parts, joined. */
  readonly key: string;
  readonly group: string | null;
  readonly atMs: number | null;
  readonly value: number | null;
  readonly score: number;
  readonly reason: string | null;
  readonly modelVersion: string | null;
}

export interface ModelFacts {
  readonly name: string;
  readonly version: string;
  readonly atMs: number;
  readonly by: string | null;
  readonly why: string | null;
  readonly dataVersion: string | null;
  readonly aliases: string | null;
  readonly metrics: readonly { readonly name: string; readonly value: number }[];
  /** Earlier entries, newest first, at most four. */
  readonly earlier: readonly { readonly version: string; readonly atMs: number; readonly why: string | null }[];
}
