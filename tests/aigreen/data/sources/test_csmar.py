import pandas as pd
import pytest

from aigreen.data import canonical, facts
from aigreen.data.assemble import inventory
from aigreen.data.raw.adapter import Options, load_mapping, raw_table
from aigreen.data.sources import csmar, csmar_firm_years, csmar_records
from aigreen.errors import DataError, MappingError, OptionError, SourceError

BALANCE = ["Stkcd", "ShortName", "Accper", "Typrep", "A001000000", "A002000000"]
BALANCE_ROWS = [
    ["000001", "平安银行", "2019-12-31", "A", "3939070000000", "3626087000000"],
    ["000001", "平安银行", "2019-12-31", "B", "1", "1"],
    ["000001", "平安银行", "2019-01-01", "A", "2", "2"],
    ["000001", "平安银行", "2019-06-30", "A", "3", "3"],
    ["000001", "平安银行", "2020-12-31", "A", "4468514000000", ""],
    ["200002", "万科B", "2019-12-31", "A", "4", "4"],
    ["900901", "云赛B股", "2019-12-31", "A", "5", "5"],
    ["600000", "浦发银行", "2019-12-31", "A", "7005929000000", "6444878000000"],
    ["920001", "纬达光电", "2019-12-31", "A", "600000000", "1"],
]
FIRM = ["Symbol", "ShortName", "EndDate", "IndustryCodeC", "EstablishDate", "LISTINGDATE", "PROVINCECODE", "CITYCODE",
        "Lng", "Lat", "SocialCreditCode", "LISTINGSTATE"]  # fmt: skip
CREDIT = "91440300192185379H"
FIRM_ROWS = [
    ["000001", "深发展A", "2018-12-31", "J66", "1987-12-22", "1991-04-03", "440000", "440300", "114.1", "22.5", CREDIT,
     "正常"],
    ["000001", "平安银行", "2019-12-31", "J66", "1987-12-22", "1991-04-03", "440000", "440300", "114.1", "22.5", CREDIT,
     "正常"],
    ["600001", "*ST邯钢", "2018-12-31", "C31", "1992-01-01", "1998-01-22", "130000", "130400", "", "", "", "ST"],
    ["600001", "搬家股份", "2019-12-31", "C3110", "1992-01-01", "1998-01-22", "110000", "110100", "", "", "", "正常"],
    ["600002", "直辖县", "2019-12-31", "99", "1992-01-01", "1998-01-22", "500000", "5002", "", "", "", "正常"],
]  # fmt: skip


def test_three_header_rows_parent_statements_quarters_and_b_shares(export, dropped):
    path = export("FS_Combas.csv", BALANCE, BALANCE_ROWS)
    read = csmar.balance_sheet(path)
    assert list(read.table["firm_id"]) == ["000001", "000001", "600000", "920001"]
    assert list(read.table["year"]) == [2019, 2020, 2019, 2019]
    assert read.table["total_assets"].iloc[0] == 3_939_070_000_000.0
    assert read.table["total_liabilities"].isna().tolist() == [False, True, False, False]
    counts = dropped(read.flow)
    assert counts["label rows, passed over"] == 2
    assert counts["B share"] == 2
    assert counts["parent statement (Typrep B)"] == 1
    assert counts["not 31 December"] == 2
    assert read.flow["n_rows"].iloc[-1] == 4
    assert read.flow.loc[read.flow["step"] == "B share", "first"].item() == "200002, 900901"


def test_parts_in_several_folders_formats_and_encodings_and_overlap(export, dropped):
    export("a/FS_Combas.csv", BALANCE, BALANCE_ROWS[:5], encoding="gb18030")
    export("a/FS_Combas[DES][csv].txt", ["x"], [["y"]])
    export("b/FS_Combas(1).xlsx", BALANCE, BALANCE_ROWS[4:])
    export("c/FS_Combas2.csv", BALANCE, [["300001", "特锐德", "2019-12-31", "A", "7", "7"]], encoding="utf-8-sig")
    read = csmar.balance_sheet(export.folder)
    assert len(read.table) == 5
    assert dropped(read.flow)["rows given twice, all columns equal"] == 1
    assert dropped(read.flow)["read from 3 files"] == 0
    whole = csmar.balance_sheet(export("z/FS_Combas.csv", BALANCE, BALANCE_ROWS))
    pd.testing.assert_frame_equal(whole.table, read.table[read.table["firm_id"] != "300001"].reset_index(drop=True))


