import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSettings, resolveBinding } from '../../../local/host/host-settings.ts';
import { ConfigError } from '../../../shared/errors.ts';
import { startHostApp } from '../../support/host-app.ts';
import { MemoryTopic } from '../../support/memory-source.ts';

beforeEach(() => {
  globalThis.hostApp = { onBatch: () => undefined, onTimer: () => undefined, hooks: [] };
});

afterEach(() => {
  expect(process.env['HOST_APP'], 'a host that has stopped leaves no settings behind').toBeUndefined();
});

describe('startHost', () => {
  it('loads the app with the settings as its environment, and tells what it registered', async () => {
    const { host } = await startHostApp({ register: 'timer,retried,http', settings: { TOPIC: 'orders' } });
    expect(host.functions.map(({ name, type }) => `${name} ${type}`)).toEqual(['timer timerTrigger', 'retried kafkaTrigger', 'echo httpTrigger', 'fails httpTrigger', 'nothing httpTrigger']);
    expect(host.functions[1]).toMatchObject({ binding: { topic: 'orders', brokerList: 'localhost:1' }, retry: { retryStrategy: 'exponentialBackoff', maxRetryCount: 3 }, disabled: false });
    expect(host.url).toBeNull();
    await host.stop();
  });

  it('runs the app\'s hooks around everything', async () => {
    const { host } = await startHostApp({ register: 'hooks,timer', listen: false });
    await host.invoke('timer');
    globalThis.hostApp.onTimer = () => { throw new Error('on purpose'); };
    await expect(host.invoke('timer')).rejects.toThrow('on purpose');
    await host.stop();
    expect(globalThis.hostApp.hooks).toEqual(['appStart', 'preInvocation', 'postInvocation ok', 'preInvocation', 'postInvocation failed', 'appTerminate']);
  });

  it('passes on what the app throws while it loads', async () => {
    await expect(startHostApp({ register: 'throws' })).rejects.toThrow('SOME_SETTING is missing');
  });

  it('refuses an app without functions', async () => {
    await expect(startHostApp({ register: '' })).rejects.toThrow(/registered no function/);
  });

  it('starts a second time in the same process with a fresh app', async () => {
    const first = await startHostApp({ register: 'timer' });
    await first.host.stop();
    const second = await startHostApp({ register: 'http' });
    expect(second.host.functions).toHaveLength(3);
    await second.host.stop();
  });

  it('wants a source for each of several topics, and knows its functions', async () => {
    await expect(startHostApp({ register: 'binary,retried', source: new MemoryTopic().source() })).rejects.toThrow(/2 functions read Kafka topics, but one source was given/);
    const { host } = await startHostApp({ register: 'binary,retried', source: () => new MemoryTopic().source() });
    await expect(host.invoke('binary')).rejects.toThrow(/reading already/);
    await expect(host.invoke('none')).rejects.toThrow(/No function none is registered; there are binary, retried/);
    await host.stop();
    const without = await startHostApp({ register: 'binary', listen: false });
    await expect(without.host.invoke('binary')).rejects.toThrow(/has no source/);
    await without.host.stop();
  });
});

describe('readSettings', () => {
  const folder = (files: Record<string, string>) => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'assay-settings-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
    return dir;
  };
  const values = (settings: object) => JSON.stringify({ IsEncrypted: false, Values: settings });

  it('takes local.settings.json, else the template; the environment wins over them, overrides over all', () => {
    const both = folder({ 'local.settings.json': values({ A: 'local', B: 'local', C: 'local' }), 'local.settings.template.json': values({ A: 'template', D: 'template' }) });
    expect(readSettings(both, { B: 'env', C: 'env' }, { C: 'override' })).toEqual({ A: 'local', B: 'env', C: 'override' });
    expect(readSettings(folder({ 'local.settings.template.json': values({ A: 'template' }) }), {}, {})).toEqual({ A: 'template' });
    expect(readSettings(folder({}), { A: 'env' }, {})).toEqual({ A: 'env' });
  });

  it.each([
    ['{', /can't be used/],
    ['{}', /no object "Values"/],
    ['{"Values":{"A":1}}', /Values.A is no text/],
  ])('refuses %s', (text, message) => {
    expect(() => readSettings(folder({ 'local.settings.json': text }), {}, {})).toThrow(ConfigError);
    expect(() => readSettings(folder({ 'local.settings.json': text }), {}, {})).toThrow(message);
  });
});

describe('resolveBinding', () => {
  it('replaces settings inside texts only', () => {
    const binding = { type: 'kafkaTrigger', topic: 'a-%T%', lagThreshold: 5, methods: ['%T%'] };
    expect(resolveBinding('fn', binding, { T: 'x' })).toEqual({ type: 'kafkaTrigger', topic: 'a-x', lagThreshold: 5, methods: ['%T%'] });
    expect(() => resolveBinding('fn', binding, { T: '' })).toThrow(/Function fn: '%T%' of its trigger's topic does not resolve to a value. Set T\./);
  });
});
