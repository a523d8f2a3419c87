"""From sections, tables, figures and the number ledger to the typeset paper."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from aigreen.disk import write_bytes
from aigreen.effects.fonts import chinese_font
from aigreen.errors import ReportError

PRINTED = (
    "study",
    "title",
    "date",
    "simulated",
    "mark",
    "online_appendix",
    "left_out",
    "template",
    "authors",
    "language",
    "keywords",
    "jel",
    "own",
)

_LABELS = re.compile(r'<div id="labels" data-names="([^"]*)"></div>')


def printed(config: Mapping[str, object]) -> dict[str, object]:
    """Return what the paper reads of a study's configuration."""
    return {key: config[key] for key in PRINTED if key in config}


def compile_paper(
    config: Mapping[str, object],
    results: str | Path,
    output: str | Path,
    *,
    part: Literal["paper", "appendix"] | None = None,
    labels: Mapping[str, str] = MappingProxyType({}),
    root: str | Path = ".",
) -> None:
    """Typeset ``paper/paper.typ`` for a study; the same inputs give the same bytes.

    Parameters
    ----------
    config : mapping
        The study's configuration: `study`, or its `template`, names the sections in ``paper/sections``; `title`, `date`
        and `simulated` are printed, what is `left_out` (`aigreen_study.specification.partial.LeftOut`), and what a
        study of one's own panel has (`aigreen_study.own.paper.printed_facts`).
    results : path
        Folder with numbers.json, tables/ and figures/.
    output : path
        The PDF; written aside and moved, so a failed run leaves an older one as it was.
    part : {"paper", "appendix"}, optional
        The paper without the sections named by `online_appendix`, or these alone; without it, both as one document.
    labels : mapping
        As `page` returns them, for a `part`: its references lead to the other one.
    root : path
        The repository.

    Raises
    ------
    ReportError
        With file and line, for anything Typst objects to: a number that numbers.json does not have, a missing table.
    """
    names = {} if part is None else {"part": part, "labels": json.dumps(dict(labels))}
    write_bytes(Path(output), typeset(config, results, root=root, inputs=names))


def page(config: Mapping[str, object], results: str | Path, *, root: str | Path = ".") -> tuple[str, dict[str, str]]:
    """Typeset a paper, with its online appendix, as the page that the web edition is made of.

    Returns
    -------
    tuple of str and dict
        HTML, and how the paper refers to what has a label: ``Table A2`` by ``tab-links``.
    """
    text = typeset(config, results, root=root, target="html").decode()
    names = _LABELS.search(text)
    return _LABELS.sub("", text), json.loads(html.unescape(names[1]))


def queried(
    config: Mapping[str, object],
    results: str | Path,
    selector: str,
    *,
    root: str | Path = ".",
) -> list[dict[str, Any]]:
    """Elements of a study's paper, with its online appendix, that a Typst selector finds."""
    import typst

    return json.loads(_typst(typst.query, config, results, root, {}, selector=selector))


def typeset(
    config: Mapping[str, object],
    results: str | Path,
    *,
    root: str | Path = ".",
    masks: Iterable[str] = (),
    target: Literal["pdf", "html"] = "pdf",
    inputs: Mapping[str, str] | None = None,
) -> bytes:
    """Return the PDF of a study's paper, or its page, without what the masks of `aigreen_study.trust.lint` name.

    The online appendix is in it; `inputs` of ``paper/paper.typ`` (`part`, `labels`) take it apart.
    """
    import typst

    inputs = dict(inputs or {})
    if masks:
        inputs["masked"] = " ".join(masks)
    if target != "pdf":
        inputs["target"] = target
    return _typst(typst.compile, config, results, root, inputs, timestamp=0, format=target)


def _typst(
    do: Callable[..., Any],
    config: Mapping[str, object],
    results: str | Path,
    root: str | Path,
    inputs: Mapping[str, str],
    **options: Any,
) -> Any:
    import typst

    root = Path(root).resolve()
    folder = Path(os.path.abspath(results))  # not resolved: results may be a link to another disk
    if not folder.is_relative_to(root):
        folder = folder.resolve()
    if not folder.is_relative_to(root):
        with tempfile.TemporaryDirectory(prefix="aigreen-") as together:
            gathered = Path(together, "results", folder.name)
            _gather(root, folder, gathered, Path(together))
            return _typst(do, config, gathered, together, inputs, **options)
    if "own" in config and (font := chinese_font()):
        inputs = {**inputs, "chinese": font.family}
        options["font_paths"] = [font.path.parent]
    given = {"config": json.dumps(printed(config)), "results": f"/{folder.relative_to(root).as_posix()}", **inputs}
    try:
        return do(root / "paper" / "paper.typ", root=root, sys_inputs=given, ignore_system_fonts=True, **options)
    except typst.TypstError as error:
        raise ReportError(_explain(error, root)) from None


def _gather(root: Path, results: Path, gathered: Path, together: Path) -> None:
    """Copy what a paper is made of to one folder, as Typst reads only below one: sections of the user's last."""
    for papers in (root / "paper", Path("paper")):
        for path in [*papers.glob("*.typ"), *papers.glob("*.bib"), *papers.glob("sections/*.typ")]:
            _copy(path, together / "paper" / path.relative_to(papers))
    for path in [results / "numbers.json", *results.glob("tables/*.*"), *results.glob("figures/*.*")]:
        _copy(path, gathered / path.relative_to(results))


def _copy(path: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, place)


def _explain(error: Exception, root: Path) -> str:
    """One line: where it is in the source, then what is wrong.

    Typst prints the failing place first and then, as help, the calls and inclusions that led there. The outermost call
    is where the author stands.
    """
    what = str(error.message).removeprefix("panicked with: ")
    blocks = re.split(r"^help: ", str(error.diagnostic), flags=re.MULTILINE)
    calls = [block for block in blocks[1:] if block.startswith("while calling")]
    place = re.search(r"┌─ (.+):(\d+):\d+", calls[-1] if calls else blocks[0])
    if place is None:
        return what
    file = Path(place[1]).resolve()
    file = file.relative_to(root) if file.is_relative_to(root) else file
    return f"{file.as_posix()}:{place[2]}: {what}"
