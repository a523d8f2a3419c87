"""Damaged files of every kind: read, or refused in one line that names the file; never an error of another package."""

import gzip
import json
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aigreen.data.assemble import inventory
from aigreen.data.raw import headers, wide
from aigreen.data.raw.reading import read
from aigreen.data.sources import google_patents, public_patents
from aigreen.errors import AigreenError, SourceError, UnreadableFileError

from .tables import COLUMNS, ROW, book

TIMES = 40
FRAME = pd.DataFrame([[f"{600000 + row}", *ROW[1:3], str(row)] for row in range(300)], columns=COLUMNS)
RECORD = {
    "publication_number": "CN-104-A", "application_number": "CN-201510123456-A", "country_code": "CN",
    "kind_code": "A", "filing_date": 20150301, "publication_date": 20150801, "grant_date": 0,
    "priority_date": 20150301, "assignee_harmonized": [{"name": "甲公司", "country_code": "CN"}],
    "ipc": [{"code": "H01M10/05"}], "cpc": [{"code": "Y02E60/10"}],
}  # fmt: skip


def csv_gz(path):
    path.write_bytes(gzip.compress(FRAME.to_csv(index=False).encode()))


def zip_of_csv(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("FS_Combas.csv", FRAME.to_csv(index=False))


def workbook(path):
    book(path, [COLUMNS, *FRAME.to_numpy().tolist()])


def xml(path):
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in [COLUMNS, *FRAME.to_numpy()])
    path.write_text(f"<html><table>{cells}</table></html>")


MAKERS = {
    "FS_Combas.csv": lambda path: FRAME.assign(名称="平安银行").to_csv(path, index=False),
    "FS_Combas.csv.gz": csv_gz,
    "FS_Combas.zip": zip_of_csv,
    "FS_Combas.xlsx": workbook,
    "FS_Combas.xls": xml,
    "FS_Combas.dta": lambda path: FRAME.to_stata(path, write_index=False),
    "FS_Combas.parquet": lambda path: FRAME.to_parquet(path),
}
PUBLICATIONS = {
    "p.parquet": lambda path: pq.write_table(pa.Table.from_pylist([RECORD] * 50), path),
    "p.json": lambda path: path.write_text("\n".join([json.dumps(RECORD)] * 50)),
    "p.json.gz": lambda path: path.write_bytes(gzip.compress("\n".join([json.dumps(RECORD)] * 50).encode())),
    "array.json": lambda path: path.write_text(json.dumps([RECORD] * 50)),
}


def damages(data, seed):
    """Bytes flipped, cut off, blanked, put twice or filled with rubbish, at places that the seed draws."""
    rng = np.random.default_rng(seed)
    for at in range(TIMES):
        first = int(rng.integers(0, len(data)))
        length = int(rng.choice([1, 1, 4, 40]))
        middle = data[first : first + length]
        yield (
            at,
            (
                data[:first]
                + [rng.bytes(length), b"", b"\0" * length, middle * 2, b"\xff" * length][at % 5]
                + (b"" if at % 12 == 11 else data[first + length :])
            ),
        )


def refused_or_read(path, reader):
    try:
        reader()
    except AigreenError as error:
        assert isinstance(error, SourceError)
        assert path.name in str(error)


@pytest.mark.parametrize(("name", "large"), [*((name, False) for name in MAKERS), ("FS_Combas.xlsx", True)])
def test_damaged_tables(export, monkeypatch, name, large):
    """Whole, and where a workbook is so large that it is read in pieces."""
    monkeypatch.setattr(wide, "LARGE", 0 if large else wide.LARGE)
    MAKERS[name](path := export.folder / name)
    data = path.read_bytes()
    for _, damaged in damages(data, 7):
        path.write_bytes(damaged)
        refused_or_read(path, lambda: read(path, "FS_Combas"))
        refused_or_read(path, lambda: inventory.take(export.folder))
        if path.suffix not in (".zip", ".gz"):
            refused_or_read(path, lambda: headers.columns(path))


@pytest.mark.parametrize("name", PUBLICATIONS)
def test_damaged_publications(export, name):
    PUBLICATIONS[name](path := export.folder / name)
    data = path.read_bytes()
    for _, damaged in damages(data, 7):
        path.write_bytes(damaged)
        refused_or_read(path, lambda: google_patents.publications(path))


def test_bad_utf8_in_parquet(export):
    bad = pa.array([b"\xff\xfe" * 2, b"ok"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"Stkcd": ["000001", "000002"], "ShortName": bad}), path := export.folder / "t.parquet")
    with pytest.raises(UnreadableFileError, match=r"t\.parquet: not readable Parquet content .*UTF8"):
        read(path)
    columns = {name: pa.array([value]) for name, value in RECORD.items()} | {"kind_code": bad[:1]}
    pq.write_table(pa.table(columns), path)
    with pytest.raises(UnreadableFileError, match=r"t\.parquet: not readable Parquet content .*UTF8"):
        google_patents.publications(path)


def test_damaged_pages_of_parquet_name_the_file(export):
    FRAME.to_parquet(path := export.folder / "t.parquet", compression="snappy")
    data = bytearray(path.read_bytes())
    data[40:400] = b"\xff" * 360
    path.write_bytes(bytes(data))
    with pytest.raises(UnreadableFileError, match=r"t\.parquet: not readable Parquet content"):
        read(path)


def test_archives_of_public_sources(export):
    path = export.folder / "ai.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "x,y\n" + "1,2\n" * 500)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        crc = archive.getinfo("a.csv").CRC.to_bytes(4, "little")
    later = bytearray(whole)
    later[whole.index(b"PK\x01\x02") + 6] = 99
    for damaged in (whole.replace(crc, b"\1\2\3\4"), bytes(later), whole[:-9], whole[:60] + b"\xff" * 9 + whole[69:]):
        path.write_bytes(damaged)
        with pytest.raises(SourceError, match=r"ai\.zip: not a"):
            public_patents.cset(path)
