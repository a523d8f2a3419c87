"""Gzipped files and zip archives: read as if unpacked, and refused with their names where they are damaged."""

import gzip
import struct
import zipfile

import pytest

from aigreen.data.assemble import inventory
from aigreen.data.raw.packed import Part, entries
from aigreen.data.raw.reading import read
from aigreen.data.sources import csmar
from aigreen.errors import SourceError, TooLargeError, UnreadableFileError

from .tables import COLUMNS, ROW, book


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def table(code):
    return "\n".join([",".join(COLUMNS), ",".join([code, *ROW[1:]])]) + "\n"


def test_parts_plain_gzipped_and_in_archives(export):
    export("FS_Combas.csv", COLUMNS, [ROW])
    (export.folder / "FS_Combas(1).csv.gz").write_bytes(gzip.compress(table("000002").encode("gb18030")))
    workbook = book(export.folder / "x.xlsx", [COLUMNS, ["000003", *ROW[1:]]])
    zipped(export.folder / "资产负债表(仅供某大学使用).zip", **{
        "表/FS_Combas(2).xlsx": workbook.read_bytes(), "FS_Combas（3）.csv": table("000004"), "版权声明.pdf": b"x",
        "表/FS_Combas(4).csv.gz": gzip.compress(table("000005").encode())})  # fmt: skip
    workbook.unlink()
    done = csmar.balance_sheet(export.folder)
    assert done.table["firm_id"].tolist() == [f"{k:06d}" for k in range(1, 6)]
    assert "read from 5 files" in set(done.flow["step"])
    assert [part.below(export.folder) for part in inventory.find(export.folder, "FS_Combas")] == [
        "FS_Combas.csv",
        "FS_Combas(1).csv.gz",
        "资产负债表(仅供某大学使用).zip 表/FS_Combas(2).xlsx",
        "资产负债表(仅供某大学使用).zip FS_Combas（3）.csv",
        "资产负债表(仅供某大学使用).zip 表/FS_Combas(4).csv.gz",
    ]
    assert inventory.unclaimed(export.folder) == ["资产负债表(仅供某大学使用).zip 版权声明.pdf"]
    found = {entry.wanted.expected.table: entry for entry in inventory.take(export.folder)}
    assert found["FS_Combas"].readable
    assert len(found["FS_Combas"].files) == 5


def test_names_that_chinese_windows_packed(export):
    path = zipped(export.folder / "a.zip", 资产负债=b"x")
    data = path.read_bytes()
    old, new = "资产负债".encode(), "资产负债".encode("gb18030")
    flags = struct.pack("<H", 0x800)
    patched = data.replace(old, new + b" " * (len(old) - len(new))).replace(flags, b"\0\0")
    path.write_bytes(patched)
    assert [part.member.strip() for part in entries(export.folder)] == ["资产负债"]


def test_what_file_managers_leave_behind_is_not_listed(export):
    for name in (".DS_Store", "~$FS_Combas.xlsx", "Thumbs.txt"):
        (export.folder / name).write_text("x")
    assert inventory.unclaimed(export.folder) == ["Thumbs.txt"]


def bad_crc(path):
    data = zipped(path, **{"FS_Combas.csv": table("000001")}).read_bytes()
    with zipfile.ZipFile(path) as archive:
        crc = struct.pack("<L", archive.getinfo("FS_Combas.csv").CRC)
    path.write_bytes(data.replace(crc, b"\1\2\3\4"))


def later_version(path):
    data = bytearray(zipped(path, **{"FS_Combas.csv": table("000001")}).read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 6] = 99  # version needed to extract
    path.write_bytes(bytes(data))


def locked(path):
    data = bytearray(zipped(path, **{"FS_Combas.csv": table("000001")}).read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(bytes(data))


def cut(path):
    path.write_bytes(zipped(path, **{"FS_Combas.csv": table("000001")}).read_bytes()[:-30])


DAMAGED = {
    "bad CRC": ("a.zip", bad_crc, "a.zip: FS_Combas.csv: not a whole archive .Bad CRC"),
    "later version": ("a.zip", later_version, "a.zip.*not a whole .*zip file version 9.9"),
    "locked": ("a.zip", locked, "a.zip: FS_Combas.csv: not a whole archive .*encrypted"),
    "cut archive": ("a.zip", cut, "a.zip: not a whole zip archive"),
    "no archive": ("a.zip", lambda path: path.write_bytes(b"PK\3\4"), "a.zip: not a whole zip archive"),
    "cut gzip": ("FS_Combas.csv.gz", lambda path: path.write_bytes(gzip.compress(table("000001").encode())[:-9]),
        "FS_Combas.csv.gz: not a whole archive"),
    "no gzip": ("FS_Combas.csv.gz", lambda path: path.write_text(table("000001")),
        "FS_Combas.csv.gz: not a whole archive .Not a gzipped file"),
    "gzip of rubbish": ("FS_Combas.csv.gz", lambda path: path.write_bytes(gzip.compress(b"\0\1\2")),
        "FS_Combas.csv.gz: FS_Combas.csv: binary content"),
    "empty member": ("a.zip", lambda path: zipped(path, **{"FS_Combas.csv": b""}),
        "a.zip: FS_Combas.csv: the file is empty"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_archives(export, kind):
    name, make, words = DAMAGED[kind]
    make(export.folder / name)
    with pytest.raises(UnreadableFileError, match=words):
        read(export.folder, "FS_Combas")


def test_a_gzip_that_unfolds_too_far(export):
    with gzip.open(path := export.folder / "FS_Combas.csv.gz", "wb") as packed:
        for _ in range(20):
            packed.write(b"0" * (4 << 20))
    with pytest.raises(TooLargeError, match=r"FS_Combas\.csv\.gz: unfolds to"):
        read(path)


def test_absent_table_with_archives(export):
    zipped(export.folder / "a.zip", **{"FS_Comins.csv": table("000001")})
    with pytest.raises(SourceError, match=r"no file of table FS_Combas"):
        read(export.folder, "FS_Combas")
    assert entries(export.folder) == [Part(export.folder / "a.zip", "FS_Comins.csv")]
