import { AssayError } from '../errors.ts';
import { freshness } from '../monitoring/freshness.ts';
import { worst, type Verdict } from '../monitoring/balance.ts';
import type { AnomalyFacts, BalanceCard, BalanceTerms, FlowFacts, ModelFacts, PageFacts, QuarantineFacts, ScoreFacts, Section, StageFacts, TableFacts, ValueFacts } from './facts.ts';
import { roundStep } from './scale.ts';
import {
  anomalySql, binSql, flaggedSql, lateSql, modelSql, monitorDetailSql, monitorSql, pointSql, quarantineSql, seriesMax, seriesSql, type ColumnNames,
} from './collect-sql.ts';
import { asBoolean, asCount, asNumber, asText, type SqlRow } from './sql-values.ts';

export interface CollectOptions {
  /** Runs read-only SQL (DuckDB) over views named like the tables. Integers may come as bigint or number. */
  readonly query: (sql: string) => Promise<readonly SqlRow[]>;
  readonly pipeline: { readonly name: string; readonly topics: readonly string[] } & ColumnNames;
  /** The tables that exist, from their snapshots; only these are asked. */
  readonly tables: readonly TableFacts[];
  readonly lake: string;
  readonly nowMs: number;
  readonly targetS: number;
  readonly refreshS: number;
}

type Ask = CollectOptions['query'];

/** What the monitor's last run said. */
interface Monitored extends BalanceCard { readonly lagRecords: bigint | null; readonly lagS: number | null }

/**
 * Everything the page shows, by at most eleven statements whose answers are bounded (40 bins, 2,000 points, 20 anomalies, 12 reasons
 * and series). A part that cannot be read fails by itself and says so on the page; a bug fails the whole call.
 */
export async function collectFacts(options: CollectOptions): Promise<PageFacts> {
  const { pipeline, tables, lake, nowMs, targetS, refreshS, query } = options;
  const has = (name: string) => (tables.find((table) => table.name === name)?.version ?? -1n) >= 0n;
  const from = <T>(name: string, read: () => Promise<T | null>) => (has(name) ? told(read) : Promise.resolve<Section<T>>({ kind: 'empty' }));
  const gold = 'gold_anomaly_predictions';
  const monitored = await from('monitor_logs', () => monitor(query));
  return {
    pipeline: pipeline.name, topics: pipeline.topics, lake, nowMs, refreshS, targetS, tables,
    flow: await from('bronze_events', () => flow(options, monitored.kind === 'ready' ? monitored.value : null)),
    balance: monitored,
    quarantine: await from('quarantine_events', () => quarantine(query)),
    scores: await from(gold, () => scores(query)),
    values: await from(gold, () => values(query, pipeline)),
    anomalies: await from(gold, () => anomalies(query, pipeline)),
    model: await from('model_history', () => model(query)),
  };
}

/** A failure of the closed set becomes part of the page: it is what its reader came to see. Anything else is a bug and goes on. */
async function told<T>(read: () => Promise<T | null>): Promise<Section<T>> {
  try {
    const value = await read();
    return value === null ? { kind: 'empty' } : { kind: 'ready', value };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { kind: 'failed', code: error.code, message: error.message };
  }
}

async function monitor(ask: Ask): Promise<Monitored | null> {
  const rows = await ask(monitorSql);
  if (rows.length === 0) return null;
  const parts = rows.find((row) => row.whole === false);
  const table = (name: string) => rows.find((row) => row.whole === true && row.table === name);
  const [bronze, gold] = [table('bronze_events'), table('gold_anomaly_predictions')];
  const terms: BalanceTerms = {
    offsetsConsumed: asCount(parts?.offsets_consumed), bronzeRows: asCount(parts?.bronze_rows), gapOffsets: asCount(parts?.gap_offsets),
    bronzeRowsRefined: asCount(parts?.bronze_rows_refined), silverRows: asCount(parts?.silver_rows), duplicates: asCount(parts?.duplicates),
    superseded: asCount(parts?.superseded), quarantined: asCount(parts?.quarantined), elsewhere: asCount(parts?.elsewhere),
    silverRowsAtGold: asCount(gold?.silver_rows), goldRows: asCount(gold?.gold_rows),
  };
  // Log tables and others that no equation is about have no verdict to give.
  const judged = rows.filter((row) => row.whole === false || balanced.has(asText(row.table) ?? ''));
  return {
    verdict: worst(judged.map((row) => asText(row.verdict) as Verdict)),
    checkedMs: asNumber(rows[0].run_ms) ?? 0,
    terms,
    details: (await ask(monitorDetailSql)).map((row) => asText(row.detail) ?? ''),
    lagRecords: asCount(bronze?.lag_records),
    lagS: asNumber(bronze?.lag_s),
  };
}

const balanced = new Set(['bronze_events', 'silver_events', 'quarantine_events', 'gold_anomaly_predictions']);

