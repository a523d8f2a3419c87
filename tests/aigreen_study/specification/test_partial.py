"""Studies without some of their raw tables: what is shown, what is left out, and what the paper says of it."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest

from aigreen.data.assemble import inventory
from aigreen.errors import ConfigError
from aigreen_study.config import read_config
from aigreen_study.paper.paper import typeset
from aigreen_study.paper.shown import shown_in
from aigreen_study.specification.partial import _kept, read_partial
from aigreen_study.specification.registry import read_registry

REPOSITORY = Path(__file__).parents[3]
FOLDER = REPOSITORY / "analysis/config"


@pytest.fixture(scope="module")
def config():
    return read_config({"study": "listed-firms"}, FOLDER)


def absent(folder, *tables):
    """Columns that a folder with these tables alone does not give."""
    for name in tables:
        path = folder / ("google/p.parquet" if name == "publications" else f"{name}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return inventory.absent_columns(folder)


STATEMENTS = ("STK_LISTEDCOINFOANL", "FS_Combas", "FS_Comins", "FS_Comscfd")


def test_nothing_is_left_out_where_all_tables_are_there(tmp_path, config):
    whole = absent(tmp_path, *(wanted.expected.table for wanted in inventory.TABLES))
    assert whole == {}
    adapted, exhibits, left_out = read_partial(FOLDER, config, whole)
    assert (adapted, exhibits, left_out) == (config, read_registry(FOLDER, config), [])
    assert absent(tmp_path / "empty") == {}


@pytest.mark.parametrize("patents", ["publications", "CNIPA", "GPRD"])
def test_statements_and_patents_alone(tmp_path, config, patents):
    gone = absent(tmp_path, *STATEMENTS, patents)
    adapted, exhibits, left_out = read_partial(FOLDER, config, gone)
    assert adapted["decomposition"]["channels"] == []
    assert adapted["checks"].keys() == {"circles_km", "placebo_links", "randomisation"}
    assert not set(adapted["describe"]) & set(gone)
    shown = [line for exhibit in exhibits.values() for line in exhibit.specifications]
    assert not [line.name for line in shown if set(line.columns) & set(gone)]
    whole = {left.place for left in left_out if not left.lines}
    assert whole >= {"tables/sensitivity", "figures/rho", "tables/shift_share", "figures/dose_scatter",
                     "tables/heterogeneity_ownership", "tables/heterogeneity_ai_type"}  # fmt: skip
    assert ("tables/mechanical" in whole) == (patents == "GPRD")
    assert ("green_citations" in gone) == (patents != "publications")
    before = read_registry(FOLDER, config)
    lines = sum(len(exhibit.specifications) for exhibit in before.values())
    named = sum(
        len(before[name].specifications) - len(exhibits[name].specifications if name in exhibits else ())
        for name in before
    )
    assert len(shown) == lines - named
    assert all(left.tables and left.columns for left in left_out)


def test_lines_are_left_out_with_a_word(config):
    _, exhibits, left_out = read_partial(FOLDER, config, {"roa": ["FS_Comins"]})
    before = read_registry(FOLDER, config)["baseline"]
    gone = [line.id for line in before.specifications if line not in exhibits["baseline"].specifications]
    assert gone == ["ols_more", "ols_industry_year", "poisson_more"]
    word = "No raw table gives roa; left out: OLS with roa; Poisson with roa."
    assert exhibits["baseline"].notes == word
    [left] = [left for left in left_out if left.place == "tables/baseline"]
    assert set(left.keys) >= {"baseline_ols_more", "twfe_poisson_more_treated"}
    assert str(left) == "tables/baseline without 2 of its lines: needs roa (tables FS_Comins)"


def test_groups_of_a_contrast_without_their_first_line_and_curves_without_theirs(config):
    before = read_registry(FOLDER, config)
    first = before["heterogeneity_mechanism"].specifications[0].outcome
    _, exhibits, _ = read_partial(FOLDER, config, {first: ["CNIPA"]})
    assert "heterogeneity_mechanism" not in exhibits
    second = before["heterogeneity_mechanism"].specifications[1].outcome
    _, exhibits, _ = read_partial(FOLDER, config, {second: ["CNIPA"]})
    assert len(exhibits["heterogeneity_mechanism"].specifications) > 1
    curve = before["specification_curve"]
    alone = replace(
        curve, specifications=(replace(curve.specifications[0], covariates=("roa",)), *curve.specifications)
    )
    assert _kept(curve, {"roa": ["FS_Comins"]})[0] == curve.specifications[0]
    assert _kept(alone, {"roa": ["FS_Comins"]}) == ()


def test_without_its_outcome_a_study_cannot_run(tmp_path, config):
    with pytest.raises(ConfigError, match="no column 'green_patents' without one of the raw tables GPRD, pub"):
        read_partial(FOLDER, config, absent(tmp_path, *STATEMENTS))


SECTION = """#import "/paper/lib.typ": *

