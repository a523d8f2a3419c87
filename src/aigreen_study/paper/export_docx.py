"""A folder for Word: one document with real tables, captions and figures that have alternative text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aigreen_study.paper.export_csv import csv_files
from aigreen_study.paper.shown import Shown
from aigreen_study.tables.table import Spanner, Table

DATE = (1980, 1, 1, 0, 0, 0)
LATIN, CHINESE = "Times New Roman", "SimSun"
DOTS_PER_INCH = 300
WIDTH = 6.3  # inches between the margins of A4
SIZES = (9, 8, 7)  # of print in tables, in points
STUB = 20  # characters of a row label that must fit on a line
MARGINS = 0.17  # inches left and right of a cell's text
RULES = {"top": 12, "middle": 6, "span": 4}  # eighths of a point


def docx_files(
    config: Mapping[str, Any], shown: list[Shown], tables: Mapping[str, Table], project: Path
) -> dict[str, bytes]:
    """Return tables-and-figures.docx, the figures as PNG and SVG, and the tables as CSV."""
    files = csv_files(config, shown, tables, project)
    for item in shown:
        if item.kind == "Figure":
            files[f"figures/{item.name}.svg"] = (project / f"{item.stem}.svg").read_bytes()
            files[f"figures/{item.name}.png"] = to_png(project, f"{item.stem}.pdf")
    return files | {"tables-and-figures.docx": document(config["title"], shown, tables, files)}


def to_png(project: Path, path: str) -> bytes:
    """Draw a figure's PDF as PNG."""
    import typst

    source = f'#set page(width: auto, height: auto, margin: 0pt)\n#image("/{path}")'
    return typst.compile(source.encode(), root=project, format="png", ppi=DOTS_PER_INCH, ignore_system_fonts=True)


def document(title: str, shown: Iterable[Shown], tables: Mapping[str, Table], pictures: Mapping[str, bytes]) -> bytes:
    """Write the document; the same inputs give the same bytes."""
    from docx import Document
    from docx.shared import Cm, Pt

    made = Document()
    section = made.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    for name, size in (("Normal", 10.5), ("Caption", 10.5), ("Title", 16)):
        _font(made.styles[name], Pt(size))
    made.core_properties.title, made.core_properties.author = title, ""
    made.add_paragraph(title, style="Title")
    for item in shown:
        if item.kind == "Table":
            table = tables[item.stem]
            _caption(made, item, table.caption)
            _table(made, table)
            _notes(made, table.remarks)
        else:
            _caption(made, item, item.caption)
            _picture(made, item, pictures[f"figures/{item.name}.png"])
            _notes(made, item.notes)
    packed = io.BytesIO()
    made.save(packed)
    return _undated(packed.getvalue())


def _font(style: Any, size: Any) -> None:
    from docx.oxml.ns import qn
    from docx.shared import RGBColor

    style.font.name, style.font.size, style.font.color.rgb = LATIN, size, RGBColor(0, 0, 0)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for name in [name for name in fonts.attrib if name.endswith("Theme")]:
        del fonts.attrib[name]
    fonts.set(qn("w:hAnsi"), LATIN)
    fonts.set(qn("w:eastAsia"), CHINESE)


def _caption(made: Any, item: Shown, text: str) -> None:
    """Write a caption whose number is a field, so that Word renumbers it and can list it."""
    paragraph = made.add_paragraph(style="Caption")
    paragraph.paragraph_format.keep_with_next = True
    paragraph.add_run(f"{item.kind} ")
    field = _element("w:fldSimple", instr=f" SEQ {item.kind} \\* ARABIC ")
    run = paragraph.add_run(str(item.number))
    field.append(run._r)
    paragraph._p.append(field)
    paragraph.add_run(f". {text}")


def _table(made: Any, table: Table) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT

    heads = len(table.spanners) + 1
    rows = heads + sum(len(group.rows) + bool(group.title) for group in table.groups)
    grid = made.add_table(rows, len(table.columns) + 1)
    grid.alignment, grid.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    for name, text in (("w:tblCaption", table.caption), ("w:tblDescription", table.remarks)):
        if text:
            grid._tbl.tblPr.append(_element(name, val=text))
    for i, line in enumerate(table.spanners):
        _spanners(grid, i, line)
    _line(grid.rows[heads - 1], [table.stub, *table.columns])
    for row in grid.rows[:heads]:
        row._tr.get_or_add_trPr().append(_element("w:tblHeader"))
    _rule(grid.rows[0], "top", RULES["top"])
    at = heads
    for group in table.groups:
        _rule(grid.rows[at], "top", RULES["middle"])
        if group.title:
            cell = _merged(grid, at, 0, len(table.columns))
            _write(cell, group.title, centred=False, italic=True)
            at += 1
        for row in group.rows:
            _line(grid.rows[at], [row.label, *(cell.printed for cell in row.cells)])
            at += 1
    _rule(grid.rows[-1], "bottom", RULES["top"])
    _fit(grid, table)


