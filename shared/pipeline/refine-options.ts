import type { Clock } from '../clock.ts';
import type { Pipeline } from './definition.ts';
import type { Lake } from './lake.ts';
import type { WriteObserver } from './observer.ts';
import type { Judge, RoutedJudge } from './verdict.ts';

/** What refine, and its two writes, work with. */
export interface RefineOptions {
  readonly lake: Lake;
  readonly pipeline: Pipeline;
  readonly judge: Judge;
  readonly lateAfterMs: number;
  readonly sliceRows: number;
  /** Most payload of a slice, unless a single commit holds more. Default: no bound. */
  readonly sliceBytes?: number | undefined;
  readonly checkpointInterval: bigint;
  readonly clock: Clock;
  readonly observe: WriteObserver;
  /** For people: that something is read again whole. */
  readonly say?: ((line: string) => void) | undefined;
}

/** Of the stage itself: it leaves rows to other pipelines. */
export interface RoutedRefineOptions extends Omit<RefineOptions, 'judge'> {
  readonly judge: RoutedJudge;
  /** Whether a route of the judge looks at headers; else they are not read. */
  readonly readsHeaders?: boolean;
}
