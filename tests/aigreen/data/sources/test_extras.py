"""Company names, segments, robots, input-output: what is read, counted and refused."""

import pytest

from aigreen import errors
from aigreen.data.sources import extras


def write(folder, name, text):
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_company_names(tmp_path):
    path = write(
        tmp_path,
        "company_names",
        "firm_id,name,kind\n1,甲公司,firm\n000001,甲,alias\n000001,甲,alias\n900901,乙,firm\n",
    )
    read = extras.company_names(path)
    assert read.table.to_numpy().tolist() == [["000001", "甲", "alias"], ["000001", "甲公司", "firm"]]
    lost = read.flow.set_index("step")["dropped"]
    assert (lost["B share"], lost["rows given twice, all columns equal"]) == (1, 1)
    path = write(tmp_path, "company_names", "firm_id,name,kind\n000001,甲,parent\n")
    with pytest.raises(errors.SourceError, match="'parent' is none of firm, subsidiary, alias"):
        extras.company_names(path)


def test_segments(tmp_path):
    head = "Stkcd,Accper,SegmentIndustryCode,SegmentRevenue\n"
    path = write(tmp_path, "segments", head + "1,2015-12-31,C26,10\n1,2015-12-31,I65,5\n1,2015-06-30,C26,3\n")
    assert extras.segments(path).table.to_numpy().tolist() == [
        ["000001", 2015, "C26", 10.0],
        ["000001", 2015, "I65", 5.0],
    ]
    path = write(tmp_path, "segments", head + "1,2015-12-31,C26,10\n1,2015-12-31,C26,11\n")
    with pytest.raises(errors.SourceError, match="1 rows repeat"):
        extras.segments(path)


def test_robots_and_input_output(tmp_path):
    robots = write(tmp_path, "robots", "industry_code,year,robots,employment\nC36,2015,10,1000\n")
    assert extras.robots(robots).table.to_numpy().tolist() == [["C36", 2015, 10.0, 1000.0]]
    table = write(tmp_path, "input_output", "industry_code,partner_industry,coefficient\nC36,C26,0.2\n")
    assert extras.input_output(table).table.to_numpy().tolist() == [["C36", "C26", 0.2]]
    table = write(tmp_path, "input_output", "industry_code,partner_industry,coefficient\nC3,C26,0.2\n")
    with pytest.raises(errors.SourceError, match="'C3' is no two-digit code"):
        extras.input_output(table)


def test_company_names_with_years(tmp_path):
    head = "firm_id,name,kind,first_year,last_year\n"
    path = write(tmp_path, "company_names", head + "1,甲公司,firm,2010,2013\n1,乙公司,firm,2014,\n1,Jia,alias,,\n")
    table = extras.company_names(path).table
    assert table["first_year"].fillna(0).tolist() == [0, 2014, 2010]
    assert table["last_year"].fillna(0).tolist() == [0, 0, 2013]
    path = write(tmp_path, "company_names", head + "1,甲公司,firm,200,2013\n")
    with pytest.raises(errors.SourceError, match="column first_year: 1 cells are not numbers from 1985 to 2100"):
        extras.company_names(path)


def test_code_changes(tmp_path):
    path = write(tmp_path, "code_changes", "old_code,new_code\n22,001872\n830001,920001\n")
    table = extras.code_changes(path).table
    assert table.to_numpy().tolist() == [["000022", "001872"], ["830001", "920001"]]
    path = write(tmp_path, "code_changes", "old_code,new_code\n22,001872\n22,001873\n")
    with pytest.raises(errors.SourceError, match="1 rows repeat old_code; first: 000022"):
        extras.code_changes(path)
