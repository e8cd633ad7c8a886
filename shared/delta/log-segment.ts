import { TableError } from '../errors.ts';
import { parseLogPath } from './log-path.ts';
import type { LogPath } from './log-path.ts';

/** Which files make a version: at most one complete checkpoint, and the contiguous commits after it. Pure. */
export interface LogSegment {
  /** −1n without one. */
  readonly checkpointVersion: bigint;
  /** Newest complete checkpoints first, each with its files: a damaged one can be passed over while older ones and commits exist. */
  readonly checkpoint: readonly string[];
  /** Ascending and contiguous, from checkpointVersion + 1 to `version`. */
  readonly commits: readonly bigint[];
  readonly version: bigint;
}

/**
 * From a listing of `_delta_log/`. `at` asks for an older version. Null: there is no log.
 * Failures: TableError `delta/log-gap` where a version is missing inside the range; `delta/no-such-version`.
 */
export function logSegment(keys: Iterable<string>, table: string, at: bigint | null = null): LogSegment | null {
  const paths = [...keys].map(parseLogPath).filter((path): path is LogPath => path !== null);
  if (paths.length === 0) return null;
  const upTo = (version: bigint) => at === null || version <= at;
  const checkpoint = newestComplete(paths.filter((path) => path.kind !== 'commit' && upTo(path.version)));
  const from = checkpoint ? checkpoint.version : -1n;
  const commits = paths
    .filter((path) => path.kind === 'commit' && path.version > from && upTo(path.version))
    .map((path) => path.version)
    .sort((a, b) => (a < b ? -1 : 1));
  const version = commits.at(-1) ?? from;
  if (at !== null && version !== at) {
    throw new TableError('delta/no-such-version', `${table} has no version ${at}; the newest readable one below it is ${version}`);
  }
  checkContiguous(commits, from, table);
  return { checkpointVersion: from, checkpoint: checkpoint?.keys ?? [], commits, version };
}

function checkContiguous(commits: readonly bigint[], from: bigint, table: string): void {
  let expected = from + 1n;
  for (const version of commits) {
    if (version !== expected) {
      throw new TableError('delta/log-gap', `${table}: commit ${expected} is missing while ${version} exists; the table cannot be read until it is restored`);
    }
    expected++;
  }
}

function newestComplete(paths: readonly LogPath[]): { version: bigint; keys: string[] } | null {
  const versions = [...new Set(paths.map((path) => path.version))].sort((a, b) => (a > b ? -1 : 1));
  for (const version of versions) {
    const here = paths.filter((path) => path.version === version);
    const single = here.find((path) => path.kind === 'checkpoint');
    if (single?.kind === 'checkpoint') return { version, keys: [single.key] };
    const parts = here.filter((path) => path.kind === 'checkpoint-part');
    for (const total of new Set(parts.map((path) => path.parts))) {
      const complete = parts.filter((path) => path.parts === total).sort((a, b) => a.part - b.part);
      if (complete.length === total) return { version, keys: complete.map((path) => path.key) };
    }
  }
  return null;
}
