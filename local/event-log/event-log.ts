import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { DirLock } from '../dir-lock.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { GroupOffsets } from './group-offsets.ts';
import { PartitionLog } from './partition-log.ts';
import type { NewRecord } from './record-codec.ts';
import type { ReadLimits } from './segment.ts';
import { topicInfo } from './topic-meta.ts';
import type { TopicInfo, TopicSpec } from './topic-meta.ts';

const SEGMENT_BYTES_MAX = 16 << 20;
const DELETED = '.deleted-';

interface Topic {
  readonly info: TopicInfo;
  readonly partitions: readonly PartitionLog[];
}

/** Held while the log in `dir` is open. @throws {ConfigError} another living process has it open. */
export function lockLogDir(dir: string): DirLock {
  return DirLock.acquire({ path: join(dir, 'lock'), what: `the event log in ${dir}` });
}

/**
 * The embedded event log: Kafka's topics, partitions, offsets and group offsets on a disk, for one process.
 *
 *   <dir>/lock · <dir>/topics/<name>/meta.json · <dir>/topics/<name>/<partition>/<first offset>.log · <dir>/groups/<group>.json
 *
 * A call that returned survives the death of the process at any later moment (the pages are the operating system's by then), not a power
 * failure. A kill in the middle of an append leaves a prefix of each partition's records, never a hole. Calls are synchronous: a batch
 * costs one write a partition, a read one read.
 */
export class EventLog {
  readonly dir: string;
  readonly #lock: DirLock;
  readonly #segmentBytesMax: number;
  readonly #groups: GroupOffsets;
  readonly #topics = new Map<string, Topic>();
  readonly #appended = new Set<(topic: string) => void>();

  private constructor(dir: string, lock: DirLock, segmentBytesMax: number) {
    this.dir = dir;
    this.#lock = lock;
    this.#segmentBytesMax = segmentBytesMax;
    this.#groups = new GroupOffsets(join(dir, 'groups'));
  }

