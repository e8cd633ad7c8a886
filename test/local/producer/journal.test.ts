import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProduceJournal } from '../../../local/producer/journal.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'assay-journal-')); });
afterEach(() => rmSync(folder, { recursive: true }));

/** Opened anew each time, as another process would. */
const journal = () => new ProduceJournal(join(folder, 'produced.json'));

test('a source that was killed goes on after its own records', () => {
  expect(journal().begin('a', [0n, 0n])).toEqual([0n, 0n]);
  expect(journal().begin('a', [3n, 1n])).toEqual([3n, 1n]);
  expect(journal().begin('a', [5n, 1n])).toEqual([5n, 1n]);
});

test('another source starts at nothing, whatever the log holds', () => {
  const first = journal();
  first.begin('a', [0n, 0n]);
  first.end([10n, 7n]);
  expect(journal().begin('b', [10n, 7n])).toEqual([0n, 0n]);
});

test('records of others in between do not count, those of former calls do', () => {
  const first = journal();
  first.begin('a', [0n, 0n]);
  first.end([10n, 7n]);
  journal().begin('b', [10n, 7n]); // killed after 2 and 3 records
  expect(journal().begin('a', [12n, 10n])).toEqual([10n, 7n]);
  expect(journal().begin('b', [13n, 10n])).toEqual([2n, 3n]);
  expect(journal().begin('a', [13n, 12n])).toEqual([11n, 7n]);
});

test('a log that was filled before there was a journal belongs to nobody', () => {
  expect(journal().begin('a', [4n, 4n])).toEqual([0n, 0n]);
});
