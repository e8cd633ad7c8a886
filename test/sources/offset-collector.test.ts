import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Missing } from '../../shared/sources/broker.ts';
import type { FetchedBatch } from '../../shared/sources/committed-records.ts';
import { OffsetCollector } from '../../shared/sources/offset-collector.ts';
import { batch, fetched, holding, marker, written } from '../support/fetched.ts';

const LIMITS = { recordsMax: 1_000, bytesMax: 1 << 20 };
const range = (firstOffset: number, lastOffset: number) => ({ firstOffset: BigInt(firstOffset), lastOffset: BigInt(lastOffset) });

function collect(batches: readonly FetchedBatch[], ranges: readonly (readonly [number, number])[], options: { aborted?: readonly (readonly [bigint, bigint])[]; recordsMax?: number; bytesMax?: number } = {}) {
  const collector = new OffsetCollector(ranges.map(([first, last]) => range(first, last)), { ...LIMITS, ...options });
  collector.take(fetched(batches, options.aborted), 't');
  return collector;
}

const offsets = (collector: OffsetCollector) => collector.result.records.map(({ offset }) => Number(offset));
const missing = (collector: OffsetCollector) => collector.result.missing.map(({ firstOffset, lastOffset, cause }: Missing) => `${firstOffset}-${lastOffset} ${cause}`);

