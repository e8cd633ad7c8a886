import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { digestOf } from './canonical-row.ts';
import { difference } from './delta-engines.ts';
import type { DeltaEngines, EngineName, ReadOptions } from './delta-engines.ts';
import type { OddTable } from './odd-table.ts';

export const NO_DIFFERENCE = { onlyOurs: [], onlyTheirs: [] };

/** We read what the table should hold. */
export async function expectRight(table: OddTable): Promise<void> {
  expect(difference((await table.lines()).map(unsigned), table.expected.lines().map(unsigned))).toEqual(NO_DIFFERENCE);
}

/** Another engine reads the rows that we read: digests, and where they differ the rows that differ. */
export async function expectSame(engines: DeltaEngines, engine: EngineName, table: OddTable, options: ReadOptions & { readonly ours?: readonly string[] } = {}): Promise<void> {
  const { ours = await table.lines(), ...read } = options;
  const theirs = await engines.read(engine, table.dir, read);
  if (isDeepStrictEqual(theirs, digestOf(ours))) return;
  expect(difference(ours, await engines.lines(engine, table.dir, read)), engine).toEqual(NO_DIFFERENCE);
  expect.unreachable(`${engine} reads the same rows under another digest`);
}

/**
 * DuckDB takes zeros of either sign for one when it makes a dictionary, so which of them a file of ours has is chance. Nobody may read
 * another than the file has.
 */
function unsigned(line: string): string {
  return line.replace('"d":"8000000000000000"', '"d":"0000000000000000"');
}
