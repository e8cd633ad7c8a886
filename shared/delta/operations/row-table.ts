import type { Clock } from '../../clock.ts';
import type { RelationEngine } from '../../columnar/relation.ts';
import type { DeltaTable } from '../table.ts';

/** A Delta table with its rows: the log on one side, on the other the engine that reads and writes data files. */
export interface RowTable<E extends RelationEngine = RelationEngine> {
  readonly delta: DeltaTable;
  readonly engine: E;
  /** The table's folder below the root that the engine was opened on: empty, or ending in a slash. */
  readonly folder: string;
  readonly clock: Clock;
}
