import type { ParseArgsConfig } from 'node:util';

/** One `assay` command: noun–verb for objects, a verb for flows. */
export interface Command {
  /** As typed: `start`, `table read`. */
  readonly name: string;
  /** After the name: `NAME [--version N]`. */
  readonly usage: string;
  /** One line for `assay --help`. */
  readonly summary: string;
  /** How many words may follow, options apart; absent: none. A word too much may be a slip that does more than was meant. */
  readonly wordsMax?: number;
  /** Beside the ones every command has (`commonOptions`). */
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** Resolves with the exit code: 0 only on success. A failure of errors.ts may be thrown: its message is printed, the exit code is 1. */
  run(context: CommandContext): Promise<number>;
}

export interface CommandContext {
  readonly positionals: readonly string[];
  readonly flags: Flags;
  readonly out: Output;
}

/** Typed access to parsed options. */
export interface Flags {
  /** ConfigError where it was given more than once. */
  text(name: string): string | undefined;
  /** Every value of an option that may be given more than once. */
  list(name: string): readonly string[];
  /** ConfigError where it is no whole number of at least `min`. */
  integer(name: string, fallback: number, min?: number): number;
  has(name: string): boolean;
}

/** Results go to stdout, everything for people beside them to stderr. */
export interface Output {
  readonly json: boolean;
  /** The command's result: with `--json` one JSON document, else the lines of `human`. */
  result(value: unknown, human: () => string): void;
  /** One row of a stream of results: NDJSON with `--json`. */
  row(value: unknown, human: () => string): void;
  note(line: string): void;
}

export const commonOptions = {
  lake: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  pipeline: { type: 'string' },
} as const satisfies NonNullable<ParseArgsConfig['options']>;
