"""What happens to each defect of the open files; layouts are those of raw_schemas."""

import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.patents.count_files import connect
from aigreen.data.sources import us_patents as source
from aigreen.errors import SourceError

KPSS = "patent_num,permno,issue_date,filing_date,xi_nominal,xi_real,cites"
MATCH = "patent_num,permco,permno"


@pytest.fixture
def read(tmp_path):
    backend = connect(tmp_path / "spill")
    folder = tmp_path / "files"
    folder.mkdir()

    def adapted(adapter, **files):
        for name, content in files.items():
            ending = "tsv" if "\t" in content.partition("\n")[0] else "csv"
            (folder / f"{name}.{ending}").write_text(content, encoding="utf-8")
        table, flow = adapter(backend, folder)
        frame = backend.to_pandas(table)
        frame = frame.sort_values(list(frame.columns), ignore_index=True)
        return frame, flow.groupby("step", sort=False)["dropped"].sum()

    yield adapted
    backend.disconnect()


def lines(header, *rows):
    return "\n".join([header, *rows]) + "\n"


def tabs(*rows):
    return "\n".join("\t".join(row) for row in rows) + "\n"


def test_days_in_three_forms_and_patent_numbers_with_zeros(read):
    frame, flow = read(
        source.kpss_values,
        KPSS_2024=lines(
            KPSS,
            "04000001,10001,01/02/1990,3/4/1988,2,1.5,7",
            "4000002,10001,1990-01-02,1988-03-04,2,,",
            "4000003.0,10001,19900102,,2,0,0",
        ),
    )
    assert frame["patent"].tolist() == [4000001, 4000002, 4000003]
    assert frame["issued"].astype(str).tolist() == ["1990-01-02"] * 3
    assert frame["filed"].astype(str).fillna("").tolist() == ["1988-03-04", "1988-03-04", ""]
    assert frame["value"].tolist()[::2] == [1.5, 0.0] and pd.isna(frame["value"][1]) and pd.isna(frame["cites"][1])
    assert flow.sum() == 0


def test_filing_after_the_grant_or_a_century_before_is_missing_and_counted(read):
    frame, flow = read(
        source.kpss_values,
        KPSS_2024=lines(
            KPSS,
            "1,1,01/02/1990,01/03/1990,1,1,1",
            "2,1,01/02/1990,01/03/1890,1,1,1",
            "3,1,01/02/1990,01/02/1990,1,1,1",
        ),
    )
    assert frame["filed"].isna().tolist() == [True, True, False]
    assert flow["days of filing after the grant or 30 years before: missing"] == 2


def test_repeated_rows_are_left_out_and_contradictions_are_told(read):
    row = "1,10001,01/02/1990,03/04/1988,2,1.5,7"
    frame, flow = read(source.kpss_values, KPSS=lines(KPSS, row, row, "2,1,01/02/1990,03/04/1988,1,1,1",
                                                      "2,2,01/02/1990,03/04/1988,1,3,1"))  # fmt: skip
    assert flow["rows given twice"] == 1
    assert flow["patents in rows of other value or citations: these are missing"] == 1
    assert frame["patent"].tolist() == [1, 2]
    assert frame["value"].fillna(-1).tolist() == [1.5, -1] and frame["cites"].tolist() == [7, 1]
    with pytest.raises(SourceError, match=r"KPSS\.csv: 1 patents have several days of filing or grant; first: 1$"):
        read(source.kpss_values, KPSS=lines(KPSS, row, row.replace("03/04/1988", "03/05/1988")))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("q7,1,01/02/1990,01/02/1989,1,1,1", r"column patent_num: 1 cells are not US patent numbers; first: 'q7'"),
        ("7,1,13/31/1990,01/02/1989,1,1,1", r"column issue_date: 1 cells are not days .*; first: '13/31/1990'"),
        ("7,1,01/02/1090,01/02/1989,1,1,1", r"column issue_date: 1 cells are not days .* from 1790-01-01"),
        ("7,1,01/02/1990,soon,1,1,1", r"column filing_date: 1 cells are not days .*; first: 'soon'"),
        ("7,1,01/02/1990,01/02/1989,1,-2,1", r"column xi_real: 1 cells are not numbers from 0 .*; first: '-2'"),
        ("7,1,01/02/1990,01/02/89,1,1,1", r"column filing_date: 1 cells are not days .*; first: '01/02/89'"),
        ("7,1,1990102,01/02/1989,1,1,1", r"column issue_date: 1 cells are not days .*; first: '1990102'"),
        ("7,1,01/02/1990,01/02/1989,1,1,1.5", r"column cites: 1 cells are not whole numbers .*; first: '1.5'"),
        ("7,1,01/02/1990,01/02/1989,1,1,nan", r"column cites: 1 cells are not whole numbers .*; first: 'nan'"),
        ("7,1,01/02/1990,01/02/1989,1,1,many", r"column cites: 1 cells are not whole numbers .*; first: 'many'"),
    ],
)
def test_bad_cells_are_one_error_with_file_column_count_and_first(read, row, message):
    with pytest.raises(SourceError, match=rf"KPSS_2024\.csv: {message}"):
        read(source.kpss_values, KPSS_2024=lines(KPSS, "1,1,01/02/1990,01/02/1989,1,1,1", row))


