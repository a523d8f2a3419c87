"""What `aigreen verify`, `diff` and `accept` say about a small study whose results change in known ways."""

import json
import subprocess

import pytest

from aigreen.cli import main
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table
from aigreen_study.trust.certificate import Comparison, Value, compare

STUDY = "small"
ESTIMATES = (0.12345678, -0.5, 1.5)


def table(estimates=ESTIMATES, stars=(2, 0, 0), *, rows=738, key="baseline", notes="Clustered."):
    cells = tuple(Cell.number(value, stars=n) for value, n in zip(estimates, stars, strict=True))
    errors = tuple(Cell.number(0.1, role="std_error") for _ in estimates)
    size = Row("Observations", (Cell(f"{rows:,}", float(rows), centred=True), Cell("Yes"), Cell()))
    return Table(
        key=key,
        title="Effects",
        stub="",
        columns=("(1)", "(2)", "(3)"),
        spanners=((Spanner("OLS", 0, 2),),),
        groups=(Group((Row("Zone", cells), Row("", errors))), Group((size,))),
        notes=notes,
    )


def numbers(**entries):
    texts = {"att": ("0.123", 0.12345678), "verdict": ("excludes zero", "excludes zero"), "share": ("12.6%", 0.1261)}
    both = texts | entries
    return json.dumps({key: {"text": text, "value": value, "rule": "numbers"} for key, (text, value) in both.items()})


def write(folder, numbers_text, *tables):
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    (folder / "numbers.json").write_text(numbers_text)
    for one in tables:
        (folder / "tables" / f"{one.key}.json").write_text(one.to_json())


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "analysis/config").mkdir(parents=True)
    (tmp_path / "analysis/config/small.yaml").write_text("title: Small\n")
    write(tmp_path / "results/small", numbers(), table(), table(key="other"))
    monkeypatch.chdir(tmp_path)
    assert main(["accept", "--study", STUDY, "--reason", "first"]) == 0
    return tmp_path


def verify(capsys, *options):
    code = main(["verify", "--study", STUDY, *options])
    return code, capsys.readouterr().out


def test_unchanged_results_are_reproduced_in_full(project, capsys):
    code, out = verify(capsys)
    assert code == 0
    # Nine cells and two texts a table, three numbers.
    assert out.splitlines()[-1] == "small: full (23 cells and numbers)"
    certificate = json.loads((project / "results/small/certificate.json").read_text())
    assert (certificate["class"], certificate["same"], certificate["changed"]) == ("full", 23, [])
    first = (project / "results/small/certificate.md").read_bytes()
    verify(capsys)
    assert (project / "results/small/certificate.md").read_bytes() == first
    assert str(project).encode() not in first


@pytest.mark.parametrize(
    ("changed", "classes", "code"),
    [
        (table((0.12345678 * (1 + 9e-7), -0.5, 1.5)), ("full", "full"), 0),
        (table((0.1239, -0.5, 1.5)), ("minor differences", "minor differences"), 0),
        (table(notes="Clustered by province."), ("minor differences", "minor differences"), 0),
        (table((0.1259, -0.5, 1.5)), ("partial", "partial"), 1),
        (table((0.12345678, 0.5, 1.5)), ("partial", "partial"), 1),
        (table(stars=(1, 0, 0)), ("partial", "partial"), 1),
        (table(rows=739), ("partial", "partial"), 1),
        (table((1.0, 2.0, 3.0), stars=(0, 0, 0), rows=9, notes=""), ("partial", "partial"), 1),
        (table((1.0, 2.0, 3.0), key="another"), ("not reproduced", "partial"), 1),
    ],
)
def test_classes(project, capsys, changed, classes, code):
    if changed.key == "another":
        (project / "results/small/tables/baseline.json").unlink()
    write(project / "results/small", numbers(), changed)
    assert verify(capsys)[0] == code
    certificate = json.loads((project / "results/small/certificate.json").read_text())
    assert certificate["exhibits"]["tables/baseline"]["class"] == classes[0]
    assert certificate["exhibits"]["tables/other"]["class"] == "full"
    assert certificate["class"] == classes[1]


def test_the_worst_five_are_named_with_both_values(project, capsys):
    write(project / "results/small", numbers(att=("0.223", 0.223)), table((0.2, -0.1, 1.5), stars=(0, 0, 0), rows=700))
    code, out = verify(capsys)
    assert code == 1
    assert "worst 4 of 4:" in out
    assert "  tables/baseline, Zone | OLS / (1): 0.200, accepted is 0.123**" in out.splitlines()
    assert "  tables/baseline, Observations | OLS / (1): 700, accepted is 738" in out.splitlines()
    assert "  numbers, att: 0.223, accepted is 0.123" in out.splitlines()


def test_a_missing_number_and_one_without_accepted_value_are_different(project, capsys):
    entries = json.loads(numbers(more=("1.000", 1.0)))
    del entries["att"]
    (project / "results/small/numbers.json").write_text(json.dumps(entries))
    code, out = verify(capsys)
    assert code == 1
    assert "numbers, att: absent; accepted is 0.123" in out
    assert "numbers, more: 1.000, which has no accepted value" in out


