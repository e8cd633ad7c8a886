import { copyTable } from '../../shared/delta/operations/copy.ts';
import { writesVectors } from '../../shared/delta/protocol.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { Command, Flags, Output } from './command.ts';
import { withNamedTable } from './read-lake.ts';
import type { NamedTable } from './read-lake.ts';
import { countText } from './text.ts';
import { snapshotAsked } from './table-read.ts';

export const tableCopyCommand: Command = {
  name: 'table copy',
  usage: 'NAME --to NEW_NAME [--vectors | --no-vectors] [--version N] [--json]',
  wordsMax: 1,
  summary: 'Write a table anew into a folder beside it; with --no-vectors for engines that read no deletion vectors, with --vectors to have them from now on',
  options: { to: { type: 'string' }, vectors: { type: 'boolean' }, 'no-vectors': { type: 'boolean' }, version: { type: 'string' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, (named) => run(named, flags, out)),
};

/** By Windows, for no folder to be called so. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)$/i;

async function run({ table, reader }: NamedTable, flags: Flags, out: Output): Promise<number> {
  const name = table.delta.source.table;
  if (reader === null) throw new ConfigError('cli/options', 'table copy writes beside a table of a lake: name the table, and the lake by --lake');
  const to = flags.text('to') ?? '';
  if (!/^[\w-]+$/.test(to) || RESERVED.test(to)) throw new ConfigError('cli/options', `table copy ${name} needs --to NEW_NAME, the name of a folder that is not there yet; "${to}" is none`);
  if (reader.lake.names.includes(to)) throw new ConfigError('cli/options', `${to} is a table of this lake, which its stages make; copy ${name} to another name, then move the folders while nothing runs`);
  const asked = vectorsAsked(flags);
  const snapshot = await snapshotAsked(table, flags);
  const { version, files, bytes } = await copyTable(table, { snapshot, target: reader.lake.beside(name, to), hasVectors: asked });
  const hasVectors = asked ?? writesVectors(snapshot);
  if (version < table.delta.snapshot.version) out.note(`${name} is at version ${table.delta.snapshot.version}: a copy of an older one must not take its place; "assay table restore ${name} --version ${version}" makes it like that`);
  const vectors = hasVectors ? 'with deletion vectors' : 'without deletion vectors';
  out.result({ table: name, to, version, files, bytes, deletionVectors: hasVectors }, () =>
    `${to}: ${countText(files)} ${files === 1 ? 'file' : 'files'} of ${countText(bytes)} bytes, ${name} as of version ${version}, ${vectors}`);
  return 0;
}

/** Null: as the table has it. */
function vectorsAsked(flags: Flags): boolean | null {
  if (flags.has('vectors') && flags.has('no-vectors')) throw new ConfigError('cli/options', 'table copy takes --vectors or --no-vectors, not both');
  if (flags.has('vectors')) return true;
  return flags.has('no-vectors') ? false : null;
}
