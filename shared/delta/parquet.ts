import type { ObjectStore } from '../storage/object-store.ts';

export type CheckpointStore = Pick<ObjectStore, 'get' | 'getFile' | 'putIfAbsent' | 'putFile'>;

/** What the log asks of a Parquet library: checkpoints in and out, as the lines a commit would hold. `columnar` fits it. */
export interface CheckpointCodec {
  /**
   * Every action of a checkpoint or sidecar file, as pieces of NDJSON that end with a line's end; absent fields are left out or null.
   * Failures: TableError where the object is missing or damaged.
   */
  read(store: CheckpointStore, key: string): AsyncIterable<Uint8Array>;

  /**
   * Puts the classic checkpoint with these lines (add, remove, txn, metaData, protocol, domainMetadata), in bounded memory. `exists`: an object
   * of that name is there. No answer that tells is a TransientError. Fields that the checkpoint schema of the protocol lacks are left out.
   */
  write(store: CheckpointStore, key: string, lines: Iterable<string>): Promise<{ readonly kind: 'created' | 'exists'; readonly bytes: number }>;
}
