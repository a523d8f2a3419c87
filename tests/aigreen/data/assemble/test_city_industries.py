"""The panel of cities and industries: zeros, places, zones."""

import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.assemble.city_industries import CODEBOOK, city_industries
from aigreen.data.sources.city_industries import city_industry_patents
from aigreen.errors import DataError


def cells(*rows):
    frame = pd.DataFrame(rows, columns=["city", "province", "industry_code", "year", "ai_patents"])
    return frame.assign(industry=frame["industry_code"])


SMALL = [
    ("Suzhou", "Jiangsu", "C34", 2020, 5),
    ("Kunshan", "Jiangsu", "C34", 2021, 7),
    ("Macau", "Macau", "C34", 2021, 9),
    ("Suzhou", "Jiangsu", "C39", 2022, 2),
    ("Yangling", "Shaanxi", "C39", 2021, 1),
]


@pytest.fixture(scope="module")
def real(shared):
    path = shared / "data/cn_ai_pilot_zones_patents/industrial_ai_patents_city_industry_year.csv"
    return city_industries(city_industry_patents(path).table)


def test_a_small_panel():
    built = city_industries(cells(*SMALL))
    frame = built.frame.set_index(["cell", "year"])
    assert built.flow["dropped"].tolist() == [0, 1, 1, -9, 0, 0]
    assert len(frame) == 3 * 2 * 2
    assert frame.loc[("Kunshan C34", 2020), ["ai_patents", "published"]].tolist() == [0, 0]
    assert frame.loc[("Kunshan C34", 2021), ["city_code", "zone_year", "treated", "partly"]].tolist() == [
        "320500",
        2021,
        1,
        1,
    ]
    assert frame.loc[("Suzhou C34", 2020), ["ai_patents", "published", "treated"]].tolist() == [5, 1, 0]
    assert frame.loc[("Yangling C39", 2021), "city_code"] == "610400"
    assert np.isnan(frame.loc[("Yangling C39", 2021), "zone_year"])
    assert frame.loc[("Suzhou C34", 2020), "city_patents_log"] == np.log(5)


def test_the_real_panel(real):
    assert list(real.frame.columns) == [entry.column for entry in CODEBOOK]
    assert real.flow["n_rows"].tolist() == [8222, 7194, 7110, 8505, 8505, 8505]
    assert len(real.frame) == 81 * 15 * 7
    zones = facts.pilot_zone_cohorts("prefecture")
    found = real.frame.dropna(subset="zone_year").drop_duplicates("city_code").set_index("city_code")["zone_year"]
    assert found.sort_index().astype(int).to_dict() == zones.to_dict()  # every zone city is in the panel
    assert real.frame.loc[real.frame["published"] == 0, "ai_patents"].eq(0).all()
    assert real.frame.loc[real.frame["published"] == 1, "ai_patents"].gt(0).all()


def test_a_city_in_no_table():
    with pytest.raises(DataError, match="1 values of place are in no fact table"):
        city_industries(cells(("Atlantis", "Hebei", "C34", 2020, 1)))


def test_an_industry_in_no_group():
    with pytest.raises(DataError, match="1 values of industry_code"):
        city_industries(cells(("Suzhou", "Jiangsu", "C99", 2020, 1)))
