import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { LiveBoard } from '../../../local/run/live-board.ts';
import type { LiveFacts } from '../../../local/run/live-counts.ts';
import { watch } from '../../../local/run/live-watch.ts';
import { TableError, TransientError } from '../../../shared/errors.ts';

const FACTS = { bronze: 1_234, quarantined: 0, silver: 0, late: 0, gold: 5, anomalies: 0, freshnessS: null, lag: 0n };

/** Watches the looks given, one after the other, and stops after the last. */
async function watchAll(...looks: (() => LiveFacts & { lag: bigint })[]): Promise<{ shown: string; golds: number }> {
  const stop = new AbortController();
  const stream = new PassThrough();
  let golds = 0;
  const look = async () => {
    const next = looks.shift()!;
    if (looks.length === 0) stop.abort();
    return next();
  };
  try {
    await watch({ look, board: new LiveBoard(stream as unknown as NodeJS.WriteStream), stop: stop.signal, whenGold: () => void golds++, everyMs: 0 });
  } finally {
    stream.end();
  }
  return { shown: await text(stream), golds };
}

const failing = (error: Error) => () => { throw error; };

test('a failed look is a line, once as long as it stays the same, and the next look shows again', async () => {
  const away = failing(new TransientError('storage/timeout', 'no answer'));
  const { shown, golds } = await watchAll(away, away, failing(new TableError('delta/gap', 'version 3 is missing')), () => FACTS, away, () => FACTS);
  expect(shown.match(/warning counts: no answer/g)).toHaveLength(2);
  expect(shown.match(/version 3 is missing/g)).toHaveLength(1);
  expect(shown).toMatch(/Bronze 1,234/);
  expect(golds).toBe(1);
});

test('a bug comes out', async () => {
  const bug = new Error('bug: n is -1');
  await expect(watchAll(failing(bug), () => FACTS)).rejects.toBe(bug);
});
