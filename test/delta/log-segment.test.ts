import { expect, test } from 'vitest';
import { checkpointKey, commitKey } from '../../shared/delta/log-path.ts';
import { logSegments } from '../../shared/delta/log-segment.ts';

const commits = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, i) => commitKey(BigInt(from + i)));
const classic = (version: number) => checkpointKey(BigInt(version));
const part = (version: number, i: number, of: number) => `_delta_log/${String(version).padStart(20, '0')}.checkpoint.${String(i).padStart(10, '0')}.${String(of).padStart(10, '0')}.parquet`;
const v2 = (version: number) => `_delta_log/${String(version).padStart(20, '0')}.checkpoint.6374b053-df23-479b-b2cf-c9c550132b49.json`;

/** Checkpoint version and newest version of every way, in order. */
const ways = (keys: string[], at: bigint | null = null) => logSegments(keys, 't', at).map(({ checkpointVersion, version }) => [checkpointVersion, version]);

test.each([
  ['no log', [], []],
  ['only files that are no log', ['_delta_log/_last_checkpoint', '_delta_log/x.crc'], []],
  ['commits alone', commits(0, 3), [[-1n, 3n]]],
  ['a checkpoint, and all commits', [...commits(0, 12), classic(10)], [[10n, 12n], [-1n, 12n]]],
  ['older commits cleaned', [...commits(10, 12), classic(10)], [[10n, 12n]]],
  ['a checkpoint and nothing else', [classic(10)], [[10n, 10n]]],
  ['a checkpoint newer than its own commit', [...commits(0, 9), classic(10)], [[10n, 10n]]],
  ['two checkpoints', [...commits(5, 12), classic(5), classic(10)], [[10n, 12n], [5n, 12n]]],
  ['a whole multi-part one', [...commits(0, 5), part(4, 1, 2), part(4, 2, 2)], [[4n, 5n], [-1n, 5n]]],
  ['an incomplete one is passed over', [...commits(0, 5), part(4, 1, 2)], [[-1n, 5n]]],
  ['parts of two writers do not mix', [...commits(0, 5), part(4, 1, 2), part(4, 2, 3), part(4, 3, 3)], [[-1n, 5n]]],
  ['parts with wrong numbers', [...commits(0, 5), part(4, 2, 2), part(4, 3, 2)], [[-1n, 5n]]],
  ['two forms at one version', [...commits(0, 5), part(4, 1, 1), classic(4), v2(4)], [[4n, 5n], [4n, 5n], [4n, 5n], [-1n, 5n]]],
])('%s', (_name, keys, expected) => {
  expect(ways(keys)).toEqual(expected);
});

test('parts come in order, whatever the order of the listing', () => {
  expect(logSegments([part(4, 2, 2), part(4, 1, 2), commitKey(4n)], 't')[0].checkpoint).toEqual([part(4, 1, 2), part(4, 2, 2)]);
});

test('commits after the checkpoint, ascending', () => {
  expect(logSegments([...commits(8, 13).reverse(), classic(10)], 't')[0].commits).toEqual([11n, 12n, 13n]);
});

test.each([
  ['inside', [...commits(0, 3), ...commits(5, 6)], 4n],
  ['at the start', commits(1, 3), 0n],
  ['after the checkpoint', [...commits(8, 10), ...commits(12, 13), classic(10)], 11n],
])('a gap %s is refused', (_name, keys, missing) => {
  expect(() => logSegments(keys, 't')).toThrow(expect.objectContaining({ code: 'delta/log-gap', message: expect.stringContaining(`commit ${missing} is missing`) as string }));
});

test('a gap that a checkpoint spans does not matter', () => {
  expect(ways([...commits(0, 3), ...commits(5, 6), classic(5)])).toEqual([[5n, 6n]]);
});

test('an older version starts from the newest checkpoint at or below it', () => {
  const keys = [...commits(0, 25), classic(10), classic(20)];
  expect(ways(keys, 19n)).toEqual([[10n, 19n], [-1n, 19n]]);
  expect(ways(keys, 10n)[0]).toEqual([10n, 10n]);
  expect(ways(keys, 9n)).toEqual([[-1n, 9n]]);
});

test.each([
  ['newer than the table', commits(0, 3), 4n],
  ['below a cleaned log', [...commits(10, 12), classic(10)], 9n],
  ['in a cleaned log, but with no checkpoint to start from', [...commits(5, 12), classic(10)], 7n],
])('a version %s is gone, which is no gap', (_name, keys, at) => {
  expect(() => logSegments(keys, 't', at)).toThrow(expect.objectContaining({ code: 'delta/no-such-version' }));
});
