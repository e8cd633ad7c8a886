import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareKeys } from '../../shared/storage/keys.ts';

it('orders keys as their UTF-8 bytes', () => {
  const unit = fc.oneof(fc.constantFrom('a', '/', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'), fc.string({ unit: 'grapheme', maxLength: 1 }));
  const key = fc.string({ unit, maxLength: 5 });
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 2_000 },
  );
});
