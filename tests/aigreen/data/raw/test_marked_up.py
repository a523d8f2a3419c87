"""Tables that are named .xls and written as HTML or XML."""

import pytest

from aigreen.data.raw import headers
from aigreen.data.raw.reading import read
from aigreen.errors import UnreadableFileError

from .tables import COLUMNS, ROW

HTML = """<html><head><meta charset="x"><style>td {{}}</style></head><body><table><tr><td>menu</td></tr></table>
<table border=1><tr><th colspan="4">资产负债表</th></tr><tr>{head}</tr>
<tr><td>000001</td><td x:str>2019-12-31</td><td>A&nbsp;</td><td>5<br>000</td></tr>
<tr><td>000002<td>2019-12-31<td>A<td>1,234.5
</table></body></html>"""
SHEET = """<Worksheet ss:Name="{name}"><Table><Row>{head}</Row>
<Row ss:Index="3"><Cell><Data ss:Type="String">000001</Data></Cell>
<Cell><Data ss:Type="DateTime">2019-12-31T00:00:00.000</Data></Cell>
<Cell ss:Index="4"><Data ss:Type="Number">5</Data></Cell></Row></Table></Worksheet>"""
XML = """<?xml version="1.0" encoding="{encoding}"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">{sheets}<Worksheet ss:Name="leer"/></Workbook>"""


def html():
    return HTML.format(head="".join(f"<td><b>{name}</b></td>" for name in COLUMNS))


def xml(*names, encoding="UTF-8"):
    head = "".join(f'<Cell><Data ss:Type="String">{name}</Data></Cell>' for name in COLUMNS)
    return XML.format(encoding=encoding, sheets="".join(SHEET.format(name=name, head=head) for name in names))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-8-sig"])
def test_html(export, encoding):
    (path := export.folder / "FS_Combas.xls").write_bytes(html().encode(encoding))
    raw = read(path)
    assert raw.frame.to_numpy().tolist() == [["000001", "2019-12-31", "A", "5 000"],
                                             ["000002", "2019-12-31", "A", "1,234.5"]]  # fmt: skip
    assert list(raw.frame.columns) == headers.columns(path) == COLUMNS


@pytest.mark.parametrize("encoding", ["utf-8", "gb2312"])
def test_xml_of_excel_2003(export, encoding):
    (path := export.folder / "FS_Combas.xls").write_bytes(xml("表一", encoding=encoding).encode(encoding))
    raw = read(path)
    assert raw.frame.fillna("").to_numpy().tolist() == [["000001", "2019-12-31T00:00:00.000", "", "5"]]
    assert list(raw.frame.columns) == headers.columns(path) == COLUMNS


def test_sheets_of_xml(export):
    (path := export.folder / "FS_Combas.xls").write_text(xml("a", "b"), "utf-8")
    assert read(path, sheet="b").frame["Stkcd"].tolist() == ["000001"]
    with pytest.raises(UnreadableFileError, match=r"FS_Combas\.xls: 2 sheets with content; name one of a, b, leer"):
        read(path)
    with pytest.raises(UnreadableFileError, match="no sheet 'c'; it has a, b, leer"):
        read(path, sheet="c")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html><body>not logged in</body></html>", "no table in the page"),
        (xml("a")[:-30], "not whole XML"),
        (HTML.format(head="").replace("000001", "").split("<tr><td>000002")[0], "no header row|but no rows"),
    ],
)
def test_pages_that_are_no_tables(export, text, words):
    (path := export.folder / "FS_Combas.xls").write_text(text, "utf-8")
    with pytest.raises(UnreadableFileError, match=words):
        read(path)


def test_a_table_of_values_alone(export):
    cells = "".join(f"<td>{cell}</td>" for cell in ROW)
    (path := export.folder / "FS_Combas.xls").write_text(f"<table><tr>{cells}</tr><tr>{cells}</tr></table>", "utf-8")
    with pytest.raises(UnreadableFileError, match="no header row"):
        read(path)
