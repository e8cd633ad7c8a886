import type { Command } from './command.ts';
import { withNamedTable } from './read-lake.ts';

export const tableCheckpointCommand: Command = {
  name: 'table checkpoint',
  usage: 'NAME|URL [--json]',
  wordsMax: 1,
  summary: 'Write a checkpoint of the newest version, so that readers need no commit before it',
  options: {},
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, async ({ table: { delta } }) => {
    const { version, checkpointVersion: before } = await delta.refresh();
    if (before < version) await delta.checkpoint();
    const { files } = delta.snapshot;
    out.result({ table: delta.source.table, version, written: before < version, files: files.size }, () =>
      before < version ? `${delta.source.table} has a checkpoint at version ${version} now` : `${delta.source.table} had one at version ${version} already`);
    return 0;
  }),
};
