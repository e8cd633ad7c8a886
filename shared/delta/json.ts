/**
 * JSON with every digit: integers beyond ±(2^53 − 1) come as bigint and go back as digits.
 * Source text access in a reviver: https://tc39.es/proposal-json-parse-with-source/
 */
interface SourceContext { readonly source?: string }
const json = JSON as unknown as {
  parse(text: string, reviver?: (key: string, value: unknown, context: SourceContext) => unknown): unknown;
  stringify(value: unknown, replacer?: (key: string, value: unknown) => unknown): string;
  rawJSON(text: string): unknown;
};

const LONG_RUN_OF_DIGITS = /\d{16}/;
const INTEGER = /^-?\d+$/;

export function parseJson(text: string): unknown {
  if (!LONG_RUN_OF_DIGITS.test(text)) return json.parse(text);
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value) && INTEGER.test(source) ? BigInt(source) : value);
}

/** Every number as the text it came as: `printJson` gives it back to the digit, 1.0 and 1e3 too. Not for reading the numbers. */
export function parseJsonVerbatim(text: string): unknown {
  return json.parse(text, (_key, value, { source }) => (typeof value === 'number' && source !== undefined ? json.rawJSON(source) : value));
}

export function printJson(value: unknown): string {
  return json.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? json.rawJSON(String(inner)) : inner));
}

/** A JSON number that must be an int64, as bigint. */
export function toBigInt(value: unknown): bigint {
  return typeof value === 'bigint' ? value : BigInt(value as number | string);
}
