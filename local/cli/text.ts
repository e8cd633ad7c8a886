/** Numbers and times for people. */

export function countText(value: bigint | number | null): string {
  return value === null ? 'not known' : value.toLocaleString('en-US');
}

/** `1 row`, `1,200 rows`. */
export function rowsText(rows: number): string {
  return `${countText(rows)} ${rows === 1 ? 'row' : 'rows'}`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** ISO, UTC, in milliseconds. */
export function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

export function ageText(seconds: number | null): string {
  if (seconds === null) return '–';
  const size = Math.abs(seconds);
  if (size < 120) return `${seconds.toFixed(1)} s`;
  if (size < 7_200) return `${(seconds / 60).toFixed(0)} min`;
  return size < 172_800 ? `${(seconds / 3_600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(0)} d`;
}
