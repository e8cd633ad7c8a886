import { describe, expect, it } from 'vitest';
import { ingestTopic } from '../../functions/ingest-topic.ts';
import type { StageOutcome } from '../../shared/app.ts';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError, TransientError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';

const batch = [Buffer.from('{}')];
const context = { triggerMetadata: { offsetArray: [{ low: 3, high: 0, unsigned: false }], partitionArray: [1], timestampArray: ['2026-01-01T00:00:00Z'], keyArray: [null], headersArray: [[]] } };

function handler(answer: () => StageOutcome) {
  const taken: KafkaRecord[] = [];
  const sleeps: number[] = [];
  const ingest = (records: readonly KafkaRecord[]) => {
    taken.push(...records);
    return new Promise<StageOutcome>((resolve) => resolve(answer()));
  };
  const clock = { ...systemClock, random: () => 0.5, sleep: (ms: number) => Promise.resolve(void sleeps.push(ms)) };
  return { taken, sleeps, run: ingestTopic('events', { getApp: () => Promise.resolve({ ingest }), clock, failureDelayMsMax: 1500 }) };
}

describe('ingestTopic', () => {
  it.each<StageOutcome>([{ kind: 'committed', rows: 1, version: 2n, more: false }, { kind: 'nothing-to-do' }])('returns once the batch is %o', async (outcome) => {
    const { run, taken, sleeps } = handler(() => outcome);
    await run(batch, context);
    expect(taken).toMatchObject([{ topic: 'events', partition: 1, offset: 3n }]);
    expect(sleeps).toEqual([]);
  });

  it('throws while ingest is paused: returning would move the offsets past the batch', async () => {
    await expect(handler(() => ({ kind: 'paused' })).run(batch, context)).rejects.toThrow(TransientError);
  });

  it('waits longer from failure to failure, up to the most, and anew after a success', async () => {
    let fails = true;
    const error = new Error('storage is away');
    const { run, sleeps } = handler(() => {
      if (fails) throw error;
      return { kind: 'nothing-to-do' };
    });
    for (let i = 0; i < 5; i++) await expect(run(batch, context)).rejects.toBe(error);
    fails = false;
    await run(batch, context);
    fails = true;
    await expect(run(batch, context)).rejects.toBe(error);
    expect(sleeps).toEqual([125, 250, 500, 750, 750, 125]);
  });

  it('throws where it does not know the batch\'s shape', async () => {
    await expect(handler(() => ({ kind: 'nothing-to-do' })).run([{ decoded: true }], context)).rejects.toThrow(ConfigError);
  });
});
