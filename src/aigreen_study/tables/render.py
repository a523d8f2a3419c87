"""The three looks of a `Table`: Typst, LaTeX and HTML."""

from __future__ import annotations

import html as entities
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from aigreen.disk import write_bytes
from aigreen_study.run.stem import stem
from aigreen_study.tables.formats import MINUS, STAR
from aigreen_study.tables.table import Cell, Spanner, Table

FORMATS = (".json", ".tex", ".typ", ".html")
LETTERS, NARROW = 110, 16  # of a line of a page, and of a heading that is broken


def write(table: Table, files: str | Path | Sequence[str | Path]) -> None:
    """Write a table as .json, .typ, .tex and .html (a whole page), each aside and moved.

    Parameters
    ----------
    table : Table
    files : path, or sequence of path
        Path without ending, or the output of a rule.
    """
    base = stem(files)
    contents = {"typ": typst(table), "tex": latex(table), "html": html_page(table), "json": table.to_json()}
    for ending, text in contents.items():
        write_bytes(base.with_name(f"{base.name}.{ending}"), text.encode())


# -- Typst -------------------------------------------------------------------------------------------------------

# A number is set in two boxes, as wide as the widest left and right part of its column, so that the decimal points
# stand in one line in any font; words stay centred. Columns are as wide as Typst would make them by itself, but
# measured from each text once: to lay out every cell for its width takes half the time of typesetting. What spans
# columns widens the last of them. A table wider than the page is scaled down to it.
_TYPST_HEAD = """\
#let widths(left, right) = (left, right).map(texts => calc.max(..texts.map(t => measure(t).width)))
#let number(left, right, (l, r)) = box(width: l, align(end, left)) + box(width: r, align(start, right))
#let spanner(width, label) = table.cell(colspan: width, {
  label
  place(bottom, dy: 0.32em, line(length: 100%, stroke: 0.04em))
})
#let columns(words, numbers, spans) = {
  let around = measure(table(columns: 1, stroke: none, [])).width
  let found = ()
  for (j, texts) in words.enumerate() {
    found.push(around + calc.max(numbers.at(j).sum(default: 0pt), ..texts.map(t => measure(t).width)))
    for (start, stop, label) in spans.filter(span => span.at(1) == j) {
      found.last() = calc.max(found.last(), around + measure(label).width - found.slice(start, j).sum(default: 0pt))
    }
  }
  found
}
#let fit(width, body) = layout(size => {
  if width > size.width { scale(size.width / width * 100%, reflow: true, body) } else { body }
})
#let notes(body) = block(above: 0.6em, width: 100%, { set align(start); text(size: 0.88em)[_Notes:_ #body] })
"""


def typst(table: Table) -> str:
    """Return a Typst figure; text is passed as string literals, so nothing in it can be markup."""
    n = len(table.columns)
    parts = [_typst_parts(table.column(j)) for j in range(n)]
    lines = [
        _TYPST_HEAD,
        "#figure(",
        "  kind: table,",
        f"  caption: {_typst_text(table.caption)},",
        "  {",
        '  set text(number-width: "tabular")',
        "  context {",
        *_typst_widths(table, parts),
        "  fit(columns.sum(), table(",
        "    columns: columns,",
        f"    align: (start,) + (center,) * {n},",
        "    stroke: none,",
        "    table.hline(stroke: 0.08em),",
        "    table.header(",
    ]
    lines += [f"      {line}" for line in _typst_header(table)]
    lines.append("    ),")
    row_number = 0
    for group in table.groups:
        lines.append("    table.hline(stroke: 0.05em),")
        if group.title:
            lines.append(f"    table.cell(colspan: {n + 1}, emph({_typst_text(group.title)})),")
        for row in group.rows:
            cells = [
                _typst_text(cell.text)
                if parts[j][row_number] is None
                else f"number({', '.join(map(_typst_text, parts[j][row_number]))}, column-{j})"
                for j, cell in enumerate(row.cells)
            ]
            lines.append(f"    {', '.join([_typst_text(row.label), *cells])},")
            row_number += 1
    lines += ["    table.hline(stroke: 0.08em),", "  ))", "  }"]
    if table.remarks:
        lines.append(f"  notes({_typst_text(table.remarks)})")
    lines += ["  },", f") <tab-{table.key}>", ""]
    return "\n".join(lines)


