import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../shared/errors.ts';
import { parseLakeUrl } from '../../shared/storage/lake-url.ts';

const azure = { kind: 'azure', account: 'acct1', container: 'lake' };

describe('parseLakeUrl', () => {
  it.each([
    ['file:lake', { kind: 'file', dir: 'lake' }],
    ['file:./my lake/%20', { kind: 'file', dir: './my lake/%20' }],
    ['file:/abs/lake', { kind: 'file', dir: '/abs/lake' }],
    ['file:///abs/lake', { kind: 'file', dir: '/abs/lake' }],
    ['az://acct1/lake', { ...azure, prefix: '' }],
    ['az://acct1/lake/', { ...azure, prefix: '' }],
    ['az://acct1/lake/a/b c', { ...azure, prefix: 'a/b c' }],
    ['az://acct1/lake/a/b/', { ...azure, prefix: 'a/b' }],
    ['abfss://lake@acct1.dfs.core.windows.net', { ...azure, prefix: '' }],
    ['abfss://lake@acct1.dfs.core.windows.net/a/b', { ...azure, prefix: 'a/b' }],
  ])('reads %s', (text, url) => {
    expect(parseLakeUrl(text)).toEqual(url);
  });

  it.each([
    '', 'lake', '/abs', 's3://b/p', 'file:', 'file://', 'file://host/dir', 'file:../lake', 'file:a/../b', 'file:a\\..\\b',
    'az://', 'az://acct1', 'az://acct1/', 'az://acct1//p', 'az://acct1/lake//p', 'az://acct1/lake/../p', 'az://acct1/lake/./p', 'az://Acct/lake', 'az://ab/lake',
    'az://acct1/LAKE', 'az://acct1/la', 'az://acct1/a--b', 'az://acct1/-ab', 'az://acct1/lake?x=1', 'az://acct1/lake#x',
    'abfss://acct1.dfs.core.windows.net/x', 'abfss://@acct1.dfs.core.windows.net/x', 'abfss://lake@acct1.blob.core.windows.net/x', 'abfss://lake@acct1/x',
    'abfss://lake@acct1.dfs.core.windows.net.evil.example/x', 'abfs://lake@acct1.dfs.core.windows.net/x', 'https://acct1.blob.core.windows.net/lake',
  ])('refuses %j and names the setting', (text) => {
    expect(() => parseLakeUrl(text)).toThrow(ConfigError);
    expect(() => parseLakeUrl(text)).toThrow(/LAKE_URL/);
  });

  it('does not repeat a signature', () => {
    expect(() => parseLakeUrl('az://acct1/lake?sig=SECRET')).toThrow(expect.not.objectContaining({ message: expect.stringContaining('SECRET') }));
  });

  it('reads both forms of an Azure address alike, or refuses both', () => {
    const attempt = (text: string) => {
      try {
        return parseLakeUrl(text);
      } catch (error) {
        return (error as ConfigError).code;
      }
    };
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-', 'A', '.', ' '), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(word.filter((w) => !w.includes('.')), word, fc.array(word, { maxLength: 3 }), (account, container, prefix) => {
        const path = prefix.map((segment) => `/${segment}`).join('');
        expect(attempt(`az://${account}/${container}${path}`)).toEqual(attempt(`abfss://${container}@${account}.dfs.core.windows.net${path}`));
      }),
    );
  });
});