async function flow(options: CollectOptions, monitored: Monitored | null): Promise<FlowFacts | null> {
  const { query, tables } = options;
  const find = (name: string) => tables.find((table) => table.name === name);
  const [bronze, silver, gold] = [find('bronze_events'), find('silver_events'), find('gold_anomaly_predictions')];
  if (bronze?.commitMs === null && !monitored) return null;
  const one = async (table: TableFacts | undefined, sql: string, name: string) => (table ? asCount((await query(sql))[0]?.[name]) : null);
  const lagRecords = monitored?.lagRecords ?? null;
  return {
    lagRecords,
    lagS: monitored?.lagS ?? null,
    bronze: stage(options, bronze, lagRecords),
    silver: { ...stage(options, silver, null), lateRows: await one(silver, lateSql, 'late_rows') },
    gold: { ...stage(options, gold, null), flagged: await one(gold, flaggedSql, 'flagged') },
    quarantined: find('quarantine_events')?.rows ?? null,
    terms: monitored?.terms ?? null,
  };
}

function stage({ nowMs, targetS }: CollectOptions, table: TableFacts | undefined, waitingByMonitor: bigint | null): StageFacts {
  if (!table) return { rows: 0n, state: 'empty', brokerS: null, commitS: null };
  const { eventMsMax, kafkaMsMax, commitMs } = table;
  const age = freshness({ nowMs, eventMsMax, kafkaMsMax, commitMs, waiting: table.waiting ?? waitingByMonitor, targetS });
  return { rows: table.rows, state: age.state, brokerS: age.brokerS, commitS: age.commitS };
}

async function quarantine(ask: Ask): Promise<QuarantineFacts | null> {
  const rows = await ask(quarantineSql);
  if (rows.length === 0) return null;
  return {
    rows: asCount(rows[0].total) ?? 0n,
    reasons: rows.map((row) => ({ reason: asText(row.reason) ?? '', rows: asCount(row.rows) ?? 0n })),
  };
}

async function scores(ask: Ask): Promise<ScoreFacts | null> {
  const [all] = await ask(flaggedSql);
  const [rows, low, high] = [asCount(all.rows) ?? 0n, asNumber(all.low), asNumber(all.high)];
  if (low === null || high === null) return null;
  // 38 widths between the ends and a started one at each of them: never more than 40 bins, and 0 is an edge.
  const binWidth = roundStep(Math.max((high - low) / 38, 1e-6));
  const bins = await ask(binSql(binWidth));
  return {
    rows, flagged: asCount(all.flagged) ?? 0n, binWidth,
    bins: bins.map((bin) => ({ low: (asNumber(bin.bin) ?? 0) * binWidth, rows: asCount(bin.rows) ?? 0n })),
  };
}

async function values(ask: Ask, columns: ColumnNames): Promise<ValueFacts | null> {
  if (columns.value === null) return null;
  const counts = await ask(seriesSql(columns));
  if (counts.length === 0) return null;
  const points = await ask(pointSql(columns, Math.min(counts.length, seriesMax)));
  const series = counts.slice(0, seriesMax).map((count) => ({
    name: asText(count.series) ?? 'all rows',
    rows: asCount(count.rows) ?? 0n,
    flagged: asCount(count.flagged) ?? 0n,
    points: points.filter((point) => point.series === count.series)
      .map((point) => ({ atMs: asNumber(point.at_ms) ?? 0, value: asNumber(point.value) ?? 0, flagged: asBoolean(point.flagged) })),
  }));
  const seriesLeftOut = Number(asCount(counts[0].series_count) ?? 0n) - series.length;
  return { column: columns.value, groupColumn: columns.group, series, seriesLeftOut };
}

async function anomalies(ask: Ask, columns: ColumnNames): Promise<readonly AnomalyFacts[] | null> {
  const rows = await ask(anomalySql(columns));
  if (rows.length === 0) return null;
  return rows.map((row) => ({
    key: columns.key.map((_, index) => asText(row[`key_${index}`]) ?? '').join(' · '),
    group: asText(row.series), atMs: asNumber(row.at_ms), value: asNumber(row.value),
    score: asNumber(row.score) ?? Number.NaN, reason: asText(row.reason), modelVersion: asText(row.model_version),
  }));
}

async function model(ask: Ask): Promise<ModelFacts | null> {
  const [latest, ...earlier] = await ask(modelSql);
  if (!latest) return null;
  return {
    name: asText(latest.model_name) ?? '', version: asText(latest.version) ?? '', atMs: asNumber(latest.at_ms) ?? 0,
    by: asText(latest.by), why: asText(latest.why), dataVersion: asText(latest.data_version), aliases: asText(latest.aliases),
    metrics: metricPairs(asText(latest.metrics) ?? ''),
    earlier: earlier.map((row) => ({ version: asText(row.version) ?? '', atMs: asNumber(row.at_ms) ?? 0, why: asText(row.why) })),
  };
}

/** Names and numbers at the top level of a JSON object, or of the text DuckDB gives a map; at most eight. */
function metricPairs(text: string): ModelFacts['metrics'] {
  const pairs = text.matchAll(/["']?([\w.@ %-]{1,40}?)["']?\s*[:=]\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(?=[,}])/g);
  return [...pairs].slice(0, 8).map(([, name, value]) => ({ name: name.trim(), value: Number(value) }));
}
