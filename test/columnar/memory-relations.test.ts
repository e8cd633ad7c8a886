import { describeRelations } from '../contract/relations.ts';
import { MemoryRelations } from '../support/memory-relations.ts';
import { MemoryStore } from '../support/memory-store.ts';

describeRelations({
  name: 'memory',
  open: async () => {
    const store = new MemoryStore();
    return { engine: new MemoryRelations(store), store, close: () => Promise.resolve() };
  },
  manyRows: 10_000,
});
