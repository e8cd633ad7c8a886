import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import { choosePipeline, readPipelines } from '../../shared/open-lake.ts';
import { SILVER } from '../../shared/pipeline/tables.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { writeFileAtomic } from '../event-log/atomic-file.ts';
import { lineDiff } from '../schema/pipeline-edit.ts';
import { columnType, promote } from '../schema/promotion.ts';
import type { Command, CommandContext, Flags } from './command.ts';
import { agreed } from './confirm.ts';
import { APP_DIR, configFor, pipelineNameOf } from './local-lake.ts';
import { requireLake, withReadLake } from './read-lake.ts';

export const schemaPromoteCommand: Command = {
  name: 'schema promote',
  usage: 'FIELD TYPE [--path $.a.b] [--required yes|no] [--dry-run] [--yes] [--pipeline FILE] [--lake URL]',
  wordsMax: 2,
  summary: 'Make a field a column from now on: edits the pipeline file and raises assay.generation',
  options: { path: { type: 'string' }, required: { type: 'string' }, 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' } },
  run,
};

async function run({ positionals, flags, out }: CommandContext): Promise<number> {
  const [field, type] = positionals;
  if (field === undefined || type === undefined) throw new ConfigError('cli/options', 'schema promote needs FIELD TYPE, as "assay schema show" lists them: assay schema promote city string');
  const column = { name: columnName(field), type: columnType(type), path: flags.text('path') ?? `$.${field.replace(/^\$\./, '')}`, required: yesOrNo(flags) };
  const { fileName, path, settings } = await pipelineFile(flags);
  const text = read(path, fileName);
  const promotion = promote({ text, fileName, column, settings, silver: await silverOf(flags) });
  const diff = lineDiff(text, promotion.text);
  const report = { file: fileName, generation: promotion.pipeline.generation, column, dryRun: flags.has('dry-run'), diff };
  if (flags.has('dry-run')) {
    out.result(report, () => diff.join('\n'));
    return 0;
  }
  if (!flags.has('yes')) out.note(diff.join('\n'));
  if (!(await agreed({ does: `schema promote edits ${fileName}`, question: `Write ${fileName}?` }, flags))) {
    out.note('Nothing was written.');
    return 1;
  }
  writeFileAtomic(path, promotion.text);
  out.result(report, () => diff.join('\n'));
  out.note('Workers that read this file take the column from their next start on; older ones stop refining then. Rows that are there have null in it, their value stays in rescued.');
  return 0;
}

function read(path: string, fileName: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError('config/pipeline-file', `the pipeline file ${fileName} cannot be read below the app's folder; name it by --pipeline FILE`, { cause });
  }
}

/** `$.geo.city` is called geo_city. */
function columnName(field: string): string {
  return field.replace(/^\$\./, '').replaceAll('.', '_');
}

function yesOrNo(flags: Flags): boolean {
  const text = flags.text('required') ?? 'no';
  if (text === 'yes' || text === 'no') return text === 'yes';
  throw new ConfigError('cli/options', `--required is "${text}"; give yes or no`);
}

/** The one that `--pipeline` names, by file or name, else the first of PIPELINE_FILE. */
async function pipelineFile(flags: Flags) {
  const config = configFor({ lakeUrl: flags.text('lake') ?? 'file:unread', connectionString: null }, flags);
  const name = pipelineNameOf(flags);
  const fileName = config.pipelineFiles[name === undefined ? 0 : choosePipeline(await readPipelines(config, APP_DIR), config, name)];
  return { fileName, path: resolve(APP_DIR, fileName), settings: { lateAfterMs: config.lateAfterMs, futureAfterMs: config.futureAfterMs } };
}

/** Silver as it is in the lake, if there is one. */
async function silverOf(flags: Flags): Promise<Snapshot | null> {
  try {
    requireLake(flags);
  } catch (error) {
    if (error instanceof ConfigError && error.code === 'cli/no-lake') return null;
    throw error;
  }
  return withReadLake(flags, async ({ lake }) => (await lake.find(SILVER))?.delta.snapshot ?? null);
}
