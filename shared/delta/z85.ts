/** Z85 (rfc.zeromq.org/spec/32): five characters are four bytes, big-endian. Pure. */
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** Bytes past the last whole word are filled up with zeros: whoever decodes must know the length. */
export function encodeZ85(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.byteLength; at += 4) {
    let word = 0;
    for (let i = at; i < at + 4; i++) word = word * 256 + (bytes[i] ?? 0);
    for (let power = 85 ** 4; power >= 1; power /= 85) text += DIGITS[Math.floor(word / power) % 85];
  }
  return text;
}

/** Null where the text is no Z85: wrong length, a foreign character, a word beyond 32 bits. */
export function decodeZ85(text: string): Uint8Array | null {
  if (text.length % 5 !== 0) return null;
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i += 5) {
    let word = 0;
    for (let j = i; j < i + 5; j++) {
      const digit = DIGITS.indexOf(text[j]);
      if (digit < 0) return null;
      word = word * 85 + digit;
    }
    if (word > 0xffff_ffff) return null;
    view.setUint32((i / 5) * 4, word);
  }
  return bytes;
}
