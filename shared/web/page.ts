import { createHash } from 'node:crypto';
import type { PageFacts } from './facts.ts';
import { clip, formatAge, formatTime, isoTime } from './format.ts';
import { flowSection } from './flow.ts';
import { html, trusted, type Html } from './html.ts';
import { liveScript } from './live.ts';
import { anomalySection, balanceSection, modelSection, quarantineSection, scoreSection, tableSection, valueSection } from './sections.ts';
import { style } from './style.ts';

/**
 * What the answer's `Content-Security-Policy` header should say: only our own style and script, by hash, and nothing from elsewhere.
 * The page carries it as a meta element too, for when it is saved or served by another host.
 */
export const contentSecurityPolicy = [
  'default-src \'none\'', `style-src ${hashSource(style)}`, `script-src ${hashSource(liveScript)}`,
  'connect-src \'self\'', 'img-src data:', 'base-uri \'none\'', 'form-action \'none\'',
].join('; ');

/** Facts → one HTML document, below 100 KB. Pure. Everything in it is escaped (html.ts). */
export function renderPage(facts: PageFacts): string {
  const body = html`
${masthead(facts)}
<main>
${notes(facts)}
${flowSection(facts)}
<div class="rows">
${valueSection(facts.values)}
<div class="split">${scoreSection(facts.scores)}${modelSection(facts.model)}</div>
${anomalySection(facts.anomalies, facts.values)}
<div class="half">${balanceSection(facts.balance)}${quarantineSection(facts.quarantine)}</div>
${tableSection(facts.tables, facts.nowMs)}
</div>
</main>
<footer>Lake <code>${clip(facts.lake, 200)}</code>. All times are UTC.</footer>`;
  return shell({ title: `${clip(facts.pipeline, 60)} · Assay`, refreshS: facts.refreshS, body });
}

/** The page for when no facts could be gathered at all. */
export function renderErrorPage(error: { code: string; message: string; nowMs: number; refreshS: number }): string {
  const body = html`
<header><div class="mark">${mark()}<h1>Assay</h1></div></header>
<main><div class="note bad" role="alert"><strong>This page could not be put together.</strong>${clip(error.message, 600)} <code>${error.code}</code></div></main>
<footer>${formatTime(error.nowMs)} UTC. The page keeps trying.</footer>`;
  return shell({ title: 'Assay: error', refreshS: error.refreshS, body });
}

function shell({ title, refreshS, body }: { title: string; refreshS: number; body: Html }): string {
  const icon = `data:image/svg+xml,${encodeURIComponent(mark().text)}`;
  return html`<!doctype html>
<html lang="en" data-refresh-s="${refreshS}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="${icon}">
<style>${trusted(style)}</style>
<noscript><meta http-equiv="refresh" content="${Math.max(refreshS, 15)}"></noscript>
</head>
<body>
<div id="page">${body}
</div>
<div id="lost" class="note bad lost" role="status" hidden>The host does not answer. What you see is from its last answer.</div>
<script>${trusted(liveScript)}</script>
</body>
</html>
`.text;
}

const verdictText = { ok: 'Every offset accounted for', broken: 'Balance broken', unknown: 'Balance not known yet' } as const;

function masthead(facts: PageFacts): Html {
  const verdict = facts.balance.kind === 'ready' ? facts.balance.value.verdict : 'unknown';
  return html`<header>
<div class="mark">${mark()}<h1>Assay <span>${clip(facts.pipeline, 60)}</span></h1></div>
<span class="chip ${verdict}">${verdictText[verdict]}</span>
<span class="stamp">As of <time datetime="${isoTime(facts.nowMs)}">${formatTime(facts.nowMs).slice(11)}</time> UTC, refreshed every ${facts.refreshS} s</span>
</header>`;
}

/** A hallmark: the punched shape of an assay office, in the three metals. */
function mark(): Html {
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="34" height="34" viewBox="0 0 34 34" aria-hidden="true" focusable="false"><path d="M10 1h14l9 9v14l-9 9H10l-9-9V10z" fill="#17302a"/><rect x="8" y="9" width="18" height="4" fill="#cf8450"/><rect x="8" y="15" width="14" height="4" fill="#b9c4cd"/><rect x="8" y="21" width="10" height="4" fill="#e2b437"/></svg>`;
}

/** What a person must know before the numbers. */
function notes(facts: PageFacts): (Html | null)[] {
  const { flow, balance, targetS } = facts;
  const late = flow.kind === 'ready' ? (['bronze', 'silver', 'gold'] as const).filter((stage) => flow.value[stage].state === 'late') : [];
  const names = late.map((stage) => `${stage[0].toUpperCase()}${stage.slice(1)}`).join(', ');
  const checkedS = balance.kind === 'ready' ? (facts.nowMs - balance.value.checkedMs) / 1000 : 0;
  return [
    balance.kind === 'ready' && balance.value.verdict === 'broken'
      ? html`<div class="note bad" role="alert"><strong>Rows are missing or doubled.</strong>The balance does not hold:<ul>${balance.value.details.map((text) => html`<li>${clip(text, 300)}</li>`)}</ul></div>`
      : null,
    late.length > 0
      ? html`<div class="note"><strong>${names} ${late.length > 1 ? 'are' : 'is'} late.</strong>Something waits that is older than the target of ${formatAge(targetS)}.</div>`
      : null,
    checkedS > Math.max(300, 10 * targetS)
      ? html`<div class="note"><strong>The monitor has not run for ${formatAge(checkedS)}.</strong>The balance and the lag below are from its last run.</div>`
      : null,
  ];
}

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
