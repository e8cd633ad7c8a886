import type { MissingCause } from '../../../shared/sources/broker.ts';

/** One life of a topic, as those know it who wrote it and as Kafka's own consumer reads it. Indices: partition, then offset. */
export interface TopicLife {
  readonly topic: string;
  readonly incarnation: string;
  /**
   * Digest and, after it, `c` or `a`: how its transaction ended, as the producer was told. Absent: no record was written there. The broker
   * has the last word on `a`: around a restart Kafka 4.4 was seen to acknowledge an abort, to write no marker, and to commit the records
   * with the producer's next transaction; its own read_committed consumer is given them then.
   */
  readonly written: readonly (readonly (string | undefined)[])[];
  /** Digests of what a read_committed consumer was last given. */
  readonly readable: readonly (readonly (string | undefined)[])[];
  /** By partition: the log start offset when it was read so. */
  readonly logStarts: readonly number[];
  /** Whether the log cleaner may have taken records. */
  readonly compacts: boolean;
  /** The topic was deleted after that. */
  readonly over: boolean;
  /** All that could be read must be in Bronze; false where it was deleted before anybody had read it. */
  readonly whole: boolean;
}

export interface BronzeRow { readonly topic: string; readonly incarnation: string; readonly partition: number; readonly offset: number; readonly digest: string }
export interface ListedGap { readonly topic: string; readonly incarnation: string; readonly partition: number; readonly first: number; readonly last: number; readonly cause: string }

export interface OffsetReport {
  /** What is wrong, at most a few of each kind; empty where nothing is. */
  readonly problems: readonly string[];
  readonly rows: number;
  /** Offsets without a row, by cause. */
  readonly missing: Readonly<Record<string, number>>;
}

const EXAMPLES = 5;
/** What stands at an offset: nothing yet, a row, a listed gap. */
const ROW = 1;
const GAP = 2;

/** Holds Bronze and `offset_gaps` against the truth: no offset lost, none doubled, equal bytes, each gap with its cause. */
export function checkOffsets(lives: readonly TopicLife[], rows: Iterable<BronzeRow>, gaps: Iterable<ListedGap>): OffsetReport {
  const problems = new Problems();
  const lanes = new Map(lives.flatMap((life) => life.written.map((_, partition) => [laneName({ ...life, partition }), new Lane(life, partition)] as const)));
  let count = 0;
  for (const row of rows) {
    count += 1;
    const lane = lanes.get(laneName(row));
    if (lane) lane.addRow(row, problems);
    else problems.add('rows of a life nobody wrote', laneName(row));
  }
  const missing: Record<string, number> = {};
  for (const gap of gaps) {
    const lane = lanes.get(laneName(gap));
    if (lane) lane.addGap(gap, missing, problems);
    else problems.add('gaps of a life nobody wrote', `${laneName(gap)} ${gap.first}..${gap.last}`);
  }
  for (const lane of lanes.values()) lane.checkCoverage(problems);
  return { problems: problems.lines(), rows: count, missing };
}

function laneName({ topic, incarnation, partition }: { topic: string; incarnation: string; partition: number }): string {
  return `${topic}/${incarnation}/${partition}`;
}

class Lane {
  readonly #life: TopicLife;
  readonly #partition: number;
  readonly #states: number[] = [];

  constructor(life: TopicLife, partition: number) {
    this.#life = life;
    this.#partition = partition;
  }

  addRow({ offset, digest }: BronzeRow, problems: Problems): void {
    const written = this.#life.written[this.#partition][offset];
    if (this.#states[offset] === ROW) problems.add('rows doubled', this.#name(offset));
    if (written === undefined) problems.add('rows nobody wrote', this.#name(offset));
    else if (this.#isAborted(offset)) problems.add('rows of aborted transactions', this.#name(offset));
    else if (written.slice(0, -1) !== digest) problems.add('rows with other bytes than were written', this.#name(offset));
    this.#states[offset] = ROW;
  }

  /** An offset in Bronze is no gap, whatever is listed (semantics.md, section 3). */
  addGap({ first, last, cause }: ListedGap, missing: Record<string, number>, problems: Problems): void {
    for (let offset = first; offset <= last; offset++) {
      if (this.#states[offset] === ROW) continue;
      if (this.#states[offset] === GAP) problems.add('gaps listed twice', this.#name(offset));
      this.#states[offset] = GAP;
      missing[cause] = (missing[cause] ?? 0) + 1;
      const causes = this.#causesOf(offset);
      if (!causes.includes(cause as MissingCause)) problems.add('gaps that are none, or of another cause', `${this.#name(offset)} is listed as ${cause}, not as ${causes.join(' or ') || 'a row'}`);
    }
  }

  checkCoverage(problems: Problems): void {
    for (let offset = 0; offset < this.#states.length; offset++) {
      if (this.#states[offset] === undefined) problems.add('offsets passed in silence', this.#name(offset));
    }
    if (!this.#life.whole) return;
    this.#life.readable[this.#partition].forEach((digest, offset) => {
      if (digest !== undefined && this.#states[offset] !== ROW) problems.add('records that can be read and are not in Bronze', this.#name(offset));
    });
  }

  /** The causes that would be true; none where the record can be read. */
  #causesOf(offset: number): readonly MissingCause[] {
    const { readable, logStarts, over } = this.#life;
    if (over) return ['unavailable', ...(readable[this.#partition][offset] === undefined ? this.#causesInside(offset) : [])];
    if (offset < logStarts[this.#partition]) return ['expired', ...this.#causesInside(offset)];
    if (readable[this.#partition][offset] !== undefined) return [];
    return this.#causesInside(offset);
  }

  #causesInside(offset: number): readonly MissingCause[] {
    const own: readonly MissingCause[] = this.#life.written[this.#partition][offset] === undefined ? ['transaction_marker'] : this.#isAborted(offset) ? ['aborted'] : [];
    return this.#life.compacts ? [...own, 'compacted'] : own;
  }

  #isAborted(offset: number): boolean {
    const { written, readable } = this.#life;
    return readable[this.#partition][offset] === undefined && written[this.#partition][offset]?.endsWith('a') === true;
  }

  #name(offset: number): string {
    return `${this.#life.topic}/${this.#life.incarnation}/${this.#partition}@${offset}`;
  }
}

class Problems {
  readonly #kinds = new Map<string, { count: number; examples: string[] }>();

  add(kind: string, example: string): void {
    const found = this.#kinds.get(kind) ?? { count: 0, examples: [] };
    this.#kinds.set(kind, found);
    found.count += 1;
    if (found.examples.length < EXAMPLES) found.examples.push(example);
  }

  lines(): string[] {
    return [...this.#kinds].map(([kind, { count, examples }]) => `${kind}: ${count}, such as ${examples.join('; ')}`);
  }
}
