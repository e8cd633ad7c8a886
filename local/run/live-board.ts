import type { WriteStream } from 'node:tty';
import type { LiveFacts } from './live-counts.ts';
import { count } from './summary.ts';

export interface Produced {
  readonly events: number;
  readonly bytes: number;
  readonly bytesMax: number;
}

const PLAIN_EVERY_MS = 5_000;

/** One line a stage: updated in place on a terminal, else one line every few seconds. */
export class LiveBoard {
  produced: Produced | null = null;
  readonly #stream: NodeJS.WriteStream | WriteStream;
  #shown = 0;
  #lastPlainMs = Number.NEGATIVE_INFINITY;
  #facts: (LiveFacts & { lag: bigint }) | null = null;

  constructor(stream: NodeJS.WriteStream | WriteStream) {
    this.#stream = stream;
  }

  show(facts: LiveFacts & { lag: bigint }): void {
    this.#facts = facts;
    if (this.#stream.isTTY) {
      this.#erase();
      this.#draw();
    } else if (performance.now() - this.#lastPlainMs >= PLAIN_EVERY_MS) {
      this.#lastPlainMs = performance.now();
      this.#stream.write(`${boardLines(facts, this.produced).map((line) => line.trim().replaceAll(/\s{2,}/g, ' ')).join(' | ')}\n`);
    }
  }

  /** A line of its own above the board. */
  line(text: string): void {
    this.#erase();
    this.#stream.write(`${text}\n`);
    if (this.#stream.isTTY && this.#facts) this.#draw();
  }

  #draw(): void {
    const lines = boardLines(this.#facts!, this.produced);
    this.#stream.write(`${lines.join('\n')}\n`);
    this.#shown = lines.length;
  }

  #erase(): void {
    if (this.#shown === 0) return;
    this.#stream.write(`\u001b[${this.#shown}A\u001b[0J`);
    this.#shown = 0;
  }
}

export function boardLines(facts: LiveFacts & { lag: bigint }, produced: Produced | null): string[] {
  const freshness = facts.freshnessS === null ? '' : `freshness ${facts.freshnessS.toFixed(1)} s`;
  const log = produced === null ? '' : `${(produced.bytes / 1e6).toFixed(1)} MB of ${(produced.bytesMax / 1e9).toFixed(0)} GB on disk`;
  return [
    row('Events', produced === null ? '' : count(produced.events), log),
    row('Bronze', count(facts.bronze), `lag ${count(Number(facts.lag))}`),
    row('Quarantine', count(facts.quarantined), ''),
    row('Silver', count(facts.silver), `late ${count(facts.late)}`, freshness),
    row('Gold', count(facts.gold), `anomalies ${count(facts.anomalies)}`),
  ];
}

function row(name: string, rows: string, ...rest: string[]): string {
  return [`  ${name.padEnd(11)}`, rows.padStart(12), ...rest.filter((text) => text !== '')].join('   ').trimEnd();
}
