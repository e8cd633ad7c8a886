import { createInterface } from 'node:readline/promises';
import { ConfigError } from '../../shared/errors.ts';
import type { Flags } from './command.ts';

/** Whether somebody agrees, by `--yes` or at the terminal. `does` says what it is about: `reset deletes /lake`. ConfigError `cli/confirm` where nobody can be asked. */
export async function agreed({ does, question }: { does: string; question: string }, flags: Flags): Promise<boolean> {
  if (flags.has('yes')) return true;
  if (!process.stdin.isTTY) throw new ConfigError('cli/confirm', `${does}; there is no terminal to ask on, so say --yes`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
