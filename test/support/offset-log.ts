import type { MissingCause, OffsetsRead, ReadLimits } from '../../shared/sources/broker.ts';
import type { KafkaRecord, OffsetRange } from '../../shared/sources/record.ts';

/** One partition of one life of a topic: what is at each offset, told offset by offset. */
export interface OffsetLog {
  readonly earliest: bigint;
  readonly at: (offset: bigint) => KafkaRecord | MissingCause;
}

/** What `Broker.read` promises, the plain way. A record counts as its value's bytes. */
export function readLog(log: OffsetLog, ranges: readonly OffsetRange[], limits: ReadLimits): OffsetsRead {
  const records: KafkaRecord[] = [];
  const missing: { firstOffset: bigint; lastOffset: bigint; cause: MissingCause }[] = [];
  let bytes = 0;
  for (const { firstOffset, lastOffset } of ranges) {
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      if (records.length + missing.length >= limits.recordsMax || bytes >= limits.bytesMax) return { records, missing, bytes, next: offset };
      const found = offset < log.earliest ? 'expired' : log.at(offset);
      const before = missing.at(-1);
      if (typeof found !== 'string') {
        records.push(found);
        bytes += found.value?.length ?? 0;
      } else if (before?.cause === found && before.lastOffset === offset - 1n) before.lastOffset = offset;
      else missing.push({ firstOffset: offset, lastOffset: offset, cause: found });
    }
  }
  return { records, missing, bytes, next: ranges.at(-1)!.lastOffset + 1n };
}
