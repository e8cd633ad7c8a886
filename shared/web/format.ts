/** Numbers and times as people read them. Not the machine's locale: a page must read the same wherever it was rendered. */

/** Stands where a number is not known. */
export const unknownText = '–';

/** 1234567 → 1,234,567. */
export function formatCount(count: bigint | number | null): string {
  if (count === null) return unknownText;
  return (typeof count === 'number' ? BigInt(Math.round(count)) : count).toLocaleString('en-US').replace('-', '−');
}

/** Up to five significant digits, plain where that is short: 0.0123, 1,984, 1.2e+300. */
export function formatValue(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return unknownText;
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(1).replace(/^-/, '−');
  const maximumFractionDigits = size >= 1000 ? 0 : size >= 10 ? 2 : 4;
  return value.toLocaleString('en-US', { maximumFractionDigits }).replace('-', '−');
}

/** Four decimals and a true minus, so that scores stand under each other. */
export function formatScore(score: number): string {
  return score.toFixed(4).replace('-', '−');
}

/** Bytes in decimal units: 1,234,567 → 1.2 MB. */
export function formatBytes(bytes: bigint | number | null): string {
  if (bytes === null) return unknownText;
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let [size, unit] = [Number(bytes), 0];
  while (size >= 999.5 && unit < units.length - 1) [size, unit] = [size / 1000, unit + 1];
  return `${size >= 99.5 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** Seconds as the two largest units: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. Negative: how far a clock is ahead. */
export function formatAge(seconds: number | null): string {
  if (seconds === null) return unknownText;
  if (seconds < -0.05) return `${formatAge(-seconds)} ahead`;
  if (seconds < 9.95) return `${Math.abs(seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return twoUnits(whole, 60, 'min', 's');
  const minutes = Math.round(whole / 60);
  return minutes < 1440 ? twoUnits(minutes, 60, 'h', 'min') : twoUnits(Math.round(minutes / 60), 24, 'd', 'h');
}

function twoUnits(count: number, size: number, large: string, small: string): string {
  const rest = count % size;
  return `${formatCount(Math.floor(count / size))} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

/** 2025-04-01 17:37:57 (UTC; the page says so once). */
export function formatTime(ms: number | null): string {
  return ms === null ? unknownText : isoTime(ms).slice(0, -5).replace('T', ' ');
}

/** For the `datetime` attribute: 2025-04-01T17:37:57.000Z. */
export function isoTime(ms: number): string {
  return new Date(Math.max(-62_135_596_800_000, Math.min(253_402_300_799_999, ms))).toISOString();
}

/** 0.0042 → 0.42 %. */
export function formatShare(part: bigint | number, whole: bigint | number): string {
  if (Number(whole) === 0) return unknownText;
  const percent = (Number(part) / Number(whole)) * 100;
  return `${percent !== 0 && percent < 0.01 ? '< 0.01' : percent.toFixed(percent >= 10 ? 1 : 2)} %`;
}

/** Cuts by code points, so that no character is halved. */
export function clip(text: string, charactersMax: number): string {
  const start = Array.from(text.slice(0, 2 * charactersMax + 2));
  return start.length > charactersMax ? `${start.slice(0, charactersMax - 1).join('')}…` : text;
}
