import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lakeAccess, APP_DIR } from './local-lake.ts';
import type { Command, Flags, Output } from './command.ts';
import { runOnce } from '../run/once.ts';
import { openLines } from './open.ts';

const RUN_MS = 20_000;
const KILLS = 2;

export const demoCommand: Command = {
  name: 'demo',
  usage: '[--seconds N] [--lake URL]',
  summary: 'A minute: produces, kills the running pipeline with SIGKILL, starts it again, drains, and prints the balance',
  options: { seconds: { type: 'string' } },
  run: async ({ flags, out }) => {
    const runMs = flags.text('seconds') === undefined ? RUN_MS : (flags.integer('seconds', 60, 3) * 1000) / (KILLS + 1);
    for (let kill = 1; kill <= KILLS; kill++) {
      out.note(`Start ${kill}: runs ${Math.round(runMs / 1000)} s, then SIGKILL.`);
      await runAndKill(flags, runMs, 'SIGKILL', out);
    }
    out.note('Start again, then stop with Ctrl-C as a person would.');
    await runAndKill(flags, runMs, 'SIGINT', out);
    out.note('Drain what is left, and look whether every offset is accounted for:');
    const access = await lakeAccess(flags);
    try {
      const code = await runOnce({ access, flags, out });
      out.note(`\nOpen it in DuckDB:\n${openLines(access).duckdb}`);
      return code;
    } finally {
      await access.close();
    }
  },
};

async function runAndKill(flags: Flags, runMs: number, signal: NodeJS.Signals, out: Output): Promise<void> {
  const lake = flags.text('lake');
  const args = [join(APP_DIR, 'local/assay.ts'), 'start', ...(lake === undefined ? [] : ['--lake', lake])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (text: Buffer) => { process.stderr.write(text.toString('utf8').replaceAll(/^(?=.)/gm, '    ')); });
  const ended = once(child, 'exit');
  await Promise.race([sleep(runMs), ended]);
  if (child.exitCode !== null) throw new Error(`assay start ended by itself with ${child.exitCode}`);
  out.note(`${signal} to process ${child.pid}`);
  child.kill(signal);
  await ended;
}
