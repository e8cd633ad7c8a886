import type { MetaData } from '../delta/actions.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { DeltaTable, TableDefinition } from '../delta/table.ts';
import { ConfigError, ConflictError } from '../errors.ts';

/** Old and new code side by side (semantics.md, section 6, `assay.generation`). */
export const GENERATION = 'assay.generation';
export const HASH = 'assay.hash';

const RAISE_ATTEMPTS_MAX = 5;

/**
 * `current`: this worker may commit. `raise`: the table must learn of a newer generation first.
 * Failures: ConfigError where this worker is the older one, or where one number stands for two things.
 */
export function judgeGeneration(table: Pick<MetaData, 'configuration'>, mine: TableDefinition): 'current' | 'raise' {
  const [theirs, own] = [Number(table.configuration[GENERATION] ?? 0), Number(mine.configuration[GENERATION])];
  if (own > theirs) return 'raise';
  if (own < theirs) {
    throw new ConfigError('pipeline/older-generation', `${mine.name} is at assay.generation ${theirs}, this worker's pipeline file says ${own}: deploy the newer pipeline file, or raise its generation`);
  }
  if (table.configuration[HASH] !== mine.configuration[HASH]) {
    throw new ConfigError('pipeline/generation-reused', `${mine.name}: assay.generation ${own} stands for ${table.configuration[HASH]} in the table but for ${mine.configuration[HASH]} in this pipeline file: raise assay.generation with every change of columns or rules`);
  }
  return 'current';
}

/** Checks before a commit, and raises the table's generation where ours is newer. Returns the snapshot to plan with. */
export async function checkGeneration(table: DeltaTable, definition: TableDefinition): Promise<Snapshot> {
  for (let attempt = 0; attempt < RAISE_ATTEMPTS_MAX; attempt++) {
    const snapshot = table.snapshot;
    if (judgeGeneration(snapshot.metaData, definition) === 'current') return snapshot;
    const metaData: MetaData = { ...snapshot.metaData, configuration: { ...snapshot.metaData.configuration, ...definition.configuration } };
    await table.commit(snapshot, { operation: 'SET TBLPROPERTIES', actions: [{ metaData }], reads: 'table' });
  }
  throw new ConflictError('pipeline/generation', `raising assay.generation of ${definition.name}: lost ${RAISE_ATTEMPTS_MAX} times to other commits; run again`);
}