def test_codes_that_excel_made_numbers_get_their_zeros_back(export, dropped):
    rows = [[1, "平安银行", "2019-12-31", "A", 3939070000000, 1.5], [600000, "浦发银行", "2019-12-31", "A", 1, 2]]
    read = csmar.balance_sheet(export("FS_Combas.xlsx", BALANCE, rows))
    assert list(read.table["firm_id"]) == ["000001", "600000"]
    assert read.table["total_liabilities"].tolist() == [1.5, 2.0]
    assert dropped(read.flow)["codes given their leading zeros back"] == 1


def test_codes_with_exchange_and_text_formulas(export):
    rows = [['="000001"', "x", "2019/12/31", "A", "1,234.50", "--"], ["600000.SH", "y", "20191231", "A", "2", "1"]]
    read = csmar.balance_sheet(export("FS_Combas.csv", BALANCE, rows))
    assert list(read.table["firm_id"]) == ["000001", "600000"]
    assert read.table["total_assets"].tolist() == [1234.5, 2.0]


def test_conflicting_rows_are_an_error(export):
    rows = [*BALANCE_ROWS, ["000001", "平安银行", "2019-12-31", "A", "99", "1"]]
    with pytest.raises(SourceError, match="FS_Combas: 1 rows repeat firm_id and year; first: 000001 2019"):
        csmar.balance_sheet(export("FS_Combas.csv", BALANCE, rows))


def test_income_and_cash_flow(export):
    income = export("FS_Comins.csv", ["Stkcd", "Accper", "Typrep", "B001100000", "B001216000", "B002000000"],
                    [["000001", "2019-12-31", "A", "10", "", "-3"]])  # fmt: skip
    cash = export("FS_Comscfd.csv", ["Stkcd", "Accper", "Typrep", "C001000000", "C002006000"],
                  [["000001", "2019-12-31", "A", "-5", "2"]])  # fmt: skip
    assert csmar.income_statement(income).table.iloc[0].drop("rd_expense").tolist() == ["000001", 2019, 10.0, -3.0]
    assert csmar.cash_flow(cash).table.iloc[0].tolist() == ["000001", 2019, -5.0, 2.0]


def test_annual_firm_file_shows_relocation_and_municipalities(export, dropped):
    read = csmar.firm_file(export("STK_LISTEDCOINFOANL.csv", FIRM, FIRM_ROWS))
    moved = read.table[read.table["firm_id"] == "600001"]
    assert moved["city_code"].tolist() == ["130400", "110000"]
    assert moved["industry_code"].tolist() == ["C31", "C31"]
    assert moved["special_treatment"].tolist() == [True, False]
    assert read.table.loc[read.table["firm_id"] == "600002", "city_code"].item() == "500000"
    assert read.table["longitude"].notna().sum() == 2
    assert dropped(read.flow)["industry codes not of CSRC 2012, set missing"] == 1
    assert dropped(read.flow)["city codes in no division table"] == 0


def test_firms_take_the_last_year(export):
    read = csmar.firms(export("STK_LISTEDCOINFOANL.csv", FIRM, FIRM_ROWS))
    first = read.table.iloc[0]
    assert (first["name"], first["credit_code"], first["first_year"], first["last_year"]) == (
        "平安银行",
        CREDIT,
        2018,
        2019,
    )
    assert first["listed"] == pd.Timestamp("1991-04-03")
    assert pd.isna(read.table["credit_code"].iloc[1])


def test_equity_nature_lists(export):
    rows = [
        ["000001", "2019-12-31", "1220"],
        ["000002", "2019-12-31", "3110，2100"],
        ["000003", "2019-12-31", "1100,1220"],
        ["000004", "2019-12-31", "3110"],
        ["000004", "2019-12-31", "2120"],
        ["000004", "2019-06-30", "1100"],
    ]
    read = csmar.equity_nature(export("HLD_Contrshr.csv", ["Stkcd", "Reptdt", "S0702b"], rows))
    assert read.table["controller_codes"].tolist() == ["1220", "2100;3110", "1100;1220", "2120;3110"]
    assert read.table["state_owned"].tolist() == [False, True, True, True]
    with pytest.raises(SourceError, match="S0702b: 1 codes do not have four digits; first: '国企'"):
        csmar.equity_nature(export("bad.csv", ["Stkcd", "Reptdt", "S0702b"], [["000001", "2019-12-31", "国企"]]))


