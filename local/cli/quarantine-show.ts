import { and, compare } from '../../shared/columnar/predicate.ts';
import type { DuckSession } from '../../shared/columnar/duck-relations.ts';
import { FILE } from '../../shared/columnar/relation.ts';
import { findWhere } from '../../shared/delta/operations/lookup.ts';
import { ConfigError } from '../../shared/errors.ts';
import { BRONZE } from '../../shared/pipeline/tables.ts';
import type { Command, Output } from './command.ts';
import { openQuarantine } from './quarantine-filter.ts';
import type { OpenQuarantine } from './quarantine-filter.ts';
import { withReadLake } from './read-lake.ts';
import type { LakeReader } from './read-lake.ts';
import { harmless } from './row-sink.ts';
import { idOf } from './quarantine-list.ts';
import { countText, timeText } from './text.ts';

export const quarantineShowCommand: Command = {
  name: 'quarantine show',
  usage: 'ID | TOPIC PARTITION OFFSET [--lake URL] [--json]',
  wordsMax: 3,
  summary: 'Show one rejected record: its payload whole, why it was rejected, where it is in Bronze',
  options: {},
  run: ({ positionals, flags, out }) => withReadLake(flags, (reader) => show(reader, placeOf(positionals), out)),
};

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

function placeOf(positionals: readonly string[]): Place {
  const [topic, partition, offset] = positionals.length === 1 ? positionals[0].split('/') : positionals;
  if (/^\d{1,9}$/.test(partition ?? '') && /^\d{1,18}$/.test(offset ?? '')) return { topic, partition: Number(partition), offset: BigInt(offset) };
  throw new ConfigError('cli/options', 'name the record as "assay quarantine list" prints it, topic/partition/offset, or as three words');
}

/** Times as ISO texts; `bytes` is base64 in JSON. */
interface Shown {
  readonly id: string;
  readonly incarnation: string;
  readonly state: 'open' | 'resolved' | 'provisional';
  readonly reason: string;
  readonly detail: string;
  readonly kafkaTimestamp: string | null;
  readonly quarantinedAt: string | null;
  readonly resolvedAt: string | null;
  readonly rulesHash: string;
  readonly bronzeVersion: bigint;
  /** Null: Bronze no longer has it. */
  readonly bronzeFile: string | null;
  readonly value: string | null;
  readonly bytes: Uint8Array | null;
}

async function show(reader: LakeReader, place: Place, out: Output): Promise<number> {
  const quarantine = await openQuarantine(reader);
  const files = await bronzeFiles(reader, place);
  const rows = await readRows(quarantine, place, files);
  if (rows.length === 0) {
    const there = files.size === 0 ? 'Bronze does not have it either' : 'Bronze has it, so refine accepted it or has not come to it';
    throw new ConfigError('quarantine/no-row', `${place.topic}/${place.partition}/${place.offset} is not in quarantine: ${there}; "assay quarantine list" shows what is`);
  }
  out.result(rows, () => rows.map(text).join('\n\n'));
  return 0;
}

/** A record of every life of its topic may be there. */
async function readRows({ table, settled }: OpenQuarantine, place: Place, files: ReadonlyMap<string, string>): Promise<Shown[]> {
  const rows = await table.engine.session((session) => found(session, table, place));
  return rows.map((row) => {
    const [version, resolved] = [row['bronze_version'] as bigint, row['resolved_at'] as bigint | null];
    const isResolved = resolved !== null && resolved <= settled.replayedMs * 1000n;
    return {
      id: idOf(row), incarnation: row['incarnation'] as string, state: version > settled.refined ? 'provisional' : isResolved ? 'resolved' : 'open',
      reason: row['reason'] as string, detail: row['detail'] as string,
      kafkaTimestamp: time(row['kafka_timestamp']), quarantinedAt: time(row['quarantined_at']), resolvedAt: time(row['resolved_at']),
      rulesHash: row['rules_hash'] as string, bronzeVersion: version, bronzeFile: files.get(row['incarnation'] as string) ?? null,
      value: row['value'] as string | null, bytes: row['value_bytes'] as Uint8Array | null,
    };
  });
}

/** By incarnation. */
async function bronzeFiles({ lake }: LakeReader, place: Place): Promise<Map<string, string>> {
  const bronze = await lake.table(BRONZE);
  return bronze.engine.session(async (session) => {
    const at = await findWhere(session, bronze, bronze.delta.snapshot, isAt(place));
    const rows = at === null ? [] : await session.rows(session.select(at.rows, ['incarnation', FILE]));
    return new Map(rows.map((row) => [row['incarnation'] as string, at!.files[row[FILE] as number].path]));
  });
}

async function found(session: DuckSession, table: OpenQuarantine['table'], place: Place): Promise<Record<string, unknown>[]> {
  const at = await findWhere(session, table, table.delta.snapshot, isAt(place));
  return at === null ? [] : session.rows(at.rows);
}

function isAt({ topic, partition, offset }: Place) {
  return and(compare('topic', '=', topic), compare('partition', '=', partition), compare('offset', '=', offset));
}

function time(us: unknown): string | null {
  return us === null ? null : timeText(Number((us as bigint) / 1000n));
}

function text(row: Shown): string {
  const lines = [
    ['record', `${row.id} of ${row.incarnation}`], ['state', row.resolvedAt === null || row.state !== 'resolved' ? row.state : `resolved ${row.resolvedAt}`],
    ['reason', row.reason], ['detail', harmless(row.detail)], ['Kafka time', row.kafkaTimestamp ?? 'none'],
    ['quarantined', `${row.quarantinedAt ?? 'unknown'} under rules ${row.rulesHash}`],
    ['Bronze', `version ${row.bronzeVersion}, ${row.bronzeFile ?? 'which no longer has it'}`],
  ].map(([name, value]) => `${name.padEnd(12)}${value}`);
  return [...lines, ...payload(row)].join('\n');
}

const DUMP_BYTES_MAX = 512;

function payload({ value, bytes }: Shown): string[] {
  if (value !== null && value !== '') return [`payload     ${countText(Buffer.byteLength(value))} bytes of text`, harmless(value)];
  if (bytes === null || bytes.length === 0) return ['payload     none'];
  const head = Buffer.from(bytes).subarray(0, DUMP_BYTES_MAX);
  const rest = bytes.length > DUMP_BYTES_MAX ? ` (the first ${DUMP_BYTES_MAX}; --json has all)` : '';
  return [`payload     ${countText(bytes.length)} bytes${rest}`, `hex         ${head.toString('hex')}`, `base64      ${head.toString('base64')}`];
}
