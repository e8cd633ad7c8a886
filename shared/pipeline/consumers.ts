import { progressOf } from '../delta/snapshot.ts';
import type { Lake } from './lake.ts';
import { REFINE } from './refine.ts';
import { SCORE } from './score.ts';
import { stageAppId } from './stage.ts';
import { BRONZE, GOLD, SILVER } from './tables.ts';

/** Who reads a table version by version, and which table keeps how far it came. */
const CONSUMERS: Readonly<Record<string, { readonly stage: string; readonly target: string } | undefined>> = {
  [BRONZE]: { stage: REFINE, target: SILVER },
  [SILVER]: { stage: SCORE, target: GOLD },
};

export interface Consumed {
  readonly stage: string;
  /** The least version that all of the table's readers have consumed; −1n where one has not begun. */
  readonly version: bigint;
}

/**
 * How far the slowest stage that reads the table has come: nothing that it has yet to read may go (semantics.md, section 6). Null: nobody reads
 * it so. By what the targets' tables were last seen to say, which only goes up. `readers`: every lake that has this one's Bronze.
 */
export async function consumedOf(name: string, lake: Lake, readers: readonly Lake[] = [lake]): Promise<Consumed | null> {
  const consumer = CONSUMERS[name];
  if (!consumer) return null;
  const { stage, target } = consumer;
  const source = await lake.table(name);
  const appId = stageAppId(stage, source.delta.id);
  const targets = await Promise.all((name === BRONZE ? readers : [lake]).map((reader) => reader.find(target)));
  const version = targets.map((found) => (found && progressOf(found.delta.snapshot, appId)) ?? -1n).reduce((least, each) => (each < least ? each : least));
  return { stage, version };
}
