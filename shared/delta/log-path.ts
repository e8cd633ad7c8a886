/** Names in `_delta_log/` (PROTOCOL.md, "Delta Table Specification", file types). Anything else is ignored. */
export type LogPath =
  | { readonly kind: 'commit'; readonly version: bigint }
  | { readonly kind: 'checkpoint'; readonly version: bigint; readonly format: 'parquet' | 'json'; readonly key: string }
  | { readonly kind: 'checkpoint-part'; readonly version: bigint; readonly part: number; readonly parts: number; readonly key: string };

/** Files beside commits that no reader needs: of version checksums and of compacted commits, the last version they tell of. */
export interface LogAid { readonly version: bigint; readonly key: string }

export const LOG_FOLDER = '_delta_log/';
export const LAST_CHECKPOINT = `${LOG_FOLDER}_last_checkpoint`;
export const SIDECAR_FOLDER = `${LOG_FOLDER}_sidecars/`;

const VERSION_DIGITS = 20;
const COMMIT = /^(\d{20})\.json$/;
const CLASSIC = /^(\d{20})\.checkpoint\.parquet$/;
const PART = /^(\d{20})\.checkpoint\.(\d{10})\.(\d{10})\.parquet$/;
const CHECKSUM = /^(\d{20})\.crc$/;
const COMPACTED = /^\d{20}\.(\d{20})\.compacted\.json$/;
const V2 = /^(\d{20})\.checkpoint\.[0-9a-fA-F-]{36}\.(parquet|json)$/;

export function commitKey(version: bigint): string {
  return `${LOG_FOLDER}${digits(version)}.json`;
}

export function checkpointKey(version: bigint): string {
  return `${LOG_FOLDER}${digits(version)}.checkpoint.parquet`;
}

/** The prefix that a version shares with the 999 others of its thousand: one bounded listing. */
export function blockPrefix(version: bigint): string {
  return LOG_FOLDER + digits(version).slice(0, VERSION_DIGITS - 3);
}

/** The last version of that thousand. */
export function lastOfBlock(version: bigint): bigint {
  return (version / 1000n) * 1000n + 999n;
}

export function parseLogPath(key: string): LogPath | null {
  if (!key.startsWith(LOG_FOLDER)) return null;
  const name = key.slice(LOG_FOLDER.length);
  const commit = COMMIT.exec(name);
  if (commit) return { kind: 'commit', version: BigInt(commit[1]) };
  const classic = CLASSIC.exec(name);
  if (classic) return { kind: 'checkpoint', version: BigInt(classic[1]), format: 'parquet', key };
  const part = PART.exec(name);
  if (part) return { kind: 'checkpoint-part', version: BigInt(part[1]), part: Number(part[2]), parts: Number(part[3]), key };
  const v2 = V2.exec(name);
  if (v2) return { kind: 'checkpoint', version: BigInt(v2[1]), format: v2[2] as 'parquet' | 'json', key };
  return null;
}

export function parseLogAid(key: string): LogAid | null {
  if (!key.startsWith(LOG_FOLDER)) return null;
  const name = key.slice(LOG_FOLDER.length);
  const found = CHECKSUM.exec(name) ?? COMPACTED.exec(name);
  return found && { version: BigInt(found[1]), key };
}

function digits(version: bigint): string {
  return String(version).padStart(VERSION_DIGITS, '0');
}
