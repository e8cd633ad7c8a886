import { parseCommandLine } from '../../local/cli/command-line.ts';
import type { Command } from '../../local/cli/command.ts';
import { toJson } from '../../local/cli/output.ts';
import { parseJson } from '../../shared/delta/json.ts';

export interface CliRun {
  readonly code: number;
  /** stdout. */
  readonly lines: readonly string[];
  readonly text: string;
  /** stdout, each line read as JSON; for runs with --json. */
  readonly json: readonly unknown[];
  /** stderr. */
  readonly notes: string;
}

/** A command as `assay` runs it, in this process and with its output kept. */
export async function runCli(command: Command, ...args: string[]): Promise<CliRun> {
  const { flags, positionals } = parseCommandLine(command, args);
  const lines: string[] = [];
  const notes: string[] = [];
  const json = flags.has('json');
  const write = (value: unknown, human: () => string) => void lines.push(...(json ? toJson(value) : human()).split('\n'));
  const code = await command.run({ positionals, flags, out: { json, result: write, row: write, note: (line) => void notes.push(line) } });
  return { code, lines, text: lines.join('\n'), get json() { return lines.map(parseJson); }, notes: notes.join('\n') };
}

/** The first row of a table for people, cells by column name; columns are told by the rule below the names. */
export function cells(lines: readonly string[], row = 0): Record<string, string> {
  const [names, rule] = [lines[0], lines[1]];
  const spans = Array.from(rule.matchAll(/─+/g), (match) => [match.index, match.index + match[0].length] as const);
  return Object.fromEntries(spans.map(([start, end]) => [names.slice(start, end).trim(), lines[2 + row].slice(start, end).trim()]));
}
