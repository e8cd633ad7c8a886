import { compare } from '../../shared/columnar/predicate.ts';
import type { Row } from '../../shared/columnar/relation.ts';
import { PARTS } from './odd-rows.ts';
import type { OddRows } from './odd-rows.ts';
import type { OddTable } from './odd-table.ts';

/** A history of every operation; the table has `versionsMin` versions at least afterwards, with a checkpoint every ten. */
export async function makeHistory(table: OddTable, { versionsMin, odd, rows = 3_000 }: { versionsMin: bigint; odd: OddRows; rows?: number }): Promise<void> {
  await table.append(odd.fresh(rows));
  await stepsTo(table, odd, versionsMin / 2n);
  await table.addLater();
  await stepsTo(table, odd, versionsMin);
}

async function stepsTo(table: OddTable, odd: OddRows, version: bigint): Promise<void> {
  while (table.delta.snapshot.version < version) {
    await step(table, odd);
    await table.delta.checkpointIfDue(10n);
  }
}

async function step(table: OddTable, odd: OddRows): Promise<void> {
  const existing = (count: number) => unique(Array.from({ length: count }, () => odd.pick(table.expected.all())));
  const chance = odd.below(100);
  if (chance < 35) await table.append(odd.fresh(1 + odd.below(8)));
  else if (chance < 65) await table.upsert([...existing(1 + odd.below(5)).map((row) => odd.row(row)), ...odd.fresh(odd.below(4))]);
  else if (chance < 80) await table.deleteKeys([...existing(1 + odd.below(5)), ...odd.fresh(1)]);
  else if (chance < 87) {
    const k = odd.below(100);
    await table.deleteWhere(compare('k', '=', k), (row) => row['k'] === k);
  } else if (chance < 90) {
    // Many rows of the large files: such vectors do not fit into the log.
    const values = Array.from({ length: 20 }, () => odd.below(100));
    await table.deleteWhere({ op: 'in', column: 'k', values }, (row) => values.includes(row['k'] as number));
    await table.append(odd.fresh(600));
  } else if (chance < 93) {
    const part = odd.pick(PARTS.filter((value) => value !== null && value !== ''));
    await table.replaceWhere(compare('part', '=', part!), (row) => row['part'] === part, odd.fresh(3, { part }));
  } else await table.compact(2 + odd.below(30));
}

function unique(rows: readonly Row[]): Row[] {
  return [...new Set(rows)];
}
