import type { Rejected } from '../verdict.ts';

const DETAIL_LENGTH_MAX = 200;

export function rejected(reason: string, detail: string): Rejected {
  return { kind: 'rejected', reason, detail: clip(detail, DETAIL_LENGTH_MAX) };
}

/** For quoting a payload inside a detail that has more to say. */
export function excerpt(source: string): string {
  return clip(source, 80);
}

/** Well formed whatever was cut: half a surrogate pair could not be stored as UTF-8. */
function clip(text: string, lengthMax: number): string {
  return (text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`).toWellFormed();
}
