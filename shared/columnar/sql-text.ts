/** Names, texts and paths as DuckDB's SQL takes them. */

export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** Text as SQL. DuckDB's parser ends a statement at a NUL, so that one is named. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\0') ? `(${quoted.replaceAll('\0', "' || chr(0) || '")})` : quoted;
}

/** Paths as `read_parquet` and its kin take them: exactly these files, whatever pattern their names spell. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map((path) => literal(filePattern(path))).join(', ')}]`;
}

/** The glob pattern that means this path alone. */
export function filePattern(path: string): string {
  return path.replace(/[*?[\]]/g, '[$&]');
}
