import { openUpserted, upsertRound } from './upserted-table.ts';

/** Argument: the folder. Round after round, each told when it is committed, until a message comes. */
const table = await openUpserted(process.argv[2], `upserter-${process.pid}`);
const state = { isOver: false };
process.once('message', () => { state.isOver = true; });
for (let round = 1; !state.isOver; round++) {
  await upsertRound(table, round);
  process.send!(round);
}
await table.close();
process.disconnect();