def _fit(grid: Any, table: Table) -> None:
    """Give columns the room of their longest text, labels the rest of the page, in the largest print that fits."""
    from docx.shared import Inches, Pt

    stub = max(len(text) for text in (table.stub, *(row.label for row in table.rows)))
    longest = [
        max(len(text) for text in (*name.split(), *(cell.printed for cell in table.column(j))))
        for j, name in enumerate(table.columns)
    ]
    for size in SIZES:
        letter = 0.52 * size / 72  # inches, on average
        others = [(length + 1) * letter + MARGINS for length in longest]
        if WIDTH - sum(others) >= min(stub, STUB) * letter + MARGINS:
            break
    first = max(min(stub * letter + MARGINS, WIDTH - sum(others)), 1.0)
    for column, width in zip(grid.columns, [first, *others], strict=True):
        column.width = Inches(width)
        for cell in column.cells:
            cell.width = column.width
    for paragraph in (cell.paragraphs[0] for row in grid.rows for cell in row.cells):
        paragraph.paragraph_format.space_after = Pt(0)
        for run in paragraph.runs:
            run.font.size = Pt(size)


def _spanners(grid: Any, row: int, line: Iterable[Spanner]) -> None:
    for spanner in line:
        cell = _merged(grid, row, spanner.start + 1, spanner.stop)
        _write(cell, spanner.label)
        if spanner.stop - spanner.start > 1:
            _border(cell, "bottom", RULES["span"])


def _merged(grid: Any, row: int, first: int, last: int) -> Any:
    """Merge cells of a row, without the empty paragraphs of those that are gone."""
    cell = grid.cell(row, first).merge(grid.cell(row, last))
    for paragraph in cell.paragraphs[1:]:
        paragraph._p.getparent().remove(paragraph._p)
    return cell


def _line(row: Any, texts: Iterable[str]) -> None:
    for j, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
        _write(cell, text, centred=j > 0)


def _write(cell: Any, text: str, *, centred: bool = True, italic: bool = False) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    paragraph = cell.paragraphs[0]
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER if centred else WD_ALIGN_PARAGRAPH.LEFT
    paragraph.add_run(_printable(text)).italic = italic


def _picture(made: Any, item: Shown, png: bytes) -> None:
    from docx.shared import Inches

    shape = made.add_picture(io.BytesIO(png), width=Inches(WIDTH))
    shape._inline.docPr.set("descr", _printable(item.alt or item.caption))
    shape._inline.docPr.set("title", f"{item.kind} {item.number}")


def _notes(made: Any, text: str) -> None:
    from docx.shared import Pt

    paragraph = made.add_paragraph()
    paragraph.paragraph_format.space_after = Pt(18)
    if text:
        for words, italic in (("Notes: ", True), (_printable(text), False)):
            run = paragraph.add_run(words)
            run.italic, run.font.size = italic, Pt(8.5)


def _rule(row: Any, side: str, size: int) -> None:
    for cell in row.cells:
        _border(cell, side, size)


def _border(cell: Any, side: str, size: int) -> None:
    from docx.oxml.ns import qn

    properties = cell._tc.get_or_add_tcPr()
    borders = properties.find(qn("w:tcBorders"))
    if borders is None:
        borders = _element("w:tcBorders")
        properties.append(borders)
    if borders.find(qn(f"w:{side}")) is None:
        made = _element(f"w:{side}", val="single", sz=str(size), space="0", color="000000")
        borders.insert(0 if side == "top" else len(borders), made)  # Word wants the top first


def _element(tag: str, **attributes: str) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(f"w:{name}"), _printable(value))
    return made


def _printable(text: str) -> str:
    """Text without control characters, which XML cannot hold."""
    return "".join(c for c in text if c >= " " or c in "\t\n")


def _undated(packed: bytes) -> bytes:
    """Pack the parts of a document again, without the time of the day."""
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            fresh = zipfile.ZipInfo(entry.filename, DATE)
            fresh.create_system, fresh.compress_type = 3, zipfile.ZIP_DEFLATED
            new.writestr(fresh, old.read(entry))
    return again.getvalue()
