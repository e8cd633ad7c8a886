import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printActions } from '../../shared/delta/actions.ts';
import type { Action } from '../../shared/delta/actions.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import type { Flags } from '../cli/command.ts';
import { benchAppenders } from './appenders.ts';
import type { LogResult, LogTask } from './log-child.ts';
import { versions } from './result.ts';
import type { BenchResult } from './result.ts';

const FILES = 300_000;
const COMMITS = 1_000;

const HEAD: readonly Action[] = [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, {
  metaData: {
    id: '5d0ae4f6-2a4d-4d2c-8c34-5f0a5f1f9a11', format: { provider: 'parquet', options: {} }, partitionColumns: ['p'], configuration: {}, createdTime: 0,
    schemaString: '{"type":"struct","fields":[{"name":"a","type":"long","nullable":true,"metadata":{}},{"name":"p","type":"string","nullable":true,"metadata":{}}]}',
  },
}];

/**
 * What a log costs: a table of 300,000 files from one commit of 46 MB and from its checkpoint, the writing of that checkpoint, a table of 1,000
 * commits without one and with one, and 20 writers at once. `rows` are files, or commits.
 */
export async function benchLog(flags: Flags, emit: (result: BenchResult) => void): Promise<void> {
  const files = flags.integer('events', FILES);
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'));
  try {
    const [large, long] = [join(dir, 'large'), join(dir, 'long')];
    await put(large, 0n, [...lines(HEAD), ...adds(files)]);
    for (let version = 0; version <= COMMITS; version++) await put(long, BigInt(version), version === 0 ? lines(HEAD) : [...lines([{ txn: { appId: 'bench', version: BigInt(version) } }]), ...adds(1)]);
    for (const [name, table, parameters] of [['large', large, { files }], ['long', long, { commits: COMMITS }]] as const) {
      const step = async (what: string, task: LogTask) => emit({ name: `log/${what}`, parameters: { table: name, ...parameters }, ...(await inOwnProcess(task, table)), versions });
      await step('open commits', 'open');
      await step('checkpoint', 'checkpoint');
      await step('open checkpoint', 'open');
    }
    await benchAppenders(dir, emit);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function inOwnProcess(task: LogTask, dir: string): Promise<LogResult> {
  const child = fork(fileURLToPath(new URL('./log-child.ts', import.meta.url)), [task, dir]);
  const [result] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => { throw new Error(`the measuring process ended with ${String(code)} before it had a result`); }),
  ]) as [LogResult];
  if (child.exitCode === null) await once(child, 'exit');
  return result;
}

const lines = (actions: readonly Action[]) => [printActions(actions)];

/** A line has some 155 bytes: a path with a UUID, and a row count. */
function* adds(count: number): Iterable<string> {
  for (let i = 0; i < count; i++) {
    yield `{"add":{"path":"${randomUUID()}","partitionValues":{"p":"p${i % 100}"},"size":${1_000 + i % 9_000},"modificationTime":0,"dataChange":true,"stats":"{\\"numRecords\\":${i % 900}}"}}\n`;
  }
}

async function put(dir: string, version: bigint, text: Iterable<string>): Promise<void> {
  const path = join(dir, commitKey(version));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, blocks(text));
}

function* blocks(text: Iterable<string>): Iterable<string> {
  let block = '';
  for (const line of text) {
    block += line;
    if (block.length < 1 << 20) continue;
    yield block;
    block = '';
  }
  yield block;
}
