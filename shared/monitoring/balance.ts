import { assert } from '../errors.ts';

/**
 * The balance (semantics.md, section 8): is every offset that was consumed a row somewhere, or a known absence?
 * Pure: from numbers that other files read out of logs to equations and one verdict. A term that is not known (null) makes its
 * equation `unknown`, never `ok`. A stage that has not run yet has read version −1: its terms are 0n, not null.
 */

export type Verdict = 'ok' | 'broken' | 'unknown';

/** A number of rows or offsets; null: not known. */
export type Term = bigint | null;

/** What holds for one (topic, incarnation, partition), all cumulative since its start. */
export interface PartitionFacts {
  readonly topic: string;
  readonly incarnation: string;
  readonly partition: number;
  /** Start offset − 1, so −1 is legal: the version of the first `bronze/…` txn. */
  readonly base: Term;
  /** Last offset in Bronze: the version of the latest `bronze/…` txn. */
  readonly last: Term;
  /** Rows ever committed to Bronze, by cumulative progress, never by counting today's table. */
  readonly bronzeRows: Term;
  /** Offsets recorded in `offset_gaps` and not in Bronze. */
  readonly gapOffsets: Term;
  /** `bronzeRows` at the Bronze version in Silver's txn. */
  readonly bronzeRowsAtSilver: Term;
  /** The txns `count/<term>/<topic>/<incarnation>/<partition>` of Silver. */
  readonly counted: CountedTerms;
}

export interface CountedTerms {
  /** Bronze rows that refine has read. */
  readonly bronze: Term;
  readonly silver: Term;
  readonly duplicate: Term;
  readonly superseded: Term;
  readonly quarantine: Term;
  /** Rows that the pipeline leaves to others over the same Bronze. */
  readonly elsewhere: Term;
}

export const countedTerms = ['bronze', 'silver', 'duplicate', 'superseded', 'quarantine', 'elsewhere'] as const;

/** Rows of a table at a version (sum of numRecords), and what was ever taken from it by intent up to that version. */
export interface TableRows {
  readonly rows: Term;
  readonly erased: Term;
  readonly expired: Term;
}

export interface BalanceFacts {
  readonly partitions: readonly PartitionFacts[];
  /** Silver at the version that holds the counts. */
  readonly silver: TableRows;
  /** Open quarantine rows with `bronze_version` ≤ the Bronze version in Silver's txn. */
  readonly quarantine: TableRows;
  /** Silver at the version in Gold's txn. */
  readonly silverAtGold: TableRows;
  readonly gold: TableRows;
}

/** `consumed`, `read` and `refined` are told per partition; the others hold for whole tables. */
export type EquationName = 'consumed' | 'read' | 'refined' | 'silver' | 'quarantine' | 'gold';

export interface Equation {
  readonly name: EquationName;
  readonly partition: PartitionFacts | null;
  readonly verdict: Verdict;
  /** Left minus right; null where a term is not known. */
  readonly by: Term;
  /** The equation with its numbers, for people. */
  readonly text: string;
}

export interface Balance {
  readonly verdict: Verdict;
  readonly equations: readonly Equation[];
}

interface Side { readonly [name: string]: Term }

export function balance(facts: BalanceFacts): Balance {
  assertDistinct(facts.partitions);
  const equations = [...facts.partitions.flatMap(partitionEquations), ...tableEquations(facts)];
  return { verdict: worst(equations.map((each) => each.verdict)), equations };
}

/** `broken` before `unknown` before `ok`; nothing judged is `unknown`. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('broken')) return 'broken';
  return verdicts.length === 0 || verdicts.includes('unknown') ? 'unknown' : 'ok';
}

/** Last offset − base; null where either is not known. */
export function offsetsConsumed({ base, last }: PartitionFacts): Term {
  return base === null || last === null ? null : last - base;
}

function partitionEquations(p: PartitionFacts): Equation[] {
  const { bronze, silver, duplicate, superseded, quarantine, elsewhere } = p.counted;
  return [
    equation('consumed', p, { 'offsets consumed': offsetsConsumed(p) }, { 'Bronze rows': p.bronzeRows, 'gap offsets': p.gapOffsets }),
    equation('read', p, { 'Bronze rows at the version in Silver\'s txn': p.bronzeRowsAtSilver }, { 'rows read by refine': bronze }),
    equation('refined', p, { 'rows read by refine': bronze }, {
      'Silver rows': silver, duplicates: duplicate, superseded, quarantined: quarantine, 'left to other pipelines': elsewhere,
    }),
  ];
}

function tableEquations({ partitions, silver, quarantine, silverAtGold, gold }: BalanceFacts): Equation[] {
  const sum = (term: keyof CountedTerms) => add(partitions.map((p) => p.counted[term]));
  return [
    equation('silver', null, { 'Silver rows counted': sum('silver') }, {
      'rows in Silver': silver.rows, 'erased from Silver': silver.erased, 'expired from Silver': silver.expired,
    }),
    equation('quarantine', null, { 'quarantined rows counted': sum('quarantine') }, {
      'open rows in quarantine': quarantine.rows, 'erased from quarantine': quarantine.erased, 'expired from quarantine': quarantine.expired,
    }),
    equation('gold', null, {
      'Silver rows at the version in Gold\'s txn': silverAtGold.rows, 'erased from Silver': silverAtGold.erased, 'expired from Silver': silverAtGold.expired,
    }, { 'rows in Gold': gold.rows, 'erased from Gold': gold.erased, 'expired from Gold': gold.expired }),
  ];
}

function equation(name: EquationName, partition: PartitionFacts | null, left: Side, right: Side): Equation {
  const [leftSum, rightSum] = [add(Object.values(left)), add(Object.values(right))];
  const by = leftSum === null || rightSum === null ? null : leftSum - rightSum;
  // A count below zero is wrong even where another term happens to make up for it.
  const negative = [...Object.values(left), ...Object.values(right)].some((term) => term !== null && term < 0n);
  const verdict = negative || (by !== null && by !== 0n) ? 'broken' : by === null ? 'unknown' : 'ok';
  return { name, partition, verdict, by, text: print({ left, right, partition, by, negative }) };
}

function print(e: { left: Side; right: Side; partition: PartitionFacts | null; by: Term; negative: boolean }): string {
  const where = e.partition ? `${e.partition.topic}/${e.partition.incarnation}/${e.partition.partition}: ` : '';
  const off = e.by === null ? 'a term is not known' : e.by === 0n ? null : `off by ${e.by > 0n ? '+' : ''}${e.by}`;
  const notes = [off, e.negative ? 'a count below zero' : null].filter((note) => note !== null);
  return `${where}${printSide(e.left)} = ${printSide(e.right)}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
}

/** Terms of 0 are left out after the first: most lakes never erase or expire. */
function printSide(side: Side): string {
  return Object.entries(side)
    .filter(([, term], index) => index === 0 || term !== 0n)
    .map(([name, term]) => `${term ?? '?'} ${name}`)
    .join(' + ');
}

function add(terms: readonly Term[]): Term {
  return terms.reduce<Term>((sum, term) => (sum === null || term === null ? null : sum + term), 0n);
}

function assertDistinct(partitions: readonly PartitionFacts[]): void {
  const names = new Set(partitions.map((p) => JSON.stringify([p.topic, p.incarnation, p.partition])));
  assert(names.size === partitions.length, 'the same topic, incarnation and partition twice in the facts of a balance');
}
