/** 24:00 is a time too, but 24:01 is none. */
const MINUTE = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d$/;
const MINUTE_CHARS = 'YYYY-MM-DDTHH:MM'.length;

/**
 * Date.parse for texts that come thousands to a minute: what it gives for `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, with the start of the minute that was
 * parsed last kept. Parsing whole costs as much as the rest of a record.
 */
export class UtcTimes {
  #minute = '';
  #startMs = Number.NaN;

  /** NaN for what is no such text. */
  parse(text: string): number {
    if (this.#minute !== '' && text.startsWith(this.#minute)) {
      const ms = millisecondsOf(text);
      if (!Number.isNaN(ms)) return this.#startMs + ms;
    }
    const timestampMs = text.endsWith('Z') ? Date.parse(text) : Number.NaN;
    const minute = text.slice(0, MINUTE_CHARS);
    if (!Number.isNaN(timestampMs) && MINUTE.test(minute)) [this.#minute, this.#startMs] = [minute, Date.parse(`${minute}:00Z`)];
    return timestampMs;
  }
}

/** What stands behind the minute, `:SSZ` or `:SS.fractionZ`; digits past milliseconds are cut. NaN for anything else. */
function millisecondsOf(text: string): number {
  const fraction = MINUTE_CHARS + 4;
  const end = text.length - 1;
  const isPlain = end === fraction - 1;
  if (text[MINUTE_CHARS] !== ':' || text[end] !== 'Z' || !(isPlain || (text[fraction - 1] === '.' && end > fraction))) return Number.NaN;
  const seconds = digitAt(text, MINUTE_CHARS + 1) * 10 + digitAt(text, MINUTE_CHARS + 2);
  let ms = 0;
  for (let at = fraction; at < end; at++) {
    const digit = digitAt(text, at);
    if (Number.isNaN(digit)) return Number.NaN;
    if (at < fraction + 3) ms += digit * [100, 10, 1][at - fraction];
  }
  return seconds < 60 ? seconds * 1000 + ms : Number.NaN;
}

function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 0x30;
  return digit >= 0 && digit <= 9 ? digit : Number.NaN;
}
