import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAzurite } from '../../local/azurite.ts';
import { BlobStore } from '../../shared/storage/blob-store.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'assay-azurite-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const lake = (connectionString: string) => new BlobStore({ access: { connectionString }, container: 'lake' });

it('keeps what it holds from one start to the next', async () => {
  const dir = join(root, 'kept');
  const first = await startAzurite({ dir, blobPort: 0, tablePort: 0 });
  await lake(first.connectionString).ensureContainer();
  expect(await lake(first.connectionString).putIfAbsent('x', Buffer.from('x'))).toBe('created');
  await first.close();
  await first.close();
  const second = await startAzurite({ dir, blobPort: 0, tablePort: 0 });
  expect(await lake(second.connectionString).putIfAbsent('x', Buffer.from('y'))).toBe('exists');
  await second.close();
});

/** Runs azurite-parent.ts until it got `puts` objects acknowledged, kills it, and gives all that it got acknowledged. */
async function putAndKill(dir: string, folder: string, puts: number): Promise<string[]> {
  const script = fileURLToPath(new URL('../support/azurite-parent.ts', import.meta.url));
  const parent = spawn(process.execPath, [script, dir, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: parent.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === puts) parent.kill('SIGKILL');
  }
  return acknowledged;
}

it('loses no acknowledged object when the parent is killed, at any time', async () => {
  const dir = join(root, 'killed');
  const acknowledged: string[] = [];
  // 1: before the first save; 40: in full swing; each start follows the kill at once, on the same directory.
  for (const [round, puts] of [1, 40, 150].entries()) acknowledged.push(...(await putAndKill(dir, `round-${round}`, puts)));
  const azurite = await startAzurite({ dir, blobPort: 0, tablePort: 0 });
  const store = lake(azurite.connectionString);
  const bodies = await Promise.all(acknowledged.map(async (key) => (await store.get(key))?.toString()));
  await azurite.close();
  expect(acknowledged.length).toBeGreaterThanOrEqual(191);
  expect(bodies).toEqual(acknowledged);
});

it('takes the next free port where one is busy', async () => {
  const busy = createServer().listen(0, '127.0.0.1');
  await once(busy, 'listening');
  const { port } = busy.address() as { port: number };
  const azurite = await startAzurite({ dir: join(root, 'ports'), blobPort: port, tablePort: port });
  expect(azurite.blobPort).toBeGreaterThan(port);
  expect(azurite.tablePort).toBeGreaterThan(azurite.blobPort);
  await lake(azurite.connectionString).ensureContainer();
  await azurite.close();
  busy.close();
});

it('refuses a directory that another process serves, and leaves that one alone', async () => {
  const dir = join(root, 'taken');
  const first = await startAzurite({ dir, blobPort: 0, tablePort: 0 });
  await expect(startAzurite({ dir, blobPort: 0, tablePort: 0 })).rejects.toMatchObject({ code: 'local/dir-in-use' });
  await lake(first.connectionString).ensureContainer();
  await first.close();
});
