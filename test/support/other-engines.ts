import { runPython } from './python-venv.ts';

export const OTHER_ENGINES = ['delta-rs', 'duckdb', 'polars'] as const;
export type OtherEngine = (typeof OTHER_ENGINES)[number];

/**
 * Each engine hands over Arrow; one function prints it. Canonical JSON, one row a line: keys sorted, no spaces; null is null; every other
 * value a text, a list or an object: integers as digits, floating point as the hex digits of its 64 bits, timestamps
 * `YYYY-MM-DDTHH:MM:SS.ffffffZ`, dates `YYYY-MM-DD`, binary base64. `canonicalRow` brings what `assay table read --json` prints into it.
 */
const READ = String.raw`
import base64, datetime, glob, json, os, struct, sys
import pyarrow as pa

def arrow(engine, path):
    if engine == "delta-rs":
        from deltalake import DeltaTable, QueryBuilder
        return pa.table(QueryBuilder().register("t", DeltaTable(path)).execute("SELECT * FROM t").read_all())
    if engine == "polars":
        import polars as pl
        return pl.scan_delta(path).collect().to_arrow()
    import duckdb, duckdb_extension_delta
    con = duckdb.connect()
    con.execute("LOAD '%s'" % glob.glob(os.path.join(os.path.dirname(duckdb_extension_delta.__file__), "extensions", "v*", "delta.duckdb_extension"))[0])
    con.execute("SET TimeZone = 'UTC'")
    return con.execute("SELECT * FROM delta_scan('%s')" % path.replace("'", "''")).to_arrow_table()

EPOCH = datetime.datetime(1970, 1, 1)

def printer(t):
    T = pa.types
    if T.is_timestamp(t):
        per_us = {"ms": 1000, "us": 1}[t.unit]
        return lambda v: (EPOCH + datetime.timedelta(microseconds=v * per_us)).isoformat(timespec="microseconds") + ("Z" if t.tz else "")
    if T.is_date(t): return lambda v: (EPOCH.date() + datetime.timedelta(days=v)).isoformat()
    if T.is_boolean(t): return lambda v: "true" if v else "false"
    if T.is_integer(t): return str
    if T.is_floating(t): return lambda v: struct.pack(">d", v).hex()
    if T.is_struct(t):
        fields = [(f.name, nullable(f.type)) for f in t]
        return lambda v: {name: show(v[name]) for name, show in fields}
    if T.is_list(t) or T.is_large_list(t):
        show = nullable(t.value_type)
        return lambda v: [show(item) for item in v]
    if "string" in str(t): return lambda v: v
    if "binary" in str(t): return lambda v: base64.b64encode(v).decode()
    raise TypeError(str(t))

def nullable(t):
    show = printer(t)
    return lambda v: None if v is None else show(v)

def raw(column):
    """Python values, but times as the numbers they are stored as."""
    t = column.type
    if pa.types.is_timestamp(t): column = column.cast(pa.int64())
    elif pa.types.is_date32(t): column = column.cast(pa.int32())
    return column.to_pylist()

engine, folder, names = sys.argv[1], sys.argv[2], sys.argv[3:]
for name in names:
    print(json.dumps({"table": name}))
    table = arrow(engine, os.path.join(folder, name))
    shows = [nullable(f.type) for f in table.schema]
    columns = [raw(table.column(i)) for i in range(table.num_columns)]
    for row in zip(*columns):
        print(json.dumps({f.name: show(v) for f, show, v in zip(table.schema, shows, row)}, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
`;

/** Rows of each table, in canonical JSON and sorted. */
export async function readByOther(engine: OtherEngine, folder: string, tables: readonly string[]): Promise<Map<string, string[]>> {
  const { stdout } = await runPython(READ, { args: [engine, folder, ...tables] });
  const rows = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of stdout.trimEnd().split('\n')) {
    const table = /^\{"table": "(\w+)"\}$/.exec(line)?.[1];
    if (table === undefined) current.push(line);
    else rows.set(table, current = []);
  }
  for (const lines of rows.values()) lines.sort();
  return rows;
}
