import { filePattern } from '../../shared/columnar/sql-text.ts';
import type { Session } from '../../shared/columnar/duckdb.ts';

/** What somebody typed may read these files and what the command itself has put into its folder, and nothing else. */
export async function confineTo(session: Session, { paths, tempDir }: { paths: readonly string[]; tempDir: string }): Promise<void> {
  // DuckDB asks for the pattern that a scan spells before it asks for the file.
  const files = new Set(paths.flatMap((path) => [path, filePattern(path)]));
  await session.confine({ files: [...files], folders: [tempDir] });
}
