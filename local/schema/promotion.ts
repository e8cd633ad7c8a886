import { ConfigError } from '../../shared/errors.ts';
import type { ColumnType, Pipeline } from '../../shared/pipeline/definition.ts';
import { raisedMetaData } from '../../shared/pipeline/generation.ts';
import type { RuleSettings } from '../../shared/pipeline/judge.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { COLUMN_TYPES } from '../../shared/pipeline/pipeline-file/columns.ts';
import { SILVER, pipelineTables } from '../../shared/pipeline/tables.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { withColumn } from './pipeline-edit.ts';
import type { NewColumn } from './pipeline-edit.ts';

export interface PromotionRequest {
  readonly text: string;
  /** For messages. */
  readonly fileName: string;
  readonly column: NewColumn;
  readonly settings: RuleSettings;
  /** Null: there is no lake yet that could disagree. */
  readonly silver: Pick<Snapshot, 'metaData' | 'schema'> | null;
}

export interface Promotion {
  readonly text: string;
  readonly pipeline: Pipeline;
}

export function columnType(text: string): ColumnType {
  const type = COLUMN_TYPES.find((each) => each === text);
  if (type) return type;
  throw new ConfigError('cli/options', `"${text}" is no type of a column; give one of ${COLUMN_TYPES.join(', ')}`);
}

/**
 * The pipeline file with the field as a column from the next generation on. Failures, before anything is written: ConfigError `pipeline/invalid`
 * (a name that collides, a path that is none), `schema/column-exists`, `schema/type-change`, and `pipeline/columns-changed` where Silver has
 * a column of that name from before, of another type.
 */
export function promote({ text, fileName, column, settings, silver }: PromotionRequest): Promotion {
  refuseExisting(parsePipelineFile(text, fileName, settings), column);
  const edited = withColumn(text, column);
  const pipeline = parsePipelineFile(edited, `${fileName} with ${column.name}`, settings);
  if (silver) raisedMetaData(silver, pipelineTables(pipeline).find(({ name }) => name === SILVER)!);
  return { text: edited, pipeline };
}

function refuseExisting({ columns }: Pipeline, { name, type, path }: NewColumn): void {
  const there = columns.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (!there) return;
  if (there.name === name && there.type === type && `$.${there.path.join('.')}` === path) {
    throw new ConfigError('schema/column-exists', `${name} is a column already, of type ${type}: there is nothing to promote`);
  }
  if (there.name !== name) throw new ConfigError('schema/column-exists', `${there.name} is a column, and engines compare names without regard to case: give another name, as ${name}_2, and keep the path by --path ${path}`);
  throw new ConfigError('schema/type-change', `${name} is a column of type ${there.type} at $.${there.path.join('.')}; a column keeps its type and its field, because rows that are there cannot follow (Delta's type widening is not read by all engines). Add a column beside it: assay schema promote ${name}_${type} ${type} --path ${path}`);
}
