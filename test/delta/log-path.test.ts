import { expect, test } from 'vitest';
import { blockPrefix, checkpointKey, commitKey, parseLogPath } from '../../shared/delta/log-path.ts';

const UUID = '6374b053-df23-479b-b2cf-c9c550132b49';

test.each([
  ['00000000000000000007.json', { kind: 'commit', version: 7n }],
  ['00000000000000000010.checkpoint.parquet', { kind: 'checkpoint', version: 10n, format: 'parquet' }],
  ['00000000000000000001.checkpoint.0000000002.0000000003.parquet', { kind: 'checkpoint-part', version: 1n, part: 2, parts: 3 }],
  [`00000000000000000002.checkpoint.${UUID}.json`, { kind: 'checkpoint', version: 2n, format: 'json' }],
  [`00000000000000000002.checkpoint.${UUID}.parquet`, { kind: 'checkpoint', version: 2n, format: 'parquet' }],
])('%s', (name, expected) => {
  expect(parseLogPath(`_delta_log/${name}`)).toMatchObject(expected);
});

test.each([
  '_last_checkpoint', '00000000000000000007.crc', '00000000000000000001.00000000000000000003.compacted.json', '0000000000000000007.json',
  '00000000000000000007.json.tmp', '.00000000000000000007.json.crc', `_staged_commits/00000000000000000007.${UUID}.json`,
  '_sidecars/00000000000000000002.checkpoint.parquet', '00000000000000000010.checkpoint.parquet.part', '',
])('%s is not part of the log', (name) => {
  expect(parseLogPath(`_delta_log/${name}`)).toBeNull();
});

test('a file of the same name elsewhere is none', () => {
  expect(parseLogPath('00000000000000000007.json')).toBeNull();
  expect(parseLogPath('other/_delta_log/00000000000000000007.json')).toBeNull();
});

test('names are read back, up to the largest version', () => {
  for (const version of [0n, 999n, 1000n, 2n ** 63n - 1n]) {
    expect(parseLogPath(commitKey(version))).toEqual({ kind: 'commit', version });
    expect(parseLogPath(checkpointKey(version))).toMatchObject({ kind: 'checkpoint', version });
    expect(commitKey(version).startsWith(blockPrefix(version))).toBe(true);
  }
  expect(blockPrefix(999n)).toBe(blockPrefix(0n));
  expect(blockPrefix(1000n)).not.toBe(blockPrefix(999n));
});
