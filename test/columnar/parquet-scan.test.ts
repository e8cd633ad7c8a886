import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanGroups, scanRelation, selectedBits } from '../../shared/columnar/parquet-scan.ts';
import type { FileScan, ScanFile } from '../../shared/columnar/relation.ts';
import { united } from '../../shared/columnar/relation-sql.ts';

const column = (name: string, type: string, isPartition = true) => ({ name, type, physicalName: name, physicalType: type, isPartition });
const positions = (...values: bigint[]) => BigInt64Array.from(values);
const file = (p: string | null, rows?: ScanFile['rows']): ScanFile => ({ key: 'x', partitionValues: { p }, ...(rows ? { rows } : {}) });
const scanOf = (files: readonly ScanFile[], type = 'string'): FileScan => ({ columns: [column('n', 'integer', false), column('p', type)], files });
const many = (length: number, of: (i: number) => ScanFile) => Array.from({ length }, (_value, i) => of(i));
const EXCEPT = { except: positions(0n) };

describe('which files are read together', () => {
  test('neighbours of one partition and kind; few changes keep the files\' order', () => {
    const { groups, inOrder } = scanGroups(scanOf([file('a'), file('a'), file('b'), file('a', EXCEPT), file('a', { only: positions(1n) }), file('a')]), () => 5);
    expect([groups.map(({ members }) => members), inOrder]).toEqual([[[0, 1], [2], [3], [4], [5]], true]);
  });

  test('null and "" are one partition; a column may be called as what every object has', () => {
    const named = (values: Record<string, string>): ScanFile => ({ key: 'x', partitionValues: values });
    expect(scanGroups({ columns: [column('constructor', 'string')], files: [named({}), named({ constructor: '' })] }, () => 1).groups).toMatchObject([{ members: [0, 1], partitionValues: [null] }]);
  });

  test.each<[string, readonly ScanFile[], string, unknown]>([
    ['one kind', many(30, (i) => file(`p${i % 3}`)), 'string', { within: ['p'] }],
    ['selections everywhere', many(30, (i) => file(`p${i % 3}`, EXCEPT)), 'string', { within: ['p'] }],
    ['dates', many(30, (i) => file(`2025-01-0${1 + (i % 3)}`)), 'date', { within: ['p'] }],
    ['whole numbers', many(30, (i) => file(String(i % 3))), 'long', { within: ['p'] }],
    ['two kinds in one partition', many(30, (i) => file(`p${i % 3}`, i === 7 ? EXCEPT : undefined)), 'string', false],
    ['numbers that may be printed in two ways', many(30, (i) => file(i % 2 === 0 ? '1' : '01')), 'integer', false],
    ['doubles', many(30, (i) => file(i % 2 === 0 ? '1' : '1.0')), 'double', false],
  ])('many changes: order is left within partitions, where it is: %s', (_what, files, type, expected) => {
    const { groups, inOrder } = scanGroups(scanOf(files, type), () => 5);
    expect(inOrder).toEqual(expected);
    expect(groups.length).toBeLessThan(5);
    expect(groups.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual(files.map((_file, i) => i));
  });

  test('a selection is cut before it is too large, in order', () => {
    const { groups, inOrder } = scanGroups(scanOf(many(40, () => file('a', EXCEPT))), (i) => (i === 3 ? 5_000_000 : 1_000_000));
    expect(groups.map(({ members }) => members.length)).toEqual([3, 1, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
    expect(inOrder).toBe(true);
    expect(scanGroups(scanOf(many(40, () => file('a'))), () => 1_000_000).groups.length).toBe(1);
  });
});

test('bits are the selected rows, file after file', () => {
  fc.assert(fc.property(fc.array(fc.record({ rows: fc.nat(40), selected: fc.uniqueArray(fc.bigInt(0n, 50n)) }), { minLength: 1, maxLength: 6 }), (files) => {
    const scanned = files.map(({ selected }) => file('a', { only: positions(...selected.toSorted((a, b) => (a < b ? -1 : 1))) }));
    const bits = selectedBits(scanned, { partitionValues: [], selection: 'only', members: files.map((_file, i) => i), rows: files.map(({ rows }) => rows) });
    const expected = files.flatMap(({ rows, selected }) => Array.from({ length: rows }, (_value, row) => selected.includes(BigInt(row))));
    expect(expected.map((_value, i) => (bits[i >> 3] & (0x80 >> (i & 7))) !== 0)).toEqual(expected);
    expect(bits.length).toBe(Math.max(1, Math.ceil(expected.length / 8)));
  }));
});

test('a cast across a union could make two partitions one: no order is left', () => {
  const source = { paths: Array.from({ length: 30 }, () => 'x'), bitsOf: () => '' };
  const ofType = (type: string) => {
    const scan = scanOf(many(30, (i) => file(String(i % 3))), type);
    return scanRelation(scan, scanGroups(scan, () => 1), source);
  };
  expect(united([ofType('string'), ofType('string')]).inOrder).toEqual({ within: ['p'] });
  expect(united([ofType('long'), ofType('string')]).inOrder).toBe(false);
});
