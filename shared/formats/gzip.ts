import { gunzipSync } from 'node:zlib';
import type { Zlib } from 'node:zlib';
import { DECODED_CHARS_MAX } from './decoder.ts';

/** The bytes under a gzip layer, or what is wrong with it: broken, cut short, followed by something else, or unfolding past DECODED_CHARS_MAX. */
export function gunzip(bytes: Buffer): Buffer | string {
  let unfolded: { buffer: Buffer; engine: Zlib };
  try {
    // With `info` the types still say Buffer: zlib's own documentation has the pair.
    unfolded = gunzipSync(bytes, { maxOutputLength: DECODED_CHARS_MAX, info: true }) as unknown as typeof unfolded;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') return `gzip unfolds to more than ${DECODED_CHARS_MAX} bytes`;
    if (code?.startsWith('Z_')) return `gzip can't be unfolded: ${code}`;
    throw error;
  }
  const { buffer, engine } = unfolded;
  // zlib passes over what follows the last member.
  return engine.bytesWritten === bytes.length ? buffer : `${bytes.length - engine.bytesWritten} bytes after the gzip`;
}
