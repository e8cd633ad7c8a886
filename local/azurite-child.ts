import { finished } from 'node:stream/promises';
import { AssayError } from '../shared/errors.ts';
import { openAzurite } from './azurite-servers.ts';
import { lockAzuriteDir } from './azurite.ts';
import type { ChildReport } from './azurite.ts';

/** Run by azurite.ts: `azurite-child.ts DIR BLOB_PORT TABLE_PORT`. Serves until its stdin ends, saves everything, exits. */
async function serve(dir: string, ports: { blobPort: number; tablePort: number }): Promise<void> {
  const parentGone = finished(process.stdin.resume(), { error: false });
  const terminated = new Promise<void>((resolve) => process.once('SIGTERM', resolve));
  // A Ctrl-C meant for the parent: it drains first, and then closes us.
  process.on('SIGINT', () => undefined);
  // With the parent gone nobody reads stdout.
  process.stdout.on('error', () => undefined);

  const lock = await lockAzuriteDir(dir);
  try {
    const servers = await openAzurite({ dir, ...ports });
    report({ kind: 'ready', blobPort: servers.blobPort, tablePort: servers.tablePort });
    await Promise.race([parentGone, terminated]);
    lock.closing();
    await servers.close();
  } finally {
    lock.release();
  }
}

function report(line: ChildReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [dir = '', blobPort = '', tablePort = ''] = process.argv.slice(2);
try {
  await serve(dir, { blobPort: Number(blobPort), tablePort: Number(tablePort) });
  process.exit(0);
} catch (error) {
  const code = error instanceof AssayError ? error.code : (error as NodeJS.ErrnoException).code;
  report({ kind: 'failed', code: code ?? 'unknown', message: String(error) });
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  // Not process.exit: the report must reach the pipe first, and open servers must not keep a failed start alive.
  process.exitCode = 1;
  process.stdout.end(() => process.exit(1));
}
