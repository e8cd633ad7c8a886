import type { FreshnessState } from '../monitoring/freshness.ts';
import type { FlowFacts, PageFacts, StageFacts } from './facts.ts';
import { clip, formatAge, formatCount, formatShare } from './format.ts';
import { html, type Html } from './html.ts';
import { failure, definitions, type Definition } from './parts.ts';
import { flowBand } from './svg.ts';

const stateText: Readonly<Record<FreshnessState, string>> = {
  empty: 'no rows yet', current: 'up to date', fresh: 'within target', late: 'late', unknown: 'over target, backlog not known',
};

/** The four stages side by side, the band of rows between them, and under it what left the band where. */
export function flowSection(facts: PageFacts): Html {
  const title = html`<h2 id="flow-h">From Kafka to Gold</h2>`;
  if (facts.flow.kind === 'failed') return html`<section aria-labelledby="flow-h">${title}${failure(facts.flow)}</section>`;
  if (facts.flow.kind === 'empty') {
    return html`<section aria-labelledby="flow-h">${title}<p class="none"><b>No rows yet.</b>The first batch from ${topicNames(facts)} becomes Bronze as soon as it is committed.</p></section>`;
  }
  const flow = facts.flow.value;
  return html`<section class="flow" aria-labelledby="flow-h">${title}
<p>Rows at each stage, how old they are, and what left the flow on the way.</p>
<ol class="stages">
${kafkaStage(flow, facts)}
${stage('bronze', flow.bronze, [])}
${stage('silver', flow.silver, [['Late events kept', formatCount(flow.silver.lateRows)]])}
${stage('gold', flow.gold, [['Flagged', flaggedText(flow)]])}
</ol>
${flowBand(flow)}
${leaves(flow)}
</section>`;
}

function kafkaStage(flow: FlowFacts, facts: PageFacts): Html {
  const consumed = flow.terms?.offsetsConsumed ?? null;
  return html`<li class="kafka"><h3>Kafka <code>${topicNames(facts)}</code></h3>
<p class="big">${formatCount(consumed)}</p>
<span class="state ${flow.lagRecords === 0n ? 'current' : ''}">offsets consumed</span>
${definitions([['Records waiting', formatCount(flow.lagRecords)], ['Oldest waiting', flow.lagRecords === 0n ? 'none' : formatAge(flow.lagS)]])}</li>`;
}

function stage(name: 'bronze' | 'silver' | 'gold', facts: StageFacts, more: readonly Definition[]): Html {
  const ages: Definition[] = [['Newest record', formatAge(facts.brokerS)], ['Last commit', formatAge(facts.commitS)]];
  return html`<li class="${name}"><h3>${name[0].toUpperCase()}${name.slice(1)}</h3>
<p class="big">${formatCount(facts.rows)}</p>
<span class="state ${facts.state}">${stateText[facts.state]}</span>
${definitions([...ages, ...more])}</li>`;
}

function flaggedText({ gold }: FlowFacts): string {
  if (gold.flagged === null || gold.rows === null || gold.rows === 0n) return formatCount(gold.flagged);
  return `${formatCount(gold.flagged)} (${formatShare(gold.flagged, gold.rows)})`;
}

/** Each list item stands under the stage that the rows leave. */
function leaves({ terms, quarantined, gold }: FlowFacts): Html {
  if (terms === null) return html`<p class="stamp">The monitor has not run yet.</p>`;
  const merged = terms.duplicates === null || terms.superseded === null ? null : terms.duplicates + terms.superseded;
  return html`<ul class="leaves">
<li><b>${formatCount(terms.gapOffsets)}</b> offsets in gaps</li>
<li><b>${formatCount(terms.quarantined ?? quarantined)}</b> quarantined<br><b>${formatCount(merged)}</b> duplicate or superseded</li>
<li></li>
<li><b>${formatCount(gold.flagged)}</b> flagged as anomalies</li>
</ul>`;
}

function topicNames({ topics }: PageFacts): string {
  return clip(topics.join(', '), 80);
}
