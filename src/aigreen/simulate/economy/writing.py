"""Raw files, the same bytes at every run: csv in GB18030, workbooks, Parquet. A file appears when it is whole."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

Labels = Mapping[str, tuple[str, str]]


def whole(path: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Write beside the path and move there when done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            write(part)
            part.close()
            os.chmod(part.name, 0o644)
            os.replace(part.name, path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    return path


def text(values: pd.Series | np.ndarray | pa.Array) -> pa.Array:
    """Give the cells of a csv: whole numbers without a point, missing as empty."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        cells = values
    elif pd.api.types.is_float_dtype(values):
        numbers = np.asarray(values, dtype=float)
        finite = numbers[~np.isnan(numbers)]
        cells = pa.array(numbers, from_pandas=True)
        if (finite == np.floor(finite)).all():
            cells = pc.cast(cells, pa.int64())
    elif pd.api.types.is_numeric_dtype(values) or isinstance(values.dtype, pd.StringDtype):
        cells = pa.array(values, from_pandas=True)
    else:
        cells = pa.array(np.asarray(values, dtype=object), pa.string(), from_pandas=True)
    return pc.fill_null(pc.cast(cells, pa.string()), "")


def csv_parts(
    folder: Path, table: str, frame: pd.DataFrame, labels: Labels, *, parts: int = 1, encoding: str = "gb18030"
) -> list[Path]:
    """Write a table in parts of equal length as exports deliver it: codes, labels, units, then data.

    The first part has the name of the table, the next ones a number in brackets behind it.
    """
    bounds = np.linspace(0, len(frame), parts + 1).astype(int)
    written = []
    for at, (start, stop) in enumerate(pairwise(bounds)):
        name = f"{table}({at}).csv" if at else f"{table}.csv"
        written.append(csv(folder / name, frame.iloc[start:stop], labels, encoding=encoding))
    return written


def csv(path: Path, frame: pd.DataFrame, labels: Labels | None = None, *, encoding: str = "gb18030") -> Path:
    """Write one delimited file, with two label rows under the header where ``labels`` are given."""
    head = [",".join(frame.columns)]
    if labels is not None:
        head += [",".join(labels.get(column, (column, "没有单位"))[row] for column in frame.columns) for row in (0, 1)]
    table = pa.table([text(frame[column]) for column in frame.columns], list(frame.columns))
    sink = pa.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    pyarrow.csv.write_csv(table, sink, options)
    body = sink.getvalue().to_pybytes()
    if encoding != "utf-8":
        body = body.decode().encode(encoding)
    start = ("\n".join(head) + "\n").encode(encoding)
    return whole(path, lambda file: (file.write(start), file.write(body)))


def workbook(path: Path, frame: pd.DataFrame, labels: Labels | None = None) -> Path:
    """Write a workbook of one sheet, all cells text, without a date of its own."""
    columns = [text(frame[column]).to_pylist() for column in frame.columns]
    head = [list(frame.columns)]
    if labels is not None:
        head += [[labels.get(column, (column, "没有单位"))[row] for column in frame.columns] for row in (0, 1)]
    rows = [_row(row) for row in [*head, *zip(*columns, strict=True)]]
    files = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS.format(kind="officeDocument", target="xl/workbook.xml"),
        "xl/workbook.xml": _BOOK,
        "xl/_rels/workbook.xml.rels": _RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": _SHEET_XML.format(rows="".join(rows)),
    }

    def write(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, content in files.items():
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)

    return whole(path, write)


def parquet(path: Path, table: pa.Table | pd.DataFrame) -> Path:
    """Write a Parquet file without notes on who wrote it."""
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    plain = table.replace_schema_metadata(None)
    return whole(path, lambda file: pq.write_table(plain, file, compression="zstd", version="2.6"))


def days(values: pd.Series | np.ndarray) -> np.ndarray:
    """Give days as ``2010-12-31``, missing as None."""
    moments = np.asarray(values, dtype="datetime64[D]")
    return np.where(np.isnat(moments), None, np.datetime_as_string(moments, unit="D").astype(object))


def year_end(years: Sequence[int] | pd.Series) -> pd.Series:
    """Give 31 December of each year."""
    return pd.Series(np.asarray(years)).astype(str) + "-12-31"


def _row(cells: Sequence[str]) -> str:
    return "<row>" + "".join(f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>' for cell in cells) + "</row>"


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/{{kind}}" '
    'Target="{target}"/></Relationships>'
)
_TYPES = (
    f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEET}.worksheet+xml"/></Types>'
)
_SHEET_XML = f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>{{rows}}</sheetData></worksheet>'
_BOOK = (
    f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="sheet1" sheetId="1" r:id="rId1"/>'
    "</sheets></workbook>"
)
