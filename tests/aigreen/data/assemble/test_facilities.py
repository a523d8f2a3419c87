import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.assemble.facilities import RADII_KM, facilities, near_column
from aigreen.data.sources.us_facilities import EMISSIONS, GENERIC, PATENTS, REPORTS, SPECIFIC, column_of
from aigreen.errors import DuplicateRowsError, NonNumericError

PARTS = ["firm_within", "firm_turnover", "firm_industries", "firm_sites"]
TERMS = [column_of(term) for term in SPECIFIC + GENERIC]


@pytest.fixture(scope="module")
def built():
    return facilities(*(facts.table(name) for name in (EMISSIONS, REPORTS, PATENTS)))


@pytest.fixture(scope="module")
def frame(built):
    return built.frame


def emissions(*rows):
    named = ["facility_id", "firm", "naics", "state", "latitude", "longitude", "2020", "2021", "2022"]
    return pd.DataFrame(rows, columns=named).astype(str).assign(ownership="100.0")


def reports(*rows):
    table = pd.DataFrame([row[:3] for row in rows], columns=["firm", "filed", "word_count"]).astype(str)
    return table.assign(**dict.fromkeys(TERMS, "0")).assign(machine_learning=[str(row[3]) for row in rows])


def patents(*rows):
    return pd.DataFrame(rows, columns=["firm", "2010", "2011", "2019"]).astype(str)


SMALL = (
    emissions(
        ("1", "A", 221112, "TX", 30.0, -95.0, 100.0, 200.0, 200.0),
        ("2", "A", 221112, "TX", 30.0, -95.2, "", 50.0, 25.0),
        ("3", "A", 562212, "OH", 40.0, -83.0, 400.0, 100.0, 0.0),
        ("4", "B", 562212, "OH", 40.0, -83.1, 10.0, 10.0, 10.0),
        ("5", "C", 562212, "OH", 40.1, -83.0, 10.0, 10.0, 10.0),
        ("6", "D", 562212, "OH", 40.0, -83.0, 10.0, 10.0, 10.0),
    ),
    # A adopts in 2021, by the longer of two reports; C had a term all along; D has no report.
    reports(
        ("A", "2021-02-01", 9, 0),
        ("A", "2022-02-01", 9, 3),
        ("A", "2022-03-01", 2, 0),
        ("B", "2021-02-01", 9, 0),
        ("B", "2022-11-01", 9, 0),
        ("C", "2021-02-01", 9, 1),
    ),
    patents(("A", 0, 2, 5), ("A", 0, 0, 0), ("B", 1, 0, 0)),
)


def test_a_small_panel():
    built = facilities(*SMALL)
    frame = built.frame.set_index(["facility_id", "year"])
    assert built.flow["dropped"].tolist() == [0, 1, 3, 3, 0]
    assert built.flow["n_units"].tolist() == [6, 6, 5, 4, 4]
    treated = frame["treated"].unstack()
    assert treated.loc["1"].tolist() == [0, 1, 1] and treated.loc["4"].tolist() == [0, 0, 0]
    assert frame.loc[("1", 2021), ["words_year", "two_words_year", "fiscal_year", "filed_year"]].tolist() == [
        2021, 2021, 2021, 2022,
    ]  # fmt: skip
    assert frame["ai_words"].loc["1"].tolist()[:2] == [0, 3] and np.isnan(frame.loc[("1", 2022), "ai_words"])
    assert (frame.loc[("1", 2021), "patent_year"], frame.loc[("1", 2021), "patent_known"]) == (2011, 1)
    assert frame.loc[("4", 2021), "patent_known"] == 0  # a patent in the first year on record
    # One degree of longitude at 40 degrees north is 85 km: facility 3 lies 8.5 km from 4.
    assert frame[near_column(10)].loc["4"].tolist() == [0, 1, 1]
    assert frame[near_column(10)].loc["1"].tolist() == [0, 0, 0]
    assert frame["near_industry"].loc["4"].tolist() == [0, 1, 1]  # C and D are not in the panel
    log = np.log
    one = frame.loc[("1", 2021)]
    assert one["ln_facilities"] == pytest.approx(log(3))
    assert one["concentration"] == pytest.approx(log(75) - (log(50) + log(100)) / 2)
    assert frame.loc[("4", 2021), "concentration"] == 0
    within = (log(200 / 100) + log(100 / 400)) / 2
    assert one["firm_within"] == pytest.approx(within)
    assert one["firm_turnover"] == pytest.approx(log(3) + log(200 * 50 * 100) / 3 - within)
    assert one["firm_industries"] == pytest.approx(log(350 / 3) - (2 * log(125) + log(100)) / 3)
    assert one["firm_sites"] == pytest.approx((2 * log(125) + log(100)) / 3 - log(200 * 50 * 100) / 3)
    later = within + (log(1) + log(25 / 50)) / 2
    assert frame.loc[("2", 2022), "firm_within"] == pytest.approx(later)


