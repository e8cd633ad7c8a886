import type { BenchResult } from './result.ts';

export type IngestTask =
  | { readonly kind: 'memory'; readonly shape: 'records' | 'trigger'; readonly batch: number; readonly rows: number; readonly seed: number }
  /** What `host` then reads. */
  | { readonly kind: 'produce'; readonly events: number; readonly seed: number; readonly brokers: string | null; readonly topic: string }
  | { readonly kind: 'host'; readonly brokers: string | null; readonly topic: string }
  | { readonly kind: 'latency'; readonly windowS: number; readonly seconds: number; readonly seed: number };

export type IngestResult = Omit<BenchResult, 'versions'>;
