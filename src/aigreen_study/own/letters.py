"""Which texts of a user's study the fonts of papers and figures can print."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from aigreen.effects.fonts import FROM, HOW, chinese_font, chinese_letters

SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


def rule() -> str:
    """Say which letters papers print here."""
    if chinese_font():
        return "papers print Latin, Greek, Cyrillic and Chinese letters only"
    return f"papers print Latin, Greek and Cyrillic letters only; Chinese ones need a font ({HOW})"


def printable(text: str) -> bool:
    """Whether all letters are of `SCRIPTS`, or Chinese where there is a font."""
    return all(
        unicodedata.name(letter, "").startswith(SCRIPTS) or ord(letter) in chinese_letters()
        for letter in text
        if letter.isalpha() or ord(letter) >= FROM
    )


def unprinted(given: Mapping[str, Any], columns: Mapping[str, str]) -> Iterator[str]:
    """Yield what a study's file has to name in other letters, with its key.

    Parameters
    ----------
    given : mapping
        The study's file.
    columns : mapping
        Columns of the data that it names, by key.
    """
    file = PurePosixPath(given["source"]["file"]).name
    if not printable(file):
        yield f"source.file: rename {file}"
    texts = {"title": given["title"], "panel.unit_label": given["panel"].get("unit_label", "")}
    texts |= {f"{key}[{i}]": text for key in ("authors", "keywords") for i, text in enumerate(given.get(key, []))}
    texts |= {f"groups.{column}": name for column, names in given.get("groups", {}).items() for name in names}
    yield from (f"{key}: {text!r}" for key, text in texts.items() if not printable(text))
    labels, silent = given.get("labels", {}), ("panel.cohort", "panel.name", "coordinates.")
    shown = {column for key, column in columns.items() if not key.startswith(silent)}
    yield from (f"labels: none for {name!r}" for name in sorted(shown) if not printable(labels.get(name, name)))
