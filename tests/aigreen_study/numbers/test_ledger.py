"""Provenance of a small project and the ledger of its numbers."""

import hashlib
import json
from types import MappingProxyType

import pytest

from aigreen.errors import ReportError
from aigreen_study.numbers.ledger import ledger
from aigreen_study.numbers.ledger import to_json as written
from aigreen_study.tables.estimates import attributed
from aigreen_study.tables.table import Cell, Group, Row, Table
from aigreen_study.trust.provenance import exhibit_table, provenance, to_json, written_at

SCRIPT = """from aigreen.data.facts import table

with open("x"):
    shown = table("cities")
    shown.write(
        snakemake.output.table[0],
    )
"""
FILES = {
    "src/aigreen/__init__.py": "",
    "src/aigreen/data/facts.py": "",
    "data/facts/cities.csv": "code\n",
    "data/sources.csv": "",
    "scripts/fetch.py": "",
    "scripts/draw.py": SCRIPT,
    "results/s/raw/b.csv": "2\n",
    "results/s/raw/a.csv": "1\n",
    "results/s/tables/size.typ": "typst",
}
DRAW = {
    "rule": "draw",
    "script": "scripts/draw.py",
    "inputs": {"raw": ["results/s/raw"]},
    "outputs": {"table": ["results/s/tables/size.json", "results/s/tables/size.typ"]},
}
FETCH = {"rule": "fetch", "script": "scripts/fetch.py", "inputs": {}, "outputs": {"raw": ["results/s/raw"]}}
GRAPH = {"shown": ["results/s/tables/size.json", "results/s/tables/size.typ"], "jobs": [FETCH, DRAW]}


class Result:
    method, outcome, n_rows, n_units, n_clusters = "OLS", "patents", 738, 31, 16
    conventions = MappingProxyType({"variance": "clustered by city"})


@pytest.fixture
def table():
    rows = (
        Row("Zone", (Cell.number(0.1234, stars=2), Cell("Yes"))),
        Row("", (Cell.number(0.05, role="std_error"), Cell())),
    )
    plain = Table(key="size", title="Size", stub="", columns=("(1)", "(2)"), groups=(Group(rows[:1]), Group(rows[1:])))
    return attributed(plain, columns=[("size/ols", Result), None])


@pytest.fixture
def project(tmp_path, table):
    for name, text in FILES.items() | {("results/s/tables/size.json", table.to_json())}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_an_exhibit_is_followed_to_rule_lines_modules_inputs_and_sources(project):
    facts = provenance("s", GRAPH, project, source="cnrds")
    shown = facts["exhibits"]["tables/size"]
    assert list(facts["exhibits"]) == ["tables/size"]
    assert (shown["title"], shown["rule"], shown["script"], shown["lines"]) == (
        "Size",
        "draw",
        "scripts/draw.py",
        [5, 7],
    )
    assert shown["starts_from"] == ["results/s/raw"]
    assert shown["rerun"] == "python3 run.py snakemake --config study=s --force results/s/tables/size.json"
    assert facts["rules"]["draw"]["modules"] == ["scripts/draw.py", "src/aigreen/data/facts.py"]
    assert facts["rules"]["draw"]["facts"] == ["data/facts/cities.csv"]
    typst = facts["files"]["results/s/tables/size.typ"]
    assert typst == {"sha256": hashlib.sha256(b"typst").hexdigest(), "bytes": 5, "rule": "draw"}
    lines = "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in (("a.csv", b"1\n"), ("b.csv", b"2\n"))
    )
    assert facts["files"]["results/s/raw"]["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert [row["source"] for row in facts["sources"]] == ["cnrds"]
    assert to_json(facts) == to_json(provenance("s", GRAPH, project, source="cnrds"))
    assert str(project) not in to_json(facts)


def test_a_ledger_is_written_as_people_read_it():
    text = written({"a": {"text": "\u22120.5", "value": -0.5}})
    assert text == '{\n "a": {\n  "text": "\u22120.5",\n  "value": -0.5\n }\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        written({"a": {"value": float("nan")}})


def test_an_absent_file_has_no_provenance(project):
    (project / "results/s/tables/size.typ").unlink()
    with pytest.raises(ReportError, match=r"results/s/tables/size\.typ: absent"):
        provenance("s", GRAPH, project)


def test_without_a_statement_that_writes_it_the_whole_script_is_meant(project):
    assert written_at(project / "scripts/draw.py", "figure") == [1, 7]


def test_the_exhibit_table_joins_studies_that_share_a_rule():
    other = json.loads(json.dumps(GRAPH).replace("results/s/", "results/t/"))
    assert exhibit_table({"s": GRAPH, "t": other}).splitlines()[2:] == [
        "| `tables/size` | s, t | `draw` | `scripts/draw.py` |"
    ]


def test_every_cell_and_number_has_its_facts(project, table):
    origin = provenance("s", GRAPH, project)
    numbers = {"att": {"value": 0.12, "text": "0.120", "unit": "", "exhibit": "tables/size", "rule": "draw", "n": 738}}
    entries = ledger(numbers, {"tables/size": table}, origin)
    assert list(entries) == ["att", "tables/size:1:1", "tables/size:1:2", "tables/size:2:1"]
    assert entries["att"] == numbers["att"] | {"script": "scripts/draw.py"}
    assert entries["tables/size:1:1"] == {
        "value": 0.1234,
        "text": "0.123**",
        "unit": "",
        "exhibit": "tables/size",
        "place": "Zone | (1)",
        "row": 1,
        "column": 1,
        "rule": "draw",
        "script": "scripts/draw.py",
        "lines": [5, 7],
        "spec": "size/ols",
        "n": 738,
        "units": 31,
        "clusters": 16,
        "errors": "clustered by city",
        "method": "OLS",
    }
    assert "spec" not in entries["tables/size:1:2"]
    assert entries["tables/size:2:1"]["text"] == "(0.050)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "drew"}, r"number 'att': the workflow has no rule 'drew' \(did you mean 'draw'\?\)"),
        (
            {"exhibit": "tables/siz"},
            r"number 'att': the workflow has no exhibit 'tables/siz' \(did you mean 'tables/size'",
        ),
    ],
)
def test_a_number_from_nowhere_stops_the_ledger(project, table, change, message):
    entry = {"value": 0.1, "text": "0.1", "unit": "", "exhibit": "tables/size", "rule": "draw"} | change
    with pytest.raises(ReportError, match=message):
        ledger({"att": entry}, {"tables/size": table}, provenance("s", GRAPH, project))


def test_a_table_keeps_its_specifications_on_disk_and_names_none_it_does_not_have(table):
    assert Table.from_json(table.to_json()) == table
    with pytest.raises(ReportError, match="no facts on the specification"):
        Table(key="t", title="", stub="", columns=("a",), groups=(Group((Row("", (Cell("1", 1.0, spec="x"),)),)),))
    with pytest.raises(ReportError, match="1 results to attribute to"):
        attributed(table, columns=[None])