@pytest.mark.parametrize(
    ("expected", "found", "verdict"),
    [
        (Value("0.000", 1e-12), Value("0.000", -1e-12), "same"),
        (Value("0.000", 2e-4), Value("−0.000", -2e-4), "different"),
        (Value("−0.001", -6e-4), Value("0.000", -4e-4), "minor"),
        (Value("12.6%", 0.1261), Value("12.7%", 0.1269), "minor"),
        (Value("12.6%", 0.1261), Value("12.9%", 0.1289), "different"),
        (Value("1,234", 1234.0), Value("1,235", 1235.0), "different"),
        (Value("1,234", 1234.2), Value("1,235", 1234.9), "minor"),
        (Value("<0.001", 1e-5), Value("<0.001", 1.001e-5), "minor"),
        (Value("Yes"), Value("No"), "different"),
        (Value("0.123", 0.123), Value("0.123"), "different"),
    ],
)
def test_verdicts(expected, found, verdict):
    assert Comparison("tables/x", "a", expected, found).verdict == verdict


def test_a_row_added_elsewhere_leaves_the_other_cells_comparable():
    longer = table()
    first = longer.groups[0]
    extra = Row("New", tuple(Cell.number(1.0) for _ in range(3)))
    grown = Table(**{**longer.__dict__, "groups": (Group((extra, *first.rows)), *longer.groups[1:])})
    certificate = compare(STUDY, {"tables/baseline.json": longer.to_json()}, {"tables/baseline.json": grown.to_json()})
    assert [comparison.place for comparison in certificate.changed] == [
        "New | (3)",
        "New | OLS / (1)",
        "New | OLS / (2)",
    ]


def test_accept_logs_the_reason_and_removes_what_is_gone(project, capsys):
    (project / "results/small/tables/other.json").unlink()
    write(project / "results/small", numbers(), table(rows=739))
    assert main(["accept", "--study", STUDY, "--reason", "  Larger\nsample, new source "]) == 0
    assert not (project / "paper/expected/small/tables/other.json").exists()
    log = (project / "paper/expected/accepted.csv").read_text().splitlines()
    assert log == ["study,reason,cells,changed", "small,first,23,23", 'small,"Larger sample, new source",23,11']
    assert verify(capsys)[0] == 0
    assert main(["accept", "--study", STUDY, "--reason", "again"]) == 1
    assert "nothing to accept" in capsys.readouterr().err


def test_diff_compares_with_a_revision(project, capsys):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)

    git("init", "-q")
    git("add", "paper")
    git("commit", "-q", "-m", "first")
    git("tag", "one")
    write(project / "results/small", numbers(), table(rows=739))
    assert main(["accept", "--study", STUDY, "--reason", "more rows"]) == 0
    capsys.readouterr()
    assert main(["diff", "one", "--study", STUDY]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "different: tables/baseline, Observations | OLS / (1): 739, accepted is 738",
        "small: 1 of 23 changed since one",
    ]
    assert main(["diff", "two", "--study", STUDY]) == 1
    assert "git knows no revision 'two'" in capsys.readouterr().err
    assert main(["diff", "--study", STUDY, "--", "--output=x"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "--study", "smal"], "no study 'smal' (did you mean 'small'?)"),
        (["verify", "--study", "../small"], "no study '../small' (did you mean 'small'?)"),
        (["accept", "--study", "small", "--reason", " "], "--reason is empty"),
    ],
)
def test_clear_errors(project, capsys, arguments, message):
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


def test_without_results_or_accepted_values_the_message_says_what_to_do(project, capsys):
    (project / "results/small/numbers.json").rename(project / "aside.json")
    assert main(["verify", "--study", STUDY]) == 1
    assert "build it first (snakemake --config study=small)" in capsys.readouterr().err
    (project / "aside.json").rename(project / "results/small/numbers.json")
    (project / "paper/expected/small").rename(project / "aside")
    assert main(["verify", "--study", STUDY]) == 1
    assert "no accepted values of 'small' in paper/expected" in capsys.readouterr().err
    (project / "aside").rename(project / "paper/expected/small")
    (project / "results/small/tables/baseline.json").write_text("{")
    assert main(["verify", "--study", STUDY]) == 1
    assert "tables/baseline.json: not numbers or a table" in capsys.readouterr().err


SNAKEFILE = """
rule all:
    input: "results/small/numbers.json"

rule numbers:
    output: "results/small/numbers.json"
    script: "write_numbers.py"
"""


def test_twice_builds_in_a_copy_and_compares_bytes(project, capsys):
    content = f"open(snakemake.output[0], 'w').write({numbers()!r})\n"
    (project / "Snakefile").write_text(SNAKEFILE)
    (project / "write_numbers.py").write_text(content)
    (project / "profiles/default").mkdir(parents=True)
    (project / "profiles/default/config.yaml").write_text("cores: 1\n")
    for path in (project / "results/small/tables").glob("*.json"):
        path.unlink()
    assert main(["accept", "--study", STUDY, "--reason", "numbers alone"]) == 0
    code, out = verify(capsys, "--twice")
    assert (code, out.splitlines()[-1]) == (0, "small: built twice, 1 of 1 files have the same bytes")
    (project / "write_numbers.py").write_text("open(snakemake.output[0], 'w').write('{}')\n")
    code, out = verify(capsys, "--twice")
    assert code == 1
    assert "  numbers.json: other bytes" in out.splitlines()
    (project / "write_numbers.py").write_text("import sys\nsys.exit('error: no such thing')\n")
    assert main(["verify", "--study", STUDY, "--twice"]) == 1
    assert "the second build of 'small' failed: error: no such thing" in capsys.readouterr().err
