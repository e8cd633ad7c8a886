import { parseArgs } from 'node:util';
import { ConfigError } from '../../shared/errors.ts';
import { commonOptions } from './command.ts';
import type { Command, Flags } from './command.ts';

/** What is typed after a command's name. Failures: ConfigError `cli/options`, with the command's usage. */
export function parseCommandLine(command: Command, args: readonly string[]): { flags: Flags; positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: { ...commonOptions, ...command.options }, allowPositionals: true, strict: true });
    const tooMany = positionals.slice(command.wordsMax ?? 0);
    if (tooMany.length > 0 && values.help !== true) throw new Error(`what is "${tooMany.join(' ')}"?`);
    return { flags: flagsOf(values), positionals };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError('cli/options', `assay ${command.name}: ${reason}\nUsage: assay ${command.name} ${command.usage}`, { cause });
  }
}

function flagsOf(values: Readonly<Record<string, unknown>>): Flags {
  const list = (name: string): readonly string[] => [values[name] ?? []].flat().filter((value) => typeof value === 'string');
  const text = (name: string) => {
    const typed = list(name);
    if (typed.length > 1) throw new ConfigError('cli/options', `--${name} is given ${typed.length} times; give it once here`);
    return typed[0];
  };
  return {
    text,
    list,
    has: (name) => values[name] === true,
    integer: (name, fallback, min = 0) => {
      const typed = text(name);
      if (typed === undefined) return fallback;
      const value = Number(typed);
      if (/^\d+$/.test(typed) && Number.isSafeInteger(value) && value >= min) return value;
      throw new ConfigError('cli/options', `--${name} is "${typed}"; give a whole number of at least ${min}`);
    },
  };
}
