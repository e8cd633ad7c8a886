import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../local/cli/commands.ts';
import { parseConfig, settingsTable } from '../../shared/config.ts';
import { logTables } from '../../shared/monitoring/log-tables.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { pipelineTables } from '../../shared/pipeline/tables.ts';
import { codeSpans, markdownTable, readRepo, repoFiles, sourceFiles } from '../support/repo.ts';

const ROOT = join(import.meta.dirname, '../..');
const readme = readRepo('README.md');
const pages = ['README.md', 'CHANGELOG.md', ...repoFiles('docs').filter((file) => file.endsWith('.md')), 'models/README.md'];
const firstCode = (cell: string) => codeSpans(cell)[0];

describe('README tables', () => {
  it('settings: equal to shared/config.ts', () => {
    const code = (text: string) => (text === '' || text === 'required' || text === 'secret' ? text : `\`${text}\``);
    const rows = settingsTable().map((row) => [`\`${row.name}\``, code(row.default), row.bounds, row.unit, row.meaning]);
    const lines = rows.map((row) => `| ${row.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`).join('\n');
    expect(markdownTable(readme, 'settings'), `put these lines into README.md, below <!-- settings -->:\n${lines}`).toEqual(rows);
  });

  it('functions: those that are registered, with the default schedules', () => {
    const registered = sourceFiles('functions').flatMap((file) => [...readRepo(file).matchAll(/app\.(?:timer|http|generic)\((?:i === 0 \? )?'(\w+)'/g)].map(([, name]) => name));
    const rows = markdownTable(readme, 'functions');
    expect(rows.map(([name]) => firstCode(name)).toSorted(), 'one row a file of functions/ that registers').toEqual(registered.toSorted());
    const defaults = parseConfig({ LAKE_URL: 'file:lake' });
    const schedules = [defaults.refineSchedule, defaults.scoreSchedule, defaults.trainSchedule, defaults.maintainSchedule, defaults.monitorSchedule];
    expect(rows.filter(([, trigger]) => trigger === 'timer').map(([, , schedule]) => firstCode(schedule)), 'write the default schedule of shared/config.ts').toEqual(schedules);
  });

  it('functions: the batch of host.json', () => {
    const { kafka } = (JSON.parse(readRepo('host.json')) as { extensions: { kafka: { maxBatchSize: number; subscriberIntervalInSeconds: number } } }).extensions;
    const [, , batch] = markdownTable(readme, 'functions')[0];
    expect(batch, 'maxBatchSize and subscriberIntervalInSeconds of host.json').toBe(`${kafka.maxBatchSize.toLocaleString('en-US')} records or ${kafka.subscriberIntervalInSeconds} s`);
  });

  it('tables: those that the code makes, with their partition columns', () => {
    const pipeline = parsePipelineFile(readRepo('pipelines/events.json'), 'pipelines/events.json', { lateAfterMs: 1, futureAfterMs: 1 });
    const made = [...pipelineTables(pipeline), ...logTables].map(({ name, partitionColumns }) => [name, ...partitionColumns]);
    expect(markdownTable(readme, 'tables').map(([name, partitions]) => [firstCode(name), ...codeSpans(partitions)]), 'shared/pipeline/tables.ts and shared/monitoring/log-tables.ts').toEqual(made);
  });

  it('commands: those of local/cli/commands.ts', () => {
    const listed = markdownTable(readme, 'commands').map(([name]) => firstCode(name));
    expect(listed.toSorted(), 'one row a command').toEqual(commands.map(({ name }) => name).toSorted());
  });
});

describe('what pages name', () => {
  const tops = new Set(repoFiles().map((file) => file.split('/')[0]));
  const ignoredTops = ['dist', '.assay', 'node_modules', 'local.settings.json'];

  it.each(pages)('%s: files and folders exist', (page) => {
    const text = readRepo(page).replaceAll(/```[\s\S]*?```/g, '');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)].map(([, link]) => join(page, '..', link));
    const spans = codeSpans(text).filter((span) => /^[\w.][\w./-]*$/.test(span) && tops.has(span.split('/')[0]) && !ignoredTops.includes(span.split('/')[0]));
    expect([...links, ...spans].filter((path) => !existsSync(join(ROOT, path))), 'correct the path, or take it out').toEqual([]);
  });

  it.each(pages)('%s: npm scripts and assay commands exist', (page) => {
    const { scripts } = JSON.parse(readRepo('package.json')) as { scripts: Record<string, string> };
    const named = [...readRepo(page).matchAll(/\bnpm (?:run (?:-s )?)?(start|test(?!\w)|(?<=run (?:-s )?)[\w:]+)/g)].map(([, script]) => script);
    expect(named.filter((script) => !(script in scripts)), 'a script of package.json').toEqual([]);
    const called = [...readRepo(page).matchAll(/\b(?:npx assay|npm start --) ([a-z]+(?: [a-z]+)?)/g)].map(([, words]) => words);
    const known = (words: string) => commands.some(({ name }) => name === words || name === words.split(' ')[0] || words.startsWith(`${name} `));
    expect(called.filter((words) => !known(words)), 'a command of local/cli/commands.ts').toEqual([]);
  });

  it('the picture has a text for those who do not see it', () => {
    expect(readRepo('docs/pipeline.svg'), 'give the SVG <title> and <desc>').toMatch(/<title[\s\S]*<desc/);
  });
});
