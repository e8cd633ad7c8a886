import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OffsetStore } from '../../../local/kafka-source/offset-store.ts';
import { TransientError } from '../../../shared/errors.ts';

describe('OffsetStore', () => {
  test('refuses a partition that is not assigned, and keeps nothing of an earlier assignment', () => {
    const store = new OffsetStore();
    expect(() => store.store({ partition: 0, next: 1n })).toThrow(TransientError);
    store.assign([0, 1]);
    store.setCommitted(new Map());
    store.store({ partition: 0, next: 5n });
    expect(store.due()).toEqual([{ partition: 0, next: 5n }]);
    store.assign([0]);
    store.setCommitted(new Map());
    expect(store.due()).toEqual([]);
    expect(() => store.store({ partition: 1, next: 9n })).toThrow(/partition 1/);
  });

  test('sends nothing before it knows what is committed, and never moves it back', () => {
    const store = new OffsetStore();
    store.assign([0, 1]);
    store.store({ partition: 0, next: 5n });
    store.store({ partition: 1, next: 5n });
    expect(store.due()).toEqual([]);
    expect(store.isPending).toBe(true);
    store.setCommitted(new Map([[0, 8n]]));
    expect(store.due()).toEqual([{ partition: 1, next: 5n }]);
    store.acknowledge(store.due());
    expect(store.due()).toEqual([]);
    expect(store.isPending).toBe(false);
  });

  test('what is acknowledged late, after the partition went, is passed over', () => {
    const store = new OffsetStore();
    store.assign([0]);
    store.setCommitted(new Map());
    store.store({ partition: 0, next: 3n });
    const sent = store.due();
    store.assign([1]);
    store.setCommitted(new Map());
    store.acknowledge(sent);
    store.assign([0]);
    store.setCommitted(new Map());
    store.store({ partition: 0, next: 2n });
    expect(store.due()).toEqual([{ partition: 0, next: 2n }]);
  });

  test('whatever is stored and sent in whatever order, the committed offset of a partition only grows', () => {
    const step = fc.record({ partition: fc.nat(2), next: fc.bigInt(1n, 50n), send: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new OffsetStore();
      store.assign([0, 1, 2]);
      store.setCommitted(new Map());
      const committed = [0n, 0n, 0n];
      for (const { partition, next, send } of steps) {
        store.store({ partition, next });
        if (!send) continue;
        for (const due of store.due()) {
          expect(due.next).toBeGreaterThan(committed[due.partition]);
          committed[due.partition] = due.next;
        }
        store.acknowledge(store.due());
      }
    }));
  });
});
