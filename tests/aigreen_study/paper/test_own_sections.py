"""Sentences of the default paper of a study of one's own panel, by the numbers that there are."""

import json
import re
import shutil
from pathlib import Path

import pypdf
import pytest

typst = pytest.importorskip("typst")

ROOT = Path(__file__).parents[3]
OWN = {
    "file": "a.csv", "citation": "", "units": "states", "period": "year", "cluster": "State", "outcome": "Output",
    "names": {}, "response": "the same",
    "counts": "", "covariates": [], "channels": {}, "exposures": {}, "moved": ["y"], "groups": {}, "dose": "",
    "map": False, "exhibits": {}, "control_group": "not yet treated",
}  # fmt: skip


@pytest.fixture
def said(tmp_path):
    """Text of a section, with numbers as they are printed and empty exhibits."""
    shutil.copytree(ROOT / "paper", tmp_path / "paper", ignore=shutil.ignore_patterns("expected"))

    def text(section, numbers, **own):
        results = tmp_path / "results"
        (results / "tables").mkdir(parents=True, exist_ok=True)
        (results / "figures").mkdir(exist_ok=True)
        for name in own.get("groups", {}):
            table = f"#figure(kind: table, caption: [x], [x]) <tab-{name}>"
            (results / f"tables/{name}.typ").write_text(table, encoding="utf-8")
        entries = {key: {"text": str(value), "value": value} for key, value in numbers.items()}
        (results / "numbers.json").write_text(json.dumps(entries), encoding="utf-8")
        main = tmp_path / "main.typ"
        main.write_text(f'#set heading(numbering: "1.")\n#include "/paper/sections/{section}.typ"\n', encoding="utf-8")
        config = json.dumps({"study": "s", "simulated": False, "own": OWN | own})
        inputs = {"config": config, "results": "/results"}
        typst.compile(main, output=tmp_path / "out.pdf", root=tmp_path, sys_inputs=inputs)
        pages = pypdf.PdfReader(tmp_path / "out.pdf").pages
        return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))

    return text


AREA = {"groups": {"heterogeneity_area": "Area"}, "names": {"heterogeneity_area": ["North", "Far east", "South"]}}


def test_groups_of_which_one_is_treated_are_not_compared(said):
    text = said("own-groups", {"heterogeneity_area_group_1": "0.420"}, **AREA)
    assert "Effects by area cannot be compared on these data: the notes of Table 1 say why." in text
    assert not re.search(r"\s[.;,]|\)\s*\.", text)


def test_two_groups_are_told_with_the_p_value_of_their_line_in_the_table(said):
    key = "heterogeneity_area_area"
    numbers = {f"{key}_diff": "0.245", f"{key}_diff_se": "0.156", f"{key}_diff_p": "0.248"}
    numbers |= {"heterogeneity_area_group_1": "0.1", "heterogeneity_area_group_3": "0.345"}
    numbers |= {f"{key}_equal_p": "0.237", f"{key}_equal_verdict": "does not reject"}
    text = said("own-groups", numbers, **AREA)
    assert (
        "By area (Table 1) the effect for “South” less that for “North” is 0.245 (0.156), with a p-value of 0.248."
        in text
    )
    assert "0.237" not in text
    del numbers[f"{key}_diff_p"]
    assert "is 0.245 (0.156). " in said("own-groups", numbers, **AREA)
    refused = numbers | {"heterogeneity_area_area_diff_low": "none"}
    told = "is 0.245 (0.156); too few clusters tell the error, so that there is no interval."
    assert told in said("own-groups", refused, **AREA)


def test_three_groups_are_told_with_the_joint_test_of_the_table(said):
    key = "heterogeneity_area_area_equal"
    text = said("own-groups", {f"{key}_p": "0.031", f"{key}_verdict": "rejects"}, **AREA)
    assert "By area (Table 1) a joint test rejects that all effects are equal (p-value of 0.031)." in text


def test_differences_without_a_joint_test_are_not_passed_over(said):
    text = said("own-groups", {"heterogeneity_area_area_diff_group_2": "0.1"}, **AREA)
    assert "Table 1 has the differences by area, which these data do not test jointly." in text


def test_a_curve_says_how_many_specifications_have_no_interval(said, tmp_path):
    section = tmp_path / "paper/sections/curve.typ"
    text = '#import "/paper/own.typ": *\nText.#curve-refused("c") Note.#curve-crosses("c")'
    section.write_text(text, encoding="utf-8")

    def told(count, refused):
        results = tmp_path / "results"
        shutil.rmtree(results, ignore_errors=True)
        return said("curve", {"c_count": count, "c_without_interval": refused})

    assert told(10, 0) == "Text. Note."
    assert told(10, 1) == (
        "Text. Of them, 1 rests on too few clusters to have an interval; median and test are those of the others. "
        "Note. The cross has no interval and counts neither as significant nor as not."
    )
    assert "Of them, 3 rest on too few" in told(10, 3)
    assert "Crosses have no interval and count neither" in told(10, 3)
    assert "Text. None of them has an interval, as each rests on too few clusters, so that none is" in told(4, 4)


WORDS = """#import "/paper/own.typ": *
#large("l_homicide"), #large("l homicides"), #large("ln homicides"), #large("output"), #large("GDP"),
#counted("n_cohorts", "cohort"), #counted("pretrend_treated", "effective treated cluster", digits: 1)."""


def test_names_of_columns_keep_their_case_and_one_thing_is_singular(said, tmp_path):
    (tmp_path / "paper/sections/words.typ").write_text(WORDS, encoding="utf-8")
    text = said("words", {"n_cohorts": 1, "pretrend_treated": 3.695})
    assert text.startswith("l_homicide, l homicides, Ln homicides, Output, GDP, ")
    assert text.endswith(" 1 cohort, 3.7 effective treated clusters.")


BODY = """
#for i in range(24) [
  Begin#{i}. #lorem(80) End#{i}.

  #figure(rect(height: 55mm)[Float])

]
"""


def test_floats_stand_between_the_paragraphs_of_papers_of_own_panels(said, tmp_path):
    sections = tmp_path / "paper/sections"
    (sections / "filler.typ").write_text(
        '#let (abstract, jel, keywords, sections) = ([A.], (), (), ("body",))\n', encoding="utf-8"
    )
    (sections / "body.typ").write_text(BODY, encoding="utf-8")
    (tmp_path / "results").mkdir()
    (tmp_path / "results/numbers.json").write_text("{}", encoding="utf-8")
    config = {"study": "s", "simulated": True, "template": "filler", "title": "T", "date": "", "own": OWN}

    def torn(config):
        inputs = {"config": json.dumps(config), "results": "/results"}
        typst.compile(tmp_path / "paper/paper.typ", output=tmp_path / "o.pdf", root=tmp_path, sys_inputs=inputs)
        pages = [page.extract_text() for page in pypdf.PdfReader(tmp_path / "o.pdf").pages]
        found = [[set(re.findall(rf"{end}(\d+)\.", page)) for end in ("Begin", "End")] for page in pages]
        assert len(set().union(*(begun for begun, _ in found))) == 24
        return sum(begun != ended for begun, ended in found)

    assert torn(config) == 0
    assert torn({key: value for key, value in config.items() if key != "own"}) > 0
