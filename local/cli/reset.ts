import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { LOG_FOLDER } from '../../shared/delta/log-path.ts';
import { ConfigError } from '../../shared/errors.ts';
import { parseLakeUrl } from '../../shared/storage/lake-url.ts';
import { lockAzuriteDir } from '../azurite.ts';
import { lockLogDir } from '../event-log/event-log.ts';
import { logDir } from '../run/feed.ts';
import type { Command, Flags, Output } from './command.ts';
import { agreed } from './confirm.ts';
import { homeOf, readRunInfo } from './home.ts';
import { AZURITE_LAKE_URL } from './local-lake.ts';

export const resetCommand: Command = {
  name: 'reset',
  usage: '[--lake file:DIR] [--yes] [--json]',
  summary: 'Delete a local lake with its event log: what .assay/ holds, or a directory lake below this folder',
  options: { yes: { type: 'boolean' } },
  run: async ({ flags, out }) => {
    const running = readRunInfo(homeOf());
    if (running) throw new ConfigError('cli/running', `assay start (pid ${running.pid}) runs in this folder; stop it by Ctrl-C first`);
    const dir = dirToDelete(flags);
    const exists = existsSync(dir);
    if (!exists) out.note(`There is nothing at ${dir}.`);
    else if (!(await agreed({ does: `reset deletes ${dir}`, question: `Delete ${dir} with everything in it?` }, flags))) {
      out.note('Nothing was deleted.');
      return 1;
    } else await deleteUnused(dir, lakeUrlOf(flags));
    return report(out, { dir, deleted: exists });
  },
};

function report(out: Output, facts: { dir: string; deleted: boolean }): number {
  out.result(facts, () => (facts.deleted ? `Deleted ${facts.dir}` : 'Nothing to delete'));
  return 0;
}

function lakeUrlOf(flags: Flags): string {
  return flags.text('lake') ?? process.env['LAKE_URL'] ?? AZURITE_LAKE_URL;
}

/** Holds what a running command would hold. Failures: ConfigError `local/dir-in-use`, nothing is deleted then. */
async function deleteUnused(dir: string, lakeUrl: string): Promise<void> {
  const { azuriteDir } = homeOf();
  const locks = [lockLogDir(logDir({ lakeUrl }))];
  try {
    if (lakeUrl === AZURITE_LAKE_URL && existsSync(azuriteDir)) locks.push(await lockAzuriteDir(azuriteDir));
    // Away in one step, its locks included: a command that starts now makes a new lake and finds no half of this one.
    const aside = `${dir}.deleted-${randomUUID()}`;
    await rename(dir, aside);
    await rm(aside, { recursive: true });
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** Only what `assay` itself made here is ever deleted. Failures: ConfigError `cli/reset`. */
function dirToDelete(flags: Flags): string {
  const lakeUrl = lakeUrlOf(flags);
  if (lakeUrl === AZURITE_LAKE_URL) return homeOf().dir;
  const url = parseLakeUrl(lakeUrl);
  if (url.kind !== 'file') throw new ConfigError('cli/reset', `${lakeUrl} is no lake of this machine; reset deletes local ones only. Delete its container with the tools of its cloud.`);
  const dir = resolve(url.dir);
  const fromHere = relative(process.cwd(), dir);
  if (fromHere === '' || fromHere.startsWith('..') || isAbsolute(fromHere)) {
    throw new ConfigError('cli/reset', `${dir} does not lie below ${process.cwd()}; go to the folder above it and call reset there`);
  }
  const names = existsSync(dir) ? readdirSync(dir) : [];
  const tables = names.filter((name) => existsSync(join(dir, name, LOG_FOLDER)));
  // A folder `models` alone could be anybody's.
  const ours = tables.length > 0 ? [...tables, ...BESIDE_TABLES] : [];
  const foreign = names.filter((name) => !ours.includes(name));
  if (foreign.length === 0) return dir;
  throw new ConfigError('cli/reset', `${dir} holds what no lake of ours holds: ${foreign.slice(0, 5).join(', ')}${foreign.length > 5 ? ` and ${foreign.length - 5} more` : ''}; delete it by hand if it shall go`);
}

/** Run state and the embedded log; models. */
const BESIDE_TABLES = ['_assay', 'models'];
