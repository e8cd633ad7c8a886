import { TableError } from '../errors.ts';
import { parseLogPath } from './log-path.ts';
import type { LogPath } from './log-path.ts';

/** Which files make a version: at most one complete checkpoint, and the contiguous commits after it. Pure. */
export interface LogSegment {
  /** −1n without one. */
  readonly checkpointVersion: bigint;
  /** Its files; none without one. */
  readonly checkpoint: readonly string[];
  /** Ascending and contiguous, from checkpointVersion + 1 to `version`. */
  readonly commits: readonly bigint[];
  readonly version: bigint;
}

/**
 * Every way to the newest version, or to version `at`, from a listing of `_delta_log/`: by the newest checkpoint first, then by older
 * ones, at last by commits alone. All give the same state. None: there is no log.
 * Failures: TableError `delta/log-gap` where no way is without a gap; `delta/no-such-version` where the log does not reach `at`.
 */
export function logSegments(keys: Iterable<string>, table: string, at: bigint | null = null): LogSegment[] {
  const paths = [...keys].map(parseLogPath).filter((path): path is LogPath => path !== null);
  if (paths.length === 0) return [];
  const within = paths.filter(({ version }) => at === null || version <= at);
  const commits = within.filter(({ kind }) => kind === 'commit').map(({ version }) => version).sort((a, b) => (a < b ? -1 : 1));
  const starts = [...completeCheckpoints(within), NO_CHECKPOINT];
  const newest = commits.at(-1) ?? -1n;
  const version = starts[0].version > newest ? starts[0].version : newest;
  const segments = starts.map((start) => ({
    checkpointVersion: start.version, checkpoint: start.keys, commits: commits.filter((commit) => commit > start.version), version,
  }));
  const whole = segments.filter((segment) => gapIn(segment) === null);
  if (at !== null && (version !== at || at < 0n || whole.length === 0)) throw noSuchVersion(table, { at, version, first: commits[0], newest: paths.reduce((last, path) => (path.version > last ? path.version : last), -1n) });
  if (whole.length > 0) return whole;
  throw new TableError('delta/log-gap', `${table}: commit ${gapIn(segments[0])!} is missing while ${version} exists; the table cannot be read until it is restored`);
}

const NO_CHECKPOINT = { version: -1n, keys: [] };

/** The first missing version, or null. */
function gapIn({ checkpointVersion, commits, version }: LogSegment): bigint | null {
  let expected = checkpointVersion + 1n;
  for (const commit of commits) {
    if (commit !== expected) return expected;
    expected++;
  }
  return expected === version + 1n ? null : expected;
}

function noSuchVersion(table: string, { at, version, first, newest }: { at: bigint; version: bigint; first: bigint | undefined; newest: bigint }): TableError {
  const refused = (text: string) => new TableError('delta/no-such-version', `${table} ${text}`, { facts: { table, at } });
  if (at > newest) return refused(`has no version ${at}: the newest is ${newest}`);
  const why = version === at ? `its log has commits from ${first ?? at} on, and no checkpoint at or below ${at} leads there` : `the newest version at or below it is ${version}`;
  return refused(`can no longer be read at version ${at}: ${why}; choose a newer version`);
}

/** Whether a listing holds a checkpoint with all its parts. */
export function hasCheckpoint(keys: Iterable<string>): boolean {
  return completeCheckpoints([...keys].map(parseLogPath).filter((path) => path !== null)).length > 0;
}

/** Newest first. A single file goes before a multi-part one of its version. */
function completeCheckpoints(paths: readonly LogPath[]): { version: bigint; keys: string[] }[] {
  const singles = paths.flatMap((path) => (path.kind === 'checkpoint' ? [{ version: path.version, keys: [path.key] }] : []));
  const sets = Map.groupBy(paths.filter((path) => path.kind === 'checkpoint-part'), ({ version, parts }) => `${version}/${parts}`);
  const multi = [...sets.values()].flatMap((set) => {
    const parts = set.sort((a, b) => a.part - b.part);
    return parts.length === parts[0].parts && parts.every(({ part }, i) => part === i + 1) ? [{ version: parts[0].version, keys: parts.map(({ key }) => key) }] : [];
  });
  return [...singles, ...multi].sort((a, b) => (a.version === b.version ? 0 : a.version > b.version ? -1 : 1));
}
