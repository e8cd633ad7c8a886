import { describe, expect, test } from 'vitest';
import { BatchChannel } from '../../../local/host/batch-channel.ts';
import { settle } from '../../support/host-app.ts';

describe('BatchChannel', () => {
  test('holds `capacity` batches; the next waits until one is taken, and the order is kept', async () => {
    const channel = new BatchChannel<number>(2);
    const put: number[] = [];
    const writing = (async () => {
      for (let i = 0; i < 5; i++) {
        await channel.put(i);
        put.push(i);
      }
    })();
    await settle();
    expect(put).toEqual([0, 1]);
    expect(await channel.take()).toBe(0);
    await settle();
    expect(put).toEqual([0, 1, 2]);
    for (let i = 1; i < 5; i++) expect(await channel.take()).toBe(i);
    await writing;
    expect(put).toEqual([0, 1, 2, 3, 4]);
  });

  test('stopped, it lets writer and reader go and gives out nothing of what is left', async () => {
    const full = new BatchChannel<number>(1);
    await full.put(0);
    const writing = full.put(1);
    full.stop();
    await writing;
    expect(await full.take()).toBeNull();
    const empty = new BatchChannel<number>(1);
    const reading = empty.take();
    empty.stop();
    expect(await reading).toBeNull();
  });
});
