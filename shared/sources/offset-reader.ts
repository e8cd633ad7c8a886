import { backoffMs } from '../clock.ts';
import type { Backoff, Clock } from '../clock.ts';
import { TransientError } from '../errors.ts';
import type { OffsetsRead, ReadLimits } from './broker.ts';
import type { FetchedPartition } from './committed-records.ts';
import { OffsetCollector } from './offset-collector.ts';
import type { OffsetRange } from './record.ts';

/** What one fetch of one partition came to. */
export type FetchAnswer =
  | { readonly kind: 'fetched'; readonly partition: FetchedPartition }
  /** A quota: the broker gave nothing and asks to wait. */
  | { readonly kind: 'throttled'; readonly waitMs: number }
  /** The offset is not between the log's start and its end. */
  | { readonly kind: 'out-of-range' }
  /** The broker does not know, or no longer knows, this topic id or partition. */
  | { readonly kind: 'unknown-topic' }
  /** Nobody leads the partition, or the one asked does not; or it can't be reached. */
  | { readonly kind: 'no-leader'; readonly why: string; readonly cause?: unknown }
  /** The broker will not, or can't, give what is there. */
  | { readonly kind: 'refused'; readonly why: string };

/** One partition of one life of a topic, as the reader needs it. */
export interface PartitionSource {
  readonly topic: string;
  /** For messages. */
  readonly name: string;
  fetch(offset: bigint, bytesMax: number): Promise<FetchAnswer>;
  /** Log start and last stable offset. */
  bounds(): Promise<{ readonly earliest: bigint; readonly latest: bigint }>;
  /** Asks for the metadata again: whether the topic still has the id that it is read by. */
  isSameTopic(): Promise<boolean>;
}

/** Tries without any progress, in a row. Between two of them an election may end. */
const TRIES: Backoff = { attemptsMax: 6, delayMsBase: 200, delayMsMax: 2_000 };
/** Ranges no further apart are read in one go: jumping over fewer records saves nothing. */
const APART_MAX = 1_000n;
/** A request is made as large as the offsets still wanted may need: a small gap should not move megabytes. A batch comes whole in any case. */
const BYTES_PER_OFFSET = 1_024n;
const REQUEST_BYTES_MIN = 1 << 16;
const REQUEST_BYTES_MAX = 1 << 20;

/** See `Broker.read`. */
export async function readOffsets(source: PartitionSource, ranges: readonly OffsetRange[], limits: ReadLimits, clock: Clock): Promise<OffsetsRead> {
  const collector = new OffsetCollector(ranges, limits);
  let tries = 0;
  while (!collector.isFinished) {
    const before = collector.position;
    const answer = await source.fetch(before, requestBytes(collector.span(APART_MAX)));
    if (answer.kind === 'throttled') {
      await clock.sleep(answer.waitMs);
      continue;
    }
    await takeAnswer(answer, { source, collector, isLast: tries + 1 >= TRIES.attemptsMax });
    if (collector.position !== before) tries = 0;
    else if (!collector.isFinished) await clock.sleep(backoffMs(tries++, TRIES, clock));
  }
  return collector.result;
}

interface Taking {
  readonly source: PartitionSource;
  readonly collector: OffsetCollector;
  /** Whoever gives nothing now gives nothing. */
  readonly isLast: boolean;
}

async function takeAnswer(answer: Exclude<FetchAnswer, { kind: 'throttled' }>, { source, collector, isLast }: Taking): Promise<void> {
  const { position } = collector;
  switch (answer.kind) {
    case 'fetched':
      collector.take(answer.partition, source.topic);
      if (isLast && collector.position === position) collector.missRange('unavailable');
      return;
    case 'out-of-range': {
      const { earliest } = await source.bounds();
      collector.miss(earliest, 'expired');
      // Past the log's end: a leader that lost records. What is not there may come back with another one, so it is asked more than once.
      if (isLast && collector.position === position) collector.missRange('unavailable');
      return;
    }
    case 'unknown-topic':
      if (!(await source.isSameTopic())) collector.missAll('unavailable');
      else if (isLast) throw unanswered(source, position, 'the broker does not know the topic by the id that it names itself');
      return;
    case 'no-leader':
      if (isLast) throw unanswered(source, position, answer.why, answer.cause);
      if (!(await source.isSameTopic())) collector.missAll('unavailable');
      return;
    case 'refused':
      if (isLast) collector.missRange('unavailable');
  }
}

function requestBytes(offsets: bigint): number {
  const bytes = offsets * BYTES_PER_OFFSET;
  return bytes <= REQUEST_BYTES_MIN ? REQUEST_BYTES_MIN : bytes >= REQUEST_BYTES_MAX ? REQUEST_BYTES_MAX : Number(bytes);
}

function unanswered({ name }: PartitionSource, offset: bigint, why: string, cause?: unknown): TransientError {
  return new TransientError(
    'kafka/no-leader',
    `re-reading ${name} from offset ${offset}: asked ${TRIES.attemptsMax} times, ${why}. Check that the partition has a leader; the batch is delivered again.`,
    cause === undefined ? {} : { cause },
  );
}
