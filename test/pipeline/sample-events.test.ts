import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { eventsPipeline, ruleSettings } from '../support/pipelines.ts';

/** What each line of docs/sample-events.ndjson is for; null: valid. */
const REASONS = [
  null, 'empty_payload', 'not_utf8', 'malformed_json', 'missing_event_id', 'missing_event_type', 'missing_timestamp', 'missing_value', 'invalid_event_id',
  'unknown_event_type', 'invalid_timestamp', 'future_timestamp', 'invalid_value', null, null, null, null, null, null, null,
];

function readLines(): Uint8Array[] {
  const bytes = readFileSync(new URL('../../docs/sample-events.ndjson', import.meta.url));
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start);
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

// The second moment stands for a replay of the file today: the reasons do not depend on it.
test.each([Date.UTC(2025, 3, 1, 17, 38, 20), Date.UTC(2031, 0, 1)])('the sample file has its 20 verdicts at broker time %i', (kafkaTimestampMs) => {
  const judge = compileRules(eventsPipeline(), ruleSettings);
  const verdicts = readLines().map((line) => judge({ topic: 'events', value: null, valueBytes: line, kafkaTimestampMs }));
  expect(verdicts.map((verdict) => (verdict.kind === 'rejected' ? verdict.reason : null))).toEqual(REASONS);
  expect(verdicts[0]).toMatchObject({ values: ['997', 'click', 1_743_529_077_000_000n, 1984], rescued: null });
  expect(verdicts[14]).toMatchObject({ values: ['90071992547409931', 'view', 1_743_529_090_000_000n, 41] });
  expect(verdicts[15]).toMatchObject({ values: ['1011', 'click', 1_743_529_091_123_456n, 1750] });
  expect(verdicts[17]).toMatchObject({ rescued: '{"page":"/café","session":{"n":18446744073709551616}}' });
  expect(verdicts[18]).toMatchObject({ values: ['1014', 'click', 1_743_529_094_000_000n, 1833], duplicateKeys: 1 });
});