def test_offenders_are_counted_and_the_first_five_shown(read):
    odd = [f"bad{at},1,01/02/1990,01/02/1989,1,1,1" for at in range(9)]
    with pytest.raises(SourceError, match=r": 9 cells .*first: 'bad0', 'bad1', 'bad2', 'bad3', 'bad4'$"):
        read(source.kpss_values, KPSS=lines(KPSS, *odd))


def test_companies_of_several_securities_and_patents_of_several_companies(read):
    frame, flow = read(
        source.kpss_owners,
        Match_patent_permco_permno_2024=lines(
            MATCH, "1,20001,10001", "01,20001,90001", "2,20001,10001", "2,20002,10002", "3,,", ",20001,10001"
        ),
    )
    assert frame.values.tolist() == [[1, "20001"], [2, "20001"], [2, "20002"]]
    assert flow["rows given twice"] == 1  # the same company by another security
    assert flow["no permco"] == 1 and flow["no patent number"] == 1
    assert flow["patents of several firms: each has them"] == 1


def test_designs_plants_and_reissues_are_left_out_and_counted(read):
    frame, flow = read(
        source.patentsview_symbols,
        g_cpc_current=tabs(
            ("patent_id", "cpc_sequence", "cpc_group"),
            ("D0500001", "0", "Y02E10/50"),
            ("PP12345", "0", "A01H5/00"),
            ("RE40000", "0", "H01M8/10"),
            ("10000001", "0", "H01M8/10"),
            ("10000001", "1", ""),
            ("10000001", "2", "H01M8/10"),
        ),
    )
    assert frame.values.tolist() == [[10000001, "H01M8/10"]]
    assert flow["designs, plants, reissues and others: not utility patents"] == 3
    assert flow["no symbol in cpc_group"] == 1 and flow["rows given twice"] == 1


def test_kpss_symbols_keep_their_spelling(read):
    frame, _ = read(source.kpss_symbols, Match_patent_cpc_2024=lines("patent_num,cpc", "7,Y02E 10/50", "7,G06N20/00"))
    assert frame["text"].tolist() == ["G06N20/00", "Y02E 10/50"]


def test_discern_takes_the_gvkey_of_the_year(read):
    pat = "patent_id,patent_date,assignee_name,fyear,name_std,id_name,sample,permno_adj"
    frame, flow = read(
        source.discern_owners,
        discern_pat_grant_1980_2021=lines(
            pat,
            '1,2005-01-04,"A, INC.",2005,A,1,U,10001.0',
            "2,2012-01-03,A,2012,A,1,U,10001",
            "3,2012-01-03,B,2012,B,2,U,",
            "4,2012-01-03,C,2012,C,3,U,10003",
            "5,2012-01-03,D,2012,D,4,U,10004",
        ),
        permno_gvkey=lines(
            "permno_adj,gvkey,fyear1_adjust,fyearn_adjust",
            "10001,1001,1980,2009",
            "10001,001002,2010,2021",
            "10003,001003,1980,2000",
            "10004,001004,1980,2021",
            "10004,001005,2010,2021",
        ),
    )
    assert frame.values.tolist() == [[1, "001001"], [2, "001002"], [5, "001004"], [5, "001005"]]
    assert flow["no permno_adj"] == 1
    assert flow["permno_adj without a gvkey in the year"] == 1
    assert flow["patents of several firms: each has them"] == 1