def test_a_year_without_a_facility_that_goes_on_breaks_the_chain():
    gone = emissions(
        ("1", "A", 221112, "TX", 30.0, -95.0, 100.0, "", ""), ("2", "A", 221112, "TX", 30.0, -95.0, "", 5.0, 6.0)
    )
    within = facilities(gone, *SMALL[1:]).frame["firm_within"]
    assert within.iloc[0] == 0 and within.iloc[1:].isna().all()


def test_the_sample(built, frame):
    assert built.flow[["n_rows", "n_units", "dropped"]].to_numpy().tolist() == [
        [23439, 1855, 0],
        [23421, 1855, 18],
        [22141, 1748, 1280],
        [21834, 1724, 307],
        [21834, 1724, 0],
    ]
    firms = frame.drop_duplicates("firm")
    cohorts = {2018: 1, 2019: 4, 2020: 6, 2021: 4, 2022: 8, 2023: 41}
    assert firms["words_year"].value_counts().sort_index().to_dict() == cohorts
    assert len(firms) == 106
    assert not frame.duplicated(["facility_id", "year"]).any()
    assert frame["region"].notna().all()


def test_first_years_known_in_the_sample():
    """Firms of the panel, whose first report has no specific term, have a date under each rule on specific terms."""
    words = facts.table(REPORTS)
    words["terms"] = words[[column_of(term) for term in SPECIFIC]].astype(int).sum(axis=1)
    first = words.sort_values(["firm", "filed"]).groupby("firm").first()
    firms = set(facilities(*(facts.table(name) for name in (EMISSIONS, REPORTS, PATENTS))).frame["firm"])
    assert (first.loc[sorted(firms), "terms"] == 0).all()


def test_the_parts_of_a_firm_add_up(frame):
    gap = frame["firm_ln_emissions"] - frame[PARTS].sum(axis=1, skipna=False)
    assert gap.abs().max() < 1e-11
    total = frame.groupby(["firm", "year"])["emissions"].transform("sum")
    assert np.exp(frame["firm_ln_emissions"]).to_numpy() == pytest.approx(total.to_numpy())
    assert frame.groupby(["firm", "year"])["firm_weight"].sum().to_numpy() == pytest.approx(1)
    assert (frame[["firm_industries", "firm_sites", "concentration"]] > -1e-12).all(axis=None)


def test_neighbours_equal_the_plain_count(frame):
    year = frame[frame["year"] == 2022].reset_index(drop=True)
    sites = frame.drop_duplicates("facility_id", keep="last")
    lat, lon = np.radians(sites["latitude"].to_numpy()), np.radians(sites["longitude"].to_numpy())
    adopted = (sites["words_year"] <= 2022).to_numpy()
    for row in year.iloc[::150].itertuples():
        here = sites["facility_id"].to_numpy() == row.facility_id
        cosine = np.sin(lat[here]) * np.sin(lat) + np.cos(lat[here]) * np.cos(lat) * np.cos(lon - lon[here])
        km = 6371.0088 * np.arccos(np.clip(cosine, -1, 1))
        others = (sites["firm"] != row.firm).to_numpy()
        for radius in RADII_KM:
            assert getattr(row, near_column(radius)) == (adopted & others & (km <= radius)).sum()
        alike = others & (sites["naics"] == row.naics).to_numpy()
        assert row.near_industry == pytest.approx(adopted[alike].mean() if alike.any() else 0)


def test_tables_that_cannot_be_right():
    first, *rest = SMALL
    with pytest.raises(DuplicateRowsError, match="1 facilities stand in two rows"):
        facilities(pd.concat([first, first[:1]]), *rest)
    with pytest.raises(NonNumericError, match="1 cells of emissions are no numbers; first: much"):
        facilities(first.replace({"50.0": "much"}), *rest)
