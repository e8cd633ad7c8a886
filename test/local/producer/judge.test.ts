import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { generate } from '../../../local/producer/generate.ts';
import { FUTURE_AFTER_MS, LATE_AFTER_MS } from '../../../local/producer/mix.ts';
import type { ProducedRecord } from '../../../local/producer/target.ts';
import { START_MS } from '../../../local/producer/timeline.ts';
import { compileRules } from '../../../shared/pipeline/judge.ts';
import { parsePipelineFile } from '../../../shared/pipeline/pipeline-file.ts';
import { judgeNaively } from '../../support/naive-rules.ts';

const settings = { lateAfterMs: LATE_AFTER_MS, futureAfterMs: FUTURE_AFTER_MS };
const path = join(import.meta.dirname, '..', '..', '..', 'pipelines', 'events.json');
const pipeline = parsePipelineFile(readFileSync(path, 'utf8'), 'events.json', settings);
const judge = compileRules(pipeline, settings);
const at = (name: string) => pipeline.columns.findIndex((column) => column.name === name);
const [ID, TYPE, TIMESTAMP, VALUE] = ['event_id', 'event_type', 'timestamp', 'value'].map(at);

function judgeOurs({ value, timestampMs }: ProducedRecord): unknown {
  const bytes = value === null || value.length === 0 ? null : value;
  const isText = bytes !== null && isUtf8(bytes);
  const verdict = judge({ topic: 'events', value: isText ? bytes.toString() : null, valueBytes: isText ? null : bytes, kafkaTimestampMs: timestampMs });
  if (verdict.kind === 'rejected') return verdict.reason;
  const { values } = verdict;
  return { id: values[ID], type: values[TYPE], micros: values[TIMESTAMP], value: values[VALUE] };
}

it.each([7, 8, 2 ** 40])('the rules and their naive double agree on every event of seed %d', (seed) => {
  for (const { index, record } of generate({ seed, startMs: START_MS, ratePerS: 200, partitions: 4 }, 30_000)) {
    expect(judgeOurs(record), `event ${index}`).toEqual(judgeNaively(record));
  }
});
