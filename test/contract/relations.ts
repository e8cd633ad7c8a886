import { afterAll, beforeAll, describe } from 'vitest';
import type { RelationEngine } from '../../shared/columnar/relation.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { describeClustering } from './relations/clustering.ts';
import { describeCombining } from './relations/combining.ts';
import { describeFiles } from './relations/files.ts';
import { describeNet } from './relations/net.ts';
import { describePredicates } from './relations/predicates.ts';
import { describeReading } from './relations/reading.ts';
import { describeStatistics } from './relations/statistics.ts';

export interface RelationsContract {
  readonly name: string;
  /** An engine bound to the root of this store. Called once; tests use keys of their own. */
  readonly open: () => Promise<OpenedEngine>;
  /** For the tests of order: enough that the engine works on parts at once, where it does. */
  readonly manyRows: number;
}

export interface OpenedEngine {
  readonly engine: RelationEngine;
  readonly store: ObjectStore;
  readonly close: () => Promise<void>;
}

/** What tests share. `engine` and `store` are there while tests run. */
export interface RelationsBench {
  readonly engine: RelationEngine;
  readonly store: ObjectStore;
  readonly manyRows: number;
  /** A key that no other test uses. */
  readonly freshKey: () => string;
}

/** What every RelationEngine must do: the sentences of shared/columnar/relation.ts. */
export function describeRelations({ name, open, manyRows }: RelationsContract): void {
  describe(`RelationEngine contract: ${name}`, () => {
    let opened: OpenedEngine;
    let keys = 0;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    const bench: RelationsBench = {
      get engine() { return opened.engine; },
      get store() { return opened.store; },
      manyRows,
      freshKey: () => `table ${keys % 3}/päivä=${keys % 2}%20/${keys++}.parquet`,
    };
    describeReading(bench);
    describePredicates(bench);
    describeCombining(bench);
    describeClustering(bench);
    describeNet(bench);
    describeFiles(bench);
    describeStatistics(bench);
  });
}
