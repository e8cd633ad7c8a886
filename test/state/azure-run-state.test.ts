import { afterAll, beforeAll, expect, it } from 'vitest';
import { azureRunState } from '../../shared/state/azure-run-state.ts';
import { describeRunState } from '../contract/run-state.ts';
import type { TestAzurite } from '../support/azurite.ts';
import { freshName, startTestAzurite } from '../support/azurite.ts';

let azurite: TestAzurite;
beforeAll(async () => {
  azurite = await startTestAzurite();
});
afterAll(() => azurite.close());

describeRunState({
  name: 'an Azure table on Azurite',
  open: async (clock, handles) => {
    const table = freshName();
    return Array.from({ length: handles }, () => azureRunState({ access: { connectionString: azurite.connectionString }, table, clock }));
  },
});

it('a wrong key is a ConfigError', async () => {
  const connectionString = azurite.connectionString.replace(/AccountKey=[^;]+/, 'AccountKey=V1JPTkc=');
  await expect(azureRunState({ access: { connectionString }, table: freshName() }).paused()).rejects.toMatchObject({ code: 'state/refused', retry: 'never', facts: { status: 403 } });
});

it('a service that is away is a TransientError', async () => {
  const connectionString = azurite.connectionString.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:1');
  await expect(azureRunState({ access: { connectionString }, table: freshName(), timeoutMs: 300 }).paused()).rejects.toMatchObject({ code: 'state/unavailable', retry: 'later' });
});
