import type { AddFile } from '../delta/actions.ts';

/** What a write came to. */
export interface Observed {
  readonly rows: number;
  readonly adds: readonly AddFile[];
  /** Files that the new ones stand for, or that are gone; absent where a write only adds. */
  readonly before?: readonly { readonly size: number }[];
}

/** Called when a write begins (`bronze_write`, …); the returned function is called once it is committed. For `benchmark_logs`. */
export type WriteObserver = (task: string) => (done: Observed) => void;

export const unobserved: WriteObserver = () => () => undefined;
