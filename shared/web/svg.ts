import { formatCount, formatScore, formatValue } from './format.ts';
import type { FlowFacts, ScoreFacts, SeriesFacts } from './facts.ts';
import { html, trusted, type Html } from './html.ts';
import type { Scale } from './scale.ts';

/**
 * Charts as inline SVG. Places along x are percentages and heights are pixels, so a chart fits any width and its text never scales;
 * marks that need a path stand in a nested viewport that is stretched, with strokes that are not.
 */

const plotHeight = 236;
const axisHeight = 22;

/** Rows per score bin; everything left of 0 is flagged. Bins keep at least a pixel: a handful of rows must not vanish. */
export function histogram(scores: ScoreFacts): Html {
  const { bins, binWidth } = scores;
  const low = Math.min(-binWidth, ...bins.map((bin) => bin.low));
  const high = Math.max(binWidth, ...bins.map((bin) => bin.low + binWidth));
  const most = Math.max(1, ...bins.map((bin) => Number(bin.rows)));
  const x = (score: number) => ((score - low) / (high - low)) * 100;
  const bars = bins.map((bin) => {
    const height = Math.max(1.5, (Number(bin.rows) / most) * (plotHeight - 14));
    const title = `${formatScore(bin.low)} to ${formatScore(bin.low + binWidth)}: ${formatCount(bin.rows)} rows`;
    return html`<rect class="${bin.low < -binWidth / 2 ? 'bar flag' : 'bar'}" x="${percent(x(bin.low))}" y="${pixels(plotHeight - height)}" width="${percent(x(low + binWidth) * 0.88)}" height="${pixels(height)}"><title>${title}</title></rect>`;
  });
  return html`<svg class="plot" role="img" aria-labelledby="hist-t hist-d" width="100%" height="${plotHeight + axisHeight}">
<title id="hist-t">Rows by anomaly score</title>
<desc id="hist-d">${formatCount(scores.flagged)} of ${formatCount(scores.rows)} rows score below the threshold at 0. Scores run from ${formatScore(low)} to ${formatScore(high)}; the fullest bin holds ${formatCount(most)} rows.</desc>
${bars}
<line class="axis" x1="0" x2="100%" y1="${plotHeight}" y2="${plotHeight}"/>
<line class="cut" x1="${percent(x(0))}" x2="${percent(x(0))}" y1="0" y2="${plotHeight}"/>
<text class="tick" x="0" y="${plotHeight + 16}">${formatScore(low)}</text>
<text class="tick strong" x="${percent(x(0))}" y="${plotHeight + 16}" text-anchor="middle">0</text>
<text class="tick" x="100%" y="${plotHeight + 16}" text-anchor="end">${formatScore(high)}</text>
</svg>`;
}

const seriesHeight = 150;
/** Percent of the width that the value labels take. */
const gutter = 11;

/** One series of values over time; all series of the page share both scales. Each point is a dot of a path: nine bytes, not fifty. */
export function seriesPlot(series: SeriesFacts, index: number, axes: { time: Scale & { label: (ms: number) => string }; value: Scale }): Html {
  const { time, value } = axes;
  const y = (place: number) => 6 + (1 - place) * (seriesHeight - 12);
  const across = (place: number) => gutter + place * (100 - gutter);
  const dots = (flagged: boolean) => dotPath(series.points.filter((point) => point.flagged === flagged), (point) => [across(time.place(point.atMs)) * 10, y(value.place(point.value))]);
  const grid = value.ticks.map((tick) => html`<line class="grid" x1="${gutter}%" x2="100%" y1="${pixels(y(tick.at))}" y2="${pixels(y(tick.at))}"/>
<text class="tick" x="0" y="${pixels(y(tick.at) + 4)}">${formatValue(tick.value)}</text>`);
  const times = time.ticks.map((tick) => html`<text class="tick" x="${percent(across(tick.at))}" y="${seriesHeight + 16}" text-anchor="${anchor(tick.at)}">${time.label(tick.value)}</text>`);
  return html`<svg class="plot" role="img" aria-labelledby="s${index}-t s${index}-d" width="100%" height="${seriesHeight + axisHeight}">
<title id="s${index}-t">Values of ${series.name} over time</title>
<desc id="s${index}-d">${formatCount(series.points.length)} of ${formatCount(series.rows)} rows drawn; ${formatCount(series.flagged)} rows are flagged.</desc>
${grid}
<svg width="100%" height="${seriesHeight}" viewBox="0 0 1000 ${seriesHeight}" preserveAspectRatio="none" overflow="visible"><path class="dot" d="${dots(false)}"/><path class="dot flag" d="${dots(true)}"/></svg>
<line class="axis" x1="${gutter}%" x2="100%" y1="${seriesHeight}" y2="${seriesHeight}"/>
${times}
</svg>`;
}

