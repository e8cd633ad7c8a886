import { afterAll, beforeAll } from 'vitest';
import { describeObjectStore } from '../contract/object-store.ts';
import type { TestAzurite } from '../support/azurite.ts';
import { startTestAzurite } from '../support/azurite.ts';

let azurite: TestAzurite;
beforeAll(async () => {
  azurite = await startTestAzurite();
});
afterAll(() => azurite.close());

describeObjectStore({ name: 'Azure Blob Storage on Azurite', open: () => azurite.container(), manyObjects: 120 });
describeObjectStore({ name: 'a folder of a container', open: () => azurite.container({ prefix: 'lake/ä b' }), manyObjects: 3 });
