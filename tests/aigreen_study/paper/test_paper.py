import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pypdf
import pytest

from aigreen.effects.effects import Effects
from aigreen.errors import ReportError
from aigreen_study.figures import event_study_figure, save_figure
from aigreen_study.tables import render
from aigreen_study.tables.table import Cell, Group, Row, Table

pytest.importorskip("typst")
from aigreen_study.config import read_config
from aigreen_study.paper.paper import compile_paper, page, printed, queried

ROOT = Path(__file__).parents[3]
SECTIONS = sorted((ROOT / "paper" / "sections").glob("*.typ"))
STUDIES = ["cities", "city-industries", "ets-firms", "listed-firms", "provinces", "simulated-firms", "us-facilities"]
STUDIES += ["us-listed-firms"]


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.stem)
def test_no_semicolon_of_the_text_ends_a_call(path):
    """Typst takes a semicolon right behind a name or a call as its end and does not print it: it is written `\\;`."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r'#[a-z][\w.-]*(?:\((?:[^()"]|"[^"]*")*\))?(?:\[[^\[\]]*\])?;', text) == []


def sections_of(study):
    """Text of the sections of a study, with those that quote other studies."""
    listed = (ROOT / "paper" / "sections" / f"{study}.typ").read_text(encoding="utf-8")
    names = re.findall(r'"([\w-]+)"', listed.split("#let sections = (")[1].split("\n)")[0])
    names += config(study).get("online_appendix", [])
    return listed + "".join((ROOT / "paper" / "sections" / f"{name}.typ").read_text(encoding="utf-8") for name in names)


def keys_of(study):
    """Keys of all numbers in the sections of a study."""
    text = sections_of(study)
    signs = re.findall(r'#?by-sign\(\s*"(\w+)"', text)
    ends = {f"{key}{end}" for key in signs for end in ("_low", "_high")}
    ranges = {f"{prefix}a" for prefix in re.findall(r'#range-of\("(\w+)"\)', text)}
    return sorted({*re.findall(r'\b(?:n|p-of|entry|is-zero)\("(\w+)"[,)]', text), *ends, *ranges})


def config(study):
    return printed(read_config({"study": study}, ROOT / "analysis/config")) | {"title": "A title"}


@pytest.fixture(params=STUDIES)
def study(request):
    return request.param


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A figure in both its files, which stands for every figure here."""
    folder = tmp_path_factory.mktemp("drawn")
    horizons = pd.Index([-1, 0], name="horizon")
    facts = {"n_rows": 4, "n_units": 2, "n_clusters": 2, "method": "m", "outcome": "y"}
    effects = Effects(np.zeros(2), horizons, np.ones((2, 2)), pd.RangeIndex(2), **facts)
    save_figure(event_study_figure(effects, simultaneous=False), folder / "drawn")
    return sorted(folder.iterdir())


@pytest.fixture
def root(tmp_path, study, drawn):
    """A repository with the real sections and made-up results."""
    shutil.copytree(ROOT / "paper", tmp_path / "paper")
    results = tmp_path / "results" / study
    text = sections_of(study)
    for name, other in re.findall(r'exhibit-table\("(\w+)"(?:, of: "([\w-]+)")?\)', text):
        table = Table(
            f"{other}-{name}" if other else name, "Title", "", ("a",), (Group((Row("r", (Cell.number(-0.5),)),)),)
        )
        render.write(table, results / (f"quoted/{other}" if other else "tables") / name)
    (results / "figures").mkdir()
    for name in re.findall(r'#exhibit-figure\(\s*"(\w+)"', text):
        for path in drawn:
            shutil.copy(path, results / f"figures/{name}{path.suffix}")
    numbers = {key: {"value": 0.0, "text": "0.000"} for key in keys_of(study)}
    (results / "numbers.json").write_text(json.dumps(numbers), encoding="utf-8")
    return tmp_path


def test_paper_compiles_to_the_same_bytes(root, study):
    results = root / "results" / study
    compile_paper(config(study), results, root / "a.pdf", root=root)
    compile_paper(config(study), results, root / "b.pdf", root=root)
    assert (root / "a.pdf").read_bytes().startswith(b"%PDF")
    assert (root / "a.pdf").read_bytes() == (root / "b.pdf").read_bytes()


def texts(pdf):
    return " ".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages).replace("\u00a0", " ")


@pytest.mark.parametrize("study", ["simulated-firms"], indirect=True)
def test_paper_and_its_online_appendix_refer_to_each_other_by_one_count(root, study):
    results = root / "results" / study
    text, labels = page(config(study), results, root=root)
    assert "data-names" not in text
    for part in ("paper", "appendix"):
        compile_paper(config(study), results, root / f"{part}.pdf", part=part, labels=labels, root=root)
    paper, appendix = texts(root / "paper.pdf"), texts(root / "appendix.pdf")
    assert "Online appendix to: A title" in appendix and "Abstract" not in appendix
    assert "Table 1. Title" in paper and "Table A1. Title" in appendix
    assert "Table A1. Title" not in paper and "Table 1. Title" not in appendix
    named = set(re.findall(r"(?:Table|Figure) A?\d+", paper + appendix))
    assert named <= {name.replace("\u00a0", " ") for name in labels.values()}


