import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { TableError, TransientError } from '../../shared/errors.ts';
import { FRAME_BYTES, decodeRecord, encodeRecord, encodedBytes, frameBytes, frameTimestampMs, recordState } from './record-codec.ts';
import type { NewRecord } from './record-codec.ts';

const INDEX_RECORDS = 512;
const SCAN_BYTES = 1 << 20;

export interface ReadLimits {
  readonly recordsMax: number;
  /** Of the file; one record is returned even where it alone is larger. */
  readonly bytesMax: number;
}

/**
 * One file of consecutive records of a partition. Offsets inside are whole numbers from 0 (`index`), so that no file can hold more than
 * 2^53 of them. A sparse index (every 512th record's position) lives in memory and grows as the file is walked.
 */
export class Segment {
  readonly path: string;
  readonly base: bigint;
  readonly #fd: number;
  #bytes: number;
  /** Position of every 512th record. A closed segment's is filled by the first reader. */
  readonly #marks: number[] = [0];
  /** Where the last walk or read stopped: the usual reader goes on from there. */
  #cursor = { index: 0, position: 0 };
  #records: number;

  private constructor(path: string, base: bigint, fd: number, records: number) {
    this.path = path;
    this.base = base;
    this.#fd = fd;
    this.#bytes = fstatSync(fd).size;
    this.#records = records;
  }

  /** An empty one; fails where the file exists. */
  static create(path: string, base: bigint): Segment {
    return new Segment(path, base, openSync(path, 'ax+'), 0);
  }

  /** One that is no longer written: `records` is known from the next segment's name, the file is not read. */
  static openClosed(path: string, base: bigint, records: number): Segment {
    return new Segment(path, base, openSync(path, 'r'), records);
  }

  /**
   * The last one: reads it whole, checks every record and cuts a torn tail, the half-written record of a killed process.
   * @throws {TableError} damage before the tail: that is not what a kill leaves.
   */
  static recover(path: string, base: bigint): { segment: Segment; bytesCut: number } {
    const segment = new Segment(path, base, openSync(path, 'a+'), 0);
    const buffer = segment.#readAt(0, segment.#bytes);
    let position = 0;
    let state = recordState(buffer, position);
    while (state === 'whole') {
      const next = position + frameBytes(buffer, position);
      segment.#noteRecord(position);
      position = next;
      state = recordState(buffer, position);
    }
    if (state === 'damaged' && position + frameBytes(buffer, position) < buffer.length) throw segment.#damaged(position);
    const bytesCut = buffer.length - position;
    if (bytesCut > 0) ftruncateSync(segment.#fd, position);
    segment.#bytes = position;
    return { segment, bytesCut };
  }

  get bytes(): number {
    return this.#bytes;
  }

  get end(): bigint {
    return this.base + BigInt(this.#records);
  }

  /** One write for all `records`. Where it fails the file is cut back to where it was. */
  append(records: readonly NewRecord[]): void {
    let size = 0;
    for (const record of records) size += encodedBytes(record);
    const chunk = Buffer.allocUnsafe(size);
    const positions: number[] = [];
    let at = 0;
    for (const record of records) {
      positions.push(this.#bytes + at);
      at = encodeRecord(chunk, at, record);
    }
    this.#writeWhole(chunk);
    for (const position of positions) this.#noteRecord(position);
    this.#bytes += size;
  }

  /** Records from `offset`, which lies in this segment. */
  read(topic: string, partition: number, offset: bigint, limits: ReadLimits): KafkaRecord[] {
    const index = Number(offset - this.base);
    const start = this.#locate(index);
    const wanted = Math.min(limits.recordsMax, this.#records - index);
    let buffer = this.#readAt(start, this.#readBytes(start, wanted, limits.bytesMax));
    const records: KafkaRecord[] = [];
    let position = 0;
    while (records.length < wanted) {
      const state = recordState(buffer, position);
      if (state === 'damaged') throw this.#damaged(start + position);
      if (state === 'cut') {
        if (records.length > 0) break;
        buffer = this.#readFirst(start);
        continue;
      }
      records.push(decodeRecord(buffer, position, topic, partition, offset + BigInt(records.length)));
      position += frameBytes(buffer, position);
    }
    this.#cursor = { index: index + records.length, position: start + position };
    return records;
  }

  /** The first offset whose timestamp is at or after `timestampMs`, or null. Walks the file. */
  offsetAtTime(timestampMs: number): { offset: bigint; timestampMs: number } | null {
    let found: { offset: bigint; timestampMs: number } | null = null;
    this.#walk({ index: 0, position: 0 }, (index, buffer, at) => {
      const time = frameTimestampMs(buffer, at);
      if (time < timestampMs) return true;
      found = { offset: this.base + BigInt(index), timestampMs: time };
      return false;
    });
    return found;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #noteRecord(position: number): void {
    this.#noteMark(this.#records, position);
    this.#records += 1;
  }

  #noteMark(index: number, position: number): void {
    if (index % INDEX_RECORDS === 0) this.#marks[index / INDEX_RECORDS] = position;
  }

  /** The position of record `index`: from the cursor where it is right there, else from the nearest mark before it. */
  #locate(index: number): number {
    if (index === this.#cursor.index) return this.#cursor.position;
    const mark = Math.min(Math.floor(index / INDEX_RECORDS), this.#marks.length - 1);
    let position = this.#marks[mark];
    this.#walk({ index: mark * INDEX_RECORDS, position }, (at, _buffer, _bufferAt, filePosition) => {
      position = filePosition;
      return at < index;
    });
    return position;
  }

