import type { Price, Prices } from './prices.ts';

export interface Run {
  /** Of all executions together; several are priced as equally long ones. Price one by one where they differ. */
  readonly wallMs: number;
  /** The instance's memory setting (512, 2048 or 4096): Flex bills that, not what was used. */
  readonly memoryMb: number;
  readonly executions: number;
  /** Writes and lists: Blob Storage prices them alike. */
  readonly requestsWrite: number;
  readonly requestsRead: number;
}

export interface Usage {
  readonly gbSeconds: number;
  readonly executions: number;
  readonly requestsWrite: number;
  readonly requestsRead: number;
}

const hourMs = 3_600_000;

/** What is billed. An execution counts at least a second and then in steps of 100 ms (Flex Consumption, azure.md section 6). */
export function usageOf(run: Run, prices: Prices): Usage {
  const { wallMs, memoryMb, executions, requestsWrite, requestsRead } = run;
  const { billedMsMin, billedMsStep } = prices.execution;
  const eachMs = executions === 0 ? 0 : Math.max(billedMsMin, Math.ceil(wallMs / executions / billedMsStep) * billedMsStep);
  return { gbSeconds: (eachMs / 1000) * executions * (memoryMb / 1024), executions, requestsWrite, requestsRead };
}

/** US dollars of a run at list price, with no monthly grant taken off: what one more run costs a busy subscription. */
export function runCost(run: Run, prices: Prices): number {
  const usage = usageOf(run, prices);
  return total(usage, prices, (amount, price) => amount * (price.usd / price.per));
}

/** US dollars of a whole month's usage, the subscription's monthly grants taken off. */
export function monthCost(usage: Usage, prices: Prices): number {
  return total(usage, prices, (amount, price) => Math.max(0, amount - price.freePerMonth) * (price.usd / price.per));
}

/** US dollars that the always-on cluster costs in the same time, busy or not: DBUs and virtual machines of all its nodes. */
export function clusterCost(elapsedMs: number, prices: Prices): number {
  const { nodes, dbuPerNodeHour } = prices.cluster;
  const { databricksJobsDbu: dbu, databricksVmHour: vm } = prices.items;
  return (elapsedMs / hourMs) * nodes * (dbuPerNodeHour * (dbu.usd / dbu.per) + vm.usd / vm.per);
}

function total(usage: Usage, prices: Prices, charge: (amount: number, price: Price) => number): number {
  const { flexGbSecond, flexExecution, blobWrite, blobRead } = prices.items;
  return (
    charge(usage.gbSeconds, flexGbSecond)
    + charge(usage.executions, flexExecution)
    + charge(usage.requestsWrite, blobWrite)
    + charge(usage.requestsRead, blobRead)
  );
}
