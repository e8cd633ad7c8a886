import type { RefineBatch } from './refine-batch.ts';

/**
 * For operationMetrics of refine's commit: how many accepted rows each `flag` rule met, and how many rows were rejected for each reason, as JSON objects, the
 * most frequent first. A row with two flags counts in both. As judged: accepted rows that then lost to others of their key are counted, too.
 * Nothing where there is nothing. Bounded by the pipeline file, which names all rules and columns.
 */
export function ruleMetrics({ best, losers, rejected }: Pick<RefineBatch, 'best' | 'losers' | 'rejected'>): Record<string, string> {
  const [flags, reasons] = [new Map<string, number>(), new Map<string, number>()];
  for (const accepted of [best.values(), losers]) for (const row of accepted) for (const flag of row.flags) count(flags, flag);
  for (const { reason } of rejected) count(reasons, reason);
  return { ...printed('flaggedByRule', flags), ...printed('rejectedByReason', reasons) };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function printed(metric: string, counts: ReadonlyMap<string, number>): Record<string, string> {
  if (counts.size === 0) return {};
  return { [metric]: JSON.stringify(Object.fromEntries([...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)))) };
}
