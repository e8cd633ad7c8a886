import { FileStore } from '../../shared/storage/file-store.ts';

/** One of several racing processes: puts argv[4] names into argv[2] if absent, with a body of its own, and prints those it created. */
const [dir = '', body = '', names = ''] = process.argv.slice(2);
const store = new FileStore({ dir });
process.stdin.resume();
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
for (let i = 0; i < Number(names); i++) {
  const outcome = await store.putIfAbsent(`log/${i}`, Buffer.from(body.repeat(1_000)));
  if (outcome === 'created') process.stdout.write(`${i}\n`);
}
process.exit(0);