  /** Goes through the records by their lengths, in large reads, until `visit` says false. Extends the sparse index. */
  #walk(from: { index: number; position: number }, visit: (index: number, buffer: Buffer, at: number, position: number) => boolean): void {
    let { index, position } = from;
    let buffer: Buffer = Buffer.alloc(0);
    let at = 0;
    while (index < this.#records) {
      if (buffer.length - at < FRAME_BYTES + 8) {
        buffer = this.#readAt(position, Math.min(SCAN_BYTES, this.#bytes - position));
        at = 0;
        if (buffer.length < FRAME_BYTES + 8) throw this.#damaged(position);
      }
      this.#noteMark(index, position);
      if (!visit(index, buffer, at, position)) return;
      const bytes = frameBytes(buffer, at);
      position += bytes;
      at = Math.min(at + bytes, buffer.length);
      index += 1;
    }
  }

  /** A little more than `wanted` records of average size take, within the limit and the file. */
  #readBytes(start: number, wanted: number, bytesMax: number): number {
    const average = this.#bytes / this.#records;
    return Math.min(bytesMax, this.#bytes - start, Math.ceil(wanted * average * 1.2) + 4096);
  }

  #readFirst(start: number): Buffer {
    const bytes = frameBytes(this.#readAt(start, FRAME_BYTES), 0);
    if (start + bytes > this.#bytes) throw this.#damaged(start);
    return this.#readAt(start, bytes);
  }

  #readAt(position: number, bytes: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    let filled = 0;
    while (filled < bytes) {
      const read = readSync(this.#fd, buffer, filled, bytes - filled, position + filled);
      if (read === 0) throw this.#damaged(position + filled);
      filled += read;
    }
    return buffer;
  }

  #writeWhole(chunk: Buffer): void {
    let written = 0;
    try {
      while (written < chunk.length) written += writeSync(this.#fd, chunk, written);
    } catch (cause) {
      ftruncateSync(this.#fd, this.#bytes);
      throw new TransientError(
        'event-log/write',
        `appending ${chunk.length} bytes to ${this.path} stopped after ${written}; the file was cut back. Free some disk space and try again.`,
        { cause, facts: { bytes: chunk.length, written } },
      );
    }
  }

  #damaged(position: number): TableError {
    return new TableError(
      'event-log/damaged',
      `reading ${this.path}: the record at byte ${position} of ${this.#bytes} is damaged (length or checksum). Restore the file or remove the event log and produce again.`,
      { facts: { position, bytes: this.#bytes, base: this.base } },
    );
  }
}
