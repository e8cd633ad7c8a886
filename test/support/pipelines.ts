import { readFileSync } from 'node:fs';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import type { Pipeline } from '../../shared/pipeline/definition.ts';
import type { RuleSettings } from '../../shared/pipeline/judge.ts';

/** The defaults of semantics.md, section 4. */
export const ruleSettings: RuleSettings = { lateAfterMs: 300_000, futureAfterMs: 86_400_000 };

/** The pipeline that ships. */
export const eventsPipeline = (): Pipeline => readPipeline('../../pipelines/events.json');

/** Other columns, a composite key, nested paths, optional columns, a long, a boolean and a rule of every kind. */
export const ordersPipeline = (): Pipeline => readPipeline('../fixtures/orders.json');

export const eventsPipelineText = (): string => readFileSync(new URL('../../pipelines/events.json', import.meta.url), 'utf8');
export const ordersPipelineText = (): string => readFileSync(new URL('../fixtures/orders.json', import.meta.url), 'utf8');

function readPipeline(relative: string): Pipeline {
  return parsePipelineFile(readFileSync(new URL(relative, import.meta.url), 'utf8'), relative, ruleSettings);
}
