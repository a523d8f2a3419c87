"""Answers to objections, and what each exhibit is for."""

import pytest

from aigreen.errors import ReportError
from aigreen_study.specification.registry import ATTACKS
from aigreen_study.tables.referee import ANSWERS, OTHERS, referee_tables


def test_every_objection_has_an_answer_and_every_exhibit_a_purpose():
    assert list(ANSWERS) == list(ATTACKS)
    assert all(key in ATTACKS for _, keys in OTHERS.values() for key in keys)
    shown = {"exhibit": "rescaling", "title": "Scale", "drawn": False, "attack": ["logs"], "count": 10}
    table, second = referee_tables([shown], ["figures/bacon", "tables/shift_share"])
    assert [group.title.split(":")[0] for group in second.groups] == ["AI talk, not use"]
    assert [group.title.split(":")[0] for group in table.groups] == ["ln(1 + y) depends on units", "Negative weights"]
    assert [cell.text for cell in table.rows[0].cells] == ["tables/rescaling", "10"]
    with pytest.raises(ReportError, match="1 exhibits answer nothing: figures/new"):
        referee_tables([], ["figures/new"])
