import { afterAll, beforeAll, expect, test } from 'vitest';
import { pauseCommand, resumeCommand } from '../../../local/cli/pause.ts';
import { statusCommand } from '../../../local/cli/status.ts';
import { runCli } from '../../support/cli.ts';
import { openCliLake } from '../../support/cli-lake.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;
beforeAll(async () => { lake = await openCliLake(); });
afterAll(() => lake.close());

const refine = async () => ((await runCli(statusCommand, '--lake', lake.url, '--json')).json[0] as { stages: { stage: string; paused: unknown }[] }).stages.find(({ stage }) => stage === 'refine')!;

test('pauses a stage with a reason, and resumes it', async () => {
  expect((await runCli(pauseCommand, 'refine', '--why', 'the rules change', '--lake', lake.url)).text).toContain('refine is paused: the rules change');
  expect((await refine()).paused).toMatchObject({ why: 'the rules change' });
  expect((await runCli(resumeCommand, 'refine', '--lake', lake.url)).text).toMatch(/refine goes on.*the rules change/);
  expect((await refine()).paused).toBeNull();
  expect((await runCli(resumeCommand, 'refine', '--lake', lake.url)).text).toBe('refine was not paused.');
});

test('knows what can be paused', async () => {
  await expect(runCli(pauseCommand, 'silver', '--lake', lake.url)).rejects.toMatchObject({ code: 'cli/options', message: expect.stringContaining('there is no stage silver; there are ingest, refine') as string });
});
