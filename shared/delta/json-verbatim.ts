/**
 * JSON to be printed again after a small change: every number comes as the text it is, and `printJson` gives it back to the character, 1.0 and
 * 1e3 too. Not for reading the numbers. Source text access in a reviver and JSON.rawJSON: https://tc39.es/proposal-json-parse-with-source/
 */
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
};

export function parseJsonVerbatim(text: string): unknown {
  return json.parse(text, (_key, value, { source }) => (typeof value === 'number' && source !== undefined ? json.rawJSON(source) : value));
}
