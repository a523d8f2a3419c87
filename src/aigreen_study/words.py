"""Printed names inside sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ORDINARY = re.compile(r"[^\W\d_][a-zß-öø-ÿ]+(?=$|[\s,;:)'’/-])")


def in_sentence(label: str) -> str:
    """Lower the first letter of a label that begins with an ordinary word; all else keeps its case.

    Words with another capital are abbreviations or names: AI, GDP, R&D, LinkedIn, A shares. A name that begins a label
    and has no other capital (Beijing) cannot be told from a word.
    """
    return label[:1].lower() + label[1:] if _ORDINARY.match(label) else label


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence; none where there are none."""
    if not names:
        return "none"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
