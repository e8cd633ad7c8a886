import { ConfigError } from '../../shared/errors.ts';
import { settledBy } from '../../shared/pipeline/quarantine-rows.ts';
import type { QuarantineFilter, Settled } from '../../shared/pipeline/quarantine-rows.ts';
import { QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import type { Flags } from './command.ts';
import type { LakeReader } from './read-lake.ts';
import type { NamedTable } from './read-lake.ts';

export const filterOptions = { reason: { type: 'string' }, topic: { type: 'string' }, since: { type: 'string' } } as const;
export const FILTER_USAGE = '[--reason R] [--topic T] [--since TIME|2h]';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** ConfigError `cli/options` for a `--since` that is neither a time nor a duration. */
export function filterFrom(flags: Flags, nowMs: number): QuarantineFilter {
  const [reason, topic, since] = [flags.text('reason'), flags.text('topic'), flags.text('since')];
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(topic === undefined ? {} : { topic }),
    ...(since === undefined ? {} : { sinceUs: BigInt(timeMs(since, nowMs)) * 1000n }),
  };
}

function timeMs(text: string, nowMs: number): number {
  const ago = /^(\d+)([smhd])$/.exec(text);
  const ms = ago ? nowMs - Number(ago[1]) * UNIT_MS[ago[2]] : Date.parse(text);
  if (Number.isSafeInteger(ms)) return ms;
  throw new ConfigError('cli/options', `--since is "${text}"; give a time as 2025-04-01T18:00:00Z, or how long ago as 90s, 30m, 2h, 7d`);
}

/** Quarantine, and how far Silver is with it. */
export interface OpenQuarantine {
  readonly table: NamedTable['table'];
  readonly settled: Settled;
}

export async function openQuarantine({ lake }: LakeReader): Promise<OpenQuarantine> {
  const silver = await lake.table(SILVER);
  const settled = await settledBy(lake, silver.delta.snapshot);
  return { table: await lake.table(QUARANTINE), settled };
}
