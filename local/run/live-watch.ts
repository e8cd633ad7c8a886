import { ConflictError, TableError, TransientError } from '../../shared/errors.ts';
import type { LiveBoard } from './live-board.ts';
import type { LiveFacts } from './live-counts.ts';

export interface WatchOptions {
  readonly look: () => Promise<LiveFacts & { lag: bigint }>;
  readonly board: LiveBoard;
  readonly stop: AbortSignal;
  /** Called once, when Gold has its first rows. */
  readonly whenGold: () => void;
  readonly everyMs?: number;
}

const LOOK_EVERY_MS = 1_000;

/** Looks and shows until told to stop. A look that fails on the lake or the broker is a line of the board; rejects with anything else. */
export async function watch({ look, board, stop, whenGold, everyMs = LOOK_EVERY_MS }: WatchOptions): Promise<void> {
  let gold = false;
  let trouble = '';
  while (!stop.aborted) {
    const facts = await lookOnce(look);
    if (facts instanceof Error) {
      // The same trouble again, a second later, is no news.
      if (facts.message !== trouble) board.line(`warning counts: ${facts.message}`);
      trouble = facts.message;
    } else {
      trouble = '';
      board.show(facts);
      if (!gold && facts.gold > 0) {
        gold = true;
        whenGold();
      }
    }
    await waitFor(everyMs, stop);
  }
}

/** The functions read the same tables and report, retry or stop by their own rules: what we show must not end them. */
async function lookOnce(look: WatchOptions['look']): Promise<(LiveFacts & { lag: bigint }) | Error> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof TransientError || error instanceof ConflictError || error instanceof TableError) return error;
    throw error;
  }
}

function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
