import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assay } from '../support/assay-process.ts';
import { event } from '../support/test-lake.ts';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'assay inputs ')); });
afterAll(async () => { await rm(folder, { recursive: true, force: true }); });

async function run(...args: string[]): Promise<{ produced: number; bronze: number; silver: number; verdict: string }> {
  const { code, stdout, stderr } = await assay(['run', ...args, '--lake', 'file:lake', '--json'], { cwd: folder });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as { produced: number; bronze: number; silver: number; verdict: string };
}

test('inputs into one lake add up, and each counts once', async () => {
  const lines = (name: string, n: number) => writeFile(join(folder, `${name}.ndjson`), Array.from({ length: n }, (_value, i) => `${event(`${name}${i}`)}\n`).join(''));
  await lines('a', 40);
  await lines('b', 60);
  expect(await run('--input', 'a.ndjson')).toMatchObject({ produced: 40, bronze: 40, silver: 40, verdict: 'ok' });
  expect(await run('--input', 'b.ndjson')).toMatchObject({ produced: 60, bronze: 100, silver: 100, verdict: 'ok' });
  expect(await run('--input', 'a.ndjson')).toMatchObject({ produced: 0, bronze: 100 });
  expect(await run('--events', '50')).toMatchObject({ produced: 50, bronze: 150, verdict: 'ok' });
  expect(await run('--events', '80')).toMatchObject({ produced: 30, bronze: 180, verdict: 'ok' });
}, 120_000);
