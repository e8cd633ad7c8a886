import type { AddFile } from '../delta/actions.ts';

/** Called when a write begins (`bronze_write`, …); the returned function is called once it is committed. For `benchmark_logs`. */
export type WriteObserver = (task: string) => (done: { readonly rows: number; readonly adds: readonly AddFile[] }) => void;

export const unobserved: WriteObserver = () => () => undefined;