def _typst_header(table: Table) -> list[str]:
    lines = []
    for spanners in table.spanners:
        cells = ["[]"]
        for width, label in _segments(spanners, len(table.columns)):
            ruled = width > 1 and label
            cells.append(
                f"spanner({width}, {_typst_text(label)})"
                if ruled
                else f"table.cell(colspan: {width}, {_typst_text(label)})"
            )
        lines.append(", ".join(cells) + ",")
    lines.append(", ".join(_typst_text(label) for label in (table.stub, *_headings(table))) + ",")
    return lines


def _headings(table: Table) -> list[str]:
    """Headings of the columns, over several lines where all of them beside each other would be wider than a page."""
    room = LETTERS - max((len(row.label) for row in table.rows), default=0)
    if sum(map(len, table.columns)) <= room:
        return list(table.columns)
    return [textwrap.fill(heading, NARROW, break_long_words=False) for heading in table.columns]


def _typst_widths(table: Table, parts: list[list[tuple[str, str] | None]]) -> Iterator[str]:
    rows = [row for group in table.groups for row in group.rows]
    words, headings = [[table.stub, *(row.label for row in rows)]], _headings(table)
    for j, column in enumerate(parts):
        left, right = (_typst_array(sorted({part[i] for part in column if part})) for i in (0, 1))
        if any(column):
            yield f"  let column-{j} = widths({left}, {right})"
        words.append([headings[j], *(row.cells[j].text for row, part in zip(rows, column, strict=True) if not part)])
    numbers = ["()", *(f"column-{j}" if any(column) else "()" for j, column in enumerate(parts))]
    yield "  let columns = columns("
    yield f"    ({', '.join(_typst_array(list(dict.fromkeys(texts))) for texts in words)},),"
    yield f"    ({', '.join(numbers)},),"
    yield f"    ({''.join(f'({start}, {stop}, {label}), ' for start, stop, label in _typst_spans(table))}),"
    yield "  )"


def _typst_spans(table: Table) -> Iterator[tuple[int, int, str]]:
    """First and last column, that of the labels being the first, and content of what stands over several."""
    for spanners in table.spanners:
        for spanner in spanners:
            yield spanner.start + 1, spanner.stop, _typst_text(spanner.label)
    for group in table.groups:
        if group.title:
            yield 0, len(table.columns), f"emph({_typst_text(group.title)})"


def _typst_parts(column: list[Cell]) -> list[tuple[str, str] | None]:
    split = []
    for cell in column:
        parts = cell.parts
        if parts is None:
            split.append(None)
        else:
            split.append((parts[0] + parts[1], right_part(cell)))
    return split


