import { writeSync } from 'node:fs';
import { EventLog } from '../../local/event-log/event-log.ts';
import type { NewRecord } from '../../local/event-log/record-codec.ts';

// Appends for ever to the event log in the folder given; after each append writes how many records each partition has for certain.
const log = EventLog.open({ dir: process.argv[2] });
log.createTopic({ name: 'events', partitions: 2, seed: 1 });

function block(partition: number, first: number): NewRecord[] {
  return Array.from({ length: 10 }, (_, i) => ({
    key: null,
    value: Buffer.from(`${partition}-${first + i}-${'x'.repeat(300)}`),
    headers: [],
    timestampMs: first + i,
  }));
}

for (let count = 0; ; count += 10) {
  log.append('events', new Map([[0, block(0, count)], [1, block(1, count)]]));
  writeSync(1, `${count + 10}\n`);
}
