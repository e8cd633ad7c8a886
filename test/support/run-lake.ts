import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tableDescribeCommand } from '../../local/cli/table-describe.ts';
import { tableListCommand } from '../../local/cli/table-list.ts';
import { tableReadCommand } from '../../local/cli/table-read.ts';
import type { StructType } from '../../shared/delta/schema.ts';
import { canonicalRow } from './canonical-row.ts';
import { runCli } from './cli.ts';

/** A directory lake as `assay run` leaves it, read by the command line. */
export class RunLake {
  readonly dir: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.dir = join(folder, 'lake');
  }

  static async create(events: number): Promise<RunLake> {
    const lake = new RunLake(await mkdtemp(join(tmpdir(), 'assay-interop-')));
    const assay = new URL('../../local/assay.ts', import.meta.url).pathname;
    await promisify(execFile)(process.execPath, [assay, 'run', '--events', String(events), '--seed', '7', '--lake', `file:${lake.dir}`], { cwd: lake.#folder });
    return lake;
  }

  /** For the command line. */
  get at(): string {
    return `--lake=file:${this.dir}`;
  }

  async tables(): Promise<{ readonly name: string; readonly rows: number }[]> {
    return (await runCli(tableListCommand, this.at, '--json')).json[0] as { name: string; rows: number }[];
  }

  /** Rows as we read them, in the form of engines/canonical.py. */
  async lines(name: string): Promise<string[]> {
    const { schema } = (await runCli(tableDescribeCommand, name, this.at, '--json')).json[0] as { schema: StructType };
    const { json } = await runCli(tableReadCommand, name, this.at, '--json');
    return json.map((row) => canonicalRow(schema, row));
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}
