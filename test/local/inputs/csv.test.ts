import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvRows } from '../../../local/inputs/csv-rows.ts';
import { CsvInput } from '../../../local/inputs/csv.ts';
import { openInput } from '../../../local/inputs/input.ts';
import type { SourceEvent } from '../../../local/producer/source.ts';
import { ConfigError } from '../../../shared/errors.ts';
import { judgeNaively } from '../../support/naive-rules.ts';

const NAB = join('..', 'shared', 'events', 'nab');

async function* whole(text: string | Buffer): AsyncGenerator<Buffer> {
  yield Buffer.from(text as string);
}

async function eventsOf(text: string | Buffer, eventType: string | undefined = 'click', counts = [0n, 0n]): Promise<SourceEvent[]> {
  const input = new CsvInput({ open: () => whole(text), partitions: 2, name: 'file', ...(eventType === undefined ? {} : { eventType }) });
  const events: SourceEvent[] = [];
  for await (const batch of input.remaining(counts)) events.push(...batch);
  return events;
}

function payload(event: SourceEvent): unknown {
  return JSON.parse(event.record.value!.toString());
}

describe('CsvRows', () => {
  it('reads back any printed cells, in any pieces', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r', ' ', '1'), maxLength: 6 });
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 6 });
    const cases = fc.property(rows, fc.nat(40), fc.constantFrom('\n', '\r\n'), fc.boolean(), (rows, cut, lineEnd, lastEnd) => {
      const text = rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join(lineEnd) + (lastEnd ? lineEnd : '');
      const parser = new CsvRows();
      expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut)), ...parser.end()]).toEqual(rows);
    });
    fc.assert(cases);
  });

  it('leaves a quote inside a cell and a lone CR as they are, and skips blank lines', () => {
    const parser = new CsvRows();
    expect([...parser.push('a,5" wide\n\n\r\nb\rc,""\n""\n'), ...parser.end()]).toEqual([['a', '5" wide'], ['b\rc', ''], ['']]);
  });

  it('refuses a quote that never closes', () => {
    const parser = new CsvRows();
    parser.push('a,"b\nc');
    expect(() => parser.end()).toThrow(/line 2/);
  });
});

describe('CsvInput', () => {
  it('makes the events of timestamp,value rows', async () => {
    const [first, second] = await eventsOf('timestamp,value\n2014-02-14 14:30:00,1.732\n2014-02-14 14:35,NaN\n');
    expect(payload(first)).toEqual({ event_id: 'file-1', event_type: 'click', timestamp: '2014-02-14T14:30:00Z', value: '1.732' });
    expect(first.record).toMatchObject({ key: Buffer.from('file-1'), timestampMs: Date.UTC(2014, 1, 14, 14, 30), headers: [] });
    expect(payload(second)).toMatchObject({ timestamp: '2014-02-14T14:35:00Z', value: 'NaN' });
  });

  it("takes a row's own id and type before the defaults, and keeps further columns", async () => {
    const [event] = await eventsOf('event_id,event_type,timestamp,value,"place, city"\n7,view,2025-04-01T17:37:57+02:00,5,"A ""b"""\n', undefined);
    expect(payload(event)).toEqual({ event_id: '7', event_type: 'view', timestamp: '2025-04-01T17:37:57+02:00', value: '5', 'place, city': 'A "b"' });
    expect(event.record.timestampMs).toBe(Date.UTC(2025, 3, 1, 15, 37, 57));
  });

  it('leaves judging to refine: short and long rows and odd timestamps are sent', async () => {
    const events = await eventsOf('timestamp,value\n2014-02-14 14:30:00\nsoon,1,2\n1743528000000,3\n,\n');
    expect(events.map((event) => judgeNaively(event.record))).toMatchObject([
      'missing_value',
      'invalid_timestamp',
      { id: 'file-3', micros: 1_743_528_000_000_000n, value: 3 },
      'missing_timestamp',
    ]);
    expect(events.map(({ record }) => record.timestampMs)).toEqual([Date.UTC(2014, 1, 14, 14, 30), -1, 1_743_528_000_000, -1]);
    expect(payload(events[1])).toMatchObject({ column_3: '2' });
  });

  it('goes on with what each partition lacks', async () => {
    const text = `timestamp,value\n${Array.from({ length: 50 }, (_, i) => `2014-02-14 14:30:00,${i}`).join('\n')}`;
    const all = await eventsOf(text);
    const ofFirst = all.filter(({ partition }) => partition === 0);
    const ofSecond = all.filter(({ partition }) => partition === 1);
    const lacking = await eventsOf(text, 'click', [BigInt(ofFirst.length), 3n]);
    expect(lacking).toEqual(ofSecond.slice(3));
  });

  it.each([
    ['', /no column 'timestamp'.*no column 'value'/],
    ['time,value\n', /no column 'timestamp'/],
    ['timestamp,value,value\n', /two columns of one name/],
  ])('refuses the header of %j', async (text, message) => {
    await expect(eventsOf(text)).rejects.toThrow(message);
  });

  it('refuses rows without an event type, and bytes that are not UTF-8', async () => {
    const untyped = new CsvInput({ open: () => whole('timestamp,value\n'), partitions: 1, name: 'file' });
    await expect(untyped.remaining([0n]).next()).rejects.toThrow(/--event-type/);
    await expect(eventsOf(Buffer.from([0x74, 0xff]))).rejects.toBeInstanceOf(ConfigError);
    await expect(eventsOf(Buffer.from('timestamp,value\n1,\xc3', 'latin1'))).rejects.toBeInstanceOf(ConfigError);
  });

  it('reads a byte order mark as none', async () => {
    expect(await eventsOf('\uFEFFtimestamp,value\n2014-02-14 14:30:00,1\n')).toHaveLength(1);
  });
});

describe.skipIf(!existsSync(NAB))(existsSync(NAB) ? 'the NAB series' : `the NAB series: skipped, ${NAB} is not there`, () => {
  const files = existsSync(NAB) ? readdirSync(NAB, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.csv')) : [];

  it.each(files)('%s: every row is an event that the rules accept', async (file) => {
    const path = join(NAB, file);
    const lines = readFileSync(path, 'utf8').trimEnd().split(/\r?\n/).slice(1);
    let number = 0;
    for await (const batch of openInput({ path, partitions: 3, eventType: 'view', nowMs: () => 0 }).remaining([0n, 0n, 0n])) {
      for (const { record } of batch) {
        const [timestamp, value] = lines[number++].split(',');
        const micros = BigInt(Date.parse(`${timestamp.replace(' ', 'T')}Z`)) * 1_000n;
        expect(judgeNaively(record)).toEqual({ id: `${basename(file, '.csv')}-${number}`, type: 'view', micros, value: Number(value) });
        expect(BigInt(record.timestampMs) * 1_000n).toBe(micros);
      }
    }
    expect(number).toBe(lines.length);
  });
});
