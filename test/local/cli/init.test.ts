import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initCommand } from '../../../local/cli/init.ts';
import { APP_DIR } from '../../../local/cli/local-lake.ts';
import { EventLog } from '../../../local/event-log/event-log.ts';
import { KafkaFacade } from '../../../local/kafka-facade.ts';
import { LogTarget } from '../../../local/producer/log-target.ts';
import { EventStream } from '../../../local/producer/generate.ts';
import { sampleTopic } from '../../../local/schema/sample.ts';
import { KafkaBroker } from '../../../shared/sources/kafka-broker.ts';
import { produceAll } from '../../../local/producer/run.ts';
import { START_MS } from '../../../local/producer/timeline.ts';
import { assay } from '../../support/assay-process.ts';
import { runCli } from '../../support/cli.ts';
import { event } from '../../support/test-lake.ts';

const NAB = new URL('../../../../shared/events/nab/realTweets/Twitter_volume_AAPL.csv', import.meta.url).pathname;

let folder: string;
const out = (name = 'p.json') => `--out=${relative(APP_DIR, join(folder, name))}`;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'assay-init-')); });
afterEach(() => rmSync(folder, { recursive: true }));

function lines(n: number, row: (i: number) => string): string {
  const path = join(folder, 'events.ndjson');
  writeFileSync(path, Array.from({ length: n }, (_value, i) => `${row(i)}\n`).join(''));
  return path;
}

describe('init', () => {
  test('says which records of the sample the file would accept, and why not the others', async () => {
    const path = lines(200, (i) => (i % 50 === 3 ? 'no json' : i % 50 === 4 ? event(`e${i}`, { value: 'n/a' }) : event(`e${i}`, { value: i })));
    const { json } = await runCli(initCommand, `--from=${path}`, out(), '--json');
    expect(json[0]).toMatchObject({ rows: 200, accepted: 192, rejected: [{ reason: 'malformed_json', rows: 4 }, { reason: 'invalid_value', rows: 4 }], pipeline: { name: 'events', key: ['event_id'] } });
  });

  test('a dry run writes nothing; a file that is there is replaced only with --yes', async () => {
    const path = lines(30, (i) => event(`e${i}`));
    const dry = await runCli(initCommand, `--from=${path}`, out(), '--dry-run');
    expect(dry.text).toContain('"event_time": "timestamp"');
    expect(existsSync(join(folder, 'p.json'))).toBe(false);
    await runCli(initCommand, `--from=${path}`, out());
    const written = readFileSync(join(folder, 'p.json'), 'utf8');
    await expect(runCli(initCommand, `--from=${path}`, '--name=other', out())).rejects.toMatchObject({ code: 'cli/confirm' });
    expect(readFileSync(join(folder, 'p.json'), 'utf8')).toBe(written);
    await runCli(initCommand, `--from=${path}`, '--name=other', out(), '--yes');
    expect(readFileSync(join(folder, 'p.json'), 'utf8')).toContain('"name": "other"');
  });

  test('reads a JSON array, element by element, every digit kept', async () => {
    const path = join(folder, 'list.json');
    writeFileSync(path, ` [ ${Array.from({ length: 30 }, (_value, i) => `{"id": "a${i}", "time": "2025-04-01T10:00:${String(10 + i)}Z", "n": 900719925474099${i % 10}3}`).join(' ,\n')} ] `);
    const { json } = await runCli(initCommand, `--from=${path}`, out(), '--dry-run', '--json');
    expect(json[0]).toMatchObject({ rows: 30, accepted: 30, pipeline: { columns: [{ name: 'id' }, { name: 'time' }, { name: 'n', type: 'long' }] } });
    writeFileSync(path, '[{"a":1},');
    await expect(runCli(initCommand, `--from=${path}`, out())).rejects.toMatchObject({ code: 'init/array' });
  });

  test('without a source, or with one that is not there, it says so', async () => {
    await expect(runCli(initCommand, out())).rejects.toMatchObject({ code: 'cli/options' });
    await expect(runCli(initCommand, '--from=nowhere.ndjson', out())).rejects.toMatchObject({ code: 'input/unreadable' });
  });

  test('takes the newest records of each partition of a topic', async () => {
    const log = EventLog.open({ dir: join(folder, 'log') });
    log.createTopic({ name: 'events', partitions: 3, seed: 1 });
    const target = new LogTarget(log, 'events');
    await produceAll({ source: new EventStream({ seed: 1, startMs: START_MS, ratePerS: 200, partitions: 3 }, 3_000), target });
    const facade = await KafkaFacade.start({ log });
    const broker = new KafkaBroker({ brokers: [facade.address], clientId: 'test' });
    try {
      const sample = await sampleTopic(broker, 'events', 600);
      expect(sample.length).toBeGreaterThan(550);
      const { json } = await runCli(initCommand, '--topic=events', `--brokers=${facade.address}`, out(), '--rows=2000', '--json');
      expect(json[0]).toMatchObject({ pipeline: { key: ['event_id'], event_time: 'timestamp', features: ['value'] } });
    } finally {
      await broker.close();
      await facade.close();
      log.close();
    }
  });
});

describe('from init to run', () => {
  const run = async (input: string, ...more: string[]) => {
    const { code, stdout, stderr } = await assay(['run', '--input', input, '--lake', 'file:lake', '--pipeline', relative(APP_DIR, join(folder, 'p.json')), '--json', ...more], { cwd: folder });
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as { bronze: number; silver: number; verdict: string };
  };

  test.skipIf(!existsSync(NAB))(`a CSV of real measurements${existsSync(NAB) ? '' : ' (skipped: ../shared/events is not beside this clone)'}`, async () => {
    const { json } = await runCli(initCommand, `--from=${NAB}`, '--event-type=tweets', out(), '--json');
    expect(json[0]).toMatchObject({ rows: 10_000, accepted: 10_000, rejected: [] });
    const report = await run(NAB, '--event-type', 'tweets');
    expect(report).toMatchObject({ silver: report.bronze, verdict: 'ok' });
    expect(report.bronze).toBeGreaterThan(10_000);
  }, 120_000);

  test('lines of other fields, nested ones among them', async () => {
    const path = lines(500, (i) => JSON.stringify({ order: { uuid: `o${i}`, at: new Date(Date.UTC(2025, 3, 1) + i * 1_000).toISOString() }, amount: i === 9 ? 'much' : i, offset: i, note: 'x' }));
    expect((await runCli(initCommand, `--from=${path}`, out(), '--json')).json[0]).toMatchObject({ accepted: 499, rejected: [{ reason: 'invalid_amount', rows: 1 }] });
    expect(await run(path)).toMatchObject({ bronze: 500, silver: 499, verdict: 'ok' });
  }, 120_000);
});
