import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { PageFacts } from '../../shared/web/facts.ts';
import { contentSecurityPolicy, renderErrorPage, renderPage } from '../../shared/web/page.ts';
import { nestingProblems } from '../support/html-nesting.ts';
import { emptyFacts, fullFacts } from '../support/page-facts.ts';

const full = renderPage(fullFacts);
const empty = renderPage(emptyFacts);
const failure = { kind: 'failed', code: 'delta/missing-file', message: 'reading gold version 98: part-1.parquet is not there; restore it' } as const;

/** Every text of the facts replaced: whatever a payload, a reason or a name may hold. */
function withTexts(facts: PageFacts, text: string): PageFacts {
  const keep = new Set(['kind', 'state', 'verdict']);
  const replace = (value: unknown): unknown => {
    if (typeof value === 'string') return text;
    if (Array.isArray(value)) return value.map(replace);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, keep.has(name) ? inner : replace(inner)]));
  };
  return replace(facts) as PageFacts;
}

describe('a full page', () => {
  it('is well nested, below 100 KB, and the same for the same facts', () => {
    expect(nestingProblems(full)).toEqual([]);
    expect(Buffer.byteLength(full)).toBeLessThan(100_000);
    expect(renderPage(fullFacts)).toBe(full);
  });

  test.each([
    ['counts', '104,233'], ['shares', '511 (0.53 %)'], ['scores', '−0.2714'], ['values', '−84.2'], ['sizes', '11.0 MB'], ['ages', '1.8 s ago'],
    ['times', '<time datetime="2026-11-23T14:03:10.000Z">2026-11-23 14:03:10</time>'], ['quarantine reasons', 'malformed_json'], ['rest of the reasons', '110'],
    ['balance', 'Every offset accounted for'], ['model', 'events-forest'], ['topic', '<code>events</code>'], ['lake', 'file:/srv/lake'],
    ['histogram', '511 of 97,214 rows score below the threshold at 0.'], ['scale', 'logarithmic axis'], ['sample', 'A sample of the newest 98 % of the rows is drawn.'],
  ])('shows %s', (_name, text) => expect(full).toContain(text));

  it('draws the threshold where the flagged bins end', () => {
    const cut = Number(/class="cut" x1="([\d.]+)%"/.exec(full)![1]);
    const bars = [...full.matchAll(/class="(bar|bar flag)" x="([\d.]+)%"/g)].map(([, style, x]) => ({ flagged: style === 'bar flag', x: Number(x) }));
    expect(bars.filter((bar) => bar.flagged)).toHaveLength(14);
    for (const bar of bars) expect(bar.flagged).toBe(bar.x < cut - 0.01);
  });

  it('draws every point of a series, flagged ones apart', () => {
    const points = fullFacts.values.kind === 'ready' ? fullFacts.values.value.series[0].points : [];
    const [plain, flagged] = [...full.matchAll(/class="dot(?: flag)?" d="([^"]*)"/g)].map(([, path]) => path.split('M').length - 1);
    expect(flagged).toBe(points.filter((point) => point.flagged).length);
    // Points on the same pixel are drawn once.
    expect(plain).toBeGreaterThan(points.length * 0.9);
    expect(plain).toBeLessThanOrEqual(points.length);
  });

  it('has one h1, a caption in every table, a title in every picture that is not decoration', () => {
    expect(full.match(/<h1>/g)).toHaveLength(1);
    expect(full.match(/<table>/g)!.length).toBe(full.match(/<caption>/g)!.length);
    expect(full.match(/role="img"/g)!.length).toBe(full.match(/<desc /g)!.length);
    expect(full).toContain('<html lang="en"');
  });
});

