"""What a paper shows, in its order: each table and figure with its number, caption, notes and alternative text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigreen.errors import ReportError
from aigreen_study.paper.paper import page, queried


@dataclass(frozen=True)
class Shown:
    """A table or figure as it stands in the paper.

    Parameters
    ----------
    kind : str
        ``Table`` or ``Figure``.
    number : str
        In the paper, or in its online appendix (``A2``).
    stem : str
        Its files without ending, relative to the project: ``results/STUDY/tables/NAME``.
    caption, notes, alt : str
        Plain text; a table has no `alt`.
    """

    kind: str
    number: str
    stem: str
    caption: str
    notes: str
    alt: str

    @property
    def name(self) -> str:
        """Last part of `stem`."""
        return self.stem.rpartition("/")[2]


def shown_in(config: Mapping[str, object], project: Path, papers: Path | None = None) -> list[Shown]:
    """Ask Typst what the paper of a built study shows.

    Parameters
    ----------
    config : mapping
        The study's configuration.
    project : Path
        With results/STUDY, whose provenance.json says what is left out.
    papers : Path, optional
        With paper/; by default `project`.

    Raises
    ------
    ReportError
        Where the paper cannot be typeset, or shows a picture that is no exhibit.
    """
    results = f"results/{config['study']}"
    origin = project / results / "provenance.json"
    left_out = json.loads(origin.read_bytes()).get("left_out", []) if origin.is_file() else []
    try:
        asked, root = {**config, "left_out": left_out}, papers or project
        found = queried(asked, project / results, "figure", root=root)
        # A paper of one document counts its exhibits from one; an online appendix has a count of its own.
        named = page(asked, project / results, root=root)[1] if "online_appendix" in config else {}
    except (ReportError, RuntimeError) as error:
        raise ReportError(f"the paper of {config['study']!r} cannot be typeset: {error}") from None
    count: Counter[str] = Counter()
    shown = []
    for figure in found:
        image = next(_of_kind(figure["body"], "image"), {})
        kind = "Figure" if image else "Table"
        count[kind] += 1
        number = named[figure["label"].strip("<>")].rpartition("\u00a0")[2] if named else str(count[kind])
        stem = _table_stem(figure["label"], results, config) if not image else image["source"].rpartition(".")[0]
        _, below, rest = f"/{stem}".rpartition(f"/{results}/")  # the folder of the study may lie below that of papers
        if not below:
            raise ReportError(f"{kind} {number} of the paper is no exhibit of {results}: {stem.removeprefix('/')}")
        stem = f"{results}/{rest}"
        caption = plain(figure["caption"]["body"])
        shown.append(Shown(kind, number, stem, caption, _notes(figure["body"]), image.get("alt", "")))
    return shown


def plain(content: Any) -> str:
    """Text of a piece of Typst content as `typst query` gives it; formulas lose their layout."""
    return " ".join("".join(_words(content)).split())


def _words(content: Any) -> Iterator[str]:
    if isinstance(content, list):
        for part in content:
            yield from _words(part)
    elif isinstance(content, Mapping):
        kind = content.get("func")
        if kind == "space":
            yield " "
        elif kind in ("text", "symbol", "raw", "op"):
            text = content["text"]
            yield from [text] if isinstance(text, str) else _words(text)
        elif kind == "smartquote":
            yield '"' if content.get("double", True) else "'"
        else:
            for name in ("children", "child", "body", "base", "b", "t", "num", "denom", "radicand"):
                yield from _words(content.get(name))


def _of_kind(content: Any, kind: str) -> Iterator[Mapping[str, Any]]:
    """All elements of a kind inside a piece of content."""
    if isinstance(content, list):
        for part in content:
            yield from _of_kind(part, kind)
    elif isinstance(content, Mapping):
        if content.get("func") == kind:
            yield content
        for part in content.values():
            yield from _of_kind(part, kind)


def _notes(body: Any) -> str:
    texts = [plain(block.get("body")) for block in _of_kind(body, "block")]
    return next((text.removeprefix("Notes:").strip() for text in texts if text.startswith("Notes:")), "")


def _table_stem(label: str, results: str, config: Mapping[str, Any]) -> str:
    """Files of the table with a label ``<tab-NAME>``, or ``<tab-STUDY-NAME>`` for a quoted one."""
    name = label.strip("<>").removeprefix("tab-")
    for study in config.get("quoted", {}):
        if name.startswith(f"{study}-"):
            return f"{results}/quoted/{study}/{name.removeprefix(f'{study}-')}"
    return f"{results}/tables/{name}"
