import { beforeEach, describe, expect, test } from 'vitest';
import { TransientError } from '../../shared/errors.ts';
import { progressOf } from '../../shared/delta/snapshot.ts';
import { OpenLakes, listedGaps, range, stretch } from '../support/lakes.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => { lake = await lakes.open(); });

const [A, B] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
const lives = async () => (await lake.rows('bronze_events', `SELECT format('{} {}-{} {}', incarnation, min("offset"), max("offset"), count(*)) AS line FROM rows GROUP BY incarnation ORDER BY incarnation`)).map(({ line }) => line as string);
/** The records of another life at the same offsets. */
const others = (from: number, to: number) => range(from, to).map((offset) => record(offset, event(`other ${offset}`)));

/** The topic is made again, with these records. */
function recreate(records: ReturnType<typeof others>, id = B): void {
  lake.broker.id = id;
  lake.broker.keep(records);
}

describe('a batch from before the topic was made again', () => {
  test('belongs to the life before, as far as this worker knows it; what is missing of that can\'t be read', async () => {
    await lake.ingest(stretch(0, 4));
    recreate(others(0, 99));
    await lake.land(stretch(7, 8));
    expect(await lives()).toEqual([`${A} 0-8 7`]);
    expect(await listedGaps(lake)).toEqual(['0: 5-6 unavailable']);
    await lake.land(stretch(9, 9));
    await lake.land(others(0, 3));
    expect(await lives()).toEqual([`${A} 0-9 8`, `${B} 0-3 4`]);
  });

  test('belongs to the last life that the table knows, where the worker is new', async () => {
    await lake.ingest(stretch(0, 4));
    recreate(others(0, 99));
    const other = await lakes.another(lake);
    await other.land(stretch(5, 6));
    expect(await lives()).toEqual([`${A} 0-6 7`]);
  });

  test('belongs to one without an id where nobody ever knew it', async () => {
    recreate(others(0, 99));
    await lake.land(stretch(5, 6));
    expect(await lives()).toEqual([`before-${B} 5-6 2`]);
  });

  test('is known by an offset past the end, by one that was aborted, and by one that expired while this worker lives', async () => {
    await lake.ingest([...stretch(0, 0), ...stretch(0, 0, 1), ...stretch(0, 0, 2)]);
    recreate([]);
    lake.broker.lose('aborted', [1]);
    lake.broker.latest = 50n;
    await lake.land(stretch(60, 60, 1));
    await lake.land(stretch(1, 1));
    lake.broker.earliest = 10n;
    await lake.land(stretch(1, 1, 2));
    expect((await lives()).map((line) => line.split(' ')[0])).toEqual([A]);
  });

  test('is not guessed at where the broker does not give what would tell', async () => {
    await lake.ingest(stretch(0, 4));
    lake.broker.id = B;
    await expect(lake.land(stretch(5, 6))).rejects.toThrow(TransientError);
    expect(await lives()).toEqual([`${A} 0-4 5`]);
  });
});

test('a topic made again with more records begins at its start, although the group goes on where it was', async () => {
  await lake.ingest(stretch(0, 4));
  recreate(others(0, 99));
  await lake.land(others(5, 6));
  expect(await lives()).toEqual([`${A} 0-4 5`, `${B} 0-6 7`]);
});

test('what this worker has seen here before is not compared again', async () => {
  await lake.ingest(stretch(0, 4));
  const { reads } = lake.broker;
  await lake.ingest(stretch(5, 9));
  expect(lake.broker.reads).toBe(reads);
});

describe('a broker without topic ids', () => {
  beforeEach(() => { lake.broker.id = 'none'; });

  test('one life, until a redelivered record is another one than Bronze has', async () => {
    await lake.ingest(stretch(0, 4));
    await lake.ingest(stretch(3, 6));
    expect(await lives()).toEqual(['none 0-6 7']);
    await lake.ingest(others(0, 2));
    await lake.ingest(others(2, 8));
    expect(await lives()).toEqual(['none 0-6 7', 'none-2 0-8 9']);
    await lake.ingest(stretch(5, 6));
    expect(await lives()).toEqual(['none 0-6 7', 'none-2 0-8 9']);
  });

  test('the first id keeps the name where a stored record is the broker\'s; for good, though the record goes', async () => {
    await lake.ingest(stretch(0, 4));
    lake.broker.id = A;
    lake.broker.keep(stretch(0, 9));
    await lake.ingest(stretch(5, 6));
    expect(await lives()).toEqual(['none 0-6 7']);
    expect(progressOf((await lake.lake.table('bronze_events')).delta.snapshot, `incarnation/events/${A}`)).toBe(1n);
    lake.broker.kept.clear();
    const other = await lakes.another(lake);
    await other.ingest(stretch(7, 7));
    expect(await lives()).toEqual(['none 0-7 8']);
    recreate(others(0, 3));
    await other.ingest(others(0, 1));
    expect(await lives()).toEqual([`${B} 0-1 2`, 'none 0-7 8']);
  });

  test('the first id is a new life where the stored record is another one', async () => {
    await lake.ingest(stretch(0, 4));
    recreate(others(0, 9));
    await lake.ingest(others(0, 6));
    expect(await lives()).toEqual([`${B} 0-6 7`, 'none 0-4 5']);
  });
});
