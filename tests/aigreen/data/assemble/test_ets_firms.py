"""The panel of firms and carbon-market pilots: sample flow, treatment, exposure."""

import numpy as np
import pandas as pd
import pytest

from aigreen.data.assemble.ets_firms import CODEBOOK, ets_firms
from aigreen.data.raw.flow import FLOW, Read
from aigreen.data.sources import cui2018
from aigreen.errors import DataError


@pytest.fixture(scope="module")
def built(shared):
    return ets_firms(cui2018.firm_panel(shared / "data/cui2018_ets_firm_patents/AEA_P&P_table.dta"))


def small(*rows):
    named = ["firm", "year", "province", "industry_code", "ets_region", "ets_industry"]
    frame = pd.DataFrame(rows, columns=named).assign(industry_name="x", carbon_price=0.0, low_carbon_share=0.0)
    frame["post"] = (frame["year"] >= 2011).astype(int)
    logs = ["low_carbon_patents_log", "low_carbon_patents_narrow_log", "other_patents_log", *cui2018.CONTROLS]
    return Read(frame.assign(**dict.fromkeys(logs, np.log(3.0))), pd.DataFrame(columns=FLOW))


def test_the_sample_flow_counts_what_the_source_lacks(built):
    flow = built.flow.set_index("step")
    assert flow["n_rows"].iloc[0] == 18_937
    assert "industry names empty, missing: 1,427" in flow.index
    assert flow.loc["no year", ["n_rows", "n_units", "dropped"]].tolist() == [18_824, 1_843, 113]
    assert flow.loc["industry not stated: left out", ["n_rows", "n_units", "dropped"]].tolist() == [
        17_510,
        1_550,
        1_314,
    ]
    assert list(built.frame.columns) == [entry.column for entry in CODEBOOK]
    assert built.frame["complete"].sum() == 14_378


def test_treatment_is_that_of_the_source(built):
    firms = built.frame.drop_duplicates("firm")
    assert firms["ets_year"].notna().sum() == 116
    assert firms.loc[firms["ets_year"].notna(), "province_code"].nunique() == 6
    assert built.frame.loc[built.frame["treated"] == 1, "year"].min() == 2011
    assert set(firms["ets_year_launch"].dropna()) == {2013, 2014}
    late = firms.loc[firms["ets_year_launch"] == 2014, "province_code"].unique()
    assert sorted(late) == ["420000", "500000"]


def test_counts_are_whole_numbers_up_to_rounding(built):
    gap = np.expm1(built.frame["low_carbon_patents_log"]) - built.frame["low_carbon_patents"]
    assert gap.abs().max() < 1e-4


def test_exposure_of_a_small_panel():
    rows = [
        ("1", 2011, "北京", "C25", 1, 1),
        ("2", 2011, "北京", "C25", 1, 1),
        ("3", 2011, "北京", "C13", 1, 0),
        ("4", 2011, "河北省", "C25", 0, 1),
        ("5", 2011, "河北省", "C13", 0, 0),
        ("6", 2010, "北京", "C13", 1, 0),
    ]
    frame = ets_firms(small(*rows)).frame.set_index("firm")
    assert frame["treated"].tolist() == [1, 1, 0, 0, 0, 0]
    assert frame["near_pilot"].tolist() == [0.5, 0.5, 1.0, 0, 0, 0]
    assert frame["peers"].tolist() == [0, 0, 0, 1.0, 0, 0]
    assert frame["low_carbon_patents"].tolist() == [2] * 6
    assert frame.loc["4", "province_code"] == "130000"


def test_a_province_in_no_table():
    with pytest.raises(DataError, match="1 values of province"):
        ets_firms(small(("1", 2011, "Atlantis", "C25", 1, 1)))
