import type { KafkaRecord } from '../../shared/sources/record.ts';
import { WireWriter } from './wire.ts';

/*
  Record Batch, magic 2 (kafka.apache.org/documentation, "Message Format"):

  baseOffset: int64
  batchLength: int32                 bytes after it
  partitionLeaderEpoch: int32
  magic: int8 = 2
  crc: uint32                        CRC-32C of all that follows it
  attributes: int16                  0: no compression, CreateTime, no transaction
  lastOffsetDelta: int32
  baseTimestamp: int64
  maxTimestamp: int64
  producerId: int64, producerEpoch: int16, baseSequence: int32      -1: none
  recordsCount: int32
  records: [Record]

  Record => length: varint  attributes: int8  timestampDelta: varlong  offsetDelta: varint
            keyLength: varint  key: byte[]  valueLength: varint  value: byte[]  [headers]: varint count
  Header => keyLength: varint  key: String  valueLength: varint  value: byte[]          length -1 is null; varints are zigzag
*/
export function encodeRecordBatch(records: readonly KafkaRecord[]): Buffer {
  const [first] = records;
  const last = records[records.length - 1];
  const baseTimestamp = BigInt(first.timestampMs);
  const maxTimestamp = records.reduce((max, r) => Math.max(max, r.timestampMs), first.timestampMs);
  const checked = new WireWriter()
    .int16(0)
    .int32(Number(last.offset - first.offset))
    .int64(baseTimestamp)
    .int64(BigInt(maxTimestamp))
    .int64(-1n)
    .int16(-1)
    .int32(-1)
    .int32(records.length);
  for (const record of records) appendRecord(checked, record, first.offset, baseTimestamp);
  const body = checked.toBuffer();
  const epochMagicCrcBytes = 4 + 1 + 4;
  return new WireWriter()
    .int64(first.offset)
    .int32(epochMagicCrcBytes + body.length)
    .int32(0)
    .int8(2)
    .uint32(crc32c(body))
    .bytes(body)
    .toBuffer();
}

function appendRecord(writer: WireWriter, record: KafkaRecord, baseOffset: bigint, baseTimestamp: bigint): void {
  const body = new WireWriter().int8(0);
  varint(body, BigInt(record.timestampMs) - baseTimestamp);
  varint(body, record.offset - baseOffset);
  nullable(body, record.key);
  nullable(body, record.value);
  varint(body, BigInt(record.headers.length));
  for (const header of record.headers) {
    nullable(body, Buffer.from(header.key));
    nullable(body, header.value);
  }
  const bytes = body.toBuffer();
  varint(writer, BigInt(bytes.length));
  writer.bytes(bytes);
}

function nullable(writer: WireWriter, bytes: Uint8Array | null): void {
  varint(writer, bytes === null ? -1n : BigInt(bytes.length));
  if (bytes !== null) writer.bytes(Buffer.from(bytes));
}

/** Zigzag varint of up to 64 bits. */
function varint(writer: WireWriter, value: bigint): void {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  writer.bytes(Buffer.from([...bytes, Number(rest)]));
}

const CASTAGNOLI_REVERSED = 0x82f63b78;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI_REVERSED : crc >>> 1;
  return crc;
});

/** CRC-32C (RFC 3720, appendix B.4); zlib has the other polynomial. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
