"""delta-rs, DuckDB's delta extension (delta-kernel-rs) and Polars (delta-rs for the log) in one process. delta-rs writes, too."""
import glob, os
import pyarrow as pa
import duckdb, duckdb_extension_delta
import polars
from deltalake import DeltaTable, QueryBuilder, write_deltalake

_duck = None


def duck():
    """The extension comes as a file of a wheel: nothing is fetched when it loads."""
    global _duck
    if _duck is None:
        _duck = duckdb.connect()
        _duck.execute("LOAD '%s'" % glob.glob(os.path.join(os.path.dirname(duckdb_extension_delta.__file__), "extensions", "v*", "delta.duckdb_extension"))[0])
        _duck.execute("SET TimeZone = 'UTC'")
    return _duck


def arrow(engine, table, version=None, where=None):
    condition = "" if where is None else " WHERE " + where
    if engine == "delta-rs":
        return pa.table(QueryBuilder().register("t", DeltaTable(table, version=version)).execute("SELECT * FROM t" + condition).read_all())
    if engine == "polars":
        frame = polars.scan_delta(table, version=version)
        return (frame if where is None else frame.filter(polars.sql_expr(where))).collect().to_arrow()
    scan = "delta_scan('%s'%s)" % (table.replace("'", "''"), "" if version is None else ", version := %d" % version)
    return duck().execute("SELECT * FROM %s%s" % (scan, condition)).to_arrow_table()


def plain(t):
    """A type without views of text and bytes, as delta-rs writes it."""
    if t == pa.string_view(): return pa.string()
    if t == pa.binary_view(): return pa.binary()
    if pa.types.is_struct(t): return pa.struct([f.with_type(plain(f.type)) for f in t])
    if pa.types.is_list(t): return pa.list_(t.value_field.with_type(plain(t.value_type)))
    return t


def selected(table, select):
    rows = pa.table(QueryBuilder().register("t", DeltaTable(table)).execute(select).read_all())
    return rows.cast(pa.schema([f.with_type(plain(f.type)) for f in rows.schema]))


def append(engine, table, select):
    """Rows of a SELECT from t, the table itself."""
    write_deltalake(table, selected(table, select), mode="append")


def delete(engine, table, where):
    return DeltaTable(table).delete(where)


def merge(engine, table, select, on):
    """Rows of a SELECT from t, the table itself, by `s` and `t`: what matches is updated, what does not is inserted."""
    return (DeltaTable(table).merge(source=selected(table, select), predicate=on, source_alias="s", target_alias="t")
            .when_matched_update_all().when_not_matched_insert_all().execute())


def optimize(engine, table):
    return DeltaTable(table).optimize.compact()


def zorder(engine, table, columns):
    return DeltaTable(table).optimize.z_order(columns)


def checkpoint(engine, table):
    DeltaTable(table).create_checkpoint()


def vacuum(engine, table):
    """Everything that no version but the newest needs."""
    return DeltaTable(table).vacuum(0, dry_run=False, enforce_retention_duration=False)


def history(engine, table):
    return DeltaTable(table).history()
