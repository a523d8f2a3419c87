"""Numbers that no key stands behind are found in the sections and in the text of the paper."""

import pytest

from aigreen.errors import ReportError
from aigreen_study.trust.lint import bare_numbers, check_sections, section_titles, trace


@pytest.mark.parametrize(
    "text",
    [
        'The effect is #n("att_simple_2019") (#n("att_1", of: "provinces")).',
        "In 2019, from 2000-2023 and 2007–23, as @callaway2021 and @tab-overall2 show.",
        "Let $x_1 = 3$ and\n$\n  y = 2 \\$ 4\n$ <eq-2>\nhold.",
        '#exhibit-table("parts_2") and `python3 run.py 3`',
        "// 37 firms\n/* 4\n5 */ text",
        "CO2, COVID-19 and C23",
        '#import "/paper/lib.typ": *\n#block(width: 50%, inset: (x: 2))[text]',
    ],
)
def test_what_the_rules_except(text):
    assert bare_numbers(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A rise of 4.2 percent.", ["4.2"]),
        ("\n\nOf 1,234 firms −0.3% in 31", ["1,234", "−0.3%", "31"]),
        ('#exhibit-figure("trends", [Means of 31 provinces], "Lines of 4 groups", [Notes, 3.])', ["31", "4", "3"]),
        ("See 12345 and 20190", ["12345", "20190"]),
    ],
)
def test_bare_numbers_are_found(text, found):
    assert [bare.text for bare in bare_numbers(text)] == found


def test_the_error_names_file_and_line(tmp_path):
    path = tmp_path / "sections/data.typ"
    path.parent.mkdir()
    path.write_text("= Data\n\nThere are 31 provinces.\n")
    with pytest.raises(ReportError, match=r"1 numbers in the prose .*: sections/data\.typ:3: 31"):
        check_sections([path], tmp_path)
    assert section_titles([path]) == ["Data"]


def test_no_section_of_the_papers_has_a_number_typed_by_hand(repository):
    check_sections(sorted((repository / "paper/sections").glob("*.typ")), repository)


def test_the_numbers_of_a_paper_are_counted_by_source():
    parts = {
        "title": "31 provinces",
        "numbers": "The effect is 0.12 (0.03)",
        "exhibits": "a 1 2\nb 3.5 4",
        "maths": "y = 2x + 1",
        "raw": "run.py 3",
    }

    def pages(masks):
        first = "\n".join(text for name, text in parts.items() if name not in masks)
        return [
            f"{first}\n1 Data\n1",
            "In 2019 there were\n31 firms, see Table 2 and Section 3.1.\n2\nReferences\n9 Smith 77",
        ]

    traced = trace(pages, ["Data"])
    assert list(traced.sources.values()) == [2, 4, 1, 1, 1, 2, 2, 1, 2, 1]
    assert traced.total == 18
    assert len(traced.untraced) == 1 and "31 firms" in traced.untraced[0]
    assert str(traced).startswith(
        "17 of 18 numbers in the text of the paper traced (94.4 %): 2 from the ledger, 4 in tables"
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "效应见图 9、表 15，以及小节 2.1；式 (3)。"),
        ("de", "Siehe Abbildung 9, Tabelle 2, Abschnitt 3.1 und Gleichung (4)."),
        ("en", "See Figure 9, Tables 1 and 2, Section 3.1 and equation (4)."),
    ],
)
def test_references_are_those_of_the_language_of_the_paper(language, text):
    traced = trace(lambda masks: [f"{text} 37 firms, 8 {language}"], [], language)
    assert traced.sources["references to sections and exhibits"] == (5 if language == "en" else 4)
    assert len(traced.untraced) == 2
