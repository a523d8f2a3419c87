"""Publications from BigQuery: the query compiles there, and what a download writes is what the adapter reads."""

import ibis
import pandas as pd
import pytest
import sqlglot

from aigreen.cli import main
from aigreen.data.registry import bigquery
from aigreen.data.sources.google_patents import OPTIONAL, REQUIRED, publications
from aigreen.errors import SourceError
from aigreen.simulate.economy import economy


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    economy.write_raw(folder / "raw", seed=5, truth_folder=folder / "truth", n_firms=50, patents_factor=0.05)
    return folder / "raw/google"


class Local:
    """DuckDB behind the one method that is used; its own batches do not work with every version of DuckDB."""

    def __init__(self):
        self.duckdb = ibis.duckdb.connect()

    def to_pyarrow_batches(self, rows, *, chunk_size):
        return iter(self.duckdb.to_pyarrow(rows).to_batches(max_chunksize=chunk_size))


@pytest.fixture
def table(export):
    backend = Local()
    return backend, backend.duckdb.read_parquet(export / "publications-0000.parquet")


def test_the_query_compiles_for_bigquery(table):
    sql = str(ibis.to_sql(bigquery.chosen(table[1], offices=["CN", "US"], years=(2010, 2012)), dialect="bigquery"))
    assert "'CN'" in sql and "'US'" in sql and "20100000 AND 20129999" in sql
    assert all(f"`{name}`" in sql for name in (*REQUIRED, *OPTIONAL))


def test_a_dry_run_prints_sql_that_reads_the_columns_of_the_adapter_alone(capsys):
    assert main(["publications", "--project", "mine", "--years", "2010", "2012", "--dry-run"]) == 0
    text = capsys.readouterr().out
    size, query = sqlglot.parse(text, dialect="bigquery")
    assert [column.name for column in query.expressions] == [*REQUIRED, *OPTIONAL]
    [table] = query.find_all(sqlglot.exp.Table)
    assert (table.catalog, table.db, table.name) == ("patents-public-data", "patents", "publications")
    assert "20100000 AND 20129999" in str(query)
    assert size.find(sqlglot.exp.Table).name == "__TABLES__"
    assert "bq query --project_id=mine --use_legacy_sql=false --dry_run" in text


@pytest.mark.parametrize("rows", [100, bigquery.ROWS_A_FILE])
def test_a_download_is_read_as_the_export_is(table, export, tmp_path, monkeypatch, rows):
    monkeypatch.setattr(bigquery, "ROWS_A_FILE", rows)
    backend, whole = table
    written = bigquery.download(backend, tmp_path / "google", offices=["CN", "US"], table=whole)
    assert (len(written) > 1) == (rows == 100)
    assert [path.name for path in written] == sorted(path.name for path in (tmp_path / "google").iterdir())
    for one, other in zip(publications(tmp_path / "google"), publications(export), strict=True):
        pd.testing.assert_frame_equal(one.table, other.table)


def test_offices_and_years(table, tmp_path):
    backend, whole = table
    bigquery.download(backend, tmp_path / "google", years=(2015, 2016), table=whole)
    found = publications(tmp_path / "google").patents.table
    assert set(found["office"]) == {"CN"}
    assert found["filing_date"].dt.year.agg(["min", "max"]).tolist() == [2015, 2016]


def test_nothing_is_overwritten_or_left_behind(table, tmp_path):
    backend, whole = table
    folder = tmp_path / "google"
    with pytest.raises(SourceError, match="no publications of JP filed 2015 to 2016"):
        bigquery.download(backend, folder, offices=["JP"], years=(2015, 2016), table=whole)
    assert not folder.exists()
    bigquery.download(backend, folder, table=whole)
    with pytest.raises(SourceError, match=r"holds publications-0000\.parquet already"):
        bigquery.download(backend, folder, table=whole)
    assert [path.name for path in tmp_path.iterdir()] == ["google"]


def test_without_the_client_the_extra_is_named(tmp_path, monkeypatch, capsys):
    def absent(**_):
        raise ModuleNotFoundError("No module named 'google.cloud'")

    monkeypatch.setitem(vars(ibis), "bigquery", type("Backend", (), {"connect": staticmethod(absent)}))
    assert main(["publications", "--project", "mine", "--out", str(tmp_path / "google")]) == 1
    assert "aigreen[bigquery]" in capsys.readouterr().err
    assert not (tmp_path / "google").exists()
