"""The firm panel of Cui, Zhang and Zheng (2018): the numbers its notes promise."""

from aigreen.data.sources import cui2018


def test_cui2018(shared, dropped):
    read = cui2018.firm_panel(shared / "data/cui2018_ets_firm_patents/AEA_P&P_table.dta")
    assert read.flow["n_units"].iloc[0] == 1956
    assert dropped(read.flow)["industry names empty, missing"] == 1427
    assert dropped(read.flow)["no year"] == 113
    assert (len(read.table), read.table["firm"].nunique()) == (18824, 1843)
    assert len(read.table.dropna(subset=[*cui2018.CONTROLS, "industry_name"])) == 14378
    assert (read.table["industry_name"] == "").sum() == 0
