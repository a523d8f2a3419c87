"""Zones of both programmes, and policies that may confound them."""

import pandas as pd

from aigreen.data import facts
from aigreen.data.sources import policies


def test_zones_of_both_programmes():
    table = policies.zones().table
    assert len(table) == 30
    most = table[table["program"] == facts.MOST]
    assert len(most) == 18
    deqing = most.set_index("gb_code").loc["330521"]
    assert (deqing["city_code"], deqing["level"]) == ("330500", "county")
    others = set(table["city_code"]) - set(most["city_code"])
    assert {"370200", "320100"} <= others  # Qingdao and Nanjing hold pioneer zones only


def test_policies(shared):
    raw = pd.read_csv(shared / "facts/confounding_policies.csv", dtype=str, keep_default_na=False)
    table = policies.policies(raw).table
    assert len(table) == 297
    assert table.loc[table["level"] == "province", "city_code"].isna().all()
