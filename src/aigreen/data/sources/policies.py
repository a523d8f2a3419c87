"""Policy tables of the project (data/facts) as canonical ``zones`` and ``policies``."""

from __future__ import annotations

import pandas as pd

from aigreen.data import canonical, facts
from aigreen.data.raw import values
from aigreen.data.raw.flow import Flow, Read

ZONES, POLICIES = "ai_pilot_zones", "confounding_policies"


def zones(raw: pd.DataFrame | None = None) -> Read:
    """Give the AI zones of both programmes, by default of `aigreen.data.facts`.

    Counties (Deqing) keep their own code and carry that of the prefecture around them.
    """
    raw = facts.table(ZONES) if raw is None else raw
    tidy = raw[["program", "zone_id", "gb_code", "level"]].assign(
        city_code=values.city_codes(raw["prefecture_code"], ZONES),
        letter_date=values.dates(raw["letter_date"], ZONES),
        publication_date=values.dates(raw["publication_date"], ZONES),
        batch_year=raw["batch_year"].astype("int64"),
        first_full_year=raw["first_full_year"].astype("int64"),
    )
    flow = Flow(ZONES, "city_code")
    flow.note("canonical", tidy)
    return Read(canonical.check("zones", tidy), flow.to_frame())


def policies(raw: pd.DataFrame | None = None) -> Read:
    """Give other place-based policies, by default of `aigreen.data.facts`. Province rows are not expanded."""
    raw = facts.table(POLICIES) if raw is None else raw
    tidy = raw[["policy", "gb_code", "level"]].assign(
        city_code=values.city_codes(raw["prefecture_code"], POLICIES),
        batch=raw["batch"],
        partial=(raw["partial"] == "1").astype("boolean"),
        start=values.clean(raw["start_date"]),
        coded_year=pd.to_numeric(values.clean(raw["coded_year"])).astype("Int64"),
    )
    flow = Flow(POLICIES, "gb_code")
    flow.note("canonical", tidy)
    return Read(canonical.check("policies", tidy), flow.to_frame())
