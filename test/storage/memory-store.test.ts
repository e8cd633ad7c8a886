import { expect, it } from 'vitest';
import { TransientError } from '../../shared/errors.ts';
import { describeObjectStore } from '../contract/object-store.ts';
import type { Fault } from '../support/memory-store.ts';
import { MemoryStore } from '../support/memory-store.ts';

describeObjectStore({ name: 'memory', open: async () => new MemoryStore(), manyObjects: 5_100 });

const BODY = new Uint8Array([1]);

it.each<[Fault, string, boolean]>([
  ['lost-reply', 'unknown', true],
  ['fail-before', 'unknown', false],
])('putIfAbsent under %s: %s', async (fault, outcome, stored) => {
  let next: Fault = fault;
  const store = new MemoryStore({ faults: () => next });
  expect(await store.putIfAbsent('x', BODY)).toBe(outcome);
  next = 'none';
  expect((await store.get('x')) !== null).toBe(stored);
});

it.each<[Fault, boolean]>([
  ['throttle', false],
  ['fail-before', false],
  ['lost-reply', true],
])('put under %s throws a TransientError, stored: %s', async (fault, stored) => {
  const asked: string[] = [];
  let next: Fault = fault;
  const store = new MemoryStore({
    faults: (operation, key) => {
      asked.push(`${operation} ${key}`);
      return next;
    },
  });
  await expect(store.sub('a').put('x', BODY)).rejects.toThrow(TransientError);
  next = 'none';
  expect((await store.get('a/x')) !== null).toBe(stored);
  expect(asked).toEqual(['put a/x', 'get a/x']);
});
