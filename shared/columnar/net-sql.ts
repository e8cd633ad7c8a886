import { CHANGE, FILE } from './relation.ts';
import type { DuckRelation } from './relation-sql.ts';
import { quote } from './sql-text.ts';

export interface Net {
  readonly added: DuckRelation;
  readonly removed: DuckRelation;
  readonly key: readonly string[];
  readonly columns: readonly string[];
}

const list = (columns: readonly string[], alias = '') => columns.map((name) => alias + quote(name)).join(', ');
const COUNT = quote('\u0001count');

/**
 * Statements that make the table `target` of a net of changes (relation.ts, `net`). A row is known by its key and the columns asked
 * for; each time it came counts one, each time it went takes one away.
 */
export function netSql({ added, removed, key, columns }: Net, target: string): string[] {
  const identity = [...new Set([...key, ...columns])];
  const rest = quote(`${target} rest`);
  const same = (left: string, right: string) => key.map((name) => `${left}.${quote(name)} IS NOT DISTINCT FROM ${right}.${quote(name)}`).join(' AND ');
  const one = (sign: '>' | '<') => `SELECT DISTINCT ON (${list(key)}) ${list(identity)} FROM ${rest} WHERE ${COUNT} ${sign} 0`;
  const file = removed.names.includes(FILE) ? `max(${quote(FILE)})` : 'NULL::INTEGER';
  return [
    `CREATE TEMP TABLE ${rest} AS SELECT ${list(identity)}, sum(${COUNT}) AS ${COUNT} FROM (
      SELECT ${list(identity)}, 1 AS ${COUNT} FROM (${added.sql}) UNION ALL SELECT ${list(identity)}, -1 FROM (${removed.sql})) GROUP BY ALL HAVING sum(${COUNT}) <> 0`,
    `CREATE OR REPLACE TEMP TABLE ${quote(target)} AS
      WITH came AS (${one('>')}), went AS (${one('<')}),
        changed AS (
          SELECT c.*, CASE WHEN w.${COUNT} THEN 'replaced' ELSE 'added' END AS ${quote(CHANGE)} FROM came c LEFT JOIN (SELECT ${list(key)}, true AS ${COUNT} FROM went) w ON ${same('c', 'w')}
          UNION ALL SELECT w.*, 'removed' FROM went w ANTI JOIN came c ON ${same('w', 'c')})
      SELECT ${list(columns, 'n.')}, n.${quote(CHANGE)}, f.${quote(FILE)} FROM changed n
        LEFT JOIN (SELECT ${list(key)}, ${file} AS ${quote(FILE)} FROM (${removed.sql}) GROUP BY ${list(key)}) f ON ${same('n', 'f')}`,
    `DROP TABLE ${rest}`,
  ];
}

/** The same where nothing went and no key comes twice. */
export function addedSql({ added, key, columns }: Net, target: string): string {
  return `CREATE TEMP TABLE ${quote(target)} AS SELECT ${list([...new Set([...key, ...columns])])}, 'added' AS ${quote(CHANGE)}, NULL::INTEGER AS ${quote(FILE)} FROM (${added.sql})`;
}
