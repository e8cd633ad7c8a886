import { defineConfig } from 'vitest/config';

/** One shard an engine, so that each can run alone: `npm run test:interop -- --project spark`. No file is in none. */
const SHARDS = { kafka: '*kafka.test.ts', spark: '*spark.test.ts' };
const under = (pattern: string) => `test/interop/${pattern}`;

const shard = (name: string, include: string, exclude: string[] = []) => ({
  test: {
    name, include: [include], exclude,
    pool: 'forks' as const, maxWorkers: 1, fileParallelism: false, testTimeout: 600_000, hookTimeout: 900_000,
  },
});

export default defineConfig({
  test: {
    projects: [
      ...Object.entries(SHARDS).map(([name, pattern]) => shard(name, under(pattern))),
      shard('engines', under('**/*.test.ts'), Object.values(SHARDS).map(under)),
    ],
    maxWorkers: 1,
  },
});
