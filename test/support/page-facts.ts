import type { PageFacts, TableFacts } from '../../shared/web/facts.ts';

const nowMs = Date.UTC(2026, 10, 23, 14, 3, 22);

/** A small seeded generator (mulberry32): the page under test must be the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function table(name: string, change: Partial<TableFacts> = {}): TableFacts {
  return { name, version: 412n, rows: 97_214n, files: 12, bytes: 8_412_118n, commitMs: nowMs - 1_800, eventMsMax: nowMs - 2_900, kafkaMsMax: nowMs - 2_600, waiting: 0n, ...change };
}

function series(name: string, median: number, rows: bigint, seed: number) {
  const random = generator(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const points = Array.from({ length: 640 }, () => {
    const flagged = random() < 0.04;
    const value = Math.exp(Math.log(median) + 0.5 * normal());
    return { atMs: nowMs - random() * 500_000, value: flagged ? (random() < 0.2 ? -value : value * (12 + 28 * random())) : value, flagged };
  });
  return { name, rows, flagged: rows / 190n, points };
}

const bins = Array.from({ length: 30 }, (_, index) => ({ low: (index - 14) * 0.02, rows: BigInt(Math.round(9_000 * Math.exp(-(((index - 20) / 4.5) ** 2))) + (index < 14 ? 14 : 0)) }));
const terms = {
  offsetsConsumed: 104_233n, bronzeRows: 104_229n, gapOffsets: 4n, bronzeRowsRefined: 104_229n, silverRows: 97_214n,
  duplicates: 2_104n, superseded: 1_022n, quarantined: 3_889n, elsewhere: 0n, silverRowsAtGold: 97_214n, goldRows: 97_214n,
};

/** A lake in the middle of its day. */
export const fullFacts: PageFacts = {
  pipeline: 'events', topics: ['events'], lake: 'file:/srv/lake', nowMs, refreshS: 5, targetS: 30,
  flow: {
    kind: 'ready',
    value: {
      lagRecords: 212n, lagS: 1.1, quarantined: 3_889n, terms,
      bronze: { rows: 104_229n, state: 'fresh', brokerS: 1.2, commitS: 0.9 },
      silver: { rows: 97_214n, state: 'fresh', brokerS: 2.6, commitS: 1.8, lateRows: 1_961n },
      gold: { rows: 97_214n, state: 'current', brokerS: 4.4, commitS: 3.1, flagged: 511n },
    },
  },
  quarantine: {
    kind: 'ready',
    value: {
      rows: 3_889n,
      reasons: ([['malformed_json', 1_204n], ['invalid_timestamp', 802n], ['unknown_event_type', 611n], ['missing_value', 420n], ['empty_payload', 300n], ['invalid_value', 212n], ['not_utf8', 140n], ['future_timestamp', 90n]] as const)
        .map(([reason, rows]) => ({ reason, rows })),
    },
  },
  scores: { kind: 'ready', value: { rows: 97_214n, flagged: 511n, binWidth: 0.02, bins } },
  values: {
    kind: 'ready',
    value: { column: 'value', groupColumn: 'event_type', seriesLeftOut: 0, series: [series('click', 50, 48_611n, 1), series('view', 20, 34_002n, 2), series('purchase', 120, 14_601n, 3)] },
  },
  anomalies: {
    kind: 'ready',
    value: Array.from({ length: 20 }, (_, index) => ({
      key: String(61_204 + index * 977), group: ['click', 'purchase', 'view'][index % 3], atMs: nowMs - index * 21_337, value: index % 5 === 4 ? -84.2 : 4_811.25 / (index + 1) + 900,
      score: -0.2714 + index * 0.004, reason: `value ${(4_811.25 / (index + 1) + 900).toFixed(2)} is above 99 % of the training rows (median 50.1, 99 % 212)`, modelVersion: '1',
    })),
  },
  balance: { kind: 'ready', value: { verdict: 'ok', checkedMs: nowMs - 12_000, terms, details: [] } },
  model: {
    kind: 'ready',
    value: {
      name: 'events-forest', version: '1', atMs: nowMs - 540_000, by: 'train', why: 'first drain: the default was trained on other data', dataVersion: 'silver_events version 3', aliases: 'champion',
      metrics: [{ name: 'trees', value: 100 }, { name: 'rows', value: 20_000 }, { name: 'offset', value: -0.5712 }, { name: 'contamination', value: 0.01 }],
      earlier: [{ version: '0', atMs: nowMs - 86_400_000 * 40, why: 'shipped default' }],
    },
  },
  tables: [
    table('bronze_events', { rows: 104_229n, files: 31, bytes: 11_004_810n }), table('silver_events'), table('quarantine_events', { rows: 3_889n, files: 9, bytes: 401_220n }),
    table('gold_anomaly_predictions', { version: 98n }), table('offset_gaps', { version: 1n, rows: 1n, files: 1, bytes: 2_210n }), table('monitor_logs', { version: 44n, rows: 351n, files: 44, bytes: 212_402n }),
    table('cluster_logs', { version: 40n, rows: 200n, files: 40, bytes: 120_000n }), table('benchmark_logs', { version: 40n, rows: 160n, files: 40, bytes: 110_000n }), table('model_history', { version: 2n, rows: 2n, files: 2, bytes: 5_812n, commitMs: nowMs - 540_000 }),
  ],
};

/** The first second of a new lake. */
export const emptyFacts: PageFacts = {
  ...fullFacts,
  flow: { kind: 'empty' }, quarantine: { kind: 'empty' }, scores: { kind: 'empty' }, values: { kind: 'empty' }, anomalies: { kind: 'empty' },
  balance: { kind: 'empty' }, model: { kind: 'empty' }, tables: [],
};