def test_rd_prefers_consolidated_annual_reports(export, dropped):
    columns = ["Symbol", "EndDate", "Source", "StateTypeCode", "RDPerson", "RDPersonRatio", "RDSpendSum"]
    rows = [
        ["000001", "2019-12-31", "招股说明书", "1", "9", "9", "9"],
        ["000001", "2019-12-31", "年度报告", "1", "120", "12.5", "1000"],
        ["000001", "2019-12-31", "年度报告", "2", "1", "1", "1"],
    ]
    read = csmar.rd(export("PT_LCRDSPENDING.csv", columns, rows))
    assert read.table.iloc[0].tolist() == ["000001", 2019, 120.0, 0.125, 1000.0]
    assert dropped(read.flow)["not of the group (StateTypeCode)"] == 1
    assert dropped(read.flow)["second source for the same firm and year"] == 1


PATENT = [
    "Symbol",
    "EndDate",
    "StateTypeCode",
    "Area",
    "ApplyTypeCode",
    "ApplyType",
    "Patents",
    "Invention",
    "UtilityModel",
]


def test_patent_flows_not_stocks(export, dropped):
    rows = [
        ["000001", "2019-12-31", "1", "", "S1", "当年申请", "10", "6", "4"],
        ["000001", "2019-12-31", "1", "", "S2", "当年获得", "5", "3", "2"],
        ["000001", "2019-12-31", "1", "", "S3", "累计获得", "500", "300", "200"],
        ["000001", "2019-12-31", "1", "", "S4", "截至期末累计申请", "900", "600", "300"],
        ["000001", "2019-12-31", "2", "", "S1", "当年申请", "7", "4", "3"],
        ["000002", "2019-12-31", "1", "国内", "S1", "当年申请", "3", "2", "1"],
        ["000002", "2019-12-31", "1", "国外", "S1", "当年申请", "2", "2", ""],
        ["000003", "2019-12-31", "1", "国内", "S1", "当年申请", "3", "2", "1"],
        ["000003", "2019-12-31", "1", "合计", "S1", "当年申请", "4", "3", "1"],
    ]
    read = csmar_records.patents(export("PT_LCDOMFORAPPLY.csv", PATENT, rows))
    assert read.table["patents_filed"].tolist() == [10, 5, 4]
    assert read.table["inventions_filed"].tolist() == [6, 4, 3]
    assert read.table["utility_models_filed"].tolist() == [4, 1, 1]
    assert dropped(read.flow)["stock, not a flow (ApplyType)"] == 2
    assert dropped(read.flow)["granted or of no type (ApplyType)"] == 1
    assert dropped(read.flow)["area that is part of a total"] == 1
    with pytest.raises(SourceError, match="ApplyType: 1 types not understood: 神秘"):
        csmar_records.patents(export("x.csv", PATENT, [["000001", "2019-12-31", "1", "", "S", "神秘", "1", "1", "1"]]))


def test_staff_wording(export, dropped):
    columns = ["Symbol", "EndDate", "EmployStructure", "EmployDetail", "Amount"]
    words = {"博士": "doctor", "硕士研究生": "postgraduate", "硕士及以上": "postgraduate", "本科": "bachelor",
             "本科及以上": "bachelor_or_above", "大专": "college", "大专及以下": "below_bachelor",
             "高中及以下": "secondary_or_below"}  # fmt: skip
    rows = [["000001", "2019-12-31", "学历", word, "10"] for word in [*words, "其他"]]
    rows += [["000001", "2019-12-31", "专业", "研发人员", "5"], ["000001", "2019-12-31", "合计", "员工总数", "100"],
             ["200001", "2019-12-31", "合计", "员工总数", "100"]]  # fmt: skip
    read = csmar_records.staff(export("STK_CompanyStaff.csv", columns, rows))
    got = dict(zip(read.table["detail"], read.table["category"], strict=True))
    assert {word: got[word] for word in words} == words
    assert got["研发人员"] == "research"
    assert pd.isna(got["其他"])
    assert dropped(read.flow)["class of education or profession unclear"] == 1
    assert set(read.table["structure"]) == {"education", "profession", "total"}


LINK = ["Symbol", "EndDate", "StateTypeCode", "IsListed", "BusinessSymbol", "InstitutionName", "ProportionOfTotalValue"]


