import re
from pathlib import Path

import pytest

from aigreen.errors import counted
from aigreen_study.words import in_sentence, listed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("Industry (NAICS)", "industry (NAICS)"),
        ("Share of AI firms", "share of AI firms"),
        ("State-owned", "state-owned"),
        ("Firms' GDP", "firms' GDP"),
        ("Écart", "écart"),
        ("AI words", "AI words"),
        ("A shares", "A shares"),
        ("R&D", "R&D"),
        ("CO2 of plants", "CO2 of plants"),
        ("LinkedIn users", "LinkedIn users"),
        ("Ph.D. share", "Ph.D. share"),
        ("ln(1 + Y)", "ln(1 + Y)"),
        ("企业", "企业"),
        ("", ""),
    ],
)
def test_the_first_letter_of_an_ordinary_word_alone_is_lowered(label, said):
    assert in_sentence(label) == said


def test_names_in_a_row():
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "none",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_labels_of_columns_inside_sentences_are_written_as_sentences_have_them():
    files = [*ROOT.glob("analysis/scripts/*.py"), *ROOT.glob("src/aigreen_study/**/*.py")]
    told = re.compile(r"\b(?:on|of|by) \{(?:step\.)?labels\[")
    assert len(files) > 100
    assert not [
        f"{path.name}: {found[0]}" for path in files for found in told.finditer(path.read_text(encoding="utf-8"))
    ]


def test_one_thing_is_singular():
    assert [counted(n, "cohort") for n in (0, 1, 2, 1204)] == ["0 cohorts", "1 cohort", "2 cohorts", "1,204 cohorts"]
    assert [counted(n, "city", "cities") for n in (1, 3)] == ["1 city", "3 cities"]
