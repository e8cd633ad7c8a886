import { describeRelations } from '../contract/relations.ts';
import { openDuckBench } from '../support/duck-relations.ts';
import { MemoryStore } from '../support/memory-store.ts';

describeRelations({
  name: 'DuckDB',
  manyRows: 300_000,
  open: async () => {
    const bench = await openDuckBench();
    const store = new MemoryStore();
    return { engine: bench.of(store), store, close: () => bench.close() };
  },
});
