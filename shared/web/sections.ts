import type { AnomalyFacts, BalanceCard, ModelFacts, PageFacts, QuarantineFacts, ScoreFacts, Section, TableFacts, ValueFacts } from './facts.ts';
import { clip, formatAge, formatBytes, formatCount, formatScore, formatShare, formatTime, formatValue, isoTime } from './format.ts';
import { html, type Html } from './html.ts';
import { definitions, scrolling, section } from './parts.ts';
import { timeScale, valueScale } from './scale.ts';
import { histogram, seriesPlot } from './svg.ts';

/** The parts of the page below the flow. Names and texts that come from data are clipped here and escaped by html.ts. */

export function scoreSection(state: Section<ScoreFacts>): Html {
  const text = { id: 'scores', title: 'Anomaly scores', empty: ['No scores yet.', 'They appear with the first Gold rows.'] } as const;
  return section(text, state, (scores) => html`<p>${formatCount(scores.rows)} rows, ${formatCount(scores.flagged)} flagged (${formatShare(scores.flagged, scores.rows)}). A row is flagged exactly when its score is below 0.</p>
${histogram(scores)}`);
}

export function valueSection(state: Section<ValueFacts>): Html {
  const text = { id: 'values', title: 'Values over time', empty: ['No scored values yet.', 'Points appear with the first Gold rows.'] } as const;
  return section(text, state, (values) => {
    const points = values.series.flatMap((series) => series.points);
    const axes = { time: timeScale(points.map((point) => point.atMs)), value: valueScale(points.map((point) => point.value)) };
    const scale = axes.value.kind === 'log' ? ', logarithmic axis' : '';
    const drawn = values.series.reduce((sum, series) => sum + series.rows, 0n) > BigInt(points.length) ? ' A sample of the newest 98 % of the rows is drawn.' : '';
    return html`<p><code>${clip(values.column, 60)}</code>${values.groupColumn && html` by <code>${clip(values.groupColumn, 60)}</code>`}, event time in UTC${scale}.${drawn}${values.seriesLeftOut > 0 && ` ${formatCount(values.seriesLeftOut)} smaller series are left out.`} <span class="key"><span>scored</span><span class="flag">flagged</span></span></p>
<div class="multiples">${values.series.map((series, index) => html`<figure><h3>${clip(series.name, 60)} <span>${formatCount(series.flagged)} of ${formatCount(series.rows)} flagged</span></h3>
${seriesPlot({ ...series, name: clip(series.name, 60) }, index, axes)}</figure>`)}</div>`;
  });
}

export function anomalySection(state: Section<readonly AnomalyFacts[]>, values: PageFacts['values']): Html {
  const text = { id: 'anomalies', title: 'Lowest scores', empty: ['Nothing is flagged.', 'The rows with the lowest scores will stand here.'] } as const;
  const [column, group] = values.kind === 'ready' ? [values.value.column, values.value.groupColumn] : ['value', 'group'];
  return section(text, state, (rows) => scrolling('Lowest scores', html`<table>
<caption>The ${formatCount(rows.length)} flagged rows with the lowest scores.</caption>
<thead><tr><th scope="col">Key</th><th scope="col">${clip(group ?? 'group', 40)}</th><th scope="col">Event time</th><th scope="col" class="n">${clip(column, 40)}</th><th scope="col" class="n">Score</th><th scope="col">Why</th><th scope="col" class="n">Model</th></tr></thead>
<tbody>${rows.map((row) => html`<tr><th scope="row" class="break"><bdi class="mono">${clip(row.key, 64)}</bdi></th><td class="break"><bdi>${clip(row.group ?? '', 40)}</bdi></td><td class="time">${row.atMs === null ? formatTime(null) : html`<time datetime="${isoTime(row.atMs)}">${formatTime(row.atMs)}</time>`}</td><td class="n">${formatValue(row.value)}</td><td class="n score">${formatScore(row.score)}</td><td class="wrap"><bdi>${clip(row.reason ?? '', 160)}</bdi></td><td class="n">${clip(row.modelVersion ?? '', 24)}</td></tr>
`)}</tbody></table>`));
}

export function quarantineSection(state: Section<QuarantineFacts>): Html {
  const text = { id: 'quarantine', title: 'Quarantine', empty: ['Nothing is quarantined.', 'Records that break a rule are kept whole, with the reason.'] } as const;
  return section(text, state, ({ rows, reasons }) => {
    const most = Number(reasons[0]?.rows ?? 1n);
    const told = reasons.reduce((sum, each) => sum + each.rows, 0n);
    return html`<table><caption>Open rows by reason.</caption>
<thead><tr><th scope="col">Reason</th><td></td><th scope="col" class="n">Rows</th></tr></thead>
<tbody>${reasons.map((each) => html`<tr><th scope="row" class="break"><code>${clip(each.reason, 60)}</code></th><td class="bar"><svg class="bars" aria-hidden="true" focusable="false"><rect width="${Math.max(1, Math.round((Number(each.rows) / most) * 100))}%" height="10"/></svg></td><td class="n">${formatCount(each.rows)}</td></tr>
`)}${told < rows && html`<tr><th scope="row">other reasons</th><td></td><td class="n">${formatCount(rows - told)}</td></tr>`}<tr class="sum"><th scope="row">All</th><td></td><td class="n">${formatCount(rows)}</td></tr></tbody></table>`;
  });
}

