import { fileKey } from '../delta/actions.ts';
import type { ScannedFile } from '../delta/operations/scan.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { numRecords } from '../delta/stats.ts';
import { eachBronzeRow, placeOf } from './backfill-bronze.ts';
import { partOf } from './backfill-counts.ts';
import { laneName } from './bronze-plan.ts';
import { RefineBatch } from './refine-batch.ts';
import type { BronzePlace, Payload } from './refine-batch.ts';
import type { RoutedRefineOptions } from './refine-options.ts';

/** Two bytes a row hold the number of its share, twice over: of the keys, or of the rejected records' places. */
export const SHARES_MAX = 30_000;
const NO_SHARE = 0xffff;

/**
 * Which rows of Bronze belong to which share: judged once, kept as two bytes a row, by file. A share then reads and judges its own rows alone. A newer
 * version of Bronze costs its new files.
 */
export class Shares {
  readonly of: number;
  /** Rows that are other pipelines', by lane: of all files ever looked at. */
  readonly elsewhere = new Map<string, bigint>();
  readonly #options: RoutedRefineOptions;
  readonly #files = new Map<string, Uint16Array>();

  constructor(options: RoutedRefineOptions, of: number) {
    [this.#options, this.of] = [options, of];
  }

  /** The rows that are valid, with a key of this share. */
  accepted(bronze: Snapshot, index: number, take: (row: BronzePlace, payload: Payload) => void): Promise<void> {
    return this.#each(bronze, index, take);
  }

  /** The rows that are rejected, at a place of this share. */
  rejected(bronze: Snapshot, index: number, take: (row: BronzePlace, payload: Payload) => void): Promise<void> {
    return this.#each(bronze, this.of + index, take);
  }

  async #each(bronze: Snapshot, share: number, take: (row: BronzePlace, payload: Payload) => void): Promise<void> {
    await this.judge(bronze);
    const rows: ScannedFile[] = [];
    for (const [key, file] of bronze.files) {
      const only = positionsOf(this.#files.get(key)!, share);
      if (only.length > 0) rows.push({ file, only });
    }
    if (rows.length > 0) await eachBronzeRow(this.#options, bronze, take, { rows });
  }

  /** Looks at files that are new. */
  async judge(bronze: Snapshot): Promise<void> {
    const { judge, pipeline } = this.#options;
    const files = [...bronze.files.values()].filter((file) => !this.#files.has(fileKey(file)));
    if (files.length === 0) return;
    const batch = new RefineBatch(pipeline, judge);
    // Never null: what has no statistics was refused when rows were counted.
    const shares = files.map((file) => new Uint16Array(Number(numRecords(file) ?? 0n)).fill(NO_SHARE));
    await eachBronzeRow(this.#options, bronze, (row, payload, at) => {
      const verdict = judge({ ...payload, topic: row.topic, kafkaTimestampMs: row.kafkaTimestampMs });
      if (verdict.kind === 'elsewhere') {
        this.elsewhere.set(laneName(row), (this.elsewhere.get(laneName(row)) ?? 0n) + 1n);
        return;
      }
      shares[at.file][Number(at.row)] = verdict.kind === 'accepted' ? partOf(batch.keyOf(verdict.values), this.of) : this.of + partOf(placeOf(row), this.of);
    }, { files });
    for (const [i, file] of files.entries()) this.#files.set(fileKey(file), shares[i]);
  }
}

function positionsOf(shares: Uint16Array, share: number): BigInt64Array {
  let count = 0;
  for (const each of shares) if (each === share) count++;
  const positions = new BigInt64Array(count);
  let at = 0;
  for (let row = 0; at < count; row++) if (shares[row] === share) positions[at++] = BigInt(row);
  return positions;
}
