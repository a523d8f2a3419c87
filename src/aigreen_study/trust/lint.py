"""No number in the prose is typed by hand: bare digits in the sections of the paper, and untraced ones in its text.

Numbers come from the ledger (``#n("key")``) or stand in exhibits that rules write. Excepted by rule: years, references
to sections, tables, figures and equations (which Typst counts), citations and the list of references, mathematics, and
code. Digits inside a word (CO2, COVID-19, C23) are no numbers.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from aigreen.errors import ReportError

NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z][-‑–])[-−+]?\d(?:[\d,.]*\d)?%?(?![\w])")
_YEARS = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?:\s*[-–/]\s*(?:(?:1[89]|20)?\d\d))?(?!\d)")
# What is no prose in Typst, in the order in which it is found.
_NO_PROSE = re.compile(
    r"""
    //[^\n]*                                   # comment
    | /\*.*?\*/
    | ```.*?``` | `[^`\n]*`                    # code
    | (?<!\\)\$(?:\\.|[^$\\])*\$               # mathematics
    | <[\w:.-]+>                               # label
    | @[\w:-]+(?:\.[\w:-]+)*                   # reference or citation
    | \#n\("[^"]*"(?:,\s*[\w-]+:\s*"[^"]*")*\) # number of the ledger
    | "[A-Za-z_/][^\s"]*"                      # name, path or address
    | \b[\w-]+:\s*-?\d+(?:\.\d+)?(?:%|pt|mm|cm|em|fr|deg)?(?=\s*[,)])  # setting
    """,
    re.VERBOSE | re.DOTALL,
)


class Bare(NamedTuple):
    """A number that no key stands behind."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def bare_numbers(text: str, file: str = "") -> list[Bare]:
    """Find the numbers typed into Typst source, but for what the rules except."""
    prose = _NO_PROSE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    prose = _YEARS.sub(lambda found: " " * len(found[0]), prose)
    return [Bare(file, prose.count("\n", 0, found.start()) + 1, found[0]) for found in NUMBER.finditer(prose)]


def check_sections(paths: Iterable[Path], root: Path) -> None:
    """Refuse sections with bare numbers.

    Raises
    ------
    ReportError
        With file and line of each.
    """
    files = {path.resolve().relative_to(root.resolve()).as_posix(): path for path in paths}
    found = [bare for name, path in files.items() for bare in bare_numbers(path.read_text(encoding="utf-8"), name)]
    if found:
        listed = "; ".join(map(str, found))
        raise ReportError(f"{len(found)} numbers in the prose are typed by hand, not read from the ledger: {listed}")


class Trace(NamedTuple):
    """Numbers of a typeset paper by where they come from.

    Parameters
    ----------
    sources : dict of str to int
        Count by source; the sources cover the paper.
    untraced : list of str
        Numbers from nowhere, with the words around them.
    """

    sources: dict[str, int]
    untraced: list[str]

    @property
    def total(self) -> int:
        """All numbers in the text of the paper."""
        return sum(self.sources.values()) + len(self.untraced)

    def __str__(self) -> str:
        traced = self.total - len(self.untraced)
        share = 100 * traced / self.total if self.total else 100.0
        parts = ", ".join(f"{count:,} {source}" for source, count in self.sources.items())
        return f"{traced:,} of {self.total:,} numbers in the text of the paper traced ({share:.1f} %): {parts}"


# Left out of the paper one after the other: what goes with each is what comes from it.
MASKS = {
    "numbers": "from the ledger",
    "exhibits": "in tables and figures",
    "maths": "in formulas",
    "raw": "in code",
    "title": "in the title, which the configuration sets",
}
_COUNTED = """
#set text(lang: "{language}")
#set heading(numbering: "1")
#set math.equation(numbering: "1")
= A
#figure(table[a])
#figure(rect())
$ a $
#context [#metadata((query(heading) + query(figure) + query(math.equation)).map(it => it.supplement.text)) <words>]
"""
_HEADING = re.compile(r"^=+\s+(.+?)\s*(?:<[\w:.-]+>)?\s*$", re.MULTILINE)


def section_titles(paths: Iterable[Path]) -> list[str]:
    """Titles of the sections in Typst files."""
    return [title for path in paths for title in _HEADING.findall(path.read_text(encoding="utf-8"))]


def reference_words(language: str) -> list[str]:
    """Return what Typst calls sections, tables, figures and equations in a language, as 图 for a figure in Chinese."""
    import typst

    source = _COUNTED.format(language=language).encode()
    return json.loads(typst.query(source, "<words>", field="value", one=True, ignore_system_fonts=True))


def _references(words: Iterable[str]) -> re.Pattern[str]:
    named = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.compile(
        rf"(?<![A-Za-z])(?:Sections?|Tables?|Figures?|[Ee]quations?|Appendix|{named})\s*\(?[A-Z]?\.?\d+(?:\.\d+)*\)?"
        r"(?:\s+(?:and|to)\s+\(?\d+(?:\.\d+)*\)?)?"
    )


def trace(pages: Callable[[tuple[str, ...]], list[str]], titles: Iterable[str], language: str = "en") -> Trace:
    """Count the numbers in the text of a paper by source, by leaving the sources out one after the other.

    Parameters
    ----------
    pages : function of masks
        Texts of the pages of the paper, typeset without what the masks (`MASKS`) name.
    titles : iterable of str
        Titles of sections, before which a number counts sections.
    language : str
        Of the paper, two letters: how it refers to sections and exhibits.
    """
    sources: dict[str, int] = {}
    shown = pages(())
    before = _count("\n".join(shown))
    for i, (_, source) in enumerate(MASKS.items()):
        shown = pages(tuple(MASKS)[: i + 1])
        sources[source] = before - (before := _count("\n".join(shown)))
    text = ""
    for source, text in _by_rule(shown, titles, _references(reference_words(language))):
        sources[source] = before - (before := _count(text))
    return Trace(sources, [_around(text, found) for found in NUMBER.finditer(text)])


def _by_rule(pages: list[str], titles: Iterable[str], references: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Leave out, one after the other, what the rules except; each with the text that remains."""
    bodies = [re.sub(rf"^\s*{i}\s*$", "", page, count=1, flags=re.MULTILINE) for i, page in enumerate(pages, 1)]
    text = "\n".join(bodies)
    yield "numbers of pages", text
    text = re.sub(r"^\s*References\s*$.*", "", text, flags=re.MULTILINE | re.DOTALL)
    yield "in the list of references", text
    first = "|".join(sorted({re.escape(title.split()[0]) for title in titles})) or "(?!)"
    text = re.sub(rf"^\s*\d+(?:\.\d+)*\s+(?={first})", "", text, flags=re.MULTILINE)
    yield "numbers of sections", text
    text = references.sub(" ", text)
    yield "references to sections and exhibits", text
    text = _YEARS.sub(" ", text)
    yield "years", text


def pdf_pages(content: bytes) -> list[str]:
    """Texts of the pages of a PDF.

    Raises
    ------
    ReportError
        Where pypdf is not installed, or the file is no PDF that can be read.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        raise ReportError("the text of a PDF is read with pypdf, which is not installed (pip install pypdf)") from None
    try:
        return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    except PyPdfError as error:
        raise ReportError(f"a PDF whose text cannot be read ({error})") from error


def _count(text: str) -> int:
    return len(NUMBER.findall(text))


def _around(text: str, found: re.Match[str]) -> str:
    return " ".join(text[max(0, found.start() - 40) : found.end() + 40].split())
