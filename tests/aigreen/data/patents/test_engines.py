"""Spark and DuckDB make the same tables of the same records, cell by cell."""

import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires

import pandas as pd
import pytest
from packaging.requirements import Requirement

TABLES = {"names", "name_flow", "matches", "counts", "flow", "visible", "ipc", "cpc", "owners", "applications",
          "coverage", "publication_date", "grant_date"}  # fmt: skip


@pytest.mark.spark
@pytest.mark.parametrize("rows", [2_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_spark_gives_the_tables_of_duckdb(repository, tmp_path, rows):
    pytest.importorskip("pyspark", reason="the extra spark is not installed (docs/engines.md)")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not on this machine")
    program = [
        sys.executable,
        str(repository / "benchmarks/engines.py"),
        "--rows",
        str(rows),
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    print(done.stdout)
    made = {
        engine: {path.stem: path for path in (tmp_path / engine).glob("*.parquet")} for engine in ("duckdb", "spark")
    }
    assert set(made["duckdb"]) == set(made["spark"]) == TABLES
    for name in sorted(TABLES):
        ours, theirs = (pd.read_parquet(made[engine][name]) for engine in ("duckdb", "spark"))
        assert len(ours) > 0
        pd.testing.assert_frame_equal(theirs, ours, check_exact=True, obj=name)
    counts = pd.read_parquet(made["spark"]["counts"])
    seen = counts[["green_patents", "utility_models", "y02_patents", "ai_core_patents", "patent_citations"]].sum()
    assert (seen > 0).all() and (counts["green_international_patents"].sum() > 0)


def test_the_extra_takes_the_versions_that_ibis_takes(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
    theirs = [wanted for wanted in requires("ibis-framework") if "extra == 'pyspark'" in wanted]
    assert _spark(project["optional-dependencies"]["spark"]) == _spark(theirs)


def _spark(requirements):
    return [found.specifier for found in map(Requirement, requirements) if found.name == "pyspark"]
