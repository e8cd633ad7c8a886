import { afterEach } from 'vitest';
import { event, openTestLake, record } from './test-lake.ts';
import type { TestLake, TestLakeOptions } from './test-lake.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';

/** Lakes of one test, closed after it, the last first: a second worker goes before the one whose folder it shares. */
export class OpenLakes {
  readonly #open: TestLake[] = [];

  constructor() {
    afterEach(async () => { for (const each of this.#open.splice(0).reverse()) await each.close(); });
  }

  async open(options: TestLakeOptions = {}): Promise<TestLake> {
    return this.#keep(await openTestLake(options));
  }

  async another(lake: TestLake, options: TestLakeOptions = {}): Promise<TestLake> {
    return this.#keep(await lake.another(options));
  }

  #keep(lake: TestLake): TestLake {
    this.#open.push(lake);
    return lake;
  }
}

/** Records of consecutive offsets, each an event with an id of its own. */
export function stretch(from: number, to: number, partition = 0): KafkaRecord[] {
  return range(from, to).map((offset) => record(offset, event(`${partition}-${offset}`), { partition }));
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_value, i) => from + i);
}

/** Offsets in Bronze by partition, each as often as it is there. */
export async function bronzeOffsets(lake: TestLake): Promise<Record<string, number[]>> {
  const rows = await lake.rows('bronze_events', 'SELECT "partition" AS p, "offset" AS o FROM rows ORDER BY p, o');
  const byPartition = Map.groupBy(rows, (row) => String(row['p'] as number));
  return Object.fromEntries([...byPartition].map(([partition, found]) => [partition, found.map((row) => Number(row['o']))]));
}

/** `partition: first-last cause`, a line a gap. */
export async function listedGaps(lake: TestLake): Promise<string[]> {
  const rows = await lake.rows('offset_gaps', `SELECT format('{}: {}-{} {}', "partition", first_offset, last_offset, cause) AS line FROM rows ORDER BY "partition", first_offset`);
  return rows.map((row) => row['line'] as string);
}

/** The equation of offsets with its verdict, a line a partition. */
export async function consumed(lake: TestLake): Promise<string[]> {
  const { equations } = await lake.balance();
  return equations.filter(({ name }) => name === 'consumed').map(({ verdict, text }) => `${verdict} ${text.replace(/^.*?: /, '')}`);
}
