import { expect, test } from 'vitest';
import { objectKey } from '../../shared/delta/object-key.ts';

test.each([
  ['a plain UUID', '3f2c.parquet', '3f2c.parquet'],
  ['an encoded space', 'special%20p@%23h', 'special p@#h'],
  ['what Hive escaped, then the URI: decoded once', '_2=bar+%252521/f.parquet', '_2=bar+%2521/f.parquet'],
  ['a percent sign', 'test%25file%25prefix-a.parquet', 'test%file%prefix-a.parquet'],
  ['an encoded umlaut', 'p%C3%A4iv%C3%A4/f', 'päivä/f'],
  ['a raw one, and a raw snowman', 'event_type=päivä%20☃/f', 'event_type=päivä ☃/f'],
  ['a raw space', 'New York/f', 'New York/f'],
  ['a plus sign, which is no space', 'a+b', 'a+b'],
])('%s', (_name, path, key) => {
  expect(objectKey(path, 'file:/lake/t')).toBe(key);
});

test.each([
  ['file:/lake/t', 'file:/lake/t/a%20b'],
  ['file:/lake/t', 'file:///lake/t/a%20b'],
  ['file:/lake/t', '/lake/t/a%20b'],
  ['az://acc/con/t', 'abfss://con@acc.dfs.core.windows.net/t/a%20b'],
  ['az://acc/con/t', 'abfs://con@acc.dfs.core.windows.net/t/a%20b'],
  ['az://acc/con/t', 'wasbs://con@acc.blob.core.windows.net/t/a%20b'],
  ['az://acc/con/t', 'https://acc.blob.core.windows.net/con/t/a%20b'],
  ['az://acc/con/t', 'az://acc/con/t/a%20b'],
])('in %s the absolute %s is its own file', (root, path) => {
  expect(objectKey(path, root)).toBe('a b');
});

test.each([
  ['another table', 'file:/lake/t', 'file:/lake/t2/a'],
  ['another account', 'az://acc/con/t', 'abfss://con@other.dfs.core.windows.net/t/a'],
  ['another container', 'az://acc/con/t', 'abfss://other@acc.dfs.core.windows.net/t/a'],
  ['another store', 'az://acc/con/t', 's3://bucket/t/a'],
  ['the root itself', 'file:/lake/t', 'file:/lake/t'],
])('a file of %s is refused', (_name, root, path) => {
  expect(() => objectKey(path, root)).toThrow(expect.objectContaining({ code: 'delta/absolute-path' }));
});

test.each(['a/../b', '../b', 'file:/lake/t/../other/a', 'a//b', './a', '%2e%2e/b', '', 'a%00b', '100%', '%FF'])('%s names nothing', (path) => {
  expect(() => objectKey(path, 'file:/lake/t')).toThrow(expect.objectContaining({ code: 'delta/path' }));
});