= Results <sec-results>

_Talk._ Words are cheap. Words go with #n("adoption_words") (#n("adoption_words_se")) patents.
Patents do with #n("adoption_patents").
See @tab-adoption for the rest, and @fig-dose_scatter for more.

_Gone._ All of it rests on #n("adoption_words"), as $x^2$ does.

The effect is #n("total"), #by-sign("total", [above zero], [below], [open]).
#by-sign("adoption_words", [It is above.], [b], [o])
Estimates run from #range-of("adoption_words_").

#exhibit-table("adoption")

#exhibit-figure("dose_scatter", [Caption], "alt", [Notes.])
"""


def printed(folder, left_out):
    for name in ("lib.typ", "paper.typ", "template.typ", "web.typ", "references.bib"):
        (folder / "paper").mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / "paper" / name, folder / "paper" / name)
    (folder / "paper/sections").mkdir()
    (folder / "paper/sections/part.typ").write_text(SECTION)
    head = '#import "/paper/lib.typ": *\n#let sections = ("part",)\n#let keywords = ()\n#let jel = ()\n'
    abstract = '#let abstract = [It is #n("total"). It is #n("adoption_words"), too.]\n'
    (folder / "paper/sections/mine.typ").write_text(head + abstract)
    (folder / "results/tables").mkdir(parents=True)
    (folder / "results/tables/adoption.typ").write_text("#figure(kind: table, caption: [A], table([1])) <tab-adoption>")
    number = '{"text": "0.5", "value": 0.5}'
    keys = ("total", "total_low", "total_high", "adoption_patents")
    (folder / "results/numbers.json").write_text("{" + ", ".join(f'"{key}": {number}' for key in keys) + "}")
    config = {"study": "mine", "title": "T", "date": "2026", "simulated": False, "left_out": left_out}
    pages = pypdf.PdfReader(io.BytesIO(typeset(config, folder / "results", root=folder))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_the_paper_says_what_is_left_out_and_quotes_nothing_of_it(tmp_path):
    lines = {"place": "tables/adoption", "title": "Adoption", "lines": ["AI words"], "columns": ["ai_words"],
             "tables": ["reports"], "keys": ["adoption_words"]}  # fmt: skip
    figure = {"place": "figures/dose_scatter", "title": "Dose", "lines": [], "columns": ["ai_words_log"],
              "tables": ["reports", "report_words"], "keys": ["dose_scatter_"]}  # fmt: skip
    text = printed(tmp_path, [lines, figure])
    assert "Words are cheap. Patents do with 0.5." in text
    assert "Words go with" not in text
    assert "See " not in text  # the sentence refers to the figure
    assert "Gone" not in text
    assert "The effect is 0.5, above zero." in text
    assert "Estimates run" not in text
    assert "It is 0.5. Not all raw files are at hand: Appendix B says what is left out." in text
    assert "Left out: Dose. It needs ai_words_log, of the raw tables reports, report_words." in text
    assert "Adoption, without AI words. Needed: ai_words, of reports." in text
    assert "\ue000" not in text


def test_exports_and_bundles_know_what_is_left_out(tmp_path):
    lines = {"place": "tables/adoption", "title": "Adoption", "lines": ["AI words"], "columns": ["ai_words"],
             "tables": ["reports"], "keys": ["adoption_words"]}  # fmt: skip
    figure = {"place": "figures/dose_scatter", "title": "Dose", "lines": [], "columns": ["ai_words_log"],
              "tables": ["reports"], "keys": ["dose_scatter_"]}  # fmt: skip
    printed(tmp_path, [lines, figure])
    (tmp_path / "results").rename(tmp_path / "made")
    (tmp_path / "results").mkdir()
    (tmp_path / "made").rename(tmp_path / "results/mine")
    (tmp_path / "results/mine/provenance.json").write_text(json.dumps({"left_out": [lines, figure]}))
    config = {"study": "mine", "title": "T", "date": "2026", "simulated": False}
    assert [item.stem for item in shown_in(config, tmp_path)] == ["results/mine/tables/adoption"]


def test_a_number_that_is_missing_for_another_reason_is_still_an_error(tmp_path):
    from aigreen.errors import ReportError

    with pytest.raises(ReportError, match="has no number 'adoption_words'"):
        printed(tmp_path, [])
