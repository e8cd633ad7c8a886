"""Spark with delta-spark, one session for the life of the process. ASSAY_SPARK_JARS: the folder of delta-spark's jars."""
import glob, os

_spark = None


def spark():
    global _spark
    if _spark is None:
        from pyspark.sql import SparkSession
        jars = ",".join(sorted(glob.glob(os.path.join(os.environ["ASSAY_SPARK_JARS"], "*.jar"))))
        _spark = (SparkSession.builder.master("local[2]").config("spark.jars", jars)
                  .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
                  .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
                  .config("spark.driver.memory", "2g").config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
                  .config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
                  .config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "1")
                  .config("spark.databricks.delta.snapshotPartitions", "1")
                  .config("spark.sql.sources.parallelPartitionDiscovery.parallelism", "2")
                  # For many small statements: compiling costs more than it saves.
                  .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
                  .config("spark.sql.codegen.wholeStage", "false").config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
                  .config("spark.databricks.delta.retentionDurationCheck.enabled", "false").getOrCreate())
    return _spark


def name(table):
    return "delta.`%s`" % table.replace("`", "``")


def arrow(engine, table, version=None, where=None):
    reader = spark().read.format("delta")
    rows = (reader if version is None else reader.option("versionAsOf", version)).load(table)
    return (rows if where is None else rows.where(where)).toArrow()


def sql(engine, statement, table=None):
    """Rows of the statement, as objects. It names the table itself."""
    return [row.asDict(True) for row in spark().sql(statement).collect()]


def on_table(table):
    """The table as the view t, for a SELECT of its own rows."""
    spark().read.format("delta").load(table).createOrReplaceTempView("t")


def append(engine, table, select):
    on_table(table)
    spark().sql(select).coalesce(1).write.format("delta").mode("append").save(table)


def delete(engine, table, where):
    return sql(engine, "DELETE FROM %s WHERE %s" % (name(table), where))


def merge(engine, table, select, on):
    on_table(table)
    spark().sql(select).createOrReplaceTempView("source")
    return sql(engine, "MERGE INTO %s AS t USING source AS s ON %s WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *" % (name(table), on))


def optimize(engine, table):
    return sql(engine, "OPTIMIZE " + name(table))


def zorder(engine, table, columns):
    return sql(engine, "OPTIMIZE %s ZORDER BY (%s)" % (name(table), ", ".join("`%s`" % column for column in columns)))


def checkpoint(engine, table):
    log = spark()._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark()._jsparkSession, table)
    none = spark()._jvm.scala.Option.empty()
    log.checkpoint(log.update(False, none, none), none)


def vacuum(engine, table):
    return sql(engine, "VACUUM %s RETAIN 0 HOURS" % name(table))


def history(engine, table):
    return sql(engine, "DESCRIBE HISTORY " + name(table))
