import { TableError } from '../errors.ts';
import { parseJson, printJson, toBigInt } from './json.ts';

/**
 * Actions of the log (PROTOCOL.md, "Actions"), with the spec's spelling. Objects keep the fields this code does not know, so that a
 * re-commit carries them on. `path` is the log's own text: compared, and repeated in a remove, byte for byte.
 */
export interface DeletionVector {
  readonly storageType: 'u' | 'p' | 'i';
  readonly pathOrInlineDv: string;
  readonly offset?: number | null;
  readonly sizeInBytes: number;
  readonly cardinality: number;
}

export type PartitionValues = Readonly<Record<string, string | null>>;

export interface AddFile {
  readonly path: string;
  readonly partitionValues: PartitionValues;
  readonly size: number;
  readonly modificationTime: number;
  readonly dataChange: boolean;
  /** JSON text: {numRecords, minValues, maxValues, nullCount, tightBounds}. */
  readonly stats?: string | null;
  readonly tags?: Readonly<Record<string, string | null>> | null;
  readonly deletionVector?: DeletionVector | null;
  readonly baseRowId?: bigint | number | null;
  readonly defaultRowCommitVersion?: bigint | number | null;
}

export interface RemoveFile {
  readonly path: string;
  readonly deletionTimestamp?: number | null;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean | null;
  readonly partitionValues?: PartitionValues | null;
  readonly size?: number | null;
  readonly deletionVector?: DeletionVector | null;
  readonly baseRowId?: bigint | number | null;
  readonly defaultRowCommitVersion?: bigint | number | null;
}

export interface Txn { readonly appId: string; readonly version: bigint; readonly lastUpdated?: number | null }

export interface MetaData {
  readonly id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number | null;
}

export interface Protocol {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[] | null;
  readonly writerFeatures?: readonly string[] | null;
}

export interface DomainMetadata { readonly domain: string; readonly configuration: string; readonly removed: boolean }

export interface CommitInfo {
  readonly timestamp?: number;
  readonly operation?: string;
  readonly operationParameters?: Readonly<Record<string, string>>;
  readonly operationMetrics?: Readonly<Record<string, string>>;
  readonly isBlindAppend?: boolean;
  readonly readVersion?: bigint | number;
  readonly engineInfo?: string;
  readonly txnId?: string;
  /** Ours: why rows were removed (semantics.md, section 6). */
  readonly intent?: 'replace' | 'expire' | 'erase';
}

export interface Sidecar { readonly path: string; readonly sizeInBytes: number }

/** One line of a commit: exactly one of the known fields, or none for an action this code does not know. */
export interface Action {
  readonly add?: AddFile;
  readonly remove?: RemoveFile;
  readonly txn?: Txn;
  readonly metaData?: MetaData;
  readonly protocol?: Protocol;
  readonly domainMetadata?: DomainMetadata;
  readonly commitInfo?: CommitInfo;
  readonly sidecar?: Sidecar;
}

const NEWLINE = 10;

/**
 * The actions in the bytes of a commit: NDJSON, blank lines allowed. One line at a time, so that the text and all actions never exist at
 * once. A line that is no object is damage: TableError `delta/commit-damaged`.
 */
export function* parseActions(body: Uint8Array, where: string): Generator<Action, undefined> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let lineNumber = 0;
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, at);
    const end = newline < 0 ? bytes.length : newline;
    const line = bytes.toString('utf8', at, end);
    lineNumber++;
    at = end + 1;
    if (line.startsWith('{') || line.trim() !== '') yield parseAction(line, where, lineNumber);
  }
  return undefined;
}

function parseAction(line: string, where: string, lineNumber: number): Action {
  let parsed: unknown;
  try {
    parsed = parseJson(line);
  } catch (cause) {
    throw new TableError('delta/commit-damaged', `${where}, line ${lineNumber} is not JSON; restore this log entry from a copy of the table`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new TableError('delta/commit-damaged', `${where}, line ${lineNumber} is not an object; restore this log entry from a copy of the table`);
  }
  const action = parsed as Action;
  if (!action.txn) return action;
  return { ...action, txn: { ...action.txn, version: toBigInt(action.txn.version) } };
}

export function printActions(actions: readonly Action[]): string {
  return actions.map((action) => printJson(action) + '\n').join('');
}

/** A file in the log is its path with its deletion vector (PROTOCOL.md, "Action Reconciliation"). No path holds a NUL. */
export function fileKey(file: { readonly path: string; readonly deletionVector?: DeletionVector | null }): string {
  const dv = file.deletionVector;
  if (!dv) return file.path;
  const offset = dv.offset === undefined || dv.offset === null ? '' : `@${dv.offset}`;
  return `${file.path}\0${dv.storageType}${dv.pathOrInlineDv}${offset}`;
}

/** The tombstone of a live file; repeats its path and vector byte for byte, and what it says of row ids (PROTOCOL.md, "Row Tracking"). */
export function removeOf(add: AddFile, options: { nowMs: number; dataChange: boolean }): RemoveFile {
  return {
    path: add.path,
    deletionTimestamp: options.nowMs,
    dataChange: options.dataChange,
    extendedFileMetadata: true,
    partitionValues: add.partitionValues,
    size: add.size,
    ...(add.deletionVector ? { deletionVector: add.deletionVector } : {}),
    ...present('baseRowId', add.baseRowId),
    ...present('defaultRowCommitVersion', add.defaultRowCommitVersion),
  };
}

function present<K extends string, V>(name: K, value: V | null | undefined): { [key in K]?: V } {
  return (value === null || value === undefined ? {} : { [name]: value }) as { [key in K]?: V };
}
