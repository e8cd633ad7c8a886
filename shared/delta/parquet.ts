/** What the log asks of a Parquet library: checkpoints in and out, as the lines a commit would hold. `columnar` fits it. */
export interface CheckpointCodec {
  /** Every action of a checkpoint or sidecar file (its whole bytes), one JSON object a line; absent fields are left out or null. */
  read(bytes: Uint8Array): Promise<string[]>;
  /** The bytes of a classic checkpoint with these lines (add, remove, txn, metaData, protocol, domainMetadata). */
  write(lines: Iterable<string>): Promise<Uint8Array>;
}
