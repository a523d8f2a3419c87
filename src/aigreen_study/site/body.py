"""The page that Typst makes of the paper, prepared for the frame: tables, headings and links to provenance."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from aigreen.errors import ReportError
from aigreen_study.tables.render import html_notes, html_table, html_text, right_part
from aigreen_study.tables.table import Cell, Table

CARD = "#/"  # an address that opens a card: what follows is the key of a number, or the name of an exhibit

_BODY = re.compile(r"<body>(.*)</body>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_INLINE_STYLE = re.compile(r'(<[a-z][^<>]*?) style="[^"]*"')
_FIGURE = re.compile(r"<figure(?: [^>]*)?>.*?</figure>", re.DOTALL)
_EXHIBIT = re.compile(r'(?:data-exhibit="|class="plate" href="#/)([^"]+)"')
_CAPTION = re.compile(r"<figcaption>(.*?)</figcaption>", re.DOTALL)
_LABEL = re.compile(r"<strong>(.*?)\.</strong>")
_KIND = re.compile(r" \((?:(?:simulated|real) data|data: .+)\)$")
_HEADING = re.compile(r'<h([23])(?: id="([^"]*)")?>(.*?)</h\1>', re.DOTALL)
_NUMBER = re.compile(r'<a class="n" href="#/([^"]+)"')
_LOADS = re.compile(
    r"<(?:script|iframe|object|embed|link|style|base|form)\b[^<>]*|<[^<>]*\s(?:src=\"(?!figures/)|on\w+=)[^<>]*",
    re.IGNORECASE,
)


@dataclass
class Body:
    """What stands in the frame.

    Parameters
    ----------
    html : str
    style : str
        Style sheet that Typst adds for mathematics.
    contents : list of tuple of int, str and str
        Level (2 or 3), address and title of each heading; titles are HTML.
    labels : dict of str to str
        Exhibit to what the paper calls it, as ``Table 3``, in the order of the paper.
    titles : dict of str to str
        Exhibit to its caption without that.
    keys : list of str
        Keys of the numbers in the prose, each once.
    """

    html: str
    style: str
    contents: list[tuple[int, str, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)


def paper_body(page: str, tables: Mapping[str, Table]) -> Body:
    """Prepare a page written by `aigreen_study.paper.paper.typeset`.

    Parameters
    ----------
    page : str
        HTML of the whole page.
    tables : mapping of exhibit to Table
        As ``tables/baseline``; put where the page names them.

    Raises
    ------
    ReportError
        Where the page names a table that is not given, or loads anything.
    """
    inner = _BODY.search(page)
    if inner is None:
        raise ReportError("Typst wrote a page without a body")
    body = Body(_INLINE_STYLE.sub(r"\1", inner[1]), "\n".join(_STYLE.findall(page)))
    loads = _LOADS.search(body.html)
    if loads:
        raise ReportError(f"the page of the paper may load nothing, yet it has {loads[0][:60]!r}")
    body.keys = list(dict.fromkeys(_NUMBER.findall(body.html)))
    body.html = _FIGURE.sub(lambda found: _figure(found[0], tables, body), body.html)
    body.html = _HEADING.sub(lambda found: _heading(found, body), body.html)
    return body


def linked_table(table: Table, exhibit: str) -> str:
    """Write a table whose numbers and words open their cards; Tab stops once, arrow keys go from cell to cell."""
    stops = iter((' tabindex="0"',))

    def write(row: int, column: int, cell: Cell, width: int) -> str:
        if not cell.text:
            return "<td></td>"
        stop = next(stops, ' tabindex="-1"')
        inner = html_text(cell.text)
        if cell.parts is not None:
            before, whole, _, _ = cell.parts
            inner = f'{before}{whole}<span class="right w{width}">{right_part(cell)}</span>'
        return f'<td><a class="n" href="{CARD}{exhibit}:{row + 1}:{column + 1}"{stop}>{inner}</a></td>'

    return "\n".join([f'<div class="scroll">{html_table(table, write)}</div>', *html_notes(table)])


def plain(markup: str) -> str:
    """Return the text of HTML; letters of formulas become ordinary ones."""
    text = html.unescape(re.sub(r"<[^>]+>", "", markup)).replace("\u00a0", " ")
    return unicodedata.normalize("NFKC", text).strip()


def _figure(figure: str, tables: Mapping[str, Table], body: Body) -> str:
    found, caption = _EXHIBIT.search(figure), _CAPTION.search(figure)
    if found is None or caption is None:
        return figure
    exhibit, label = found[1], _LABEL.match(caption[1])
    name = plain(label[1]) if label else exhibit
    body.labels[exhibit] = name
    title = plain(caption[1][label.end() if label else 0 :])
    body.titles[exhibit] = _KIND.sub("", title)
    link = f' <a class="how" href="{CARD}{exhibit}" aria-label="How {name} was made">how it was made</a>'
    figure = figure.replace(caption[0], f"<figcaption>{caption[1]}{link}</figcaption>", 1)
    place = f'<div data-exhibit="{exhibit}"></div>'
    if place in figure:
        if exhibit not in tables:
            raise ReportError(f"the paper shows {exhibit}, which is not among its tables")
        figure = figure.replace(place, linked_table(tables[exhibit], exhibit))
    return figure


def _heading(found: re.Match[str], body: Body) -> str:
    level, place, title = found.groups()
    place = place or f"part-{len(body.contents) + 1}"
    body.contents.append((int(level), place, title))
    return f'<h{level} id="{place}">{title}</h{level}>'
