import { createInterface } from 'node:readline';
import { ConfigError } from '../../shared/errors.ts';
import { DirLock } from '../../local/dir-lock.ts';

/** Tries to take each lock whose path it reads, says `held` or `refused`, and keeps what it has until it is killed. */
process.stdout.write('ready\n');
for await (const path of createInterface({ input: process.stdin })) {
  try {
    DirLock.acquire({ path, what: 'a test' });
    process.stdout.write('held\n');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stdout.write('refused\n');
  }
}
