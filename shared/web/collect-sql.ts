/**
 * The page's statements, DuckDB's dialect, over views named like the tables. Texts are cast to VARCHAR, times to milliseconds and sums to
 * BIGINT here, so that the answers do not depend on how a driver shows them. Column names of the pipeline are data and are quoted.
 */
export interface ColumnNames {
  readonly key: readonly string[];
  readonly eventTime: string;
  /** Tells the series apart; null: one series. */
  readonly group: string | null;
  /** The feature to draw; null: none is numeric. */
  readonly value: string | null;
}

export const seriesMax = 12;
const pointsMax = 2000;
const oldestShareLeftOut = 0.02;
const flaggedPointsMax = 500;

/** `a "b"` → `"a ""b"""`. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Null as soon as one row's term is: a sum over what is known would look like the whole. */
function sumOrNull(column: string): string {
  return `CASE WHEN count(${column}) = count(*) THEN sum(${column})::BIGINT END AS ${column}`;
}

const sums = ['offsets_consumed', 'bronze_rows', 'gap_offsets', 'bronze_rows_refined', 'silver_rows', 'duplicates', 'superseded', 'quarantined', 'elsewhere', 'gold_rows', 'lag_records'];
const lastRun = 'FROM monitor_logs WHERE run_id = (SELECT max_by(run_id, run_time) FROM monitor_logs) AND run_time = (SELECT max(run_time) FROM monitor_logs)';

/** One row a table (whole) and one for all partitions together, of the monitor's last run. */
export const monitorSql = `
SELECT "table", topic IS NULL AS whole, epoch_ms(max(run_time))::BIGINT AS run_ms, ${sums.map(sumOrNull).join(', ')},
  CASE WHEN count(lag_s) = count(*) THEN max(lag_s) END AS lag_s,
  CASE WHEN bool_or(verdict = 'broken') THEN 'broken' WHEN bool_and(verdict = 'ok') THEN 'ok' ELSE 'unknown' END AS verdict
${lastRun} GROUP BY ALL`;

export const monitorDetailSql = `
SELECT left(detail, 600) AS detail ${lastRun} AND verdict <> 'ok' AND detail IS NOT NULL
ORDER BY verdict, topic NULLS LAST, incarnation, "partition", "table" LIMIT 5`;

export const lateSql = 'SELECT count(*) FILTER (is_late) AS late_rows FROM silver_events';

export const flaggedSql = `
SELECT count(*) AS "rows", count(*) FILTER (anomaly_flag = -1) AS flagged,
  min(anomaly_score) FILTER (isfinite(anomaly_score)) AS low, max(anomaly_score) FILTER (isfinite(anomaly_score)) AS high
FROM gold_anomaly_predictions`;

export const quarantineSql = `
SELECT reason::VARCHAR AS reason, count(*) AS "rows", (sum(count(*)) OVER ())::BIGINT AS total
FROM quarantine_events WHERE resolved_at IS NULL GROUP BY reason ORDER BY "rows" DESC, reason LIMIT 12`;

export function binSql(binWidth: number): string {
  return `
SELECT floor(anomaly_score / ${binWidth}::DOUBLE)::BIGINT AS bin, count(*) AS "rows"
FROM gold_anomaly_predictions WHERE isfinite(anomaly_score) GROUP BY bin ORDER BY bin LIMIT 41`;
}

export function seriesSql({ group }: ColumnNames): string {
  return `
SELECT ${seriesName(group)} AS series, count(*) AS "rows", count(*) FILTER (anomaly_flag = -1) AS flagged, count(*) OVER () AS series_count
FROM gold_anomaly_predictions GROUP BY series ORDER BY "rows" DESC, series LIMIT ${seriesMax}`;
}

/**
 * A sample that depends on the rows alone: every n-th by a hash of the key, n per series and flag, so that small series and
 * the few flagged rows are not drowned by the many. The oldest 2 % are left out: a few late events would else stretch the axis over hours.
 */
export function pointSql(columns: ColumnNames, seriesCount: number): string {
  const { group, eventTime, key } = columns;
  const [flagged, plain] = [flaggedPointsMax, pointsMax - flaggedPointsMax].map((points) => Math.floor(points / seriesCount));
  return `
WITH rows AS (
  SELECT ${seriesName(group)} AS series, anomaly_flag = -1 AS flagged, epoch_ms(${quoteName(eventTime)})::BIGINT AS at_ms,
    ${quoteName(columns.value ?? '')}::DOUBLE AS value, hash(${key.map(quoteName).join(', ')}) AS place
  FROM gold_anomaly_predictions
  WHERE isfinite(${quoteName(columns.value ?? '')}::DOUBLE)
    AND ${quoteName(eventTime)} >= (SELECT quantile_disc(${quoteName(eventTime)}, ${oldestShareLeftOut}) FROM gold_anomaly_predictions)
), counts AS (SELECT series, flagged, count(*) AS n FROM rows GROUP BY ALL),
drawn AS (SELECT series FROM counts GROUP BY series ORDER BY sum(n) DESC, series LIMIT ${seriesMax}),
steps AS (
  SELECT series, flagged, greatest(1, ceil(n / CASE WHEN flagged THEN ${flagged} ELSE ${plain} END))::UBIGINT AS step
  FROM counts WHERE EXISTS (SELECT 1 FROM drawn WHERE drawn.series IS NOT DISTINCT FROM counts.series)
)
SELECT rows.series, rows.flagged, at_ms, value FROM rows
JOIN steps ON rows.flagged = steps.flagged AND rows.series IS NOT DISTINCT FROM steps.series
WHERE place % step = 0 ORDER BY place, at_ms, value LIMIT ${pointsMax}`;
}

export function anomalySql(columns: ColumnNames): string {
  const { key, group, eventTime, value } = columns;
  return `
SELECT ${key.map((name, index) => `left(${quoteName(name)}::VARCHAR, 200) AS key_${index}`).join(', ')}, ${seriesName(group)} AS series,
  epoch_ms(${quoteName(eventTime)})::BIGINT AS at_ms, ${value === null ? 'NULL' : `${quoteName(value)}::DOUBLE`} AS value,
  anomaly_score AS score, left(reason::VARCHAR, 400) AS reason, model_version::VARCHAR AS model_version
FROM gold_anomaly_predictions WHERE anomaly_flag = -1 ORDER BY anomaly_score, ${key.map(quoteName).join(', ')} LIMIT 20`;
}

export const modelSql = `
SELECT model_name::VARCHAR AS model_name, version::VARCHAR AS version, epoch_ms("at")::BIGINT AS at_ms, "by"::VARCHAR AS "by", why::VARCHAR AS why,
  data_version::VARCHAR AS data_version, metrics::VARCHAR AS metrics, aliases::VARCHAR AS aliases
FROM model_history ORDER BY "at" DESC, version DESC LIMIT 5`;

function seriesName(group: string | null): string {
  return group === null ? 'NULL::VARCHAR' : `left(${quoteName(group)}::VARCHAR, 200)`;
}
