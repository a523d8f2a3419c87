"""A Spark session that runs the expressions of `aigreen.data.patents.counts` as DuckDB does."""

from __future__ import annotations

import shutil
from pathlib import Path

import ibis

from aigreen.extras import require


def connect_spark(
    spill: Path, *, memory_limit: str = "4GB", threads: int = 2, master: str | None = None
) -> ibis.BaseBackend:
    """Open Spark.

    Parameters
    ----------
    spill : Path
        Folder for what does not fit in memory, emptied first; on a cluster its own settings come first.
    memory_limit : str
        Of the Java process here, for example ``"4GB"``; that of executors is a setting of the cluster.
    threads : int
        Of a session without ``master``.
    master : str, optional
        Address of a cluster, such as ``spark://host:7077`` or ``yarn``; this machine by default.

    Raises
    ------
    MissingExtraError
        PySpark or Java is not installed.
    """
    require("spark", "Spark")
    from pyspark.sql import SparkSession

    shutil.rmtree(spill, ignore_errors=True)
    settings = {
        "spark.driver.memory": memory_limit.removesuffix("B"),
        "spark.local.dir": str(spill),
        "spark.log.level": "ERROR",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.ui.showConsoleProgress": "false",
    }
    if master is None:  # no page to watch, one host, and fewer pieces than the 200 for a cluster, each a file a task
        settings |= {"spark.ui.enabled": "false", "spark.driver.host": "localhost"}
        settings["spark.sql.shuffle.partitions"] = str(8 * threads)
    builder = SparkSession.builder.master(master or f"local[{threads}]").appName("aigreen")
    return ibis.pyspark.connect(builder.config(map=settings).getOrCreate())
