"""Answers to objections, and what each exhibit is for."""

from pathlib import Path

import pytest

from aigreen.errors import ReportError
from aigreen_study.specification.registry import read_answers, read_objections
from aigreen_study.tables.referee import referee_tables

CONFIG = Path(__file__).parents[3] / "analysis/config"


def test_every_objection_has_an_answer_and_every_exhibit_a_purpose():
    objections = read_objections(CONFIG)
    assert all(row["answer"] and row["table"] in ("identification", "measurement") for row in objections.values())
    rescaling = {"place": "tables/rescaling", "title": "Scale", "attack": ["logs"], "count": 10}
    others = [
        {"place": place, "title": row["title"], "attack": row["attack"].split()}
        for place, row in read_answers(CONFIG).items()
        if place in ("figures/bacon", "tables/shift_share")
    ]
    tables = referee_tables(objections, [rescaling, *others])
    first, second = tables["identification"], tables["measurement"]
    assert [group.title.split(":")[0] for group in second.groups] == ["AI talk, not use"]
    assert [group.title.split(":")[0] for group in first.groups] == ["ln(1 + y) depends on units", "Negative weights"]
    assert [cell.text for cell in first.rows[0].cells] == ["tables/rescaling", "10"]
    with pytest.raises(ReportError, match="1 exhibits answer nothing: figures/new"):
        referee_tables(objections, [{"place": "figures/new", "title": "", "attack": []}])
