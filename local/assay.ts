import { isAssayError } from '../shared/errors.ts';
import { parseCommandLine } from './cli/command-line.ts';
import type { Command } from './cli/command.ts';
import { commands } from './cli/commands.ts';
import { homeOf } from './cli/home.ts';
import { consoleOutput } from './cli/output.ts';

/** `assay <command>`: finds the command by its longest name, parses its options, prints a failure as one message. */
async function main(args: readonly string[]): Promise<number> {
  const command = findCommand(args);
  if (!command) {
    const asked = args.length === 0 || args[0] === '--help' || args[0] === '-h' || args[0] === 'help';
    if (!asked) process.stderr.write(`There is no command "${args.filter((arg) => !arg.startsWith('-')).slice(0, 2).join(' ')}".\n\n`);
    (asked ? process.stdout : process.stderr).write(help());
    return asked ? 0 : 2;
  }
  const rest = args.slice(command.name.split(' ').length);
  const { flags, positionals } = parseCommandLine(command, rest);
  if (flags.has('help')) {
    process.stdout.write(`assay ${command.name} ${command.usage}\n\n${command.summary}\n`);
    return 0;
  }
  return command.run({ positionals, flags, out: consoleOutput(flags.has('json')) });
}

function findCommand(args: readonly string[]): Command | undefined {
  const typed = [args.slice(0, 2).join(' '), args[0] ?? ''];
  return commands.find(({ name }) => name === typed[0]) ?? commands.find(({ name }) => name === typed[1]);
}

function help(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: assay <command> [options]\n\n${lines.join('\n')}\n\nEverywhere: --lake URL (file:DIR, az://…, abfss://…), --pipeline FILE|NAME, --json, --help\n`;
}

/** What a machine refuses is no bug: no right, no room, no place, a file where a folder should be. */
const REFUSALS: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR', 'EEXIST']);

function messageOf(error: unknown): string | null {
  if (isAssayError(error)) return error.message;
  if (!(error instanceof Error && 'syscall' in error && 'path' in error && 'code' in error && REFUSALS.has(error.code))) return null;
  return `${error.message}. Beside the lake, assay keeps files in ${homeOf().dir}: see to the owner, the mount and the free space of what is named, or start in another folder.`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const message = messageOf(error);
  if (message === null) throw error;
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