function dotPath<T>(items: readonly T[], place: (item: T) => [x: number, y: number]): Html {
  const dots = new Set(items.map((item) => place(item).map(Math.round).join(' ')));
  return trusted([...dots].map((dot) => `M${dot}h0`).join(''));
}

const bandHeight = 96;
const bandTop = 6;
const bandThick = 64;

/**
 * The flow to scale: a band from stage to stage as thick as its rows, and what leaves it between two stages turning down.
 * Null where the terms are not all known: a picture of the balance must not guess.
 */
export function flowBand(flow: FlowFacts): Html | null {
  const { terms } = flow;
  if (!terms) return null;
  const { offsetsConsumed: consumed, bronzeRows: bronze, silverRows: silver, goldRows: gold, quarantined, duplicates, superseded } = terms;
  if (consumed === null || consumed <= 0n || bronze === null || silver === null || gold === null) return null;
  if (quarantined === null || duplicates === null || superseded === null) return null;
  const thick = (rows: bigint) => (rows <= 0n ? 0 : Math.max(2, (Number(rows) / Number(consumed)) * bandThick));
  const merged = duplicates + superseded;
  const bronzeEnd = bandTop + thick(silver);
  const flagged = flow.gold.flagged ?? 0n;
  return html`<svg class="band" aria-hidden="true" focusable="false" width="100%" height="${bandHeight}" viewBox="0 0 1000 ${bandHeight}" preserveAspectRatio="none">
<defs>${gradient('kb', 'kafka', 'bronze')}${gradient('bs', 'bronze', 'silver')}${gradient('sg', 'silver', 'gold')}</defs>
${segment(0, 250, thick(bronze), 'url(#kb)')}${segment(250, 500, thick(silver), 'url(#bs)')}${segment(500, 750, thick(gold), 'url(#sg)')}${segment(750, 1000, thick(gold), null)}
${offshoot(0, bandTop + thick(bronze), thick(terms.gapOffsets ?? 0n), 'off bad')}${offshoot(250, bronzeEnd, thick(merged), 'off')}${offshoot(250, bronzeEnd + thick(merged), thick(quarantined), 'off bad')}
<rect class="off bad" x="750" width="250" y="${pixels(bandTop + thick(gold) - Math.min(thick(flagged), thick(gold)))}" height="${pixels(Math.min(thick(flagged), thick(gold)))}"/>
</svg>`;
}

function gradient(id: string, from: string, to: string): Html {
  return html`<linearGradient id="${id}"><stop class="stop-${from}" offset="0"/><stop class="stop-${to}" offset="1"/></linearGradient>`;
}

function segment(from: number, to: number, thickness: number, fill: string | null): Html {
  const paint = fill ? html`fill="${fill}"` : html`class="seg-gold"`;
  return html`<rect ${paint} x="${from}" width="${to - from}" y="${bandTop}" height="${pixels(thickness)}"/>`;
}

/** Leaves the band's lower edge and turns down to the bottom of the picture. */
function offshoot(x: number, y: number, thickness: number, style: string): Html | null {
  if (thickness === 0) return null;
  const [t, wide] = [thickness, Math.max(3, thickness)];
  const outer = `M${x} ${pixels(y)}H${x + 8}C${x + 30} ${pixels(y)} ${x + 38 + wide} ${pixels(y + 10)} ${x + 38 + wide} ${bandHeight}`;
  const inner = `H${x + 38}C${x + 38} ${pixels(y + t + 10)} ${x + 28} ${pixels(y + t)} ${x + 8} ${pixels(y + t)}H${x}Z`;
  return html`<path class="${style}" d="${outer}${inner}"/>`;
}

function anchor(at: number): string {
  return at < 0.06 ? 'start' : at > 0.94 ? 'end' : 'middle';
}

function percent(value: number): string {
  return `${Number(value.toFixed(2))}%`;
}

function pixels(value: number): string {
  return String(Number(value.toFixed(1)));
}
