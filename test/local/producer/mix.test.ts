import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MIX, SHARE_OF } from '../../../local/producer/mix.ts';

it('docs/producer.md states the mix', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'producer.md'), 'utf8');
  const stated = [...text.matchAll(/^\| `(\w+)` \| ([\d,]+) \|/gm)].map(([, kind, share]) => [kind, Number(share.replaceAll(',', ''))]);
  const planted = Object.values(MIX).reduce((sum, share) => sum + share, 0);
  expect(Object.fromEntries(stated)).toEqual({ ...MIX, valid: SHARE_OF - planted });
});
