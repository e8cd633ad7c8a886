import type { Chance } from './chance.ts';

/**
 * What may happen to one operation of storage.
 * - `crash-before`, `crash-after`: the process is gone, before or after the operation took effect.
 * - `throttle`, `fail-before`: not done. Only of the first does the caller know.
 * - `lost-reply`: done, but no answer came. `error-after-write`: done, and the answer was a 500.
 * - `own-write-exists`: done, but the client sent it twice, and its second put met the first.
 * - `slow-put`: no answer; the put takes effect later, if the key is still free then, whatever has become of the caller.
 * - `stall`: the process stands still, for as long as hours or days; what it had on its way did not arrive.
 */
export type FaultKind = 'crash-before' | 'crash-after' | 'throttle' | 'fail-before' | 'lost-reply' | 'error-after-write' | 'own-write-exists' | 'slow-put' | 'stall';

export const FAULT_KINDS: readonly FaultKind[] = ['crash-before', 'crash-after', 'throttle', 'fail-before', 'lost-reply', 'error-after-write', 'own-write-exists', 'slow-put', 'stall'];
const WRITES_ONLY: ReadonlySet<FaultKind> = new Set(['error-after-write', 'slow-put']);
const CONDITIONAL_ONLY: ReadonlySet<FaultKind> = new Set(['own-write-exists']);

/** A kind of weather: probability of each fault, by operation. */
export interface Weather {
  readonly name: string;
  readonly rates: Readonly<Partial<Record<FaultKind, number>>>;
}

const CALM: Weather = { name: 'calm', rates: {} };
const WEATHERS: readonly Weather[] = [
  CALM,
  { name: 'throttled', rates: { throttle: 0.06, 'fail-before': 0.02 } },
  { name: 'crashy', rates: { 'crash-before': 0.01, 'crash-after': 0.02 } },
  { name: 'lossy', rates: { 'lost-reply': 0.04, 'error-after-write': 0.05, 'own-write-exists': 0.1, 'fail-before': 0.03, throttle: 0.02 } },
  { name: 'slow', rates: { 'slow-put': 0.15, 'lost-reply': 0.02, 'crash-after': 0.005 } },
  { name: 'stalling', rates: { stall: 0.01, 'crash-after': 0.003, 'slow-put': 0.02 } },
  { name: 'storm', rates: { 'crash-before': 0.004, 'crash-after': 0.008, throttle: 0.04, 'fail-before': 0.02, 'lost-reply': 0.03, 'error-after-write': 0.03, 'own-write-exists': 0.05, 'slow-put': 0.04, stall: 0.002 } },
];

export function drawWeather(chance: Chance): Weather {
  const weather = chance.pick(WEATHERS);
  // No two storms are alike.
  const rates = Object.fromEntries(Object.entries(weather.rates).map(([kind, rate]) => [kind, rate * chance.next() * 1.5]));
  return { name: weather.name, rates };
}

export function drawFault(weather: Weather, operation: { readonly isWrite: boolean; readonly isConditional: boolean }, chance: Chance): FaultKind | null {
  let left = chance.next();
  for (const kind of FAULT_KINDS) {
    if (WRITES_ONLY.has(kind) && !operation.isWrite) continue;
    if (CONDITIONAL_ONLY.has(kind) && !operation.isConditional) continue;
    left -= weather.rates[kind] ?? 0;
    if (left < 0) return kind;
  }
  return null;
}

export const isDone = (kind: FaultKind): boolean => kind === 'crash-after' || kind === 'lost-reply' || kind === 'error-after-write' || kind === 'own-write-exists';