describe('other states', () => {
  it('says what is missing and what will bring it', () => {
    expect(nestingProblems(empty)).toEqual([]);
    for (const text of ['No rows yet.', 'No scores yet.', 'Nothing is quarantined.', 'Not checked yet.', 'No model has been published.', 'No tables yet.', 'Balance not known yet']) expect(empty).toContain(text);
    expect(empty).not.toContain('NaN');
  });

  it('shows a part that failed and keeps the others', () => {
    const page = renderPage({ ...fullFacts, scores: failure, flow: failure });
    expect(nestingProblems(page)).toEqual([]);
    expect(page).toContain('part-1.parquet is not there; restore it');
    expect(page).toContain('delta/missing-file');
    expect(page).toContain('events-forest');
  });

  it('warns of a broken balance with the equation', () => {
    if (fullFacts.balance.kind !== 'ready') throw new Error('the full page has a balance');
    const page = renderPage({ ...fullFacts, balance: { kind: 'ready', value: { ...fullFacts.balance.value, verdict: 'broken', details: ['events/A/0: 100 = 95 (off by +5)'] } } });
    expect(page).toContain('Rows are missing or doubled.');
    expect(page).toContain('off by +5');
    expect(page).not.toContain('Every offset accounted for');
  });

  it('warns of a late stage and of a monitor that stands still', () => {
    if (fullFacts.flow.kind !== 'ready') throw new Error('the full page has a flow');
    const { value } = fullFacts.flow;
    const page = renderPage({ ...fullFacts, nowMs: fullFacts.nowMs + 600_000, flow: { kind: 'ready', value: { ...value, silver: { ...value.silver, state: 'late' } } } });
    expect(page).toContain('<strong>Silver is late.</strong>');
    expect(page).toContain('The monitor has not run for 10 min 12 s.');
  });

  it('draws no flow where a term is not known', () => {
    if (fullFacts.flow.kind !== 'ready') throw new Error('the full page has a flow');
    const { value } = fullFacts.flow;
    const page = renderPage({ ...fullFacts, flow: { kind: 'ready', value: { ...value, terms: { ...value.terms!, duplicates: null } } } });
    expect(full).toContain('class="band"');
    expect(page).not.toContain('class="band"');
    expect(page).toContain('<b>–</b> duplicate or superseded');
  });

  it('has a page for when nothing could be read', () => {
    const page = renderErrorPage({ code: 'storage/timeout', message: 'listing <lake>: no answer', nowMs: 0, refreshS: 5 });
    expect(nestingProblems(page)).toEqual([]);
    expect(page).toContain('listing &lt;lake&gt;: no answer');
  });
});

describe('hostile text', () => {
  test.each([
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '\' onload=\'x', '</style></title><svg onload=1>', '</script><script>', '<!--', '&lt;b&gt;',
  ])('%s stays text', (text) => {
    const page = renderPage(withTexts(fullFacts, text));
    expect(nestingProblems(page)).toEqual([]);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toContain('<img');
    expect(page).not.toContain(text);
  });

  it('cannot turn the reading direction, halve a character or hide in control characters', () => {
    const page = renderPage(withTexts(fullFacts, 'a\u202eb\u0000c\ud800d\u2066e'));
    expect(page).toContain('a\ufffdb\ufffdc\ufffdd\ufffde');
    for (const hidden of ['\u202e', '\u0000', '\u2066']) expect(page).not.toContain(hidden);
    expect(page.isWellFormed()).toBe(true);
  });

  it('cannot blow up the page', () => {
    expect(Buffer.byteLength(renderPage(withTexts(fullFacts, '&"\'<>'.repeat(20_000))))).toBeLessThan(100_000);
    expect(Buffer.byteLength(renderPage(withTexts(fullFacts, 'x'.repeat(100_000))))).toBeLessThan(100_000);
  });

  it('is nested well whatever the text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => nestingProblems(renderPage(withTexts(fullFacts, text))).length === 0), { numRuns: 50 });
  });
});

describe('content security', () => {
  it('allows exactly the style and the script that the page holds', () => {
    for (const element of ['style', 'script']) {
      const text = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(full)![1];
      expect(contentSecurityPolicy).toContain(`${element}-src 'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    }
    expect(contentSecurityPolicy).toContain('default-src \'none\'');
  });

  it('loads nothing from elsewhere', () => {
    expect(full.match(/(?:src|href)="(?!data:)[^"]*"/g)).toBeNull();
    expect(full).not.toMatch(/url\((?!#)/);
  });
});

describe('the checker itself', () => {
  test.each([
    ['<p><b></p></b>', 2], ['<p>', 1], ['<p a="1" a="2"></p>', 1], ['<p onclick="x"></p>', 1], ['<p style="x"></p>', 1], ['<b id="a"></b><b id="a"></b>', 1], ['a < b', 1], ['<p>ok<br></p>', 0],
  ])('%s', (text, count) => expect(nestingProblems(text)).toHaveLength(count));
});
