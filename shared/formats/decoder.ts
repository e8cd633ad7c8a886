/** What stands in a payload, as JSON text: from there on the rules are the same for every format. */
export type Decoded =
  | { readonly kind: 'text'; readonly text: string }
  /** The bytes are not what the format and its schema say. */
  | { readonly kind: 'undecodable'; readonly problem: string };

/** Bytes of one payload, past its framing → the JSON text of one object. Pure and total: never throws, bounded by DECODED_CHARS_MAX. */
export type Decode = (payload: Buffer) => Decoded;

/** Longest JSON text of one payload, and most bytes that a gzip layer may unfold to. */
export const DECODED_CHARS_MAX = 16 * 1024 * 1024;

/** Nesting of the decoded object, which is level 1: the limit that JSON payloads have (semantics.md, section 4, point 3). */
export const LEVELS_MAX = 1_000;

/** What a decoder's parts throw at its entry, which turns it into `undecodable`. No caller ever sees one. */
export class BadBytes extends Error {}

/** Runs a decoder's body. What is not about the bytes is a bug and goes on. */
export function decoded(body: () => string): Decoded {
  try {
    const text = body();
    return text.startsWith('{') ? { kind: 'text', text } : undecodable('the value is not an object');
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error;
    return undecodable(error.message);
  }
}

export function undecodable(problem: string): Decoded {
  return { kind: 'undecodable', problem };
}
