import { assert } from '../errors.ts';
import { scanObject } from './json-scan.ts';

const FIELDS_SHOWN_MAX = 20;
/** A producer that names a field anew in each record must not fill a worker's memory, nor a commit. */
const FIELDS_COUNTED_MAX = 1_000;
const NAME_CHARS_MAX = 64;

/** Which fields came that the pipeline does not name, by the accepted rows' `rescued`. Bounded whatever arrives. */
export class Drift {
  rows = 0;
  readonly #fields = new Map<string, number>();
  #beyond = 0;

  /** @param rescued JSON text of an object, as a judge gives it. */
  add(rescued: string): void {
    this.rows++;
    const scan = scanObject(rescued);
    assert(scan.kind === 'object', 'rescued fields do not scan');
    for (const { key } of scan.fields) this.#count(key);
  }

  #count(key: string): void {
    const name = nameOf(key);
    const counted = this.#fields.get(name);
    if (counted === undefined && this.#fields.size >= FIELDS_COUNTED_MAX) this.#beyond++;
    else this.#fields.set(name, (counted ?? 0) + 1);
  }

  /**
   * For operationMetrics of refine's commit: rows with rescued fields; the most frequent fields with their rows, as a JSON object; and how many
   * times others were met. Nothing where nothing was rescued.
   */
  metrics(): Record<string, string> {
    if (this.rows === 0) return {};
    const sorted = [...this.#fields].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    const others = sorted.slice(FIELDS_SHOWN_MAX).reduce((sum, [, count]) => sum + count, this.#beyond);
    return {
      numRescuedRows: String(this.rows),
      rescuedFields: printCounts(sorted.slice(0, FIELDS_SHOWN_MAX)),
      ...(others === 0 ? {} : { numOtherRescuedFields: String(others) }),
    };
  }
}

/** By hand: an object would reorder names that are numbers, and lose `__proto__`. */
function printCounts(fields: readonly (readonly [string, number])[]): string {
  return `{${fields.map(([name, count]) => `${JSON.stringify(name)}:${count}`).join(',')}}`;
}

/** Well formed: a lone surrogate would not get through UTF-8. */
function nameOf(key: string): string {
  return (key.length <= NAME_CHARS_MAX ? key : `${key.slice(0, NAME_CHARS_MAX - 1)}…`).toWellFormed();
}
