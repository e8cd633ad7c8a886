import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError, TransientError } from '../../shared/errors.ts';
import { SchemaRegistry } from '../../shared/sources/schema-registry.ts';
import type { SchemaRegistryOptions } from '../../shared/sources/schema-registry.ts';
import { TestRegistry } from '../support/schema-registry.ts';

let server: TestRegistry;
const sleeps: number[] = [];
const clock = { ...systemClock, random: () => 0.5, sleep: (ms: number) => { sleeps.push(ms); return Promise.resolve(); } };

beforeEach(async () => {
  server = await TestRegistry.start();
  sleeps.length = 0;
});
afterEach(() => server.stop());

const client = (options: Partial<SchemaRegistryOptions> = {}) => new SchemaRegistry({ url: server.url, username: null, password: null, clock, timeoutMs: 5_000, ...options });
const failure = async (asked: Promise<unknown>): Promise<Error> => asked.then(() => expect.fail('it answered'), (error: unknown) => error as Error);

describe('a registry that answers', () => {
  test('a schema, AVRO where it names no type', async () => {
    const id = server.add('events-value', { schema: '"string"' });
    expect(await client().schema(id)).toEqual({ type: 'AVRO', text: '"string"', references: [] });
  });

  test('a schema with references, and a version of a subject whose name needs escaping', async () => {
    const references = [{ name: 'a/b.proto', subject: 'a/b.proto ä', version: 1 }];
    server.add('a/b.proto ä', { schema: 'syntax = "proto3";', schemaType: 'PROTOBUF' });
    const id = server.add('events-value', { schema: 'import "a/b.proto";', schemaType: 'PROTOBUF', references });
    expect(await client().schema(id)).toEqual({ type: 'PROTOBUF', text: 'import "a/b.proto";', references });
    expect(await client().version('a/b.proto ä', 1)).toEqual({ type: 'PROTOBUF', text: 'syntax = "proto3";', references: [] });
  });

  test('that there is no such id, subject or version: null, asked once', async () => {
    server.add('there', { schema: '"int"' });
    expect(await client().schema(77)).toBe(null);
    expect(await client().version('nowhere', 1)).toBe(null);
    expect(await client().version('there', 2)).toBe(null);
    expect(server.requests).toHaveLength(3);
  });

  test('below a path, with a slash at its end', async () => {
    const id = server.add('s', { schema: '"int"' });
    server.troubles.push({ status: 200, body: JSON.stringify({ schema: '"int"' }) });
    await client({ url: `${server.url}/apis/ccompat/v7/` }).schema(id);
    expect(server.requests).toEqual(['GET /apis/ccompat/v7/schemas/ids/1']);
  });

  test('over kept connections', async () => {
    const id = server.add('s', { schema: '"int"' });
    const one = client();
    for (let i = 0; i < 10; i++) await one.schema(id);
    expect(server.connections.size).toBeLessThan(4);
  });
});

describe('a registry in trouble', () => {
  test.each([[{ status: 500 }], [{ status: 503, body: '<html>' }], [{ status: 429 }], ['drop'], ['hang']] as const)('is asked again after %o', async (trouble) => {
    const id = server.add('s', { schema: '"int"' });
    server.troubles.push(trouble, trouble);
    expect(await client({ timeoutMs: trouble === 'hang' ? 50 : 5_000 }).schema(id)).toMatchObject({ text: '"int"' });
    expect(sleeps).toEqual([100, 200]);
  });

  test('is a TransientError once the tries are spent', async () => {
    server.troubles.push(...Array.from({ length: 9 }, () => ({ status: 500 })));
    const error = await failure(client().schema(1));
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toMatchObject({ code: 'registry/no-answer', facts: { attempts: 4, path: '/schemas/ids/1' } });
    expect(error.message).toContain('it answered 500, 4 times');
    expect(sleeps).toEqual([100, 200, 400]);
  });

  test('nobody there', async () => {
    const { url } = server;
    await server.stop();
    const error = await failure(new SchemaRegistry({ url, username: null, password: null, clock }).schema(1));
    expect(error).toMatchObject({ code: 'registry/no-answer' });
    expect(error.message).toContain('ECONNREFUSED');
    server = await TestRegistry.start();
  });
});

describe('what no retry mends', () => {
  test('credentials: sent, and missing or wrong', async () => {
    const id = server.add('s', { schema: '"int"' });
    server.credentials = 'key:s3cret:with colon';
    expect(await client({ username: 'key', password: 's3cret:with colon' }).schema(id)).not.toBe(null);
    for (const options of [{}, { username: 'key', password: 'other-password' }]) {
      const error = await failure(client(options).schema(id));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ code: 'registry/refused' });
      expect(`${error.message} ${JSON.stringify((error as ConfigError).facts)}`).not.toMatch(/other-password|a2V5/);
    }
    expect(sleeps).toEqual([]);
  });

  test.each([
    ['another server', { status: 404, body: '<html>nothing here</html>' }],
    ['a path that a registry does not have', { status: 404, body: '{"error_code":404,"message":"HTTP 404 Not Found"}' }],
    ['a page to log in', { status: 200, body: '<html>' }],
    ['other JSON', { status: 200, body: '{"schema": 7}' }],
    ['references of another kind', { status: 200, body: '{"schema": "", "references": [{}]}' }],
    ['a refusal', { status: 422 }],
  ])('%s is no verdict on a row', async (_name, trouble) => {
    server.troubles.push(trouble);
    const error = await failure(client().schema(1));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: 'registry/unlike-one' });
  });
});