  /**
   * Opens or creates the log in `dir`; a torn record at the end of a partition is cut off.
   * @throws {ConfigError} another living process has it open.
   * @throws {TableError} a file is damaged elsewhere than at its torn end.
   */
  static open(options: { dir: string; segmentBytesMax?: number }): EventLog {
    mkdirSync(join(options.dir, 'topics'), { recursive: true });
    const lock = lockLogDir(options.dir);
    try {
      const log = new EventLog(options.dir, lock, options.segmentBytesMax ?? SEGMENT_BYTES_MAX);
      log.#openTopics();
      return log;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  topics(): TopicInfo[] {
    return [...this.#topics.values()].map((topic) => topic.info);
  }

  /** The topic of that name, or null. */
  topic(name: string): TopicInfo | null {
    return this.#topics.get(name)?.info ?? null;
  }

  /** Creates the topic, or finds it as it is described. @throws {ConfigError} it exists with another description. */
  createTopic(spec: TopicSpec): TopicInfo {
    const wanted = topicInfo(spec);
    const existing = this.topic(spec.name);
    if (existing === null) return this.#create(wanted);
    if (existing.id === wanted.id && existing.partitions === wanted.partitions) return existing;
    throw new ConfigError(
      'event-log/topic-exists',
      `creating topic '${spec.name}' with ${spec.partitions} partitions and seed ${spec.seed}: it exists with ${existing.partitions} and seed ${existing.seed}. Use those, or remove ${this.dir}.`,
      { facts: { topic: spec.name, partitions: existing.partitions, seed: existing.seed } },
    );
  }

  /** Deletes the topic with its records and every group's offsets in it. */
  deleteTopic(name: string): void {
    for (const partition of this.#get(name).partitions) partition.close();
    this.#topics.delete(name);
    const aside = join(this.dir, 'topics', `${DELETED}${randomUUID()}`);
    renameSync(join(this.dir, 'topics', name), aside);
    this.#groups.forget(name);
    rmSync(aside, { recursive: true });
  }

  /** Appends in the order given, one write a partition. Offsets go on from `ends(topic)`. */
  append(topic: string, recordsByPartition: ReadonlyMap<number, readonly NewRecord[]>): void {
    for (const [partition, records] of recordsByPartition) this.#partition(topic, partition).append(records);
    for (const listener of this.#appended) listener(topic);
  }

  /** Records from `from` on, at least one unless `from` is the end. `from` must be in [0, end]. Fewer than the limits at a file's end. */
  read(topic: string, partition: number, from: bigint, limits: ReadLimits): KafkaRecord[] {
    return this.#partition(topic, partition).read(from, limits);
  }

  /** Per partition, the offset that the next record gets. The start offset is always 0: nothing expires. */
  ends(topic: string): bigint[] {
    return this.#get(topic).partitions.map((partition) => partition.end);
  }

  /** The first offset with a timestamp at or after `timestampMs`, or null. Walks the partition. */
  offsetAtTime(topic: string, partition: number, timestampMs: number): { offset: bigint; timestampMs: number } | null {
    return this.#partition(topic, partition).offsetAtTime(timestampMs);
  }

  /** Bytes of all records on disk. */
  bytes(): number {
    let bytes = 0;
    for (const topic of this.#topics.values()) for (const partition of topic.partitions) bytes += partition.bytes;
    return bytes;
  }

  /** Bytes of half-written records that opening cut off: 0 after a clean end. */
  bytesCut(): number {
    let bytes = 0;
    for (const topic of this.#topics.values()) for (const partition of topic.partitions) bytes += partition.bytesCut;
    return bytes;
  }

  /** Partition → the group's next offset; absent where it never committed. */
  committed(group: string, topic: string): Map<number, bigint> {
    return this.#groups.committed(group, topic);
  }

  /** Stores the group's offsets, all or none. */
  commit(group: string, offsets: readonly { topic: string; partition: number; next: bigint }[]): void {
    this.#groups.commit(group, offsets);
  }

  /** Calls `listener` after every append, with the topic. Returns the way to stop it. */
  onAppend(listener: (topic: string) => void): () => void {
    this.#appended.add(listener);
    return () => {
      this.#appended.delete(listener);
    };
  }

  close(): void {
    for (const topic of this.#topics.values()) for (const partition of topic.partitions) partition.close();
    this.#topics.clear();
    this.#lock.release();
  }

  #openTopics(): void {
    for (const name of readdirSync(join(this.dir, 'topics'))) {
      const folder = join(this.dir, 'topics', name);
      const meta = join(folder, 'meta.json');
      // A folder without its meta file is a creation or a deletion that was killed half way: nobody was told that it holds anything.
      if (name.startsWith(DELETED) || !existsSync(meta)) rmSync(folder, { recursive: true });
      else this.#openTopic(JSON.parse(readFileSync(meta, 'utf8')) as TopicInfo);
    }
  }

  #create(info: TopicInfo): TopicInfo {
    const folder = join(this.dir, 'topics', info.name);
    mkdirSync(folder, { recursive: true });
    writeFileAtomic(join(folder, 'meta.json'), `${JSON.stringify(info)}\n`);
    return this.#openTopic(info);
  }

  #openTopic(info: TopicInfo): TopicInfo {
    const partitions = Array.from({ length: info.partitions }, (_, partition) =>
      PartitionLog.open({
        topic: info.name,
        partition,
        dir: join(this.dir, 'topics', info.name, String(partition)),
        segmentBytesMax: this.#segmentBytesMax,
      }),
    );
    this.#topics.set(info.name, { info, partitions });
    return info;
  }

  #get(topic: string): Topic {
    const found = this.#topics.get(topic);
    if (found !== undefined) return found;
    throw new ConfigError('event-log/unknown-topic', `using topic '${topic}' of ${this.dir}: it does not exist; there are: ${[...this.#topics.keys()].join(', ') || 'none'}.`);
  }

  #partition(topic: string, partition: number): PartitionLog {
    const { info, partitions } = this.#get(topic);
    const found = partitions[partition];
    if (found !== undefined) return found;
    throw new ConfigError('event-log/unknown-partition', `using partition ${partition} of topic '${topic}': it has ${info.partitions}, counted from 0.`);
  }
}
