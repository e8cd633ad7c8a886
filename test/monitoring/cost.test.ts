import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { ConfigError } from '../../shared/errors.ts';
import { clusterCost, monthCost, runCost, usageOf } from '../../shared/monitoring/cost.ts';
import { parsePrices } from '../../shared/monitoring/prices.ts';

const text = readFileSync(new URL('../../infra/prices.json', import.meta.url), 'utf8');
const prices = parsePrices(text);
const monthMs = 730 * 3_600_000;
interface PriceFile { asOf?: string; currency: string; items: Record<string, Record<string, unknown>>; cluster: { nodes: number } }

describe('the worked comparison of azure.md, section 6', () => {
  it('one ingest run of 2 s every 30 s with 2,048 MB: 350,400 GB-s, 6.51 dollars a month', () => {
    const runs = monthMs / 30_000;
    const usage = usageOf({ wallMs: 2_000 * runs, memoryMb: 2048, executions: runs, requestsWrite: 0, requestsRead: 0 }, prices);
    expect(usage.gbSeconds).toBe(350_400);
    expect(usage.executions).toBe(87_600);
    expect(monthCost(usage, prices)).toBeCloseTo(250_400 * 0.000026, 10);
  });

  it('one instance always busy: 136.66 dollars a month before the grant', () => {
    const oneSecond = { wallMs: monthMs, memoryMb: 2048, executions: 1, requestsWrite: 0, requestsRead: 0 };
    expect(runCost(oneSecond, prices)).toBeCloseTo(136.656 + 0.4 / 1e6, 6);
  });

  it('the always-on cluster: 328.50 for DBUs and 427.78 for machines', () => {
    expect(clusterCost(monthMs, prices)).toBeCloseTo(328.5 + 427.78, 6);
  });

  it('172,800 writes and as many reads a month', () => {
    const usage = { gbSeconds: 0, executions: 0, requestsWrite: 172_800, requestsRead: 172_800 };
    expect(monthCost(usage, prices)).toBeCloseTo(0.9504 + 0.076032, 10);
  });
});

describe('what an execution is billed', () => {
  const billed = (wallMs: number, executions = 1) =>
    usageOf({ wallMs, memoryMb: 1024, executions, requestsWrite: 0, requestsRead: 0 }, prices).gbSeconds;

  test.each([[0, 1], [12, 1], [1_000, 1], [1_001, 1.1], [1_100, 1.1], [2_049.5, 2.1]])('%d ms → %d s', (wallMs, seconds) => {
    expect(billed(wallMs)).toBeCloseTo(seconds, 10);
  });

  it('counts the minimum for each of several', () => expect(billed(600, 4)).toBe(4));
  it('is nothing for none', () => expect(billed(0, 0)).toBe(0));

  it('adds requests at list price, with no grant taken off', () => {
    const run = { wallMs: 1_000, memoryMb: 2048, executions: 1, requestsWrite: 3, requestsRead: 7 };
    expect(runCost(run, prices)).toBeCloseTo(2 * 0.000026 + 0.4e-6 + 3 * 5.5e-6 + 7 * 0.44e-6, 12);
  });
});

describe('parsePrices', () => {
  const changed = (change: (file: PriceFile) => void) => {
    const file = JSON.parse(text);
    change(file);
    return () => parsePrices(JSON.stringify(file));
  };

  it('says of every price how sure it is', () => {
    expect(prices.items.databricksVmHour.certainty).toBe('uncertain');
    expect(prices.items.flexGbSecond.certainty).toBe('read');
  });

  test.each([
    ['a missing price', (f: PriceFile) => delete f.items.blobRead, 'prices.items.blobRead is missing'],
    ['an unknown member', (f: PriceFile) => (f.items.blobRaed = {}), 'prices.items.blobRaed is not known'],
    ['a price as text', (f: PriceFile) => (f.items.blobRead.usd = '0.1'), 'prices.items.blobRead.usd must be a number of at least 0'],
    ['a price below zero', (f: PriceFile) => (f.items.blobRead.usd = -1), 'prices.items.blobRead.usd must be'],
    ['no unit to divide by', (f: PriceFile) => (f.items.blobRead.per = 0), 'prices.items.blobRead.per must be a number above 0'],
    ['another currency', (f: PriceFile) => (f.currency = 'EUR'), 'prices.currency must be "USD"'],
    ['no source', (f: PriceFile) => (f.items.blobRead.source = ' '), 'prices.items.blobRead.source must be a text'],
    ['an unknown certainty', (f: PriceFile) => (f.items.blobRead.certainty = 'sure'), 'prices.items.blobRead.certainty must be "read" or'],
    ['no day', (f: PriceFile) => (f.asOf = '2026-13-01'), 'prices.asOf must be a day'],
    ['a list for an object', (f: PriceFile) => Object.assign(f, { items: [] }), 'prices.items must be an object'],
  ])('refuses %s', (_name, change, message) => {
    expect(changed(change)).toThrow(ConfigError);
    expect(changed(change)).toThrow(message);
  });

  it('lists every problem at once', () => {
    expect(changed((f) => { delete f.asOf; f.cluster.nodes = 0; })).toThrow(/asOf is missing.*cluster\.nodes must be a number above 0/);
  });

  it('refuses what is not JSON', () => expect(() => parsePrices('{')).toThrow(ConfigError));
});
