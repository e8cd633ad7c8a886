import type { Timer } from '@azure/functions';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LocalHost } from '../../../local/host/host.ts';
import { ConfigError } from '../../../shared/errors.ts';
import { ManualClock, settle, startHostApp } from '../../support/host-app.ts';

let clock: ManualClock;
let host: LocalHost;
let runs: { at: string; timer: Timer }[];
const now = () => new Date(clock.nowMs()).toISOString().slice(11, 19);

beforeEach(() => {
  clock = new ManualClock('2026-01-01T00:00:04Z');
  runs = [];
  globalThis.hostApp = { onBatch: () => undefined, onTimer: (timer) => void runs.push({ at: now(), timer }), hooks: [] };
});

afterEach(() => host.stop());

describe('a timer', () => {
  it('fires at each occurrence, not at start', async () => {
    ({ host } = await startHostApp({ register: 'timer', clock }));
    await clock.advance(5_999);
    expect(runs).toEqual([]);
    await clock.advance(20_001);
    expect(runs.map(({ at }) => at)).toEqual(['00:00:10', '00:00:20', '00:00:30']);
    expect(runs[1].timer).toEqual({
      schedule: { adjustForDST: true },
      scheduleStatus: { last: '2026-01-01T00:00:10.000Z', lastUpdated: '2026-01-01T00:00:10.000Z', next: '2026-01-01T00:00:30.000Z' },
      isPastDue: false,
    });
  });

  it('never overlaps itself: ticks missed by a long run come to one late run', async () => {
    let running = 0;
    globalThis.hostApp.onTimer = async (timer) => {
      expect(++running).toBe(1);
      runs.push({ at: now(), timer });
      if (runs.length === 1) await clock.wait(35_000, new AbortController().signal);
      running--;
    };
    ({ host } = await startHostApp({ register: 'timer', clock }));
    await clock.advance(60_000);
    expect(runs.map(({ at, timer }) => `${at} ${timer.isPastDue}`)).toEqual(['00:00:10 false', '00:00:45 true', '00:00:50 false', '00:01:00 false']);
  });

  it('goes on after a run that failed', async () => {
    globalThis.hostApp.onTimer = (timer) => {
      runs.push({ at: now(), timer });
      throw new Error('on purpose');
    };
    const started = await startHostApp({ register: 'timer', clock });
    host = started.host;
    await clock.advance(20_000);
    expect(runs.map(({ at }) => at)).toEqual(['00:00:10', '00:00:20']);
    expect(started.logs.filter(({ level }) => level === 'error')).toHaveLength(2);
  });

  it('a run by hand waits for the one that is under way, and gives the handler\'s answer', async () => {
    let release = () => {};
    globalThis.hostApp.onTimer = (timer) => {
      runs.push({ at: now(), timer });
      return runs.length > 1 ? { rows: 3 } : new Promise<void>((resolve) => (release = resolve));
    };
    ({ host } = await startHostApp({ register: 'timer', clock }));
    await clock.advance(6_000);
    const byHand = host.invoke('timer');
    await settle();
    expect(runs).toHaveLength(1);
    release();
    expect(await byHand).toEqual({ rows: 3 });
    expect(runs).toHaveLength(2);
  });

  it('stays silent where the host does not listen', async () => {
    ({ host } = await startHostApp({ register: 'timer', clock, listen: false }));
    await clock.advance(60_000);
    expect(runs).toEqual([]);
    await host.invoke('TIMER');
    expect(runs).toHaveLength(1);
  });

  it('is not started where it is disabled', async () => {
    ({ host } = await startHostApp({ register: 'timer', clock, settings: { 'AzureWebJobs.timer.Disabled': 'true' } }));
    await clock.advance(60_000);
    expect(runs).toEqual([]);
    expect(host.functions).toMatchObject([{ name: 'timer', disabled: true }]);
    await expect(host.invoke('timer')).rejects.toThrow(/disabled by the setting AzureWebJobs.timer.Disabled/);
  });

  it('with a schedule that can\'t be read stops the start', async () => {
    await expect(startHostApp({ register: 'timer', clock, settings: { TICKS: 'hourly' } })).rejects.toThrow(ConfigError);
    await expect(startHostApp({ register: 'timer', clock, settings: { TICKS: '' } })).rejects.toThrow(/'%TICKS%' of its trigger's schedule does not resolve.*Set TICKS/);
    ({ host } = await startHostApp({ register: 'timer', clock }));
  });
});
