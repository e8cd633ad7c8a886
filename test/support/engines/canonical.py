"""Rows of an Arrow table as canonical JSON, one row a line, and their digest. test/support/canonical-row.ts does the same to our rows.

Keys are sorted, there are no spaces; null is null; every other value is a text, a list or an object: integers as digits, floating point as
the hex digits of its 64 bits, timestamps YYYY-MM-DDTHH:MM:SS.ffffffZ (without Z where they have no zone), dates YYYY-MM-DD, binary base64.
The digest is the sum, modulo 2^128, of the first 16 bytes (big-endian) of each line's SHA-256: it does not depend on the order of rows.
"""
import base64, datetime, hashlib, json, struct
import pyarrow as pa

EPOCH = datetime.datetime(1970, 1, 1)
T = pa.types


def lines(table):
    shows = [nullable(f.type) for f in table.schema]
    columns = [raw(table.column(i)) for i in range(table.num_columns)]
    for row in zip(*columns):
        yield json.dumps({f.name: show(v) for f, show, v in zip(table.schema, shows, row)}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(rows):
    count, total = 0, 0
    for line in rows:
        count += 1
        total += int.from_bytes(hashlib.sha256(line.encode()).digest()[:16], "big")
    return {"rows": count, "digest": "%032x" % (total % (1 << 128))}


def printer(t):
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
    if T.is_list(t) or T.is_large_list(t) or "list_view" in str(t):
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
    if T.is_timestamp(t): column = column.cast(pa.int64())
    elif T.is_date32(t): column = column.cast(pa.int32())
    return column.to_pylist()
