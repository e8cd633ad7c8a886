/** The one total order in which versions of a key compete (semantics.md, section 5). Pure. */
export interface Standing {
  readonly timestampUs: bigint;
  readonly kafkaTimestampUs: bigint | null;
  readonly topic: string;
  readonly incarnation: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Negative: `a` is better. Zero only for the same record. */
export function compareStanding(a: Standing, b: Standing): number {
  if (a.timestampUs !== b.timestampUs) return a.timestampUs > b.timestampUs ? -1 : 1;
  if (a.kafkaTimestampUs !== b.kafkaTimestampUs) {
    if (a.kafkaTimestampUs === null) return 1;
    if (b.kafkaTimestampUs === null) return -1;
    return a.kafkaTimestampUs < b.kafkaTimestampUs ? -1 : 1;
  }
  if (a.topic !== b.topic) return compareBytes(a.topic, b.topic);
  if (a.incarnation !== b.incarnation) return compareBytes(a.incarnation, b.incarnation);
  if (a.partition !== b.partition) return a.partition - b.partition;
  return a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0;
}

/** Same topic, incarnation, partition and offset: a row that meets itself has neither won nor lost. */
export function isSameRecord(a: Standing, b: Standing): boolean {
  return a.offset === b.offset && a.partition === b.partition && a.topic === b.topic && a.incarnation === b.incarnation;
}

/** A loser at the winner's own timestamp is a duplicate, any other was superseded. */
export function lossOf(loser: Standing, winner: Standing): 'duplicate' | 'superseded' {
  return loser.timestampUs === winner.timestampUs ? 'duplicate' : 'superseded';
}

/** By UTF-8 bytes, which is by code point; JavaScript's `<` is by UTF-16 unit. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
