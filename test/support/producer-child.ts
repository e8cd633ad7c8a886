import { EventLog } from '../../local/event-log/event-log.ts';
import { EventStream } from '../../local/producer/generate.ts';
import { LogTarget } from '../../local/producer/log-target.ts';
import { produceAll } from '../../local/producer/run.ts';
import type { StreamOptions } from '../../local/producer/timeline.ts';

/** Produces into the log of a folder, a line a batch: `node producer-child.ts DIR TOPIC EVENTS OPTIONS_JSON`. Made to be killed. */
const [, , dir, topic, events, options] = process.argv;
const source = new EventStream(JSON.parse(options) as StreamOptions, Number(events));
const log = EventLog.open({ dir });
await produceAll({
  source,
  target: new LogTarget(log, topic),
  batchRecords: 1_000,
  onProgress: ({ held, appended }) => process.stdout.write(`${held + appended}\n`),
});
log.close();
