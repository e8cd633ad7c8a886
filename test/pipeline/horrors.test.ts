import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRules } from '../../shared/pipeline/judge.ts';
import type { RawRow, Verdict } from '../../shared/pipeline/verdict.ts';
import { horrors, json } from '../support/horrors.ts';
import type { Horror } from '../support/horrors.ts';
import { OpenLakes } from '../support/lakes.ts';
import { judgeNaively } from '../support/naive-rules.ts';
import { eventsPipeline, ruleSettings } from '../support/pipelines.ts';
import { record } from '../support/test-lake.ts';

const judge = compileRules(eventsPipeline(), ruleSettings);
const timestampMs = Date.parse('2025-04-01T18:00:00Z');
const row = (payload: Uint8Array | null): RawRow => ({ topic: 'events', value: null, valueBytes: payload, kafkaTimestampMs: timestampMs });

/** As a horror has it. */
function told(verdict: Verdict): Horror['verdict'] {
  return verdict.kind === 'rejected' ? verdict.reason : { id: verdict.values[0] as string, value: verdict.values[3] as number };
}

function naively(payload: Uint8Array | null): Horror['verdict'] {
  const verdict = judgeNaively({ value: payload, timestampMs });
  return typeof verdict === 'string' ? verdict : { id: verdict.id, value: verdict.value };
}

test('names of horrors are unique', () => expect(new Set(horrors.map(({ name }) => name)).size).toBe(horrors.length));

test.each(horrors)('$name', ({ payload, verdict }) => {
  expect(told(judge(row(payload)))).toEqual(verdict);
  // A slow judge that shares nothing with the program says the same.
  expect(naively(payload)).toEqual(verdict);
});

describe('bytes of any kind', () => {
  const agree = (payload: Uint8Array): void => { expect(told(judge(row(payload)))).toEqual(naively(payload)); };
  const horror = fc.constantFrom(...horrors.filter(({ payload }) => payload !== null && payload.length < 5_000).map(({ payload }) => payload!));

  test('random ones', () => fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), agree), { numRuns: 2_000 }));

  test('horrors with bytes changed, taken away, or put in', () => {
    const change = fc.record({ at: fc.nat(), remove: fc.nat(3), put: fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.constantFrom('"', '{', '}', ',', ':', '\\', '\\u0000', 'e', '.', '-', '0', ' ', 'null', '\ufeff').map((each) => Buffer.from(each))) });
    fc.assert(fc.property(horror, fc.array(change, { minLength: 1, maxLength: 4 }), (payload, changes) => {
      const changed = changes.reduce<Buffer>((bytes, { at, remove, put }) => {
        const start = at % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + remove)]);
      }, Buffer.from(payload));
      agree(changed);
    }), { numRuns: 5_000 });
  });

  test('objects of columns with any JSON', () => {
    const source = fc.oneof(fc.jsonValue().map((value) => JSON.stringify(value)), fc.constantFrom('1e309', '-0', '9007199254740993', '"\\ud800"', '"1743530340000"', '"2025-04-01T17:59:00Z"', '"click"', '""', '"\\u0000"', '01'));
    const changed = fc.record({ event_id: source, event_type: source, timestamp: source, value: source, other: source }, { requiredKeys: [] });
    fc.assert(fc.property(changed, (sources) => { agree(Buffer.from(json(sources))); }), { numRuns: 3_000 });
  });
});

/** What bounds the time: how often a character is looked at, whatever the machine. */
test.each(horrors.filter(({ payload }) => payload !== null && payload.length > 20_000))('$name is looked at a few times a character', ({ payload }) => {
  // oxlint-disable-next-line unbound-method
  const plain = String.prototype.charCodeAt;
  let looks = 0;
  // oxlint-disable-next-line no-extend-native
  String.prototype.charCodeAt = function count(this: string, at: number) {
    looks++;
    return plain.call(this, at);
  };
  try {
    judge(row(payload));
  } finally {
    // oxlint-disable-next-line no-extend-native
    String.prototype.charCodeAt = plain;
  }
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThan(12 * payload!.length);
});

describe('from the trigger to Silver and quarantine', () => {
  const lakes = new OpenLakes();
  test('each horror is one Bronze row, byte for byte, and lands where its verdict says', async () => {
    const lake = await lakes.open();
    const given = horrors.filter(({ payload }) => payload === null || payload.length < 200_000).map(({ payload, verdict }, i) => ({ offset: i, payload, verdict }));
    await lake.ingest(given.map(({ offset, payload }) => record(offset, payload)));
    await lake.drain();
    const bronze = await lake.rows('bronze_events', 'SELECT "offset" AS o, value, value_bytes FROM rows ORDER BY o');
    expect(bronze.map((found) => [Number(found['o']), Buffer.from((found['value_bytes'] as Uint8Array | null) ?? (found['value'] as string | null) ?? '').toString('hex')]))
      .toEqual(given.map(({ offset, payload }) => [offset, Buffer.from(payload ?? []).toString('hex')]));
    const reasons = await lake.rows('quarantine_events', 'SELECT "offset" AS o, reason FROM rows ORDER BY o');
    expect(reasons.map((found) => [Number(found['o']), found['reason']])).toEqual(given.filter(({ verdict }) => typeof verdict === 'string').map(({ offset, verdict }) => [offset, verdict]));
    const ids = new Set(given.flatMap(({ verdict }) => (typeof verdict === 'string' ? [] : [verdict.id])));
    expect(new Set((await lake.rows('silver_events', 'SELECT event_id FROM rows')).map((found) => found['event_id']))).toEqual(ids);
    expect((await lake.balance()).verdict).toBe('ok');
  });
});
