import { ConfigError } from '../errors.ts';
import type { Pipeline, TopicDefinition } from './definition.ts';

/**
 * Several pipelines over one Bronze. The first has its tables where the lake is; those of every further one lie in the folder of its name, under
 * the same names, beside the Bronze and the gaps that all share.
 */

/** Also names of folders that a lake has beside its tables. */
const FOLDERS_TAKEN = ['models', '_assay', '_delta_log'];

/** Throws one ConfigError `pipeline/together` that lists what keeps the pipelines from sharing a lake. `tables`: names that lie in the lake. */
export function checkTogether(pipelines: readonly Pipeline[], tables: readonly string[]): void {
  const problems = [...nameProblems(pipelines, tables), ...topicProblems(pipelines)];
  if (problems.length === 0) return;
  throw new ConfigError('pipeline/together', `the pipelines ${pipelines.map(({ name }) => name).join(', ')} can't share a lake:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
}

function nameProblems(pipelines: readonly Pipeline[], tables: readonly string[]): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const [i, { name }] of pipelines.entries()) {
    // Folders differ by more than case on every store that we know, but not on every machine.
    if (seen.has(name.toLowerCase())) problems.push(`two are named ${name}: give one another name`);
    seen.add(name.toLowerCase());
    if (i > 0 && [...tables, ...FOLDERS_TAKEN].includes(name)) problems.push(`${name} is a folder of the lake already: give the pipeline another name`);
  }
  return problems;
}

/** What Bronze does with a topic is one thing, however many read it. */
function topicProblems(pipelines: readonly Pipeline[]): string[] {
  return topicsOf(pipelines).flatMap((topic) => pipelines.flatMap(({ name, topics }) => {
    const other = topics.find((candidate) => candidate.name === topic.name);
    if (!other || (other.payload === topic.payload && JSON.stringify(other.start) === JSON.stringify(topic.start))) return [];
    return [`topic ${topic.name} has payload ${topic.payload} and start ${JSON.stringify(topic.start)} in one, but ${other.payload} and ${JSON.stringify(other.start)} in ${name}: Bronze holds it once, so say the same in all`];
  }));
}

/** Every topic once, as the first pipeline that names it has it. */
export function topicsOf(pipelines: readonly Pipeline[]): TopicDefinition[] {
  const topics = new Map<string, TopicDefinition>();
  for (const topic of pipelines.flatMap((pipeline) => pipeline.topics)) if (!topics.has(topic.name)) topics.set(topic.name, topic);
  return [...topics.values()];
}
