import { ProtobufWriter } from './protobuf-writer.ts';

/**
 * The messages of ONNX that our graph needs (github.com/onnx/onnx, onnx/onnx.proto; the numbers are its field numbers).
 * Tensors carry their values as little-endian raw data.
 */

/** onnx.TensorProto.DataType */
export const ELEMENT = { float: 1, uint8: 2, int64: 7, bool: 9, double: 11 } as const;

/** onnx.AttributeProto.AttributeType */
const ATTRIBUTE = { int: 2, tensor: 4, ints: 7 } as const;

type TensorValues = Float64Array | Uint8Array | BigInt64Array;

/** A tensor of the given shape; `[]` is a scalar. */
export function tensor(name: string, shape: readonly number[], values: TensorValues): ProtobufWriter {
  const element = values instanceof Float64Array ? ELEMENT.double : values instanceof Uint8Array ? ELEMENT.uint8 : ELEMENT.int64;
  return new ProtobufWriter().integers(1, shape).integer(2, element).text(8, name).bytes(9, littleEndian(values));
}

export function intAttribute(name: string, value: number): ProtobufWriter {
  return new ProtobufWriter().text(1, name).integer(3, value).integer(20, ATTRIBUTE.int);
}

export function intsAttribute(name: string, values: readonly number[]): ProtobufWriter {
  return new ProtobufWriter().text(1, name).integers(8, values).integer(20, ATTRIBUTE.ints);
}

export function tensorAttribute(name: string, values: Float64Array | Uint8Array): ProtobufWriter {
  return new ProtobufWriter().text(1, name).message(5, tensor(name, [values.length], values)).integer(20, ATTRIBUTE.tensor);
}

export interface Node {
  readonly op: string;
  /** '' is ai.onnx. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: readonly ProtobufWriter[];
}

export function node({ op, domain = '', inputs, output, attributes = [] }: Node): ProtobufWriter {
  const writer = new ProtobufWriter();
  for (const input of inputs) writer.text(1, input);
  return writer.text(2, output).text(3, output).text(4, op).messages(5, attributes).text(7, domain);
}

/** A graph input or output of `columns` columns and any number of rows. */
export function matrix(name: string, element: number, columns: number): ProtobufWriter {
  const rowsDimension = new ProtobufWriter().text(2, 'rows');
  const columnsDimension = new ProtobufWriter().integer(1, columns);
  const shape = new ProtobufWriter().message(1, rowsDimension).message(1, columnsDimension);
  const type = new ProtobufWriter().message(1, new ProtobufWriter().integer(1, element).message(2, shape));
  return new ProtobufWriter().text(1, name).message(2, type);
}

export interface Model {
  readonly name: string;
  readonly nodes: readonly ProtobufWriter[];
  readonly constants: readonly ProtobufWriter[];
  readonly inputs: readonly ProtobufWriter[];
  readonly outputs: readonly ProtobufWriter[];
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
}

export function model({ name, nodes, constants, inputs, outputs, opsets, metadata }: Model): Uint8Array {
  const graph = new ProtobufWriter().messages(1, nodes).text(2, name).messages(5, constants).messages(11, inputs).messages(12, outputs);
  const opsetIds = Object.entries(opsets).map(([domain, version]) => new ProtobufWriter().text(1, domain).integer(2, version));
  const entries = Object.entries(metadata).map(([key, value]) => new ProtobufWriter().text(1, key).text(2, value));
  // IR version 10 is the first that goes with ai.onnx.ml 5 (ONNX 1.16).
  const writer = new ProtobufWriter().integer(1, 10).text(2, 'assay').message(7, graph);
  return writer.messages(8, opsetIds).messages(14, entries).finish();
}

/** By hand, so that the bytes of a model are the same on every machine. */
function littleEndian(values: TensorValues): Uint8Array {
  const bytes = new Uint8Array(values.byteLength);
  const view = new DataView(bytes.buffer);
  if (values instanceof Uint8Array) bytes.set(values);
  else if (values instanceof Float64Array) values.forEach((value, i) => view.setFloat64(i * 8, value, true));
  else values.forEach((value, i) => view.setBigInt64(i * 8, value, true));
  return bytes;
}
