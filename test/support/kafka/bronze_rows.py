"""Bronze and offset_gaps as delta-rs reads them: a line a row, in the digests of KafkaSide.java.

Arguments: the lake's folder, the file for rows (topic, incarnation, partition, offset, digest), the file for gaps (topic, incarnation,
partition, first, last, cause). The topic stands as JSON in both. Prints the number of rows that DuckDB counts in Bronze."""
import glob, hashlib, json, os, struct, sys
import duckdb, duckdb_extension_delta
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

lake, rows_file, gaps_file = sys.argv[1:4]
ABSENT = struct.pack(">i", -1)


def part(data):
    return ABSENT if data is None else struct.pack(">i", len(data)) + data


def encoded(text):
    return None if text is None else text.encode()


def either(text, data):
    return encoded(text) if text is not None else data


def batches(table, columns):
    reader = QueryBuilder().register("t", DeltaTable(os.path.join(lake, table))).execute("SELECT %s FROM t" % columns)
    for batch in pa.RecordBatchReader.from_stream(reader):
        yield batch


with open(rows_file, "w") as out:
    columns = 'topic, incarnation, partition, "offset", arrow_cast(kafka_timestamp, \'Int64\') AS us, key, key_bytes, value, value_bytes, headers'
    for batch in batches("bronze_events", columns):
        c = [column.to_pylist() for column in batch.columns]
        for topic, incarnation, partition, offset, us, key, key_bytes, value, value_bytes, headers in zip(*c):
            sha = hashlib.sha256(struct.pack(">q", -1 if us is None else us // 1000))
            sha.update(part(either(key, key_bytes)))
            sha.update(part(either(value, value_bytes)))
            for header in headers or []:
                sha.update(part(encoded(header["key"])))
                sha.update(part(header["value"]))
            out.write("%s\t%s\t%d\t%d\t%s\n" % (json.dumps(topic), incarnation, partition, offset, sha.hexdigest()[:32]))

with open(gaps_file, "w") as out:
    if os.path.isdir(os.path.join(lake, "offset_gaps", "_delta_log")):
        for batch in batches("offset_gaps", "topic, incarnation, partition, first_offset, last_offset, cause"):
            for topic, incarnation, partition, first, last, cause in zip(*[column.to_pylist() for column in batch.columns]):
                out.write("%s\t%s\t%d\t%d\t%d\t%s\n" % (json.dumps(topic), incarnation, partition, first, last, cause))

duck = duckdb.connect()
duck.execute("LOAD '%s'" % glob.glob(os.path.join(os.path.dirname(duckdb_extension_delta.__file__), "extensions", "v*", "delta.duckdb_extension"))[0])
print(duck.execute("SELECT count(*) FROM delta_scan('%s')" % os.path.join(lake, "bronze_events").replace("'", "''")).fetchone()[0])