def _typst_text(text: str) -> str:
    """Quote as a Typst string literal."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "")
    return f'"{text}"'


def _typst_array(texts: list[str]) -> str:
    return "(" + ", ".join(map(_typst_text, texts)) + ",)"


# -- LaTeX -------------------------------------------------------------------------------------------------------

_LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    MINUS: r"\ensuremath{-}",
    "\n": " ",
}


def latex(table: Table) -> str:
    """Return a floating table; needs booktabs, threeparttable and siunitx, and a Unicode engine for Chinese text."""
    n = len(table.columns)
    columns = "".join(_latex_column(table.column(j)) for j in range(n))
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        r"\begin{threeparttable}",
        rf"\caption{{{latex_text(table.caption)}}}",
        rf"\label{{tab-{table.key}}}",
        r"\sisetup{group-digits=integer, group-separator={,}, group-minimum-digits=4, table-align-text-before=false}",
        rf"\begin{{tabular}}{{l{columns}}}",
        r"\toprule",
    ]
    for spanners in table.spanners:
        cells = [""]
        for width, label in _segments(spanners, n):
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{latex_text(label)}}}")
        lines.append(" & ".join(cells) + r" \\")
        rules = [rf"\cmidrule(lr){{{s.start + 2}-{s.stop + 1}}}" for s in spanners if s.stop - s.start > 1]
        lines += ["".join(rules)] if rules else []
    headings = [rf"\multicolumn{{1}}{{c}}{{{latex_text(label)}}}" for label in table.columns]
    lines.append(" & ".join([latex_text(table.stub), *headings]) + r" \\")
    for group in table.groups:
        lines.append(r"\midrule")
        if group.title:
            lines.append(rf"\multicolumn{{{n + 1}}}{{l}}{{\textit{{{latex_text(group.title)}}}}} \\")
        for row in group.rows:
            lines.append(" & ".join([latex_text(row.label), *map(_latex_cell, row.cells)]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.remarks:
        lines += [
            r"\begin{tablenotes}[flushleft]\footnotesize",
            rf"\item \textit{{Notes:}} {latex_text(table.remarks)}",
            r"\end{tablenotes}",
        ]
    lines += [r"\end{threeparttable}", r"\end{table}", ""]
    return "\n".join(lines)


def _latex_column(column: list[Cell]) -> str:
    """S column wide enough for every number of the column with its brackets and stars; c where all cells are words."""
    parts = [cell.parts for cell in column]
    if not any(parts):
        return "c"
    whole = max(len(p[1].removeprefix(MINUS).replace(",", "")) for p in parts if p)
    fraction = max(len(p[2]) for p in parts if p)
    sign = "-" if any(p[1].startswith(MINUS) for p in parts if p) else ""
    before = max((p[0] for p in parts if p), key=len)
    after = max((p[3] + STAR * cell.stars for p, cell in zip(parts, column, strict=True) if p), key=len)
    around = [f"{{{text}}}" if text else "" for text in (before, after)]
    return f"S[table-format={around[0]}{sign}{whole}.{fraction}{around[1]}]"


def _latex_cell(cell: Cell) -> str:
    parts = cell.parts
    if parts is None:
        return rf"\multicolumn{{1}}{{c}}{{{latex_text(cell.text)}}}" if cell.text else ""
    before, whole, fraction, after = parts
    number = whole.replace(MINUS, "-").replace(",", "") + (f".{fraction}" if fraction else "")
    after += STAR * cell.stars
    return (f"{{{before}}}" if before else "") + number + (f"{{{after}}}" if after else "")


def latex_text(text: str) -> str:
    """Quote for LaTeX."""
    return "".join(_LATEX_ESCAPES.get(character, character) for character in text)


# -- HTML --------------------------------------------------------------------------------------------------------

_STYLE = """\
body { font: 16px/1.45 Georgia, "Times New Roman", serif; margin: 2rem; color: #111; background: #fff }
figure { margin: 0; max-width: 60rem } caption { text-align: left; font-weight: bold; padding-bottom: .5rem }
table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; font-variant-numeric: tabular-nums }
th { font-weight: normal; text-align: left; padding: .15rem .9rem .15rem 0 }
thead th { text-align: center; vertical-align: bottom } thead th:first-child { text-align: left }
td { text-align: center; padding: .15rem .7rem; white-space: nowrap }
td:has(.right) { text-align: right } .right { display: inline-block; text-align: left }
tbody { border-top: 1px solid } th[scope=rowgroup] { font-style: italic } th.span { border-bottom: 1px solid }
.notes { font-size: .85rem }
"""


def html(table: Table) -> str:
    """Return a figure element: caption, headings with scope, one tbody a group, notes described by the table."""
    return "\n".join(
        [
            f'<figure id="tab-{table.key}">',
            html_table(table, lambda row, column, cell, width: _html_cell(cell, width), caption=True),
            *html_notes(table),
            "</figure>",
            "",
        ]
    )


def html_table(table: Table, write: Callable[[int, int, Cell, int], str], *, caption: bool = False) -> str:
    """Return the table element alone.

    Parameters
    ----------
    write : function of row, column, cell and width
        Returns the td of a cell (rows and columns from 0) of a column whose right parts are so many digits wide.
    caption : bool
        Whether the caption stands in the table.
    """
    n = len(table.columns)
    lines = [f'<table aria-describedby="tab-{table.key}-notes">' if table.remarks else "<table>"]
    if caption:
        lines.append(f"<caption>{html_text(table.caption)}</caption>")
    lines.append("<thead>")
    for spanners in table.spanners:
        cells = ["<td></td>"]
        for width, label in _segments(spanners, n):
            kind = ' class="span"' if width > 1 else ""
            head = f'<th{kind} colspan="{width}" scope="colgroup">{html_text(label)}</th>'
            cells.append(head if label else f'<td colspan="{width}"></td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(f'<th scope="col">{html_text(label)}</th>' for label in (table.stub, *table.columns))
    lines += [f"<tr>{heads}</tr>", "</thead>"]
    widths = [max((len(right_part(cell)) for cell in table.column(j) if cell.parts), default=0) for j in range(n)]
    i = 0
    for group in table.groups:
        lines.append("<tbody>")
        if group.title:
            lines.append(f'<tr><th colspan="{n + 1}" scope="rowgroup">{html_text(group.title)}</th></tr>')
        for row in group.rows:
            label = html_text(row.label)
            head = f'<th scope="row">{label}</th>' if label else "<td></td>"
            cells = "".join([write(i, j, cell, widths[j]) for j, cell in enumerate(row.cells)])
            lines.append(f"<tr>{head}{cells}</tr>")
            i += 1
        lines.append("</tbody>")
    return "\n".join([*lines, "</table>"])


def html_notes(table: Table) -> list[str]:
    """Return the paragraph of notes, which `html_table` refers to; nothing where there are none."""
    notes = f'<p class="notes" id="tab-{table.key}-notes"><em>Notes:</em> {html_text(table.remarks)}</p>'
    return [notes] if table.remarks else []


def html_page(table: Table) -> str:
    """Return `html` as a page of its own."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8" />\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1" />\n'
        f"<title>{html_text(table.caption)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n{html(table)}</body>\n</html>\n"
    )


def _html_cell(cell: Cell, width: int) -> str:
    """End numbers with a box as wide as the widest right part of the column: decimal points stand in line."""
    if cell.parts is None:
        return f"<td>{html_text(cell.text)}</td>"
    before, whole, _, _ = cell.parts
    return f'<td>{before}{whole}<span class="right" style="min-width:{width}ch">{right_part(cell)}</span></td>'


def html_text(text: str) -> str:
    """Quote as text of an element or attribute."""
    return entities.escape(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text))


# -- common ------------------------------------------------------------------------------------------------------


def right_part(cell: Cell) -> str:
    """Return what stands right of the last whole digit of a number."""
    _, _, fraction, after = cell.parts
    return (f".{fraction}" if fraction else "") + after + STAR * cell.stars


def _segments(spanners: tuple[Spanner, ...], n: int) -> list[tuple[int, str]]:
    """Cut a header line into spanners and gaps: width and label, which is empty for a gap."""
    segments, at = [], 0
    for spanner in spanners:
        if spanner.start > at:
            segments.append((spanner.start - at, ""))
        segments.append((spanner.stop - spanner.start, spanner.label))
        at = spanner.stop
    if at < n:
        segments.append((n - at, ""))
    return segments
