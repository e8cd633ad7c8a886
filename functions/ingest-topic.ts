import type { InvocationContext } from '@azure/functions';
import type { App } from '../shared/app.ts';
import { backoffMs } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import { TransientError } from '../shared/errors.ts';
import { readTrigger } from '../shared/sources/trigger.ts';

export interface IngestOptions {
  readonly getApp: () => Promise<Pick<App, 'ingest'>>;
  readonly clock: Clock;
  readonly failureDelayMsMax: number;
}

type Handler = (batch: unknown, context: Pick<InvocationContext, 'triggerMetadata'>) => Promise<void>;

const failureDelayMsBase = 250;

/** The handler of one topic: returns only when the whole batch is committed. Whatever else happens is thrown, so the offsets stay. */
export function ingestTopic(topic: string, { getApp, clock, failureDelayMsMax }: IngestOptions): Handler {
  let failures = 0;
  return async (batch, context) => {
    try {
      const records = readTrigger(batch, context.triggerMetadata, { topic });
      const outcome = await (await getApp()).ingest(records);
      if (outcome.kind === 'paused') {
        throw new TransientError('ingest/paused', `Ingest of ${topic} is paused: ${records.length} records wait in the topic until \`assay resume ingest\`.`);
      }
      failures = 0;
    } catch (error) {
      // The extension retries in place without any delay.
      await clock.sleep(backoffMs(failures++, { attemptsMax: Infinity, delayMsBase: failureDelayMsBase, delayMsMax: failureDelayMsMax }, clock));
      throw error;
    }
  };
}
