/**
 * HTML by template: whatever is put in is escaped unless it is `Html` already, so that forgetting to escape is not possible.
 * Payload text can be hostile: control characters, half surrogates and marks that turn the reading direction become U+FFFD.
 */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Part = Html | string | number | bigint | null | false | readonly Part[];

/** `null` and `false` print nothing; a list prints its items one after the other. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0];
  for (const [index, part] of parts.entries()) text += print(part) + strings[index + 1];
  return new Html(text);
}

/** For text of our own that is markup already: styles, scripts, path data. Never for data. */
export function trusted(text: string): Html {
  return new Html(text);
}

/** Half a surrogate pair, C0 and C1 controls but tab and newline, and the marks that turn the reading direction. */
const unprintable = /\p{Surrogate}|(?![\t\n])\p{Control}|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' };

export function escapeHtml(text: string): string {
  return text.replace(unprintable, '\ufffd').replace(/[&<>"']/g, (character) => entities[character]);
}

function print(part: Part): string {
  if (part === null || part === false) return '';
  if (part instanceof Html) return part.text;
  return typeof part === 'object' ? part.map(print).join('') : escapeHtml(String(part));
}
