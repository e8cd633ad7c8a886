import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assay } from '../../support/assay-process.ts';

/** Several topics on the embedded log: each with its stream, its function and its member of the group. */
const TIMEOUT_MS = 120_000;
let folder: string;

beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'assay-topics-')); });
afterAll(() => rmSync(folder, { recursive: true }));

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => assay([...args, '--lake', 'file:lake', '--json'], { cwd: folder, env });

test('two filled topics come to Bronze in one run, each under its own name; a second run finds nothing', async () => {
  const [first, second] = [await run(['produce', '--events', '120', '--topic', 'one']), await run(['produce', '--events', '80', '--seed', '2', '--topic', 'two'])];
  expect([first.code, second.code], first.stderr + second.stderr).toEqual([0, 0]);
  const ran = await run(['run', '--topic', 'one', '--topic', 'two']);
  expect(ran.code, ran.stderr).toBe(0);
  expect(JSON.parse(ran.stdout)).toMatchObject({ verdict: 'ok', bronze: 200, gaps: 0 });
  const counted = await run(['sql', 'SELECT topic, count(*)::INTEGER AS n FROM bronze_events GROUP BY topic ORDER BY topic']);
  expect(counted.code, counted.stderr).toBe(0);
  expect(counted.stdout.trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([{ topic: 'one', n: 120 }, { topic: 'two', n: 80 }]);
  // The same two by the setting, whatever security a real broker of the settings has.
  const again = await run(['run'], { KAFKA_TOPICS: 'one,two', KAFKA_PROTOCOL: 'saslSsl', KAFKA_USERNAME: 'u', KAFKA_PASSWORD: 'p' });
  expect(again.code, again.stderr).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ verdict: 'ok', bronze: 200 });
}, TIMEOUT_MS);

test('a topic given twice where only one can be filled is refused', async () => {
  const { code, stderr } = await run(['produce', '--events', '1', '--brokers', '127.0.0.1:1', '--topic', 'one', '--topic', 'two']);
  expect(code).toBe(1);
  expect(stderr).toContain('--topic is given 2 times');
});
