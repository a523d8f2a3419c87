"""What stands behind a number of the prose: estimate, cell, sample."""

import re

import pytest

from aigreen.errors import ReportError
from aigreen_study.numbers.prose import Ledger
from aigreen_study.site.behind import belongs_to, difference, relatives, with_samples
from aigreen_study.site.cards import exhibit_makers, number_cards, quoted_entries, script_cards, script_of
from aigreen_study.tables import render
from aigreen_study.tables.table import Cell, Group, Row, Table

KNOWN = dict.fromkeys(["att", "att_se", "att_percent", "att_percent_low", "att_percent_high", "att_band_low", "n_rows"])


def facts(rows, units, clusters):
    return {"n_rows": rows, "n_units": units, "n_clusters": clusters, "errors": f"by {clusters}", "method": "OLS"}


SPECIFICATIONS = {
    "size/small": facts(500, 50, 10),
    "size/large": facts(300, 30, 9),
    "size/large less small": facts(300, 30, 9),
    "decomposition": facts(900, 90, 19),
}


def table(key, *rows):
    lines = tuple(
        Row(
            label,
            (
                Cell(f"{value}", value, spec=spec, role="estimate"),
                Cell(f"({error})", error, spec=spec, role="std_error"),
            ),
        )
        for label, value, error, spec in rows
    )
    named = {spec: SPECIFICATIONS[spec] for *_, spec in rows}
    return Table(key, "T", "", ("Estimate", "Error"), (Group(lines),), specifications=named)


def entry(value, exhibit="tables/size", **more):
    return {"value": value, "text": f"{value}", "unit": "", "exhibit": exhibit, "rule": "numbers", **more}


def test_what_a_number_is_to_an_estimate():
    assert belongs_to("att_se", KNOWN) == ("att", "error")
    assert belongs_to("att_percent_low", KNOWN) == ("att_percent", "low")
    assert belongs_to("att_percent", KNOWN) == ("att", "percent")
    assert belongs_to("att_band_low", KNOWN) == ("att", "band low")
    assert belongs_to("att", KNOWN) is None
    assert belongs_to("n_rows", KNOWN) is None
    assert relatives("att_percent_low", KNOWN) == set(KNOWN) - {"n_rows"}


def test_both_ways_of_naming_a_difference():
    assert difference("size/large less small") == ("size/large", "size/small")
    assert difference("size/large - size/small") == ("size/large", "size/small")
    assert difference("size/large") is None


def test_a_number_has_the_sample_of_the_cell_with_its_value():
    tables = {
        "tables/size": table("size", ("Small", 0.25, 0.1, "size/small"), ("Large", 0.75, 0.2, "size/large")),
        "tables/parts": table("parts", ("Total", 0.125, 0.0625, "decomposition")),
    }
    numbers = {
        "size_large": entry(0.75),
        "size_large_se": entry(0.2),
        "size_large_low": entry(0.11),  # in no cell: as the estimate
        "size_other": entry(0.3),  # in no cell, and of two samples
        "dec_total_share": entry(0.9, "tables/parts"),  # in no cell, of the only sample
        "dec_rows": entry(3, "tables/parts"),
    }
    found = with_samples(numbers, tables, SPECIFICATIONS)
    sizes = {key: [one.get(name) for name in ("spec", "n", "units", "clusters")] for key, one in found.items()}
    assert sizes == {
        "size_large": ["size/large", 300, 30, 9],
        "size_large_se": ["size/large", 300, 30, 9],
        "size_large_low": ["size/large", 300, 30, 9],
        "size_other": [None] * 4,
        "dec_total_share": ["decomposition", 900, 90, 19],
        "dec_rows": ["decomposition", 900, 90, 19],
    }
    assert found["size_large"]["cell"] == "tables/size:2:1"
    assert found["size_large_se"]["cell"] == "tables/size:2:2"
    assert found["size_large"]["errors"] == "by 9"


def test_a_value_of_two_samples_is_given_none():
    tables = {"tables/size": table("size", ("Small", 0.25, 0.1, "size/small"), ("Large", 0.25, 0.2, "size/large"))}
    assert "spec" not in with_samples({"a": entry(0.25)}, tables, SPECIFICATIONS)["a"]


def test_a_difference_names_both_samples_in_text_and_table():
    shown = {"tables/size": table("size", ("Difference", 0.5, 0.3, "size/large less small"))}
    entries = {
        "size_diff": entry(0.5, spec="size/large - size/small", n=300),
        "tables/size:1:1": entry(0.5, place="Difference", spec="size/large less small", n=300, units=30, clusters=9),
    }
    cards = number_cards(entries, shown, None, SPECIFICATIONS)
    for key in entries:
        assert [(one["spec"], one["n"], one["units"], one["clusters"]) for one in cards[key]["samples"]] == [
            ("size/large", 300, 30, 9),
            ("size/small", 500, 50, 10),
        ]
        assert not {"n", "units", "clusters"} & set(cards[key])


