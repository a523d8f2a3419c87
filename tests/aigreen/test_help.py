"""What help(aigreen) opens with."""

from __future__ import annotations

import re

import aigreen


def test_help_names_every_public_name_and_no_other() -> None:
    text = str(aigreen.__doc__)
    named = set(re.findall(r"(?<!`)`(\w+)`(?!`)", text)) - {"overall", "event_study", "test", "tidy", "plot", "save"}
    assert named == set(aigreen.__all__)
