import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { BronzeRow, ListedGap, TopicLife } from './check-offsets.ts';

/** What the ledgers of one life of a topic hold (KafkaSide.java writes them): by partition and offset, digest and `c` or `a`. */
export async function readLedgers(files: readonly string[], partitions: number): Promise<string[][]> {
  return readByOffset(files, partitions, ([digest, state]) => digest + state);
}

/** What a consumer read: by partition and offset the digest. */
export async function readView(file: string, partitions: number): Promise<string[][]> {
  return readByOffset([file], partitions, ([digest]) => digest);
}

async function readByOffset(files: readonly string[], partitions: number, value: (rest: string[]) => string): Promise<string[][]> {
  const byOffset: string[][] = Array.from({ length: partitions }, () => []);
  for (const file of files) {
    for await (const [partition, offset, ...rest] of fieldsOf(file)) byOffset[Number(partition)][Number(offset)] = value(rest);
  }
  return byOffset;
}

/** bronze_rows.py writes it. */
export async function readRows(file: string): Promise<BronzeRow[]> {
  const rows: BronzeRow[] = [];
  const topics = new Map<string, string>();
  for await (const [json, incarnation, partition, offset, digest] of fieldsOf(file)) {
    const topic = topics.get(json) ?? (JSON.parse(json) as string);
    topics.set(json, topic);
    rows.push({ topic, incarnation, partition: Number(partition), offset: Number(offset), digest });
  }
  return rows;
}

export async function readGaps(file: string): Promise<ListedGap[]> {
  const gaps: ListedGap[] = [];
  for await (const [json, incarnation, partition, first, last, cause] of fieldsOf(file)) {
    gaps.push({ topic: JSON.parse(json) as string, incarnation, partition: Number(partition), first: Number(first), last: Number(last), cause });
  }
  return gaps;
}

async function* fieldsOf(file: string): AsyncIterable<string[]> {
  if (!existsSync(file)) return;
  for await (const line of createInterface({ input: createReadStream(file) })) if (line !== '') yield line.split('\t');
}

/** The last lines of a worker's log. */
export async function tail(file: string, lines: number): Promise<string> {
  return existsSync(file) ? (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-lines).join('\n') : '';
}

/** By partition: the last offset that can be read; −1 where there is none. */
export function lastReadable({ readable }: Pick<TopicLife, 'readable'>): number[] {
  return readable.map((offsets) => offsets.length - 1);
}