export function balanceSection(state: Section<BalanceCard>): Html {
  const text = { id: 'balance', title: 'Balance', empty: ['Not checked yet.', 'The monitor accounts for every consumed offset at its first run.'] } as const;
  return section(text, state, ({ verdict, checkedMs, terms, details }) => {
    const says = { ok: 'Both sides agree in every partition.', broken: 'Two sides differ. The details name where.', unknown: 'A term is not known, so this is not called even.' }[verdict];
    return html`<table><caption>${says} Checked <time datetime="${isoTime(checkedMs)}">${formatTime(checkedMs)}</time>.</caption>
<thead><tr><th scope="col">Rows, all partitions</th><th scope="col" class="n">Count</th></tr></thead>
${ledger(['Offsets consumed', terms.offsetsConsumed], [['Bronze rows', terms.bronzeRows], ['Offsets in gaps', terms.gapOffsets]])}
${ledger(['Bronze rows refined', terms.bronzeRowsRefined], [['Silver rows', terms.silverRows], ['Duplicates', terms.duplicates], ['Superseded', terms.superseded], ['Quarantined', terms.quarantined], ...others(terms)])}
${ledger(['Silver rows scored', terms.silverRowsAtGold], [['Gold rows', terms.goldRows]])}
</table>${verdict !== 'ok' && details.length > 0 && html`<ul>${details.map((detail) => html`<li class="wrap">${clip(detail, 300)}</li>`)}</ul>`}`;
  });
}

/** A lake with one pipeline has no such line. */
function others({ elsewhere }: BalanceCard['terms']): LedgerLine[] {
  return elsewhere === 0n ? [] : [['Left to other pipelines', elsewhere]];
}

type LedgerLine = readonly [name: string, count: bigint | null];

/** What goes in, then where it went. */
function ledger(total: LedgerLine, lines: readonly LedgerLine[]): Html {
  const row = ([name, count]: LedgerLine, style: string) => html`<tr class="${style}"><th scope="row">${name}</th><td class="n">${formatCount(count)}</td></tr>`;
  return html`<tbody>${row(total, 'sum')}${lines.map((line) => row(line, 'part'))}</tbody>`;
}

export function modelSection(state: Section<ModelFacts>): Html {
  const text = { id: 'model', title: 'Model', empty: ['No model has been published.', 'The first one is trained on the rows it is to score.'] } as const;
  return section(text, state, (model) => html`${definitions([
    ['Name', html`<code>${clip(model.name, 60)}</code>`],
    ['Version', clip(model.version, 24)],
    ['Published', html`<time datetime="${isoTime(model.atMs)}">${formatTime(model.atMs)}</time>`],
    ['By', clip(model.by ?? '–', 60)],
    ['Why', clip(model.why ?? '–', 160)],
    ['Trained on', clip(model.dataVersion ?? '–', 60)],
    ['Aliases', clip(model.aliases ?? '–', 60)],
    ...model.metrics.map(({ name, value }) => [clip(name, 40), formatValue(value)] as const),
  ])}${model.earlier.length > 0 && html`<p class="lead">Before it: ${model.earlier.map((each, index) => html`${index > 0 && ', '}version ${clip(each.version, 24)} of ${formatTime(each.atMs)}`)}.</p>`}`);
}

export function tableSection(tables: readonly TableFacts[], nowMs: number): Html {
  const text = { id: 'tables', title: 'Tables', empty: ['No tables yet.', 'The first commit of each stage makes its table.'] } as const;
  const state: Section<readonly TableFacts[]> = tables.length > 0 ? { kind: 'ready', value: tables } : { kind: 'empty' };
  return section(text, state, (rows) => scrolling('Tables', html`<table>
<caption>Delta tables of this lake, from their logs. Any engine can open them.</caption>
<thead><tr><th scope="col">Table</th><th scope="col" class="n">Rows</th><th scope="col" class="n">Version</th><th scope="col" class="n">Files</th><th scope="col" class="n">Size</th><th scope="col" class="n">Last rows</th></tr></thead>
<tbody>${rows.slice(0, 40).map((row) => html`<tr><th scope="row"><code>${clip(row.name, 60)}</code></th><td class="n">${formatCount(row.rows)}</td><td class="n">${formatCount(row.version)}</td><td class="n">${formatCount(row.files)}</td><td class="n">${formatBytes(row.bytes)}</td><td class="n">${row.commitMs === null ? formatAge(null) : `${formatAge((nowMs - row.commitMs) / 1000)} ago`}</td></tr>
`)}</tbody></table>`));
}