@pytest.mark.parametrize("study", ["simulated-firms", "cities"], indirect=True)
def test_the_page_counts_as_the_pdf(root, study):
    results = root / "results" / study
    labels = page(config(study), results, root=root)[1]
    names = {key: name.replace("\u00a0", " ") for key, name in labels.items() if key.startswith(("fig-", "tab-"))}
    drawn = queried(config(study), results, "figure", root=root)
    assert list(names) == [figure["label"].strip("<>") for figure in drawn] and len(names) > 15
    compile_paper(config(study), results, root / "whole.pdf", root=root)
    # Captions stand in the PDF where figures float to, one of each number.
    captions = re.findall(r"((?:Table|Figure) A?\d+)\.\s", texts(root / "whole.pdf"))
    assert set(captions) == set(names.values())


@pytest.mark.parametrize("study", ["simulated-firms"], indirect=True)
def test_words_on_a_sign_that_the_data_do_not_have_stop_the_paper(root, study):
    path = root / "paper/expected/provinces/numbers.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))
    numbers["last_years_inventions_2023_high"]["value"] = -0.01
    path.write_text(json.dumps(numbers), encoding="utf-8")
    with pytest.raises(ReportError, match="takes the interval of 'last_years_inventions_2023' to be open; it is below"):
        compile_paper(config(study), root / "results" / study, root / "paper.pdf", root=root)


def test_missing_number_fails_with_its_name_and_leaves_the_old_paper(root, study):
    results = root / "results" / study
    numbers = json.loads((results / "numbers.json").read_text(encoding="utf-8"))
    key = next(name for name in ("att_simple_low", "first_stage_ols") if name in numbers)
    del numbers[key]
    (results / "numbers.json").write_text(json.dumps(numbers), encoding="utf-8")
    (results / "paper.pdf").write_text("old", encoding="utf-8")
    with pytest.raises(ReportError, match=rf"^paper/sections/[\w-]+\.typ:\d+: numbers.json .* no number '{key}'"):
        compile_paper(config(study), results, results / "paper.pdf", root=root)
    assert (results / "paper.pdf").read_text(encoding="utf-8") == "old"


def test_missing_table_is_named(root, study):
    results = root / "results" / study
    (results / "tables" / "overall.typ").unlink()
    with pytest.raises(ReportError, match=r"tables/overall\.typ"):
        compile_paper(config(study), results, root / "paper.pdf", root=root)


def test_results_outside_the_repository_are_gathered_and_what_is_absent_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"numbers\.json"):
        compile_paper(config("provinces"), tmp_path, tmp_path / "paper.pdf", root=ROOT)


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.name)
def test_no_semicolon_is_swallowed_after_a_number(path):
    """Typst ends a code expression at a semicolon and does not print it: write ``\\;``."""
    assert not re.findall(r'#n\("\w+"(?:, of: "[\w-]+")?\);', path.read_text(encoding="utf-8"))


def references():
    """Keys of the list of references, in its order."""
    bibliography = (ROOT / "paper" / "references.bib").read_text(encoding="utf-8")
    return re.findall(r"^@\w+\{(\w+),", bibliography, flags=re.MULTILINE)


def cited(keys):
    """Those of the keys that a section cites."""
    text = "".join(path.read_text(encoding="utf-8") for path in SECTIONS)
    return {key for key in keys if re.search(rf"@{key}\b|<{key}>", text)}


def test_every_reference_is_cited():
    assert set(references()) == cited(references())


def test_every_reference_was_checked_and_none_that_was_not_found_is_relied_on():
    checked = pd.read_csv(ROOT / "paper" / "references-checked.csv", keep_default_na=False).set_index("key")
    assert list(checked.index) == references()
    assert set(checked["status"]) <= {"verified", "from memory", "not found"}
    assert list(checked.index[checked["how"] == ""]) == []
    unproven = checked[checked["status"] != "verified"]
    assert list(unproven.index[unproven["note"] == ""]) == [], "the note says what could not be seen"
    assert cited(checked.index[checked["status"] == "not found"]) == set()


def test_figures_of_a_short_paper_stand_before_its_limits_and_references(tmp_path):
    shutil.copytree(ROOT / "paper", tmp_path / "paper", ignore=shutil.ignore_patterns("expected", "sections"))
    sections = tmp_path / "paper/sections"
    sections.mkdir()
    head = '#import "/paper/lib.typ": *\n'
    named = '#let sections = ("short-results", "short-limits")\n#let (keywords, jel, abstract) = ((), (), [A.])\n'
    (sections / "short.typ").write_text(head + named, encoding="utf-8")
    tall = "= Results\n#lorem(450) @butts2021\n#figure(rect(height: 150mm), caption: [Tall])\n"
    (sections / "short-results.typ").write_text(head + tall, encoding="utf-8")
    (sections / "short-limits.typ").write_text(f"{head}= Limits\nSo far.", encoding="utf-8")
    results = tmp_path / "results/short"
    results.mkdir(parents=True)
    (results / "numbers.json").write_text("{}", encoding="utf-8")
    facts = {"study": "short", "title": "Short", "date": "2026", "simulated": False}
    compile_paper(facts, results, tmp_path / "short.pdf", root=tmp_path)
    pages = [page.extract_text() for page in pypdf.PdfReader(tmp_path / "short.pdf").pages]
    place = {word: next(i for i, text in enumerate(pages) if word in text) for word in ("Tall", "So far", "References")}
    assert place == {"Tall": 1, "So far": 1, "References": 1}
