/** One Kafka record, raw: nothing judged, nothing decoded. */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since the epoch as the broker gives them; negative where the record has none. */
  readonly timestampMs: number;
  /** Known only where the source tells (the plain consumer); the trigger does not. */
  readonly timestampType: 'CreateTime' | 'LogAppendTime' | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
}

export interface KafkaHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** From first to last, both included. */
export interface OffsetRange {
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
}
