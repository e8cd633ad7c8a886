import type { LedgerFile, LedgerTable } from './ledger.ts';
import type { World } from './world.ts';

const DAY_MS = 86_400_000;
const FILE_RETENTION_MS = 7 * DAY_MS;
const LOG_RETENTION_MS = 30 * DAY_MS;

/** Up to which version of a table every consumer has read; null where it has none. */
export type ConsumedUpTo = (table: LedgerTable) => bigint | null;

/** What an operator's VACUUM and log cleanup take when time has passed: by the protocol's rules, from the world's own view of the tables. Without `vacuums` the first is left to the program. */
export function cleanUp(world: World, consumedUpTo: ConsumedUpTo, { vacuums }: { readonly vacuums: boolean } = { vacuums: true }): void {
  for (const table of world.ledger.tables.values()) {
    const consumed = consumedUpTo(table);
    if (vacuums) vacuum(world, table, consumed);
    cleanLog(world, table, consumed);
  }
}

/** Files that no version names, and files that none has had since the retention; not what a consumer has yet to read. */
function vacuum(world: World, table: LedgerTable, consumed: bigint | null): void {
  const oldestMs = world.scheduler.nowMs - FILE_RETENTION_MS;
  const needed = [...table.files.values(), ...table.removed.filter((file) => file.removedAtMs > oldestMs || isAwaited(file, consumed))];
  const kept = new Set(needed.flatMap(({ key, vectorKey }) => [key, vectorKey]));
  for (const [key, { lastModifiedMs }] of world.objects) {
    if (!key.startsWith(`${table.name}/`) || key.includes('/_delta_log/') || kept.has(key) || lastModifiedMs > oldestMs) continue;
    world.scheduler.note(`-${key.slice(-12)}`);
    world.delete(key);
  }
}

function isAwaited({ addedAt, removedAt }: LedgerFile, consumed: bigint | null): boolean {
  return consumed !== null && (addedAt > consumed || (removedAt !== null && removedAt > consumed));
}

/** Everything below the newest checkpoint whose commit is older than the retention. */
function cleanLog(world: World, table: LedgerTable, consumed: bigint | null): void {
  const oldestMs = world.scheduler.nowMs - LOG_RETENTION_MS;
  const log = [...world.objects].flatMap(([key, { lastModifiedMs }]) => {
    const match = /_delta_log\/(\d{20})\.(json|checkpoint\.parquet)$/.exec(key);
    return match && key.startsWith(`${table.name}/`) ? [{ key, version: BigInt(match[1]), isCommit: match[2] === 'json', lastModifiedMs }] : [];
  });
  const oldCommits = new Set(log.filter(({ isCommit, lastModifiedMs }) => isCommit && lastModifiedMs < oldestMs).map(({ version }) => version));
  const checkpoints = log.filter(({ isCommit, version }) => !isCommit && oldCommits.has(version) && (consumed === null || version <= consumed));
  const newest = checkpoints.reduce((greatest, { version }) => (version > greatest ? version : greatest), -1n);
  const gone = log.filter(({ version }) => version < newest);
  if (gone.length > 0) world.scheduler.note(`log of ${table.name} below ${newest}`);
  for (const { key } of gone) world.delete(key);
}
