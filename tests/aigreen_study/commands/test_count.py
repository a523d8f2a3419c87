"""`aigreen count`: the counts of tables in a folder, and in a database with those tables."""

import re
import shlex
import shutil
import subprocess
import sys
from datetime import datetime
from importlib.util import find_spec

import ibis
import pandas as pd
import pytest
import sqlglot

from aigreen.cli import main
from aigreen.data.registry import bigquery

NAMES = ("patents", "patent_applicants", "applicant_names", "citations")


@pytest.fixture
def folder(tmp_path):
    """Three green patents of one firm, one of them with another firm; the last cites the first."""
    day = pd.to_datetime([datetime(2014, 12, 31), datetime(2015, 1, 1), datetime(2015, 12, 31)]).astype(
        "datetime64[us]"
    )
    patents = pd.DataFrame({"patent_id": ["CN1", "CN2", "CN3"], "office": "CN", "patent_type": "invention"})
    patents = patents.assign(filing_date=day, publication_date=day, grant_date=pd.NaT, family_id="f")
    patents = patents.assign(ipc=["F24S10/00", "F24S10/00;A47B1/00", "F24S10/00"], cpc=None)
    patents = patents.astype({"grant_date": "datetime64[us]", "cpc": "str"})
    people = pd.DataFrame(
        {"patent_id": ["CN1", "CN2", "CN2", "CN3"], "position": [1, 1, 2, 1], "name": list("甲甲乙甲")}
    )
    matches = pd.DataFrame(
        {"name": ["甲", "乙"], "firm_id": ["000001", "000002"], "year": pd.array([None, None], "Int64")}
    )
    cited = pd.DataFrame({"patent_id": ["CN3"], "cited_publication": ["P1"], "cited_id": ["CN1"]})
    place = tmp_path / "canonical"
    place.mkdir()
    for name, table in zip(NAMES, (patents, people, matches, cited), strict=True):
        table.to_parquet(place / f"{name}.parquet", index=False)
    return place


def documented(repository):
    """The commands of the guide, without those that install: engine (and dry run) to arguments."""
    text = (repository / "docs/engines.md").read_text("utf-8")
    lines = re.findall(r"^python3 run\.py aigreen count (.*)$", text, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def counted(path):
    table = pd.read_parquet(path)
    columns = [
        "firm_id",
        "year",
        "green_patents",
        "green_joint_patents",
        "green_patents_fractional",
        "patent_citations",
    ]
    return table[columns].to_numpy().tolist()


EXPECTED = [["000001", 2014, 1, 0, 1.0, 1], ["000001", 2015, 2, 1, 1.5, 0], ["000002", 2015, 1, 1, 0.5, 0]]


def test_a_folder(folder, tmp_path, capsys):
    assert main(["count", str(folder), "--out", str(tmp_path / "counts.parquet")]) == 0
    assert counted(tmp_path / "counts.parquet") == EXPECTED
    assert "of 3 applications" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "change", "told"),
    [
        ("patents", lambda t: t.assign(filing_date="2015"), "patents.filing_date: is of type string, not timestamp"),
        (
            "applicant_names",
            lambda t: t.assign(firm_id=[1, 2]),
            "applicant_names.firm_id: is of type int64, not string",
        ),
        ("patents", lambda t: pd.concat([t, t.head(1)]), r"same patent_id \(1 values stand twice\).*CN1"),
        ("patent_applicants", lambda t: pd.concat([t, t.tail(1)]), r"patent_id and position .*CN3, 1"),
        ("applicant_names", lambda t: pd.concat([t, t.head(1)]), r"stand twice for a year.*\(1\).*甲"),
        ("applicant_names", lambda t: pd.concat([t, t.head(1).assign(year=2015)]), r"stand twice for a year.*甲"),
    ],
)
def test_tables_that_would_be_counted_wrongly(folder, tmp_path, capsys, table, change, told):
    file = folder / f"{table}.parquet"
    change(pd.read_parquet(file)).to_parquet(file, index=False)
    assert main(["count", str(folder), "--out", str(tmp_path / "counts.parquet")]) != 0
    error = capsys.readouterr().err
    assert re.search(told, error) and "Traceback" not in error and not (tmp_path / "counts.parquet").exists()


def test_columns_without_a_type_have_no_value(folder, tmp_path):
    patents = pd.read_parquet(folder / "patents.parquet").assign(cpc=None, grant_date=None)
    assert patents["cpc"].dtype == object
    patents.to_parquet(folder / "patents.parquet", index=False)
    assert main(["count", str(folder), "--out", str(tmp_path / "counts.parquet")]) == 0
    assert counted(tmp_path / "counts.parquet") == EXPECTED


