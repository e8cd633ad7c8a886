import type { Section } from './facts.ts';
import { clip } from './format.ts';
import { html, type Html } from './html.ts';

/** Pieces that several sections share. */

export type Definition = readonly [term: string, value: string | Html];

export function definitions(items: readonly Definition[]): Html {
  return html`<dl class="facts">${items.map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>`;
}

export function failure({ code, message }: { readonly code: string; readonly message: string }): Html {
  return html`<p class="none"><b>This part could not be read.</b>${clip(message, 600)} <code>${clip(code, 60)}</code></p>`;
}

interface SectionText {
  readonly id: string;
  readonly title: string;
  /** Said where there is nothing to show yet: what is missing, and what will bring it. */
  readonly empty: readonly [what: string, next: string];
}

/** One section of the page in its three states. */
export function section<T>(text: SectionText, state: Section<T>, ready: (value: T) => Html): Html {
  const inner = state.kind === 'ready' ? ready(state.value)
    : state.kind === 'failed' ? failure(state)
    : html`<p class="none"><b>${text.empty[0]}</b>${text.empty[1]}</p>`;
  return html`<section aria-labelledby="${text.id}-h"><h2 id="${text.id}-h">${text.title}</h2>
${inner}
</section>`;
}

/** A table may be wider than the screen: then this region scrolls, by keyboard too. */
export function scrolling(label: string, table: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}
