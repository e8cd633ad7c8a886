import { expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { StorageClock } from '../../shared/storage/storage-clock.ts';

let wallMs: number;
let monotonicMs: number;
function clock(): StorageClock {
  [wallMs, monotonicMs] = [5_000_000, 100.5];
  return new StorageClock({ ...systemClock, nowMs: () => wallMs, monotonicMs: () => monotonicMs });
}
const DATE = 'Tue, 01 Apr 2025 12:00:00 GMT';
const DATE_MS = Date.parse(DATE);

test('before any reply it is the machine\'s, and text that is no date tells nothing', () => {
  const storage = clock();
  storage.saw(undefined);
  storage.saw('soon');
  expect(storage.nowMs()).toBe(5_000_000);
});

test('after a reply it is the store\'s and goes on', () => {
  const storage = clock();
  storage.saw(DATE);
  expect(storage.nowMs()).toBe(DATE_MS);
  [wallMs, monotonicMs] = [wallMs + 3_000, monotonicMs + 3_000];
  expect(storage.nowMs()).toBe(DATE_MS + 3_000);
});

test('a suspended machine, whose monotonic clock stood, is as late as its wall clock says', () => {
  const storage = clock();
  storage.saw(DATE);
  wallMs += 3_600_000;
  expect(storage.nowMs()).toBe(DATE_MS + 3_600_000);
});

test('a wall clock that was set back does not make it younger', () => {
  const storage = clock();
  storage.saw(DATE);
  [wallMs, monotonicMs] = [wallMs - 86_400_000, monotonicMs + 1_000];
  expect(storage.nowMs()).toBe(DATE_MS + 1_000);
});

test('the next reply corrects a wall clock that was set ahead', () => {
  const storage = clock();
  storage.saw(DATE);
  wallMs += 86_400_000;
  storage.saw('Tue, 01 Apr 2025 12:00:01 GMT');
  expect(storage.nowMs()).toBe(DATE_MS + 1_000);
});