def test_customers_with_masked_names(export, dropped):
    rows = [
        ["000001", "2019-12-31", "1", "1", "2", "万科企业股份有限公司", "12.5"],
        ["000001", "2019-12-31", "1", "2", "", "第一名", "30"],
        ["000001", "2019-12-31", "1", "2", "", "客户A", "5"],
        ["000001", "2019-12-31", "1", "2", "", "", "4"],
        ["000001", "2019-12-31", "1", "1", "AAPL.O", "苹果公司", "3"],
        ["000001", "2019-12-31", "2", "2", "", "母公司口径", "9"],
    ]
    read = csmar_records.links(export("SC_TopFiveSaleInfo.csv", LINK, rows), "customer")
    assert read.table["share"].tolist() == [0.30, 0.125, 0.05, 0.04, 0.03]
    assert read.table["masked"].tolist() == [True, False, True, True, False]
    assert read.table["partner_id"].dropna().tolist() == ["000002"]
    assert read.table["rank"].tolist() == [1, 2, 3, 4, 5]
    counts = dropped(read.flow)
    assert (counts["names masked"], counts["partner codes of other markets, set missing"]) == (3, 1)
    with pytest.raises(OptionError):
        csmar_records.links(export.folder, "customers")


MASKED = ["第一名", "第二大客户",
          "客户1", "客户 一", "供应商A", "A公司", "单位甲", "Customer 1", "***公司", "客户（一）",
          "第三", "3", "XX公司", "公司B", "自然人1", None]  # fmt: skip


@pytest.mark.parametrize("name", MASKED)
def test_masked(name):
    assert csmar_records.is_masked(pd.Series([name], dtype="str")).item()


@pytest.mark.parametrize(
    "name",
    ["国家电网公司", "万科企业股份有限公司", "一汽集团", "三一重工", "Apple Inc.", "中国石油", "第一汽车集团公司"],
)
def test_not_masked(name):
    assert not csmar_records.is_masked(pd.Series([name])).item()


def test_mapping_file_brings_other_names(export, tmp_path):
    columns = ["stock_code", "Accper", "Typrep", "总资产"]
    path = export("mine.csv", columns, [["1", "2019-12-31", "A", "5"]], labels=False)
    (tmp_path / "m.yaml").write_text("FS_Combas: {Stkcd: stock_code, A001000000: 总资产}\n", encoding="utf-8")
    (tmp_path / "m.csv").write_text("table,expected,yours\nFS_Combas,Stkcd,stock_code\nFS_Combas,A001000000,总资产\n")
    assert load_mapping(tmp_path / "m.yaml") == load_mapping(tmp_path / "m.csv")
    read = csmar.balance_sheet(path, Options(mapping=load_mapping(tmp_path / "m.yaml")))
    assert read.table.iloc[0].tolist() == ["000001", 2019, 5.0]
    with pytest.raises(MappingError, match=r"has no column 'stock_cod' \(did you mean 'stock_code'\?\)"):
        csmar.balance_sheet(path, Options(mapping={"FS_Combas": {"Stkcd": "stock_cod"}}))
    with pytest.raises(MappingError, match=r"no column 'Stkcode' is expected \(did you mean 'Stkcd'\?\)"):
        csmar.balance_sheet(path, Options(mapping={"FS_Combas": {"Stkcode": "stock_code"}}))


def test_missing_columns_in_one_error_with_what_was_found(export):
    path = export("FS_Combas.csv", ["Stkcde", "Accper", "A002000000"], [["000001", "2019-12-31", "5"]])
    with pytest.raises(
        SourceError,
        match=r"FS_Combas: 2 missing columns: Stkcd \(did you mean 'Stkcde'\?\), A001000000.*found: Stkcde, Accper",
    ):
        csmar.balance_sheet(path)


def test_spelling_of_column_names(export):
    columns = [" stkcd", "ACCPER", "Ｔｙｐｒｅｐ", "a001000000"]
    path = export("FS_Combas.csv", columns, [["000001", "2019-12-31", "A", "5"]])
    assert csmar.balance_sheet(path).table.iloc[0].tolist() == ["000001", 2019, 5.0]
    path = export("FS_Combas.csv", ["STKCD", "stkcd", *columns[1:]], [["000001", "000001", "2019-12-31", "A", "5"]])
    with pytest.raises(SourceError, match="2 columns read as Stkcd: STKCD, stkcd"):
        csmar.balance_sheet(path)


