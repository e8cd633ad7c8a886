import { app } from '@azure/functions';
import { getApp } from '../shared/app.ts';

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  // The page is one document without scripts; text from payloads stands in it.
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

app.http('dashboard', {
  methods: ['GET'],
  route: 'dashboard',
  authLevel: 'function',
  handler: async () => ({ status: 200, headers, body: await (await getApp()).page() }),
});
