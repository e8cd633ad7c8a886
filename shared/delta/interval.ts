import { TableError } from '../errors.ts';
import type { MetaData } from './actions.ts';

/** Retention properties of a table, as Spark writes them: `interval 1 week`, `interval 30 days 12 hours` (PROTOCOL.md gives no grammar). */
const UNIT_MS: Readonly<Record<string, number>> = {
  week: 604_800_000, day: 86_400_000, hour: 3_600_000, minute: 60_000, second: 1_000, millisecond: 1, microsecond: 0.001,
};
const INTERVAL = /^\s*(?:interval\s+)?((?:[-+]?\d+\s+[a-z]+\s*)+)$/i;

/** Milliseconds, rounded down. Months and years are refused, as Spark refuses them here. Failures: TableError `delta/interval`. */
export function parseIntervalMs(text: string, property: string): number {
  const terms = INTERVAL.exec(text)?.[1].trim().split(/\s+/) ?? [];
  let ms = 0;
  for (let i = 0; i < terms.length; i += 2) {
    const unit = UNIT_MS[terms[i + 1].toLowerCase().replace(/s$/, '')];
    if (unit === undefined) throw wrong(text, property);
    ms += Number(terms[i]) * unit;
  }
  if (terms.length === 0 || ms < 0) throw wrong(text, property);
  return Math.floor(ms);
}

/** How long a removed file, or one that no commit names, stays. */
export function deletedFileRetentionMs(metaData: Pick<MetaData, 'configuration'>): number {
  return propertyMs(metaData, 'delta.deletedFileRetentionDuration', 'interval 1 week');
}

/** How long the log keeps what a checkpoint has made superfluous. */
export function logRetentionMs(metaData: Pick<MetaData, 'configuration'>): number {
  return propertyMs(metaData, 'delta.logRetentionDuration', 'interval 30 days');
}

/** As Spark: true where nothing is said. */
export function isLogCleaned({ configuration }: Pick<MetaData, 'configuration'>): boolean {
  return configuration['delta.enableExpiredLogCleanup']?.toLowerCase() !== 'false';
}

export const TRANSACTION_RETENTION = 'delta.setTransactionRetentionDuration';

/** How long a txn lives after its `lastUpdated`; null, the default: for ever. */
export function transactionRetentionMs({ configuration }: Pick<MetaData, 'configuration'>): number | null {
  const text = configuration[TRANSACTION_RETENTION];
  return text === undefined ? null : parseIntervalMs(text, TRANSACTION_RETENTION);
}

function propertyMs({ configuration }: Pick<MetaData, 'configuration'>, property: string, byDefault: string): number {
  return parseIntervalMs(configuration[property] ?? byDefault, property);
}

function wrong(text: string, property: string): TableError {
  return new TableError('delta/interval', `the table's ${property} is ${JSON.stringify(text)}, which is no interval of weeks, days, hours, minutes or seconds; set it like "interval 7 days"`);
}
