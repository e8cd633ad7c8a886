import { isAssayError } from '../errors.ts';

const GONE = new Set(['delta/version-gone', 'storage/missing-file', 'delta/missing-file']);

/**
 * Whether versions that a stage has yet to read can't be read any more: cleaned from the log, or their files vacuumed. A file of the newest
 * version that is missing looks the same; who reads the source whole then meets it again.
 */
export function isGone(error: unknown): boolean {
  return isAssayError(error) && GONE.has(error.code);
}
