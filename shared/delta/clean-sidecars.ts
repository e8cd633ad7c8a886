import type { ObjectInfo } from '../storage/object-store.ts';
import { SIDECAR_FOLDER, parseLogPath } from './log-path.ts';
import { readSidecarKeys } from './log-reader.ts';
import type { LogSource } from './log-reader.ts';

const DAY_MS = 86_400_000;
/** Deletions of a run. */
const SIDECARS_MAX = 2_000;
const REQUESTS_AT_ONCE = 16;

/**
 * Deletes the sidecars of V2 checkpoints that no checkpoint of `files`, the log as it is now, names (PROTOCOL.md, "Metadata Cleanup", steps 6 and 7):
 * none that is younger than the cutoff or, as of midnight (UTC), than a day, for a checkpoint that is being written names young ones, or what the
 * newest one names. Checkpoints are read only while there are sidecars in doubt, the oldest first. One that can't be read keeps them all.
 */
export async function cleanSidecars(source: LogSource, files: readonly ObjectInfo[], cutoffMs: number): Promise<number> {
  const youngestMs = Math.min(cutoffMs, Math.floor(source.store.nowMs() / DAY_MS) * DAY_MS - DAY_MS);
  const unnamed = new Set(files.flatMap(({ key, lastModifiedMs }) => (key.startsWith(SIDECAR_FOLDER) && lastModifiedMs <= youngestMs ? [key] : [])));
  for (const checkpoint of checkpointsOf(files)) {
    if (unnamed.size === 0) return 0;
    const named = await readSidecarKeys(source, checkpoint);
    if (named === null) return 0;
    for (const key of named) unnamed.delete(key);
  }
  const going = [...unnamed].slice(0, SIDECARS_MAX);
  for (let start = 0; start < going.length; start += REQUESTS_AT_ONCE) {
    await Promise.all(going.slice(start, start + REQUESTS_AT_ONCE).map((key) => source.store.delete(key)));
  }
  return going.length;
}

/** Of every form that may name sidecars, the oldest first; a checkpoint in parts names none. */
function checkpointsOf(files: readonly ObjectInfo[]): string[] {
  const found = files.flatMap(({ key }) => {
    const path = parseLogPath(key);
    return path?.kind === 'checkpoint' ? [path] : [];
  });
  return found.sort((a, b) => Number(a.version - b.version)).map(({ key }) => key);
}