def test_a_database_in_place_of_bigquery(folder, tmp_path, monkeypatch):
    backend = ibis.duckdb.connect()
    for name in NAMES:
        backend.create_table(name, pd.read_parquet(folder / f"{name}.parquet"))
    asked = []
    monkeypatch.setattr(bigquery, "connect", lambda *where: asked.append(where) or backend)
    out = tmp_path / "counts.parquet"
    assert main(["count", "mine.green", "--engine", "bigquery", "--out", str(out)]) == 0
    assert asked == [("mine", "green")]
    assert counted(out) == EXPECTED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mine", "--engine", "bigquery"], "mine: BigQuery needs PROJECT.DATASET"),
        (["a.b.c", "--dry-run"], "a.b.c: BigQuery needs PROJECT.DATASET"),
        (["nowhere"], "nowhere: no table patents, patent_applicants, applicant_names; `aigreen build` makes them"),
    ],
)
def test_what_is_not_there(arguments, words, capsys):
    assert main(["count", *arguments]) == 1
    assert capsys.readouterr().err == f"error: {words}\n"


def test_the_dry_run_is_sql_of_bigquery_and_asks_nothing(capsys):
    assert main(["count", "mine.green", "--dry-run", "--office", "US", "--window", "3"]) == 0
    text = capsys.readouterr().out
    size, *queries = sqlglot.parse(text, dialect="bigquery")
    assert len(queries) == 6
    read = [{table.name for table in query.find_all(sqlglot.exp.Table)} - ctes(query) for query in queries]
    large = {name for tables in read for name in tables if name in NAMES}
    assert large == set(NAMES)
    assert [tables - large for tables in read] == [set(), set(), {"ipc", "cpc"}, set(), set(), set()]
    assert all(table.catalog == "mine" and table.db == "green" for query in queries for table in query.find_all(
        sqlglot.exp.Table) if table.name in NAMES)  # fmt: skip
    assert {name.this for name in size.find_all(sqlglot.exp.Literal) if name.is_string} == set(NAMES)
    assert "BIT_OR" in text and "'US'" in text and "<= 3" in text
    assert "bq query --project_id=mine --use_legacy_sql=false --dry_run" in text


def test_the_commands_of_the_guide(folder, tmp_path, monkeypatch, repository, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/simulated-firms").mkdir(parents=True)
    folder.rename(tmp_path / "results/simulated-firms/canonical")
    duckdb, spark, dry, bigquery = documented(repository)
    assert main(["count", *duckdb]) == 0
    assert counted("counts.parquet") == EXPECTED
    assert main(["count", *dry]) == 0
    assert "`my-project`.`green`.`patents`" in capsys.readouterr().out
    assert "spark" in spark and "bigquery" in bigquery  # tested below and above


@pytest.mark.spark
def test_the_command_of_the_guide_for_spark(folder, tmp_path, monkeypatch, repository):
    if find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.skip("the extra spark or Java is not on this machine (docs/engines.md)")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/simulated-firms").mkdir(parents=True)
    folder.rename(tmp_path / "results/simulated-firms/canonical")
    command = [sys.executable, "-m", "aigreen.cli", "count", *documented(repository)[1]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert counted("counts.parquet") == EXPECTED


def ctes(query):
    return {cte.alias for cte in query.find_all(sqlglot.exp.CTE)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--threads", "0"], "threads=0"),
        (["--memory", "lots"], "memory='lots'"),
        (["--window", "-1"], "window=-1"),
    ],
)
def test_an_option_out_of_range_is_one_line(folder, capsys, options, said):
    assert main(["count", str(folder), *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}: use one of ") and error.count("\n") == 1


def test_a_damaged_file_and_an_absent_column_are_one_line(folder, capsys):
    place = folder / "patents.parquet"
    pd.read_parquet(place).drop(columns=["office", "ipc"]).to_parquet(place)
    assert main(["count", str(folder)]) == 1
    assert capsys.readouterr().err == "error: table patents.office, ipc: the file has no such column\n"
    place.write_bytes(b"junk")
    assert main(["count", str(folder)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {place}: not a Parquet file (") and error.count("\n") == 1


def test_years_in_reverse_are_refused_before_anything_is_charged(capsys):
    assert main(["publications", "--project", "p", "--dry-run", "--years", "2020", "2010"]) == 1
    assert capsys.readouterr().err.startswith("error: years=(2020, 2010): use one of ")
