"""The language of samples: what it keeps, and what it refuses with which words."""

import numpy as np
import pandas as pd
import pytest

from aigreen.errors import ConfigError, DataError
from aigreen_study.specification.mask import sample_mask
from aigreen_study.specification.sample import parse


@pytest.fixture
def frame():
    """Four firms in 2017 to 2019; d is not seen in 2018, b's state is unknown in 2019."""
    rows = [(firm, year) for firm in "abcd" for year in (2017, 2018, 2019) if (firm, year) != ("d", 2018)]
    frame = pd.DataFrame(rows, columns=["firm", "year"])
    frame["size"] = frame["firm"].map({"a": 1.0, "b": 2.0, "c": 3.0, "d": 9.0}) + (frame["year"] == 2019) * 10
    frame["region"] = frame["firm"].map({"a": "East", "b": "East", "c": "West", "d": "West"})
    frame["owner"] = np.where(frame["year"] == 2019, "state", frame["firm"].map({"a": "state"}).fillna("private"))
    frame.loc[(frame["firm"] == "b") & (frame["year"] == 2019), "owner"] = None
    return frame


def kept(text, frame, first_treated=2019):
    mask = sample_mask(text, frame, unit="firm", time="year", first_treated=first_treated)
    return [f"{firm}{year - 2000}" for firm, year in frame.loc[mask, ["firm", "year"]].itertuples(index=False)]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", "a17 a18 a19 b17 b18 b19 c17 c18 c19 d17 d19"),
        ("year <= 2017", "a17 b17 c17 d17"),
        ("year != 2019 & region == East", "a17 a18 b17 b18"),
        ("region in [East, West] & size > 10", "a19 b19 c19 d19"),
        ("firm not in [a, 'b', c]", "d17 d19"),
        ("owner != private", "a17 a18 a19 c19 d19"),
        ("below_median(size, 2018)", "a17 a18 a19 b17 b18 b19"),
        ("above_median(size, 2018) & year < 2019", "c17 c18"),
        ("at(owner, 2018) == private", "b17 b18 b19 c17 c18 c19"),
        ("at(size, 2017) >= 3", "c17 c18 c19 d17 d19"),
    ],
)
def test_rows_kept(frame, text, rows):
    assert kept(text, frame) == rows.split()


def test_rows_keep_the_order_of_the_frame(frame):
    shuffled = frame.sample(frac=1, random_state=1)
    assert sorted(kept("at(owner, 2018) == state", shuffled)) == ["a17", "a18", "a19"]


def test_a_value_that_the_column_never_takes_is_a_matter_of_the_data(frame):
    with pytest.raises(DataError, match=r"no value 'Est' \(did you mean 'East'\?\); it has East, West"):
        kept("region == Est", frame)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("regoin == East", "no column 'regoin' (did you mean 'region'?)"),
        ("region > East", "column 'region' holds text, use ==, !=, in or not in"),
        ("size == big", "column 'size' holds numbers, 'big' is none"),
        ("above_median(region, 2018)", "column 'region' holds text, a number is needed"),
        ("above_median(size, 2019)", "the year must lie before the first treated period, 2019"),
        ("above_median(size, 2001)", "the panel has no row in 2001"),
        ("above_medain(size, 2018)", "is no condition (did you mean 'above_median'?)"),
        ("log(size, 2018) > 2", "write 'column' or 'at(column, 2018)'"),
        ("region in East", "write 'in [value, value]'"),
        ("region not in []", "write 'not in [value, value]'"),
        ("size", "cannot read 'size'"),
        ("__import__('os')", "cannot read"),
        ("region == East & region == West", "no row is left after 'region == West'"),
    ],
)
def test_what_cannot_be_read_is_said(frame, text, message):
    with pytest.raises(ConfigError) as caught:
        kept(text, frame)
    assert message in str(caught.value)


def test_a_value_in_quotes_may_hold_the_sign_that_joins_conditions():
    found = parse("""a == 'Oil & gas' & b in [c, "d & e"] & f != g'h & i == 1""")
    assert [part.values for part in found] == [("Oil & gas",), ("c", "d & e"), ("g'h",), ("1",)]


@pytest.mark.parametrize(
    "text", ["a == 1", 'a == "b & c"', "a in [1, 2]", "a not in [b]", "above_median(a, 2018)", "at(a, 2018) < 3"]
)
def test_a_condition_reads_back_what_it_prints(text):
    (condition,) = parse(text)
    assert str(condition) == text
    assert parse(str(condition)) == (condition,)


def test_units_that_never_have_a_positive_value(frame):
    zone = frame.assign(zone=frame["firm"].map({"a": 2019.0, "b": 0.0}))
    zone.loc[(zone["firm"] == "c") & (zone["year"] == 2019), "zone"] = 1.0
    assert kept("never(zone) & year == 2017", zone) == ["b17", "d17"]
    assert str(parse("never( zone )")[0]) == "never(zone)"
    with pytest.raises(ConfigError, match=r"no column 'zones' .did you mean 'zone'"):
        kept("never(zones)", zone)