def test_dyevre_seager_in_one_file_or_in_tranches(read, tmp_path):
    head = "patent_id,appYear,gvkeyUO,gvkeyFR,clean_name,cnLink_y1,cnLink_yN,privateSubsidiary,grantYear"
    frame, flow = read(
        source.dyevre_seager_owners,
        staticTranche1=lines(
            head, "1,2000,001254,001254A,ACME,1990,2020,0,2002", "2,2000,,001111,GONE,1990,2020,0,2002"
        ),
        staticTranche2=lines(
            head, "3,2000,1254,1254,ACME,1990,2020,0,2002", "3,2000,001000.0,001000,B,1990,2020,0,2002"
        ),
    )
    assert frame.values.tolist() == [[1, "001254"], [3, "001000"], [3, "001254"]]
    assert flow["owner not in Compustat at the time"] == 1
    whole, _ = read(source.dyevre_seager_owners, static=lines(head, "9,2000,001254A,1,X,1990,2020,0,2002"))
    assert whole.values.tolist() == [[9, "001254A"]]  # the file of all rows goes before its parts
    with pytest.raises(SourceError, match=r"static\.csv: column gvkeyUO: 1 cells are not gvkeys .*'12345678'"):
        read(source.dyevre_seager_owners, static=lines(head, "9,2000,12345678,1,X,1990,2020,0,2002"))


def test_a_tranche_that_lacks_is_told(read):
    part = lines("patent_id,gvkeyUO", "1,001254")
    with pytest.raises(SourceError, match=r"staticTranche: 4 is here, but not 2, 3$"):
        read(source.dyevre_seager_owners, staticTranche1=part, staticTranche4=part)


def test_a_link_that_ends_before_it_begins_is_an_error(read):
    with pytest.raises(SourceError, match=r"permno_gvkey\.csv: column fyearn_adjust: 1 cells .*; first: '1980'"):
        read(
            source.discern_owners,
            discern_pat_grant_1980_2021=lines("patent_id,permno_adj,fyear", "1,10001,1985"),
            permno_gvkey=lines("permno_adj,gvkey,fyear1_adjust,fyearn_adjust", "10001,1001,1990,1980"),
        )


def test_patentsview_days_leave_out_the_withdrawn_and_join_the_filing(read):
    frame, flow = read(
        source.patentsview_days,
        g_patent=tabs(("patent_id", "patent_type", "patent_date", "patent_title", "withdrawn"),
                      ("1", "utility", "2001-01-02", "x", "0"), ("2", "utility", "2001-01-02", "x", "1"),
                      ("3", "utility", "2001-01-02", "x", "0"), ("D4", "design", "2001-01-02", "x", "0")),
        g_application=tabs(("application_id", "patent_id", "filing_date"), ("a", "1", "1999-05-05"),
                           ("b", "2", "1999-05-05"), ("d", "D4", "1999-05-05"), ("e", "5", "1074-05-05")),
    )  # fmt: skip
    assert frame["patent"].tolist() == [1, 3]
    assert frame["filed"].astype(str).fillna("").tolist() == ["1999-05-05", ""]
    assert flow["withdrawn"] == 1 and flow["designs, plants, reissues and others: not utility patents"] == 2


def test_names_are_those_of_organisations(read):
    frame, flow = read(
        source.patentsview_names,
        g_assignee_disambiguated=tabs(("patent_id", "assignee_sequence", "disambig_assignee_organization"),
                                      ("1", "0", "Acme, Inc."), ("1", "1", ""), ("2", "0", "Acme, Inc.")),
    )  # fmt: skip
    assert frame.values.tolist() == [[1, "Acme, Inc."], [2, "Acme, Inc."]]
    assert flow["no organisation"] == 1


def test_every_column_is_in_raw_schemas():
    known = facts.table("raw_schemas").groupby("table")["column"].agg(set)
    for expected in source.TABLES:
        assert {*expected.required, *expected.optional} <= known[expected.table], expected.table
