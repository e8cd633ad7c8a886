import type { BenchResult } from './result.ts';

export type IngestTask =
  | { readonly kind: 'memory'; readonly shape: 'records' | 'trigger'; readonly batch: number; readonly rows: number; readonly seed: number }
  /** What `host` then reads. */
  | { readonly kind: 'produce'; readonly events: number; readonly seed: number; readonly brokers: string | null; readonly topic: string }
  | { readonly kind: 'host'; readonly brokers: string | null; readonly topic: string }
  /** A Bronze of commits of `batch` records, each with so many bytes more, for `drain`. */
  | { readonly kind: 'fill'; readonly batch: number; readonly rows: number; readonly padBytes: number; readonly seed: number }
  | { readonly kind: 'drain'; readonly batch: number; readonly padBytes: number }
  | { readonly kind: 'latency'; readonly windowS: number; readonly seconds: number; readonly seed: number };

export type IngestResult = Omit<BenchResult, 'versions'>;
