import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { quarantineListCommand } from '../../../local/cli/quarantine-list.ts';
import { quarantineReplayCommand } from '../../../local/cli/quarantine-replay.ts';
import { quarantineShowCommand } from '../../../local/cli/quarantine-show.ts';
import { ConfigError } from '../../../shared/errors.ts';
import { openCliLake } from '../../support/cli-lake.ts';
import { runCli } from '../../support/cli.ts';
import { eventsPipelineText } from '../../support/pipelines.ts';
import { event, openTestLake, record } from '../../support/test-lake.ts';
import type { TestLake } from '../../support/test-lake.ts';
import { join } from 'node:path';

describe('list and show', () => {
  let lake: Awaited<ReturnType<typeof openCliLake>>;
  beforeEach(async () => { lake = await openCliLake(); });
  afterEach(() => lake.close());
  const at = () => `--lake=${lake.url}`;

  test('list counts by topic and reason, and shows the newest, by ids that show takes', async () => {
    const { json: [listing] } = await runCli(quarantineListCommand, at(), '--json') as unknown as { json: [{ open: number; groups: object[]; rows: { id: string }[] }] };
    expect(listing).toMatchObject({ open: 3, groups: [{ topic: 'events', reason: 'malformed_json', rows: 3 }], rows: [{ id: 'events/0/107' }, { id: 'events/0/57' }, { id: 'events/0/7' }] });
    const shown = await runCli(quarantineShowCommand, listing.rows[0].id, at(), '--json');
    expect(shown.json[0]).toMatchObject([{ id: 'events/0/107', state: 'open', reason: 'malformed_json', value: 'no json \u001b[2J', bronzeFile: expect.stringContaining('.parquet') as string }]);
    expect((await runCli(quarantineShowCommand, 'events', '0', '107', at(), '--json')).json).toEqual(shown.json);
  });

  test('filters by reason, topic and time, and limits what is shown', async () => {
    const open = async (...args: string[]) => ((await runCli(quarantineListCommand, at(), '--json', ...args)).json[0] as { open: number; rows: object[] });
    expect((await open('--reason', 'not_utf8')).open).toBe(0);
    expect((await open('--topic', 'events')).open).toBe(3);
    expect((await open('--since', '2h')).open).toBe(3);
    expect((await open('--since', '2999-01-01T00:00:00Z')).open).toBe(0);
    expect(await open('--limit', '1')).toMatchObject({ open: 3, rows: [{ id: 'events/0/107' }] });
    await expect(open('--since', 'yesterday')).rejects.toMatchObject({ constructor: ConfigError, code: 'cli/options' });
  });

  test('a terminal does not obey a payload', async () => {
    const { text } = await runCli(quarantineShowCommand, 'events/0/7', at());
    expect(text).toContain('no json \\u001b[2J');
    expect(text).not.toContain('\u001b');
    expect((await runCli(quarantineListCommand, at())).text).toContain('malformed_json');
  });

  test('what is not there is said so', async () => {
    await expect(runCli(quarantineShowCommand, 'events/0/8', at())).rejects.toMatchObject({ code: 'quarantine/no-row', message: expect.stringContaining('refine accepted it') as string });
    await expect(runCli(quarantineShowCommand, 'events/0/9999', at())).rejects.toMatchObject({ message: expect.stringContaining('Bronze does not have it') as string });
    await expect(runCli(quarantineShowCommand, 'events', at())).rejects.toMatchObject({ code: 'cli/options' });
  });

  test('nothing valid: a replay says so, and needs no answer', async () => {
    const { code, json } = await runCli(quarantineReplayCommand, at(), '--json');
    expect([code, json[0]]).toEqual([0, expect.objectContaining({ judged: 3, accepted: 0 })]);
  });
});

describe('replay', () => {
  let lake: TestLake;
  afterEach(() => lake.close());

  test('says what it would do, does it after --yes; bytes are shown as bytes', async () => {
    // One generation older, and stricter, than the pipeline file that the command reads.
    const strict = { ...JSON.parse(eventsPipelineText()) as object, 'assay.generation': 0.5 };
    const pipelineText = JSON.stringify({ ...strict, 'assay.generation': 1, rules: [{ name: 'low', column: 'value', range: { min: 60 } }] });
    lake = await openTestLake({ pipelineText });
    await lake.lake.ensureAll();
    await lake.ingest([record(0, event('a')), record(1, Buffer.from([0xff, 0x00]))]);
    await lake.drain();
    const at = `--lake=file:${join(lake.folder, 'lake')}`;
    const shown = await runCli(quarantineShowCommand, 'events/0/1', at);
    expect(shown.text).toContain('hex         ff00');
    expect(shown.text).toContain('base64      /wA=');
    // The same generation with other rules: nothing is replayed before it is raised.
    await expect(runCli(quarantineReplayCommand, at, '--yes')).rejects.toMatchObject({ code: 'pipeline/generation-reused' });
    await raiseBack(lake);
    const dry = await runCli(quarantineReplayCommand, at, '--dry-run');
    expect(dry.text).toContain('2 rows judged again, 1 would be resolved');
    await expect(runCli(quarantineReplayCommand, at)).rejects.toMatchObject({ code: 'cli/confirm' });
    const done = await runCli(quarantineReplayCommand, at, '--yes');
    expect(done.text).toContain('2 rows judged again, 1 is resolved');
    expect((await runCli(quarantineShowCommand, 'events/0/0', at, '--json')).json[0]).toMatchObject([{ state: 'resolved' }]);
    expect(await lake.rows('silver_events', 'SELECT event_id FROM rows')).toEqual([{ event_id: 'a' }]);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  /** The command reads generation 1 of the file that ships: the tables are set to an older one by hand. */
  async function raiseBack(of: TestLake): Promise<void> {
    for (const name of ['silver_events', 'quarantine_events']) {
      const { delta } = await of.lake.table(name);
      const { metaData } = await delta.refresh();
      await delta.commit(delta.snapshot, { operation: 'SET TBLPROPERTIES', actions: [{ metaData: { ...metaData, configuration: { ...metaData.configuration, 'assay.generation': '0' } } }], reads: 'table' });
    }
  }
});
