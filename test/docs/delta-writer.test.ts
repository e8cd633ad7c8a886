import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readRepo } from '../support/repo.ts';

const root = pathToFileURL(join(import.meta.dirname, '../../'));
const block = (page: string, language: string) => new RegExp('```' + language + '\\n([\\s\\S]*?)```').exec(page)![1];

test('the code of docs/delta-writer.md prints what the page says', async () => {
  const page = readRepo('docs/delta-writer.md');
  const folder = await mkdtemp(join(tmpdir(), 'assay-docs-'));
  try {
    const path = join(folder, 'example.mts');
    await writeFile(path, block(page, 'ts').replaceAll("'./shared/", `'${root.href}shared/`));
    const { stdout } = await promisify(execFile)(process.execPath, [path], { env: { ...process.env, NODE_NO_WARNINGS: '1', TMPDIR: folder } });
    expect(stdout).toBe(block(page, 'text'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
