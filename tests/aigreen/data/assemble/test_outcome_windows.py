"""Windows of citations, shares and logs of the outcomes of the firm-year panel."""

import numpy as np
import pandas as pd
import pytest

from aigreen.data.assemble.outcomes import add_records
from aigreen.data.assemble.sheet import Sheet
from aigreen.data.patents.measures import measures

YEARS = range(2014, 2022)


def sheet(firms=("000001", "000002")):
    index = pd.MultiIndex.from_product([firms, YEARS], names=["firm_id", "year"])
    return Sheet(index.to_frame(index=False), "firm years")


@pytest.fixture
def counted():
    """Records of 2015 to 2020: one firm files in 2015, 2018 and 2020, the other never."""
    made = sheet()
    columns = [measure.name for measure in measures(citations=True, families=True)]
    counts = pd.DataFrame({"firm_id": "000001", "year": [2015, 2018, 2020], **{name: [4, 2, 1] for name in columns}})
    counts["green_patents"] = [3, 1, 0]
    add_records(made, counts, None, window=2)
    return made.frame.set_index(["firm_id", "year"])


def test_a_year_without_filings_is_zero_inside_the_records_and_missing_outside(counted):
    for firm, values in (("000001", [4, 0, 0, 2, 0, 1]), ("000002", [0] * 6)):
        patents = counted.loc[firm, "patents"]
        assert patents.isna().tolist() == [True, *[False] * 6, True]
        assert patents.iloc[1:-1].tolist() == values
    assert counted.loc["000001", "green_patents"].iloc[1:-1].tolist() == [3, 0, 0, 1, 0, 0]


def test_citations_are_there_up_to_the_last_year_whose_window_is_over(counted):
    # Filings end in 2020, so the window of two years of those of 2018 is over and that of 2019 is not.
    cited = counted.loc["000001", "green_citations"]
    assert cited.notna().tolist() == [False, True, True, True, True, False, False, False]
    assert cited.loc[2018] == 2


def test_logs_shares_and_the_extensive_margin_follow_the_counts(counted):
    mine = counted.loc["000001"].iloc[1:-1]
    assert mine["green_share"].tolist()[0] == 0.75
    assert mine["green_share"].isna().tolist() == [False, True, True, False, True, False]
    assert mine["any_green"].tolist() == [1, 0, 0, 1, 0, 0]
    assert mine["green_patents_log"].astype(float).to_numpy() == pytest.approx(np.log1p([3, 0, 0, 1, 0, 0]))
