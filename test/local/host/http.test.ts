import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRoute, toRoute } from '../../../local/host/http-routes.ts';
import { settle, startHostApp } from '../../support/host-app.ts';
import type { StartedHostApp } from '../../support/host-app.ts';

let started: StartedHostApp;
let timers = 0;

beforeEach(async () => {
  timers = 0;
  globalThis.hostApp = { onBatch: () => undefined, onTimer: () => void timers++, hooks: [] };
  started = await startHostApp({ register: 'http,timer', httpPort: 0, listen: false });
});

afterEach(() => started.host.stop());

describe('HTTP', () => {
  it('carries query, parameters, headers, cookies and bytes both ways', async () => {
    const response = await fetch(`${started.host.url}/api/echo/caf%C3%A9?q=a+b`, { method: 'POST', headers: { 'x-sent': 'yes' }, body: Buffer.from([0, 255]) });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-seen')).toBe('yes');
    expect(response.headers.get('set-cookie')).toBe('crumb=1');
    expect(await response.json()).toEqual({ method: 'POST', name: 'café', query: 'a b', body: '00ff' });
  });

  it.each([
    ['GET', '/api/echo/x', 201],
    ['GET', '/API/Echo/x/', 201],
    ['GET', '/api/echo', 404],
    ['GET', '/echo/x', 404],
    ['HEAD', '/api/echo/x', 404],
    ['PUT', '/api/echo/x', 404],
    ['GET', '/api/nothing', 204],
    ['GET', '/api/fails', 500],
  ])('%s %s is %i', async (method, path, status) => {
    const response = await fetch(`${started.host.url}${path}`, { method });
    expect(response.status).toBe(status);
    if (status >= 400) expect(await response.text()).toBe('');
  });

  it('logs a failure with the handler\'s words, and what the handler logs at the level of host.json', async () => {
    await fetch(`${started.host.url}/api/fails`);
    await fetch(`${started.host.url}/api/echo/x`);
    expect(started.logs.find(({ level }) => level === 'error')).toMatchObject({ category: 'fails', message: expect.stringContaining('on purpose') as string });
    expect(started.logs).toContainEqual({ level: 'information', category: 'echo', message: 'echo is asked' });
    expect(started.logs.filter(({ level }) => level === 'debug')).toEqual([]);
  });

  it('starts other functions at the admin address', async () => {
    const post = (name: string) => fetch(`${started.host.url}/admin/functions/${name}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"input":""}' });
    expect((await post('timer')).status).toBe(202);
    await settle();
    expect(timers).toBe(1);
    expect((await post('echo')).status).toBe(404);
    expect((await post('none')).status).toBe(404);
    expect((await fetch(`${started.host.url}/admin/functions/timer`)).status).toBe(404);
  });

  it('is called without the network, too', async () => {
    expect(await started.host.invoke('nothing')).toEqual({ status: 204, body: '' });
    await expect(started.host.invoke('fails')).rejects.toThrow('on purpose');
  });

  it('a busy port gives way to the next free one', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as AddressInfo).port)));
    await started.host.stop();
    started = await startHostApp({ register: 'http', httpPort: port });
    expect(Number(new URL(started.host.url!).port)).toBeGreaterThan(port);
    expect((await fetch(`${started.host.url}/api/nothing`)).status).toBe(204);
    blocker.close();
  });
});

describe('routes', () => {
  const match = (template: string, path: string) => findRoute([toRoute('fn', { type: 'httpTrigger', route: template, methods: ['GET'] }, 'api')], 'GET', path)?.params ?? null;

  it.each<[string, string, object | null]>([
    ['a/{id}', '/api/a/7', { id: '7' }],
    ['a/{id:int}', '/api/a/7', { id: '7' }],
    ['a/{id?}', '/api/a', {}],
    ['a/{id?}', '/api/a/7', { id: '7' }],
    ['files/{*rest}', '/api/files/x/y%20z', { rest: 'x/y z' }],
    ['a.b', '/api/aXb', null],
    ['a/{id}', '/api/a/7/8', null],
  ])('%s takes %s: %o', (template, path, params) => expect(match(template, path)).toEqual(params));

  it('the default route is the function\'s name, the default methods GET and POST', () => {
    expect(toRoute('page', { type: 'httpTrigger' }, '')).toMatchObject({ template: '/page', methods: ['get', 'post'] });
  });
});