@pytest.fixture
def project(tmp_path):
    """Accepted values of another study whose specification is called like one of ours, with other sizes."""
    other = Ledger(rule="numbers")
    other.add("effect", 0.125, exhibit="tables/parts")
    other.add("effect_se", 0.0625, exhibit="tables/parts")
    other.write(tmp_path / "paper/expected/other/numbers.json")
    render.write(
        table("parts", ("Total", 0.125, 0.0625, "decomposition")), tmp_path / "paper/expected/other/tables/parts"
    )
    (tmp_path / "analysis/rules").mkdir(parents=True)
    (tmp_path / "analysis/scripts").mkdir()
    rule = 'rule numbers:\n    input:\n        "a",\n    script:\n        "../scripts/write.py"\n'
    (tmp_path / "analysis/rules/paper.smk").write_text(rule)
    (tmp_path / "analysis/scripts/write.py").write_text("ledger.write(snakemake.output.numbers)\n")
    (tmp_path / "analysis/scripts/parts.py").write_text("a = 1\nrender.write(t, snakemake.output.parts)\n")
    (tmp_path / "docs").mkdir()
    line = "| `tables/parts` | other, more | `parts` | `analysis/scripts/parts.py` |\n"
    (tmp_path / "docs/exhibits.md").write_text(line)
    return tmp_path


def test_a_number_of_another_study_brings_its_error_its_sample_and_its_script(project):
    ours = {"tables/parts": {"rule": "parts", "lines": [2, 2]}, "tables/more": {"rule": "parts", "lines": [1, 1]}}
    entries, specifications = quoted_entries(["other:effect", "att"], project, {"exhibits": ours})
    assert set(entries) == {"other:effect", "other:effect_se"}
    found = entries["other:effect"]
    assert (found["spec"], found["n"], found["units"], found["clusters"]) == ("other:decomposition", 900, 90, 19)
    assert specifications["other:decomposition"]["n_rows"] == 900
    assert found["script"] == "analysis/scripts/write.py"
    assert found["by"] == {
        "exhibit": "tables/parts",
        "rule": "parts",
        "script": "analysis/scripts/parts.py",
        "lines": [2, 2],
    }
    scripts = script_cards(entries, project)
    assert {name: facts["code"]["lines"][-1] for name, facts in scripts.items()} == {
        "analysis/scripts/parts.py:tables/parts": "render.write(t, snakemake.output.parts)",
        "analysis/scripts/write.py": "ledger.write(snakemake.output.numbers)",
    }
    of_the_rule = exhibit_makers(project, {"tables/other": {"rule": "parts", "lines": [1, 1]}})
    assert of_the_rule["tables/parts", "more"]["lines"] == [1, 1]
    assert exhibit_makers(project, {})["tables/parts", "more"]["lines"] == [2, 2]
    unclear = exhibit_makers(project, {f"tables/{i}": {"rule": "parts", "lines": [i, i]} for i in (1, 2)})
    assert unclear["tables/parts", "more"]["lines"] == []
    cards = number_cards(entries, {}, None, {"decomposition": facts(1, 1, 1)} | specifications)
    assert cards["other:effect"]["related"] == {"error": "other:effect_se"}
    assert (cards["other:effect_se"]["of"], cards["other:effect"]["n"]) == ("other:effect", 900)


def test_a_number_that_another_study_does_not_have_is_told(project):
    with pytest.raises(ReportError, match=r"has no number 'efect' \(did you mean 'effect'"):
        quoted_entries(["other:efect"], project)


def test_scripts_of_rules_are_those_of_their_files(repository):
    assert script_of("numbers", repository) == "analysis/scripts/write_numbers.py"
    assert script_of("summarise", repository) == "analysis/scripts/summarise.py"
    assert script_of("no_such_rule", repository) == ""


def test_every_number_of_the_abstract_says_its_sample_where_it_is_an_estimate(repository):
    """The abstract of the default paper quotes four real studies."""
    text = (repository / "paper/sections/simulated-firms.typ").read_text("utf-8")
    keys = [f"{of}:{key}" for key, of in re.findall(r'#n\("(\w+)", of: "([\w-]+)"\)', text)]
    assert len(keys) == 13
    entries, _ = quoted_entries(keys, repository)
    cards = number_cards(entries, {}, None)
    for key in keys:
        card = cards[key]
        if not key.endswith("n_units"):
            assert min(card["n"], card["units"], card["clusters"]) > 1
            assert card["errors"].startswith("cluster")
            assert card.get("related") or card["of"]
        assert card["script"] == "analysis/scripts/write_numbers.py"
        assert card["by"]["script"].startswith("analysis/scripts/")
