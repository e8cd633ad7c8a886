import { createReadStream } from 'node:fs';
import { ConfigError } from '../../shared/errors.ts';

/** An input from its beginning: each call reads it anew. */
export type OpenBytes = () => AsyncIterable<Buffer>;

const CHUNK_BYTES = 1 << 20;
const LF = 0x0a;

/** @param path of a file, or `-` for the standard input. */
export async function* readBytes(path: string): AsyncGenerator<Buffer> {
  const stream = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ConfigError('input/unreadable', `reading the input ${path}: ${code ?? String(cause)}. Name a file that exists and may be read, or - for the standard input.`, { cause });
  }
}

/**
 * Lines as bytes, gathered as they come, each without its LF; a CR stays with its line. A blank line is one of zero bytes, a last line
 * without LF counts, and nothing follows a last LF.
 */
export async function* byteLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let open: Buffer[] = [];
  for await (const chunk of chunks) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      lines.push(Buffer.concat([...open, chunk.subarray(start, end)]));
      open = [];
      start = end + 1;
    }
    if (start < chunk.length) open.push(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (open.length > 0) yield [Buffer.concat(open)];
}
