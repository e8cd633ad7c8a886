import { app } from '@azure/functions';

// Anyone may ask, so the answer holds no facts: the worker is up and has registered its functions.
app.http('live', {
  methods: ['GET'],
  route: 'live',
  authLevel: 'anonymous',
  handler: () => ({ status: 200, headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, body: 'live\n' }),
});
