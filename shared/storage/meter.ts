/** Requests as a store bills them: a conditional put is a put, a page of a listing is a list. */
export type RequestKind = 'get' | 'head' | 'put' | 'list' | 'delete';

export interface MeterReading {
  readonly requests: number;
  /** Bytes of objects read from the store. */
  readonly bytesIn: number;
  /** Bytes of objects written to it. */
  readonly bytesOut: number;
  readonly byOperation: Readonly<Record<RequestKind, number>>;
}

/** Counts that only grow; what a piece of work cost is the difference of two readings. */
export class Meter {
  #bytesIn = 0;
  #bytesOut = 0;
  readonly #byOperation: Record<RequestKind, number> = { get: 0, head: 0, put: 0, list: 0, delete: 0 };

  request(kind: RequestKind): void {
    this.#byOperation[kind]++;
  }

  bytes({ bytesIn = 0, bytesOut = 0 }: { bytesIn?: number; bytesOut?: number }): void {
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
  }

  read(): MeterReading {
    const byOperation = { ...this.#byOperation };
    const requests = Object.values(byOperation).reduce((sum, n) => sum + n, 0);
    return { requests, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut, byOperation };
  }
}

export function meterDifference(after: MeterReading, before: MeterReading): MeterReading {
  const a = after.byOperation;
  const b = before.byOperation;
  return {
    requests: after.requests - before.requests,
    bytesIn: after.bytesIn - before.bytesIn,
    bytesOut: after.bytesOut - before.bytesOut,
    byOperation: { get: a.get - b.get, head: a.head - b.head, put: a.put - b.put, list: a.list - b.list, delete: a.delete - b.delete },
  };
}
