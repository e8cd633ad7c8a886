import { parseJson, printJson } from '../../shared/delta/json.ts';
import type { CheckpointCodec, CheckpointStore } from '../../shared/delta/parquet.ts';
import { TableError, TransientError } from '../../shared/errors.ts';

/**
 * Checkpoints as lines of JSON between two marks, for tests without DuckDB: it waits for nothing but the store. What it keeps is what the
 * Parquet form keeps (PROTOCOL.md, "Checkpoint Schema"): actions and fields that have no column there are lost here too.
 */
const HEAD = 'lines 1\n';
const TAIL = 'end\n';
const PIECE_LINES = 50;

const FILE = ['path', 'partitionValues', 'size', 'dataChange', 'deletionVector', 'baseRowId', 'defaultRowCommitVersion'];
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  txn: ['appId', 'version', 'lastUpdated'],
  add: [...FILE, 'modificationTime', 'stats', 'tags', 'clusteringProvider'],
  remove: [...FILE, 'deletionTimestamp', 'extendedFileMetadata'],
  metaData: ['id', 'name', 'description', 'format', 'schemaString', 'partitionColumns', 'createdTime', 'configuration'],
  protocol: ['minReaderVersion', 'minWriterVersion', 'readerFeatures', 'writerFeatures'],
  domainMetadata: ['domain', 'configuration', 'removed'],
};

export class LinesCodec implements CheckpointCodec {
  /** Failures: TableError where there is no such object, or one that is not whole. */
  async *read(store: CheckpointStore, key: string): AsyncIterable<Uint8Array> {
    const bytes = await store.get(key);
    if (bytes === null) throw new TableError('columnar/no-checkpoint', `the checkpoint file ${key} is not there`, { facts: { key } });
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    if (!text.startsWith(HEAD) || !text.endsWith(TAIL)) throw new TableError('columnar/not-lines', `the checkpoint file ${key} of ${bytes.length} bytes is not whole`, { facts: { key } });
    const lines = text.slice(HEAD.length, -TAIL.length).split('\n').slice(0, -1);
    for (let i = 0; i < lines.length; i += PIECE_LINES) yield Buffer.from(`${lines.slice(i, i + PIECE_LINES).join('\n')}\n`);
  }

  async write(store: CheckpointStore, key: string, lines: Iterable<string>): Promise<{ kind: 'created' | 'exists'; bytes: number }> {
    const body = Buffer.from(`${HEAD}${[...lines].map(kept).join('')}${TAIL}`);
    let kind = await store.putIfAbsent(key, body);
    if (kind === 'unknown') {
      const there = await store.get(key);
      if (there === null) throw new TransientError('storage/unavailable', `putting the checkpoint file ${key}: there was no answer, and no such object; the next commit tries again`, { facts: { key } });
      kind = Buffer.compare(there, body) === 0 ? 'created' : 'exists';
    }
    return { kind, bytes: body.length };
  }
}

/** The line without what a checkpoint has no column for; nothing of an action that has none at all. */
function kept(line: string): string {
  const action = parseJson(line) as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  return Object.entries(FIELDS).flatMap(([name, fields]) => {
    const from = action[name];
    if (!from) return [];
    const present = fields.filter((field) => from[field] !== undefined && from[field] !== null);
    return [`${printJson({ [name]: Object.fromEntries(present.map((field) => [field, from[field]])) })}\n`];
  }).join('');
}
