import { startAzurite } from '../../local/azurite.ts';
import { BlobStore } from '../../shared/storage/blob-store.ts';

/** A process to be killed: starts Azurite on argv[2], puts objects `<argv[3]>/<n>` one after the other, and says each one it got acknowledged. */
const [dir = '', folder = ''] = process.argv.slice(2);
const { connectionString } = await startAzurite({ dir, blobPort: 0, tablePort: 0 });
const store = new BlobStore({ access: { connectionString }, container: 'lake' });
await store.ensureContainer();
for (let n = 0; ; n++) {
  const key = `${folder}/${n}`;
  const outcome = await store.putIfAbsent(key, Buffer.from(key));
  if (outcome !== 'created') throw new Error(`${key}: ${outcome}`);
  process.stdout.write(`${key}\n`);
}
