import { ConfigError } from '../../shared/errors.ts';

/**
 * CSV text to rows as it comes (RFC 4180): cells may be quoted and then hold commas, line ends and doubled quotes; rows end with LF or
 * CRLF; a quote inside an unquoted cell is itself. Blank lines are no rows.
 */
export class CsvRows {
  #row: string[] = [];
  #cell = '';
  #state: 'start' | 'plain' | 'quoted' | 'quote' | 'cr' = 'start';
  #line = 1;

  /** The rows that end inside `text`. */
  push(text: string): string[][] {
    const rows: string[][] = [];
    for (const char of text) {
      if (char === '\n') this.#line++;
      if (this.#state === 'quoted') this.#inQuotes(char);
      else this.#outside(char, rows);
    }
    return rows;
  }

  /** The last row, where no line end closed it. @throws {ConfigError} the text ends inside quotes. */
  end(): string[][] {
    if (this.#state === 'quoted') {
      throw new ConfigError('input/csv-quote', `reading CSV: the text ends in line ${this.#line}, inside a quoted cell. Close the quote.`, { facts: { line: this.#line } });
    }
    const rows: string[][] = [];
    this.#endRow(rows);
    return rows;
  }

  #inQuotes(char: string): void {
    if (char === '"') this.#state = 'quote';
    else this.#cell += char;
  }

  #outside(char: string, rows: string[][]): void {
    if (char === '\n') return this.#endRow(rows);
    if (this.#state === 'cr') this.#add('\r');
    if (char === ',') return this.#endCell();
    if (char === '"' && this.#state === 'start') this.#state = 'quoted';
    else if (char === '"' && this.#state === 'quote') this.#reopen();
    else if (char === '\r') this.#state = 'cr';
    else this.#add(char);
  }

  #add(char: string): void {
    this.#cell += char;
    this.#state = 'plain';
  }

  /** A doubled quote: one quote, and the cell goes on. */
  #reopen(): void {
    this.#cell += '"';
    this.#state = 'quoted';
  }

  #endCell(): void {
    this.#row.push(this.#cell);
    this.#cell = '';
    this.#state = 'start';
  }

  #endRow(rows: string[][]): void {
    const blank = this.#row.length === 0 && this.#cell === '' && this.#state !== 'quote';
    this.#endCell();
    if (!blank) rows.push(this.#row);
    this.#row = [];
  }
}
