/** What an ONNX file says of itself, without the machinery that runs it. */
export interface OnnxInfo {
  /** Version by domain; '' is ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads opset_import (field 8) and metadata_props (field 14) of an onnx.ModelProto; everything else is stepped over.
 * Null: the bytes are not a protobuf message.
 */
export function readOnnxInfo(bytes: Uint8Array): OnnxInfo | null {
  const fields = readFields(bytes);
  if (fields === null) return null;
  const opsets: Record<string, number> = {};
  const metadata: Record<string, string> = {};
  for (const { number, value } of fields) {
    if (typeof value === 'number') continue;
    const entry = number === 8 || number === 14 ? readFields(value) : [];
    if (entry === null) return null;
    const first = entry.find((field) => field.number === 1)?.value;
    const second = entry.find((field) => field.number === 2)?.value;
    if (number === 8 && typeof second === 'number') opsets[textOf(first)] = second;
    if (number === 14) metadata[textOf(first)] = textOf(second);
  }
  return { opsets, metadata };
}

interface Field {
  readonly number: number;
  /** A varint, or the bytes of a length-delimited field. */
  readonly value: number | Uint8Array;
}

/** The varint and length-delimited fields of a message; null where the bytes are none. */
function readFields(bytes: Uint8Array): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++];
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
    return NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    const value = wire === 0 || wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : NaN;
    if (Number.isNaN(tag) || Number.isNaN(value)) return null;
    const number = Math.floor(tag / 8);
    if (wire === 0) fields.push({ number, value });
    if (wire === 0) continue;
    if (at + value > bytes.length) return null;
    if (wire === 2) fields.push({ number, value: bytes.subarray(at, at + value) });
    at += value;
  }
  return fields;
}

function textOf(value: number | Uint8Array | undefined): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : '';
}