def test_firm_years_follow_the_firm_file(export, dropped):
    base = csmar.firm_file(export("STK_LISTEDCOINFOANL.csv", FIRM, FIRM_ROWS))
    balance = csmar.balance_sheet(export("FS_Combas.csv", BALANCE, BALANCE_ROWS))
    whole = csmar_firm_years.combine(base, balance)
    assert len(whole.table) == len(FIRM_ROWS)
    assert whole.table["total_assets"].notna().sum() == 1
    assert dropped(whole.flow)["FS_Combas: rows in no year of the firm file"] == 3
    assert list(whole.table.columns) == list(canonical.schema("firm_years").columns)
    with pytest.raises(DataError, match="columns come from two sources"):
        csmar_firm_years.combine(base, balance, balance)


PLACED = ["Symbol", "EndDate", "IndustryCodeC", "CITYCODE", "CITY"]


def test_districts_old_codes_and_names_of_cities(export, dropped):
    rows = [
        ["000001", "2015-12-31", "C31", "440305", "深圳市"], ["000002", "2009-12-31", "C31", "522200", "铜仁地区"],
        ["000004", "2015-12-31", "C31", "", "襄樊市"], ["000005", "2015-12-31", "C31", "", "火星"],
        ["000006", "2015-12-31", "C31", "371200", "莱芜市"], ["000007", "2009-12-31", "C31", "341400", "合肥"],
    ]  # fmt: skip
    read = csmar.firm_file(export("STK_LISTEDCOINFOANL.csv", PLACED, rows))
    codes = ["440300", "520600", "420600", None, "370100", "340100"]
    assert [code if isinstance(code, str) else None for code in read.table["city_code"]] == codes
    counts = dropped(read.flow)
    assert counts["codes of districts and merged prefectures, put to the prefecture"] == 2
    assert counts["no code of a prefecture, found by the name of the city"] == 2
    named = csmar.firm_file(export("b/STK_LISTEDCOINFOANL.csv", ["Symbol", "EndDate", "IndustryCodeC", "CITY"],
                                   [[row[0], row[1], row[2], row[4]] for row in rows]))  # fmt: skip
    assert named.table["city_code"].tolist()[:3] == ["440300", "520600", "420600"]
    with pytest.raises(SourceError, match="missing columns: CITYCODE or CITY"):
        csmar.firm_file(export("c/STK_LISTEDCOINFOANL.csv", PLACED[:3], [row[:3] for row in rows]))


def test_every_name_of_a_firm_with_its_years(export, dropped):
    columns = ["Symbol", "EndDate", "ShortName", "FullName", "CITYCODE"]
    rows = [
        ["000001", "2010-12-31", "深发展A", "深圳发展银行股份有限公司", "440300"],
        ["000001", "2011-12-31", "深发展A", "深圳发展银行股份有限公司", "440300"],
        ["000001", "2012-12-31", "平安银行", "平安银行股份有限公司", "440300"],
        ["000002", "2012-12-31", "万科A", "", "440305"],
    ]
    read = csmar.firm_names(export("STK_LISTEDCOINFOANL.csv", columns, rows))
    told = read.table.astype(object).where(read.table.notna(), None).to_numpy().tolist()
    assert told == [
        ["000001", "平安银行", "alias", 2012, 2012, None], ["000001", "深发展A", "alias", 2010, 2011, None],
        ["000001", "平安银行股份有限公司", "firm", 2012, 2012, None],
        ["000001", "深圳发展银行股份有限公司", "firm", 2010, 2011, None],
        ["000002", "万科A", "alias", 2012, 2012, "440300"],
    ]  # fmt: skip
    counts = dropped(read.flow)
    assert (counts["firms with several full names"], counts["firms without a full name"]) == (1, 1)
    bare = csmar.firm_names(export("b/STK_LISTEDCOINFOANL.csv", ["Symbol", "EndDate", "X"], [["1", "2010-12-31", "x"]]))
    assert bare.table.empty


