import { app } from '@azure/functions';
import { getApp } from '../shared/app.ts';

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
};

app.http('dashboard', {
  methods: ['GET'],
  route: 'dashboard',
  authLevel: 'function',
  handler: async (request) => {
    const { html, contentSecurityPolicy } = await (await getApp()).page(request.query.get('pipeline') ?? undefined);
    return { status: 200, headers: { ...headers, 'content-security-policy': contentSecurityPolicy }, body: html };
  },
});
