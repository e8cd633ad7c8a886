import { existsSync, readFileSync } from 'node:fs';
import { ConfigError } from '../../shared/errors.ts';
import { writeFileAtomic } from '../event-log/atomic-file.ts';
import { EventStream } from './generate.ts';
import type { Restart, StreamOptions } from './timeline.ts';

/** What makes two streams the same, up to the moments at which a live one was started again. */
export type StreamIdentity = Pick<StreamOptions, 'seed' | 'ratePerS' | 'partitions'>;

/**
 * The stream that `path` keeps; at first it keeps `wanted`. So a log is never continued with another stream's events. It also keeps
 * its own timeline: `wanted.startMs` counts only at first.
 * @throws {ConfigError} the kept stream has another seed, rate or number of partitions.
 */
export function keptStream(path: string, wanted: StreamOptions, events?: number): EventStream {
  const kept = read(path);
  if (kept === null) writeFileAtomic(path, `${JSON.stringify(wanted)}\n`);
  else refuseOther(path, kept, wanted);
  return new EventStream(kept ?? wanted, events);
}

/**
 * A stream on the clock of this machine. The first call fixes its start at `nowMs`; a later one goes on after the last event that the
 * log holds (`counts`), on a timeline that starts anew at `nowMs`. Both are kept in `path`, so what is in the log can be made again.
 * @throws {ConfigError} the kept stream has another seed, rate or number of partitions.
 */
export function liveStream(path: string, wanted: StreamIdentity, log: { counts: readonly bigint[]; nowMs: number }): EventStream {
  const kept = read(path);
  if (kept !== null) refuseOther(path, kept, wanted);
  const options = kept === null ? { ...wanted, startMs: log.nowMs } : { ...kept, restarts: restarted(kept, log) };
  writeFileAtomic(path, `${JSON.stringify(options)}\n`);
  return new EventStream(options);
}

function restarted(kept: StreamOptions, log: { counts: readonly bigint[]; nowMs: number }): Restart[] {
  const index = new EventStream(kept).heldEnd(log.counts);
  const former = (kept.restarts ?? []).filter((restart) => restart.index < index);
  return [...former, { index, startMs: log.nowMs }];
}

function read(path: string): StreamOptions | null {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as StreamOptions) : null;
}

function refuseOther(path: string, kept: StreamOptions, wanted: StreamIdentity): void {
  const names = ['seed', 'ratePerS', 'partitions'] as const;
  const other = names.filter((name) => wanted[name] !== undefined && wanted[name] !== kept[name]);
  if (other.length === 0) return;
  const told = other.map((name) => `${name} ${wanted[name]} (kept: ${kept[name]})`).join(', ');
  throw new ConfigError('producer/other-stream', `continuing the stream kept in ${path} with another one: ${told}. Use the kept values, or a fresh log (assay reset).`);
}