def test_codes_of_other_markets_and_codes_that_changed(export, dropped):
    columns = ["Symbol", "EndDate", "InstitutionName", "ProportionOfTotalValue", "BusinessSymbol"]
    partners = ["00700", "0700.HK", "AAPL", "000022", "830799", "600000", "430001"]
    rows = [["000022", "2019-12-31", f"甲{at}", str(20 - at), code] for at, code in enumerate(partners)]
    path = export("SC_TopFiveSaleInfo.csv", columns, rows)
    known = facts.table("code_changes").set_index("old_code")["new_code"].to_dict()
    changes = known | {"430001": "430002", "430002": "920001"}
    read = csmar_records.links(path, "customer", Options(codes=changes))
    assert read.table["firm_id"].unique().tolist() == ["001872"]
    found = [code if isinstance(code, str) else None for code in read.table["partner_id"]]
    assert found == [None, None, None, "001872", "920799", "600000", "920001"]
    counts = dropped(read.flow)
    assert counts["partner codes of other markets, set missing"] == 3
    assert counts["codes that changed, put to the new one"] == len(rows)
    with pytest.raises(SourceError, match="430001 to 430002 to 430001 goes in a circle"):
        csmar_records.links(path, "customer", Options(codes={"430001": "430002", "430002": "430001"}))


def test_one_mapping_serves_all_readers_of_the_firm_file(export):
    columns = [{"CITYCODE": "city", "LISTINGDATE": "ipo", "IndustryCodeC": "industry"}.get(name, name) for name in FIRM]
    path = export("STK_LISTEDCOINFOANL.csv", columns, FIRM_ROWS)
    names = {"CITYCODE": "city", "LISTINGDATE": "ipo", "IndustryCodeC": "industry"}
    options = Options(mapping={"STK_LISTEDCOINFOANL": names})
    assert csmar.firm_file(path, options).table["city_code"].iloc[0] == "440300"
    assert csmar.firms(path, options).table["listed"].iloc[0] == pd.Timestamp("1991-04-03")
    assert "平安银行" in set(csmar.firm_names(path, options).table["name"])


def firm_rows(**columns):
    """Rows of the firm file with other columns of industries."""
    kept = [name for name in FIRM if name != "IndustryCodeC"]
    rows = [dict(zip(FIRM, row, strict=True)) for row in FIRM_ROWS[:4]]
    return [*kept, *columns], [
        [*(row[name] for name in kept), *(cells[at] for cells in columns.values())] for at, row in enumerate(rows)
    ]


def test_a_firm_file_read_once_gives_what_three_readings_give(export):
    path = export("STK_LISTEDCOINFOANL.csv", FIRM, FIRM_ROWS)
    raw = raw_table(path, csmar.FIRM_FILE)
    before = raw.frame.copy()
    for adapter in (csmar.firm_file, csmar.firms, csmar.firm_names):
        once, again = adapter(raw), adapter(path)
        pd.testing.assert_frame_equal(once.table, again.table)
        pd.testing.assert_frame_equal(once.flow, again.flow)
    pd.testing.assert_frame_equal(raw.frame, before)


def test_firm_files_without_the_column_of_csrc_2012(export, dropped):
    other = ["480301", "480301", "230101", "230101"]
    read = csmar.firm_file(
        export("a.csv", *firm_rows(IndustryCodeD=other, IndustryCode=["J66", "J66", "C31", "C3110"]))
    )
    assert read.table["industry_code"].tolist() == ["J66", "J66", "C31", "C31"]
    assert dropped(read.flow)["industries of CSRC 2012 taken from IndustryCode"] == 4
    with pytest.raises(SourceError, match=r"CSRC 2012 .IndustryCodeD has 0%.; name yours for IndustryCodeC"):
        csmar.firm_file(export("b.csv", *firm_rows(IndustryCodeD=other)))
    with pytest.raises(SourceError, match="missing columns: IndustryCodeC or IndustryCodeD or IndustryCode"):
        csmar.firm_file(export("c.csv", *firm_rows(Sector=other)))


def test_chinese_headers(export):
    columns = ["证券代码", "证券简称", "统计截止日期", "报表类型", "资产总计", "负债合计"]
    row = ["000001", "平安银行", "2019-12-31"]
    path = export("FS_Combas.csv", columns, [[*row, "合并报表", "5", "3"], [*row, "B", "4", "3"]], labels=False)
    assert csmar.balance_sheet(path).table.iloc[0].tolist() == ["000001", 2019, 5.0, 3.0]
    columns = ["股票代码", "股票简称", "统计截止日期", "行业代码C", "所属城市代码", "首次上市日期"]
    path = export("STK_LISTEDCOINFOANL.csv", columns, [[*row, "J66", "440300", "1991-04-03"]], labels=False)
    assert csmar.firm_file(path).table.iloc[0][["firm_id", "city_code", "industry_code"]].tolist() == [
        "000001", "440300", "J66"]  # fmt: skip
    assert csmar.firms(path).table["listed"].tolist() == [pd.Timestamp("1991-04-03")]


