import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { sourceType, sqlType } from '../../shared/columnar/sql-type.ts';
import type { SqlSource } from '../../shared/columnar/sql-type.ts';

let folder: string;
let engine: Engine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-sql-type-'));
  engine = new Engine({ memoryMb: 128, threads: 1, tempDir: folder });
});

afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true });
});

/** What DuckDB itself calls the type of such a column. */
async function printedByDuckdb(type: SqlSource): Promise<string> {
  return engine.session(async (session) => (await session.columnsOfSelect(`SELECT NULL::${sqlType(type)} AS c`))[0].type);
}

const name = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom('a', 'B', '"', ' ', ',', '(', ')', '[', 'ä') }).filter((text) => text.trim() !== '');

const anyType: fc.Arbitrary<SqlSource> = fc.letrec<{ type: SqlSource }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('string', 'long', 'integer', 'short', 'byte', 'float', 'double', 'boolean', 'binary', 'date', 'timestamp', 'timestamp_ntz', 'decimal(38,18)', 'decimal(1,0)'),
    tie('type').map((elementType) => ({ type: 'array' as const, elementType })),
    fc.record({ keyType: tie('type'), valueType: tie('type') }).map((sides) => ({ type: 'map' as const, ...sides })),
    fc.uniqueArray(fc.record({ name, type: tie('type') }), { minLength: 1, maxLength: 3, selector: (field) => field.name.toLowerCase() }).map((fields) => ({ type: 'struct' as const, fields })),
  ),
})).type;

test('a type that DuckDB prints is read as the type that it was', async () => {
  await fc.assert(fc.asyncProperty(anyType, async (type) => {
    expect(sourceType(await printedByDuckdb(type))).toEqual(type);
  }), { numRuns: 200 });
});

test.each(['TIME', 'INTERVAL', 'UUID', 'BIT', 'TIMESTAMP_NS', 'TIME WITH TIME ZONE', `ENUM('a', 'b')`, 'STRUCT("a" TIME)', 'MAP(VARCHAR, UUID)', 'UNION(a INTEGER)', 'INTEGER[', 'STRUCT("a" INTEGER', ''])(
  'Delta has no %s', (text) => expect(sourceType(text)).toBeNull());

test.each([['HUGEINT', 'long'], ['UBIGINT', 'long'], ['UTINYINT', 'integer'], ['INTEGER[2]', { type: 'array', elementType: 'integer' }]])('%s is read as %j', (text, type) => expect(sourceType(text)).toEqual(type));
