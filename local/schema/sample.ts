import { TextDecoder } from 'node:util';
import { jsonProblem, valueEnd } from '../../shared/pipeline/json-scan.ts';
import { readJsonTree } from '../../shared/pipeline/pipeline-file/json-tree.ts';
import type { Broker } from '../../shared/sources/broker.ts';
import { ConfigError } from '../../shared/errors.ts';
import { readBytes } from '../inputs/bytes.ts';
import { openInput } from '../inputs/input.ts';

/** A payload of the sample, and the record's time (−1: none). */
export interface Sampled {
  readonly value: Uint8Array;
  readonly timestampMs: number;
}

const ARRAY_BYTES_MAX = 256 * 1024 * 1024;

/** The first records that `--input` would produce of this file; or the elements of a JSON array. */
export async function sampleFile(path: string, options: { readonly rows: number; readonly eventType?: string; readonly nowMs: () => number }): Promise<Sampled[]> {
  const { rows, eventType, nowMs } = options;
  if (path !== '-' && await isArray(path)) return sampleArray(path, rows, nowMs());
  const sampled: Sampled[] = [];
  const input = openInput({ path, partitions: 1, nowMs, ...(eventType === undefined ? {} : { eventType }) });
  for await (const events of input.remaining([0n])) {
    for (const { record } of events) if (record.value !== null) sampled.push({ value: record.value, timestampMs: record.timestampMs });
    if (sampled.length >= rows) break;
  }
  return sampled.slice(0, rows);
}

async function isArray(path: string): Promise<boolean> {
  for await (const chunk of readBytes(path)) return /^\s*\[/.test(chunk.subarray(0, 1_000).toString());
  return false;
}

async function sampleArray(path: string, rows: number, timestampMs: number): Promise<Sampled[]> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of readBytes(path)) {
    bytes += chunk.length;
    if (bytes > ARRAY_BYTES_MAX) throw new ConfigError('init/array-too-large', `${path} is a JSON array of more than ${ARRAY_BYTES_MAX} bytes; give its elements a line each`);
    chunks.push(chunk);
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks));
  const problem = jsonProblem(text);
  if (problem) throw new ConfigError('init/array', `${path} begins like a JSON array, but at character ${problem.at + 1}: ${problem.problem}`);
  const root = readJsonTree(text);
  const items = root.kind === 'array' ? root.items : [];
  return items.slice(0, rows).map(({ at }) => ({ value: Buffer.from(text.slice(at, valueEnd(text, at))), timestampMs }));
}

const BYTES_MAX = 64 * 1024 * 1024;

/** The newest records of a topic, as many of each partition. */
export async function sampleTopic(broker: Pick<Broker, 'topicId' | 'offsets' | 'read'>, topic: string, rows: number): Promise<Sampled[]> {
  const topicId = await broker.topicId(topic);
  const partitions = await broker.offsets(topic);
  const each = BigInt(Math.ceil(rows / partitions.length));
  const sampled: Sampled[] = [];
  for (const { partition, earliest, latest } of partitions) {
    const firstOffset = latest - each > earliest ? latest - each : earliest;
    if (firstOffset >= latest) continue;
    const { records } = await broker.read({ topic, topicId, partition }, [{ firstOffset, lastOffset: latest - 1n }], { recordsMax: Number(each), bytesMax: BYTES_MAX });
    for (const { value, timestampMs } of records) if (value !== null) sampled.push({ value, timestampMs });
  }
  return sampled.slice(0, rows);
}