def test_years_without_days_and_without_statement_type(export, dropped):
    frame = pd.DataFrame({"Stkcd": ["000001", "000002"], "year": [2019, 2020], "A001000000": [5.0, 6.0]})
    frame.to_stata(path := export.folder / "FS_Combas.dta", write_index=False)
    read = csmar.balance_sheet(path)
    assert read.table.to_numpy().tolist() == [["000001", 2019, 5.0], ["000002", 2020, 6.0]]
    assert dropped(read.flow)["years without a day, taken for their ends"] == 2
    assert dropped(read.flow)["without Typrep, taken for consolidated statements"] == 2
    twice = export("FS_Combas.csv", ["Stkcd", "Accper", "A001000000"],
                   [["000001", "2019", "5"], ["000001", "2019", "6"]])  # fmt: skip
    with pytest.raises(SourceError, match="1 rows repeat firm_id and year; first: 000001 2019"):
        csmar.balance_sheet(twice)
    mixed = export("FS_Combas.csv", ["Stkcd", "Accper", "A001000000"],
                   [["000001", "2019", "5"], ["000001", "2020-12-31", "6"]])  # fmt: skip
    with pytest.raises(SourceError, match="Accper: 1 cells are not days"):
        csmar.balance_sheet(mixed)


def test_sheet_and_encoding_of_one_table(export, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for name, assets in (("旧", 1), ("新", 5)):
        sheet = book.create_sheet(name)
        for row in (BALANCE[:1] + BALANCE[2:5], ["000001", "2019-12-31", "A", assets]):
            sheet.append(row)
    book.save(export.folder / "FS_Combas.xlsx")
    columns = ["Stkcd", "Accper", "Typrep", "B001100000", "café"]
    export("FS_Comins.csv", columns, [["000001", "2019-12-31", "A", "9", "é"]], encoding="latin-1", labels=False)
    (tmp_path / "m.yaml").write_text("FS_Combas: {sheet: 新}\nFS_Comins: {encoding: latin-1}\n", encoding="utf-8")
    (tmp_path / "m.csv").write_text("table,expected,yours\nFS_Combas,sheet,新\nFS_Comins,encoding,latin-1\n", "utf-8")
    mapping = load_mapping(tmp_path / "m.yaml")
    assert mapping == load_mapping(tmp_path / "m.csv")
    options = Options(mapping=mapping)
    assert csmar.balance_sheet(export.folder, options).table["total_assets"].tolist() == [5.0]
    assert csmar.income_statement(export.folder, options).table["total_revenue"].tolist() == [9.0]
    found = {entry.wanted.expected.table: entry for entry in inventory.take(export.folder, mapping)}
    assert found["FS_Combas"].readable and found["FS_Comins"].readable
    bare = {entry.wanted.expected.table: entry.faults for entry in inventory.take(export.folder)}
    assert "2 sheets with content; name one of 旧, 新" in bare["FS_Combas"][0]
    assert "the encoding is neither UTF-8 nor GB18030" in bare["FS_Comins"][0]
    for spoilt, words in (("FS_Comins: {encoding: klingon}", "not text in the encoding klingon"),
                          ("FS_Comins: {encoding: ascii}", "not text in the encoding ascii")):  # fmt: skip
        (tmp_path / "m.yaml").write_text(spoilt, encoding="utf-8")
        with pytest.raises(SourceError, match=words):
            csmar.income_statement(export.folder, Options(mapping=load_mapping(tmp_path / "m.yaml")))


def test_other_headers_are_those_of_expected_columns():
    tables = [wanted.expected for wanted in inventory.TABLES]
    expected = {entry.table: (*entry.required, *entry.optional) for entry in tables}
    known = facts.table("raw_headers")
    lost = [pair for pair in zip(known["table"], known["column"], strict=True) if pair[1] not in expected[pair[0]]]
    assert not lost
    assert not known.duplicated(["table", "header"]).any()