describe('OffsetCollector', () => {
  test.each([
    { what: 'all there', batches: [batch(0, 3)], ranges: [[0, 2]], found: [0, 1, 2], absent: [] },
    { what: 'only what is wanted of a batch', batches: [batch(0, 9)], ranges: [[2, 3], [6, 6]], found: [2, 3, 6], absent: [] },
    { what: 'markers between', batches: [written(0, 2, 7n), marker(2, 7n, 'commit'), batch(3, 1)], ranges: [[0, 3]], found: [0, 1, 3], absent: ['2-2 transaction_marker'] },
    { what: 'an aborted transaction, and its marker', batches: [written(0, 2, 7n), marker(2, 7n, 'abort'), batch(3, 1)], aborted: [[7n, 0n]], ranges: [[0, 3]], found: [3], absent: ['0-1 aborted', '2-2 transaction_marker'] },
    { what: 'no batch has it', batches: [batch(0, 1), batch(4, 1)], ranges: [[0, 4]], found: [0, 4], absent: ['1-3 compacted'] },
    { what: 'its batch lacks it, also at the ends', batches: [holding(0, 9, [3, 5])], ranges: [[0, 9]], found: [3, 5], absent: ['0-2 compacted', '4-4 compacted', '6-9 compacted'] },
    { what: 'holes of two batches touch: one range', batches: [holding(0, 4, [0]), holding(8, 9, [9])], ranges: [[0, 9]], found: [0, 9], absent: ['1-8 compacted'] },
    { what: 'an emptied batch', batches: [holding(0, 9, [])], ranges: [[4, 6]], found: [], absent: ['4-6 compacted'] },
    { what: 'what an aborted batch lacks was compacted', batches: [holding(0, 3, [1], { attributes: 1 << 4, producerId: 7n })], aborted: [[7n, 0n]], ranges: [[0, 3]], found: [], absent: ['0-0 compacted', '1-1 aborted', '2-3 compacted'] },
    { what: 'missing ranges of one cause in two wanted ranges stay apart', batches: [batch(9, 1)], ranges: [[0, 1], [3, 4]], found: [], absent: ['0-1 compacted', '3-4 compacted'] },
  ] as const)('$what', ({ batches, ranges, found, absent, ...rest }) => {
    const collector = collect(batches, ranges, rest);
    expect([offsets(collector), missing(collector), collector.isFinished]).toEqual([found, absent, true]);
  });

  test('knows nothing of what lies past the answer', () => {
    const collector = collect([batch(0, 3)], [[1, 8]]);
    expect([collector.position, collector.isFinished, missing(collector)]).toEqual([3n, false, []]);
    collector.take(fetched([batch(3, 9)]), 't');
    expect(offsets(collector)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('stops at a limit in the middle of a batch, and its position says where to go on', () => {
    const byRecords = collect([batch(0, 9)], [[0, 8]], { recordsMax: 4 });
    expect([offsets(byRecords), byRecords.position, byRecords.isFinished]).toEqual([[0, 1, 2, 3], 4n, true]);
    const byBytes = collect([batch(0, 9)], [[0, 8]], { bytesMax: 500 });
    expect([offsets(byBytes), byBytes.position]).toEqual([[0, 1, 2], 3n]);
    const byRanges = collect([marker(0, 1n, 'commit'), batch(1, 1), marker(2, 1n, 'commit'), batch(3, 1)], [[0, 3]], { recordsMax: 3 });
    expect([offsets(byRanges), missing(byRanges), byRanges.position]).toEqual([[1], ['0-0 transaction_marker', '2-2 transaction_marker'], 3n]);
  });

  test('says how far ranges close together reach', () => {
    const collector = new OffsetCollector([range(5, 6), range(10, 12), range(5_000, 5_001)], LIMITS);
    expect([collector.span(1_000n), collector.span(10_000n), collector.span(1n)]).toEqual([8n, 4_997n, 2n]);
  });

  test('what expired, and what the broker does not give', () => {
    const collector = new OffsetCollector([range(0, 3), range(6, 7), range(9, 9)], LIMITS);
    collector.miss(2n, 'expired');
    expect(collector.position).toBe(2n);
    collector.missRange('unavailable');
    expect(collector.position).toBe(6n);
    collector.missAll('unavailable');
    expect(missing(collector)).toEqual(['0-1 expired', '2-3 unavailable', '6-7 unavailable', '9-9 unavailable']);
    expect(collector.isFinished).toBe(true);
  });

  test('keeps copies: the answer can go', () => {
    const answer = fetched([batch(0, 1)]);
    const collector = new OffsetCollector([range(0, 0)], LIMITS);
    collector.take(answer, 't');
    answer.records![0].records[0].value!.fill(0);
    expect(String(collector.result.records[0].value)).toBe('0');
  });

  /** A log as offsets in a row: `r` record, `a` aborted, `m` marker, `c` compacted; batches cut anywhere. */
  const logs = fc.array(fc.record({ kind: fc.constantFrom('r', 'a', 'm', 'c'), cut: fc.boolean() }), { minLength: 1, maxLength: 60 });
  const kinds: Readonly<Record<string, string>> = { a: 'aborted', m: 'transaction_marker', c: 'compacted' };

  test('records and missing ranges are the offsets asked for, each once and for its true reason, however answers and limits cut', () => {
    fc.assert(fc.property(logs, fc.array(fc.nat(59), { maxLength: 12 }), fc.integer({ min: 1, max: 9 }), (log, edges, recordsMax) => {
      const wanted = rangesOf([...new Set(edges)].filter((edge) => edge < log.length).sort((a, b) => a - b));
      fc.pre(wanted.length > 0);
      const found: number[] = [];
      const absent: string[] = [];
      let ranges = wanted;
      while (ranges.length > 0) {
        const collector = new OffsetCollector(ranges, { recordsMax, bytesMax: 1 << 20 });
        for (const { batches, aborted, last } of answers(log)) {
          if (BigInt(last) < collector.position) continue;
          if (collector.isFinished) break;
          collector.take(fetched(batches, aborted), 't');
        }
        // The log ends compacted: nothing follows that would tell.
        if (!collector.isFinished) collector.missAll('compacted');
        found.push(...offsets(collector));
        for (const { firstOffset, lastOffset, cause } of collector.result.missing) for (let at = firstOffset; at <= lastOffset; at++) absent.push(`${at} ${cause}`);
        const { next } = collector.result;
        ranges = ranges.filter(({ lastOffset }) => lastOffset >= next).map((each) => (each.firstOffset < next ? { ...each, firstOffset: next } : each));
      }
      const asked = wanted.flatMap(({ firstOffset, lastOffset }) => Array.from({ length: Number(lastOffset - firstOffset) + 1 }, (_v, i) => Number(firstOffset) + i));
      expect(found).toEqual(asked.filter((offset) => log[offset].kind === 'r'));
      expect(absent).toEqual(asked.flatMap((offset) => (log[offset].kind === 'r' ? [] : [`${offset} ${kinds[log[offset].kind]}`])));
    }));
  });

  /** Pairs of edges, one after the other. */
  function rangesOf(edges: readonly number[]) {
    return edges.flatMap((edge, i) => (i % 2 === 0 ? [range(edge, (edges[i + 1] ?? edge + 1) - 1)] : []));
  }

  /** One answer a batch; aborted records are of producer 7, whose transaction begins before all. */
  function answers(log: readonly { kind: string; cut: boolean }[]) {
    const made: { batches: FetchedBatch[]; aborted: (readonly [bigint, bigint])[]; last: number }[] = [];
    let at = 0;
    while (at < log.length) {
      const { kind } = log[at];
      let end = at + 1;
      if (kind === 'm') made.push({ batches: [marker(at, 9n, 'commit')], aborted: [], last: at });
      else if (kind !== 'c') {
        while (end < log.length && (log[end].kind === kind || log[end].kind === 'c') && !log[end].cut) end++;
        const held = Array.from({ length: end - at }, (_v, i) => at + i).filter((offset) => log[offset].kind === kind);
        made.push({ batches: [holding(at, end - 1, held, kind === 'a' ? { attributes: 1 << 4, producerId: 7n } : {})], aborted: kind === 'a' ? [[7n, 0n]] : [], last: end - 1 });
      }
      at = end;
    }
    return made;
  }
});
