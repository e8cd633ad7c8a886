import { Admin } from '@platformatic/kafka';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaBroker } from '../../../shared/sources/kafka-broker.ts';
import type { TopicLife } from './check-offsets.ts';
import { readLedgers, readView } from './horror-files.ts';
import { KafkaSide } from './kafka-side.ts';
import type { ProduceRequest } from './kafka-side.ts';

export interface TopicShape {
  readonly name: string;
  readonly partitions: number;
  readonly kind: ProduceRequest['kind'];
  readonly perTransaction?: number;
  readonly abortShare?: number;
  readonly configs?: Readonly<Record<string, string>>;
  readonly compacts?: boolean;
}

interface Life { readonly incarnation: string; readonly ledgers: string[]; over: boolean; view: { file: string; starts: number[] } | null }

const ASK_MS = 200;

/** The topics of the run: what is written to them goes through Kafka's own producer and its ledger. */
export class HorrorTopics {
  readonly #folder: string;
  readonly #shapes: ReadonlyMap<string, TopicShape>;
  readonly #lives = new Map<string, Life[]>();
  readonly #side: KafkaSide;
  readonly #admin: Admin;
  readonly #broker: KafkaBroker;
  #seed: number;
  #views = 0;

  constructor({ folder, address, shapes, seed }: { folder: string; address: string; shapes: readonly TopicShape[]; seed: number }) {
    this.#folder = folder;
    this.#shapes = new Map(shapes.map((shape) => [shape.name, shape]));
    this.#side = new KafkaSide(address);
    this.#admin = new Admin({ clientId: 'horrors', bootstrapBrokers: [address], retries: 20, retryDelay: 500 });
    this.#broker = new KafkaBroker({ brokers: [address], clientId: 'horrors' });
    this.#seed = seed * 1000;
  }

  async createAll(): Promise<void> {
    for (const name of this.#shapes.keys()) await this.create(name);
  }

  async create(name: string): Promise<void> {
    const { partitions, configs = {} } = this.#shape(name);
    await this.#admin.createTopics({ topics: [name], partitions, replicas: 1, configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) });
    const lives = this.#lives.get(name) ?? [];
    this.#lives.set(name, [...lives, { incarnation: await this.#broker.topicId(name), ledgers: [], over: false, view: null }]);
  }

  /** What can be read of it now is kept: it is the last that anybody can. */
  async delete(name: string): Promise<void> {
    await this.#look(name);
    this.#life(name).over = true;
    await this.#admin.deleteTopics({ topics: [name] });
  }

  /** `more` changes the topic's own way of writing. */
  async produce(name: string, count: number, more: Partial<ProduceRequest> = {}): Promise<void> {
    const { kind, perTransaction = 0, abortShare = 0 } = this.#shape(name);
    const seed = this.#seed++;
    const ledger = join(this.#folder, `ledger-${seed}.tsv`);
    this.#life(name).ledgers.push(ledger);
    await this.#side.produce({ topic: name, kind, count, seed, ledger, perTransaction, abortShare, ...more });
  }

  /** Waits until the cleaner has taken most of what has a newer record of the same key. The topic's segments end by time: one more record ends the last. */
  async compact(name: string): Promise<void> {
    const written = (await readLedgers(this.#life(name).ledgers, this.#shape(name).partitions)).flat().filter((entry) => entry?.endsWith('c')).length;
    for (;;) {
      await this.produce(name, 2, { perTransaction: 0 });
      await this.#look(name);
      if ((await this.#readable(name)).flat().filter((entry) => entry !== undefined).length < written / 2) return;
      await sleep(ASK_MS);
    }
  }

  /** Expires everything but about `left` offsets of each partition. */
  async expire(name: string, left: number): Promise<void> {
    const offsets = await this.#broker.offsets(name);
    const partitions = offsets.map(({ partition, latest }) => ({ partition, offset: latest - BigInt(left) })).filter(({ offset }) => offset > 0n);
    await this.#admin.deleteRecords({ topics: [{ name, partitions }] });
  }

  /** Where a group without members goes on. Asked again until the members that were killed are out. */
  async setGroup(group: string, name: string, to: number | 'latest' | 'none'): Promise<void> {
    const offsets = await this.#broker.offsets(name);
    const topic = { name, partitionOffsets: offsets.map(({ partition, latest }) => ({ partition, offset: typeof to === 'number' ? BigInt(to) : latest })) };
    for (;;) {
      try {
        if (to === 'none') await this.#admin.deleteConsumerGroupOffsets({ groupId: group, topics: [{ name, partitionIndexes: offsets.map(({ partition }) => partition) }] });
        else await this.#admin.alterConsumerGroupOffsets({ groupId: group, topics: [topic] });
        return;
      } catch (error) {
        if (!/UNKNOWN_MEMBER_ID|NON_EMPTY_GROUP|GROUP_SUBSCRIBED_TO_TOPIC/.test(JSON.stringify(errorIds(error)))) throw error;
        await sleep(ASK_MS);
      }
    }
  }

  /** What Kafka's own consumer reads now of every topic that is there; then all lives, as they are to be found in Bronze. */
  async truth(): Promise<TopicLife[]> {
    for (const name of this.#shapes.keys()) await this.#look(name);
    const lives: TopicLife[] = [];
    for (const [topic, all] of this.#lives) {
      const { partitions, compacts = false } = this.#shape(topic);
      for (const life of all) {
        lives.push({
          topic, incarnation: life.incarnation, compacts, over: life.over, whole: true, logStarts: life.view!.starts,
          written: filled(await readLedgers(life.ledgers, partitions)), readable: await readView(life.view!.file, partitions),
        });
      }
    }
    return lives;
  }

  async close(): Promise<void> {
    await Promise.all([this.#side.close(), this.#admin.close(), this.#broker.close()]);
  }

  async #look(name: string): Promise<void> {
    const file = join(this.#folder, `view-${this.#views++}.tsv`);
    const { topicId, starts } = await this.#side.read({ topic: name, isolation: 'read_committed', out: file });
    const life = this.#life(name);
    if (topicId !== life.incarnation) throw new Error(`topic ${name} has the id ${topicId}, not ${life.incarnation}`);
    life.view = { file, starts: Array.from({ length: this.#shape(name).partitions }, (_, partition) => starts[String(partition)]) };
  }

  #readable(name: string): Promise<string[][]> {
    return readView(this.#life(name).view!.file, this.#shape(name).partitions);
  }

  #shape(name: string): TopicShape {
    return this.#shapes.get(name)!;
  }

  #life(name: string): Life {
    return this.#lives.get(name)!.at(-1)!;
  }
}

/** Without holes: `written` tells nothing at a marker's offset, but it has one. */
function filled(byOffset: string[][]): (string | undefined)[][] {
  return byOffset.map((offsets) => Array.from(offsets));
}

function errorIds(error: unknown): unknown[] {
  if (!(error instanceof Error)) return [];
  const { errors = [], cause } = error as Error & { errors?: unknown[]; apiId?: string };
  return [(error as { apiId?: string }).apiId, error.message, ...errors.flatMap(errorIds), ...errorIds(cause)];
}
