import type { Broker, OffsetsRead, ReadLimits, ReadPartition } from '../../shared/sources/broker.ts';
import type { KafkaRecord, OffsetRange } from '../../shared/sources/record.ts';
import { BRONZE } from '../../shared/pipeline/tables.ts';
import { readLog } from '../support/offset-log.ts';
import type { Chance } from './chance.ts';
import type { Actor } from './scheduler.ts';
import type { Topic } from './topic.ts';
import type { World } from './world.ts';

/** What ingest and maintain ask of a broker, with the world's weather. */
export class SimBroker implements Broker {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #topic: Topic;
  readonly #refuses: number;

  constructor(world: World, actor: Actor, topic: Topic) {
    [this.#world, this.#actor, this.#topic] = [world, actor, topic];
    this.#refuses = world.chance.pick([0, 0, 0.3]);
  }

  topicId(): Promise<string> {
    return this.#ask('topicId', () => this.#topic.life.id);
  }

  offsets(): Promise<{ partition: number; earliest: bigint; latest: bigint }[]> {
    return this.#ask('offsets', () => this.#topic.life.partitions.map(({ start, end }, partition) => ({ partition, earliest: start, latest: end })));
  }

  offsetForTime(): Promise<Map<number, bigint>> {
    return this.#ask('offsetForTime', () => new Map());
  }

  committed(): Promise<Map<number, bigint>> {
    return this.#ask('committed', () => new Map());
  }

  /** Now and then it answers, but gives less than it has. */
  read({ topicId, partition }: ReadPartition, ranges: readonly OffsetRange[], limits: ReadLimits): Promise<OffsetsRead> {
    return this.#ask('read', () => {
      const { id, partitions } = this.#topic.life;
      // Not before Bronze knows the topic: a new worker that knows of one life alone takes every batch for its.
      const isKnown = [...this.#world.ledger.tables.get(BRONZE)?.txns.keys() ?? []].some((appId) => appId.startsWith(`bronze/${this.#topic.name}/${this.#topic.lives[0].id}/`));
      const refuses = isKnown && !this.#world.isCalm && this.#world.chance.happens(this.#refuses);
      const from = refuses ? this.#world.chance.pick(ranges).lastOffset : null;
      const isGiven = (offset: bigint) => id === topicId && (from === null || offset < from);
      return readLog({ earliest: id === topicId ? partitions[partition].start : 0n, at: (offset) => (isGiven(offset) ? partitions[partition].at(offset) : null) ?? 'unavailable' }, ranges, limits);
    });
  }

  #ask<T>(name: string, answer: () => T): Promise<T> {
    return this.#world.attempt(this.#actor, { name, key: this.#topic.name, isWrite: false, effect: answer });
  }
}

/** Records of one delivery, and the offset to move to when the invocation has returned, by partition. */
export interface Delivery {
  readonly records: readonly KafkaRecord[];
  readonly generation: number;
  readonly next: ReadonlyMap<number, bigint>;
}

interface Member {
  readonly actor: Actor;
  generation: number;
  /** What is fetched next, by partition. */
  readonly positions: Map<number, bigint>;
}

/**
 * A consumer group as the Kafka trigger has it: partitions move between hosts at any time, what a host has queued of lost partitions still
 * runs there, and offsets move only after an invocation returned, or not even then; or they move although nobody ever got the records.
 */
export class ConsumerGroup {
  readonly #topic: Topic;
  readonly #chance: Chance;
  readonly #members = new Map<Actor, Member>();
  readonly #committed: bigint[];
  readonly #owners: (Actor | null)[];
  #generation = 0;
  rebalances = 0;
  readonly #lossShare: number;
  lost = 0;

  constructor(topic: Topic, chance: Chance) {
    this.#topic = topic;
    this.#chance = chance;
    this.#committed = topic.life.partitions.map(({ start }) => start);
    this.#owners = topic.life.partitions.map(() => null);
    this.#lossShare = chance.pick([0, 0.02, 0.15]);
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

  /** The group's offsets expired, or somebody set them: to anywhere up to the last record, which still comes. */
  reset(): void {
    const partition = this.#chance.between(0, this.#committed.length - 1);
    const { records, start } = this.#topic.life.partitions[partition];
    const left = records.filter(({ offset }) => offset >= start);
    if (left.length > 0) this.#committed[partition] = this.#chance.happens(0.5) ? left.at(-1)!.offset : this.#chance.pick(left).offset;
    this.rebalance();
  }

  /**
   * Retention takes the front of a partition, but for its last record. Not of a topic that was just made again: a new worker could not tell a
   * record of the life before from one that expired in its hands.
   */
  expire(): void {
    if (this.#topic.life !== this.#topic.lives[0]) return;
    const log = this.#chance.pick(this.#topic.life.partitions);
    const left = log.records.filter(({ offset }) => offset >= log.start);
    if (left.length > 1) log.start = this.#chance.pick(left).offset;
  }

  /** The topic is deleted and made again; the group keeps its offsets, or loses them. */
  recreate(): void {
    this.#topic.recreate();
    const keeps = this.#chance.happens(0.5);
    for (const [partition, { start, records }] of this.#topic.life.partitions.entries()) {
      const committed = this.#committed[partition];
      this.#committed[partition] = keeps && committed <= (records.at(-1)?.offset ?? -1n) ? committed : start;
    }
    this.rebalance();
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
    const next = new Map<number, bigint>();
    for (const partition of owned) {
      const batch = this.#fetch(member, partition);
      if (batch.length === 0 || (records.length > 0 && this.#chance.happens(0.5))) continue;
      const after = batch.at(-1)!.offset + 1n;
      member.positions.set(partition, after);
      if (this.#loses(partition, batch)) continue;
      records.push(...batch);
      if (this.#chance.happens(0.03)) records.push(...batch.slice(0, 2));
      next.set(partition, after);
    }
    return records.length === 0 ? null : { records, generation: member.generation, next };
  }

  /** The invocation returned. The broker takes no offsets of a generation that is over; and some commits are lost. */
  commit({ generation, next }: Delivery): void {
    if (generation !== this.#generation || this.#chance.happens(0.1)) return;
    for (const [partition, offset] of next) this.#committed[partition] = offset;
  }

  #fetch({ positions }: Member, partition: number): KafkaRecord[] {
    const { records, start } = this.#topic.life.partitions[partition];
    const from = positions.get(partition) ?? this.#committed[partition];
    return records.filter(({ offset }) => offset >= from && offset >= start).slice(0, this.#chance.between(1, 6));
  }

  /** The host moves the offsets of a batch that no invocation ever got. Not of the last: nobody would ever know. */
  #loses(partition: number, batch: readonly KafkaRecord[]): boolean {
    const last = batch.at(-1)!;
    if (last === this.#topic.life.partitions[partition].records.at(-1) || !this.#chance.happens(this.#lossShare)) return false;
    this.#committed[partition] = last.offset + 1n;
    this.lost++;
    return true;
  }
}
