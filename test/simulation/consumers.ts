import type { Broker, OffsetsRead, ReadLimits, ReadPartition } from '../../shared/sources/broker.ts';
import type { KafkaRecord, OffsetRange } from '../../shared/sources/record.ts';
import { readLog } from '../support/offset-log.ts';
import type { Chance } from './chance.ts';
import type { Actor } from './scheduler.ts';
import type { Topic } from './topic.ts';
import type { World } from './world.ts';

const TOPIC_ID = '11111111-1111-4111-8111-111111111111';

/** What ingest asks of a broker, with the world's weather. */
export class SimBroker implements Broker {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #topic: Topic;

  constructor(world: World, actor: Actor, topic: Topic) {
    [this.#world, this.#actor, this.#topic] = [world, actor, topic];
  }

  topicId(): Promise<string> {
    return this.#ask('topicId', () => TOPIC_ID);
  }

  offsets(): Promise<{ partition: number; earliest: bigint; latest: bigint }[]> {
    return this.#ask('offsets', () => this.#topic.earliest.map((earliest, partition) => ({ partition, earliest, latest: (this.#topic.records[partition].at(-1)?.offset ?? earliest - 1n) + 1n })));
  }

  offsetForTime(): Promise<Map<number, bigint>> {
    return this.#ask('offsetForTime', () => new Map());
  }

  committed(): Promise<Map<number, bigint>> {
    return this.#ask('committed', () => new Map());
  }

  read({ partition }: ReadPartition, ranges: readonly OffsetRange[], limits: ReadLimits): Promise<OffsetsRead> {
    const records = new Map(this.#topic.records[partition].map((record) => [record.offset, record]));
    return this.#ask('read', () => readLog({ earliest: this.#topic.earliest[partition], at: (offset) => records.get(offset) ?? 'compacted' }, ranges, limits));
  }

  #ask<T>(name: string, answer: () => T): Promise<T> {
    return this.#world.attempt(this.#actor, { name, key: this.#topic.name, isWrite: false, effect: answer });
  }
}

/** Records of one delivery, and the offset to move to when the invocation has returned, by partition. */
export interface Delivery {
  readonly records: readonly KafkaRecord[];
  readonly generation: number;
  readonly next: ReadonlyMap<number, number>;
}

interface Member {
  readonly actor: Actor;
  generation: number;
  /** Index into the partition's records: what is fetched next. */
  readonly positions: Map<number, number>;
}

/**
 * A consumer group as the Kafka trigger has it: partitions move between hosts at any time, what a host has queued of lost partitions still
 * runs there, and offsets move only after an invocation returned, or not even then.
 */
export class ConsumerGroup {
  readonly #topic: Topic;
  readonly #chance: Chance;
  readonly #members = new Map<Actor, Member>();
  readonly #committed: number[];
  readonly #owners: (Actor | null)[];
  #generation = 0;
  rebalances = 0;

  constructor(topic: Topic, chance: Chance) {
    this.#topic = topic;
    this.#chance = chance;
    this.#committed = topic.records.map(() => 0);
    this.#owners = topic.records.map(() => null);
  }

  join(actor: Actor): void {
    this.#members.set(actor, { actor, generation: -1, positions: new Map() });
    this.rebalance();
  }

  /** Dead members are noticed now. */
  rebalance(): void {
    for (const actor of this.#members.keys()) if (!actor.alive) this.#members.delete(actor);
    const actors = [...this.#members.keys()];
    this.#generation++;
    this.rebalances++;
    for (let p = 0; p < this.#owners.length; p++) this.#owners[p] = actors.length === 0 ? null : this.#chance.pick(actors);
  }

  /** What the host's consumer brings next; null where there is nothing. */
  poll(actor: Actor): Delivery | null {
    const member = this.#members.get(actor)!;
    const owned = this.#owners.flatMap((owner, partition) => (owner === actor ? [partition] : []));
    if (member.generation !== this.#generation) {
      member.generation = this.#generation;
      member.positions.clear();
    }
    // Something went wrong on the way, and the consumer seeks back.
    if (this.#chance.happens(0.03)) member.positions.clear();
    const records: KafkaRecord[] = [];
    const next = new Map<number, number>();
    for (const partition of owned) {
      const from = member.positions.get(partition) ?? this.#committed[partition];
      const batch = this.#topic.records[partition].slice(from, from + this.#chance.between(1, 6));
      if (batch.length === 0 || (records.length > 0 && this.#chance.happens(0.5))) continue;
      records.push(...batch);
      if (this.#chance.happens(0.03)) records.push(...batch.slice(0, 2));
      member.positions.set(partition, from + batch.length);
      next.set(partition, from + batch.length);
    }
    return records.length === 0 ? null : { records, generation: member.generation, next };
  }

  /** The invocation returned. The broker takes no offsets of a generation that is over; and some commits are lost. */
  commit({ generation, next }: Delivery): void {
    if (generation !== this.#generation || this.#chance.happens(0.1)) return;
    for (const [partition, offset] of next) this.#committed[partition] = offset;
  }
}
