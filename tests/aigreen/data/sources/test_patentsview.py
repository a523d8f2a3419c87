"""CPC symbols of PatentsView."""

import zipfile

import pandas as pd

from aigreen.data.sources import patentsview


def test_patentsview(export, dropped):
    columns = ["patent_id", "cpc_sequence", "cpc_section", "cpc_group", "cpc_type"]
    rows = [
        ["10000001", "1", "H", "H01M4/00", "a"],
        ["10000001", "0", "Y", "Y02E60/10", "i"],
        ["D800001", "0", "H", "H02S", "i"],
    ]
    path = export("g_cpc_current.tsv", columns, rows, labels=False, delimiter="\t")
    grants = export("g_patent.tsv", ["patent_id", "patent_date", "patent_title"],
                    [["10000001", "2018-06-19", "Cell, dry"]], labels=False, delimiter="\t")  # fmt: skip
    read = patentsview.cpc_symbols(path, patent_file=grants)
    assert read.table["patent_id"].tolist() == ["US10000001", "USD800001"]
    assert read.table["cpc"].tolist() == ["Y02E60/10;H01M4/00", "H02S"]
    assert read.table["patent_type"].tolist() == ["invention", "design"]
    assert read.table["title"].iloc[0] == "Cell, dry"
    assert dropped(read.flow)["not in g_patent"] == 1
    assert patentsview.cpc_symbols(path).table["grant_date"].isna().all()
    for table in (path, grants):  # as they are delivered
        with zipfile.ZipFile(f"{table}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(table, table.name)
        table.unlink()
    packed = patentsview.cpc_symbols(f"{path}.zip", patent_file=f"{grants}.zip")
    pd.testing.assert_frame_equal(packed.table, read.table)
    pd.testing.assert_frame_equal(patentsview.cpc_symbols(path.parent, patent_file=path.parent).table, read.table)
