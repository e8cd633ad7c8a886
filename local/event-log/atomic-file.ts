import { renameSync, writeFileSync } from 'node:fs';

/** Replaces `path` so that a reader, or a kill at any moment, sees the old text or the new one, never a part. */
export function writeFileAtomic(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
