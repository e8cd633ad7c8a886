import { partitionOfKey } from '../producer/partitioner.ts';
import type { EventSource, SourceEvent } from '../producer/source.ts';
import { alreadyHeld } from '../producer/source.ts';
import type { OpenBytes } from './bytes.ts';
import { byteLines } from './bytes.ts';

export interface NdjsonOptions {
  readonly open: OpenBytes;
  readonly partitions: number;
  /**
   * The records' CreateTime, asked for each. The moment of producing is the honest choice: what a line says of its time is not known to
   * be readable before it was judged, and a made-up timeline would make lines late or future by accident. Constant for a repeatable run.
   */
  readonly nowMs: () => number;
  /** The top-level string field that is the record's key. */
  readonly keyField?: string;
}

/**
 * A file of events, a line each, sent as the bytes they are: nothing is decoded, trimmed or refused (a CR before the LF belongs to the
 * payload, where JSON allows it). A blank line is a payload of zero length. Lines without a readable key go to the partitions in turn.
 */
export class NdjsonInput implements EventSource {
  readonly #options: NdjsonOptions;

  constructor(options: NdjsonOptions) {
    this.#options = options;
  }

  get partitions(): number {
    return this.#options.partitions;
  }

  async *remaining(counts: readonly bigint[]): AsyncGenerator<SourceEvent[]> {
    const { open, partitions, nowMs, keyField = 'event_id' } = this.#options;
    const held = alreadyHeld(counts);
    let index = 0;
    for await (const lines of byteLines(open())) {
      const events: SourceEvent[] = [];
      for (const value of lines) {
        const key = keyOf(value, keyField);
        const partition = key === null ? index % partitions : partitionOfKey(key, partitions);
        if (!held(partition)) events.push({ index, partition, record: { key, value, headers: [], timestampMs: nowMs() } });
        index++;
      }
      yield events;
    }
  }
}

/** The field where the line is a JSON object that has it as a string. Only a key: what is wrong with a line is for refine to say. */
function keyOf(line: Buffer, field: string): Buffer | null {
  const event = jsonOf(line);
  if (typeof event !== 'object' || event === null || !Object.hasOwn(event, field)) return null;
  const key: unknown = (event as Record<string, unknown>)[field];
  return typeof key === 'string' && key !== '' ? Buffer.from(key) : null;
}

function jsonOf(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString());
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
