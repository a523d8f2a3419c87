"""The decomposition on real panels: parts add up, totals are imputation estimates, bootstrap and formula errors agree.

Nothing here is a finding: channels and exposures are taken as they come.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Effects, Imputation, Panel
from aigreen.data.sources import cities
from aigreen.exposure import exposures, rings


@pytest.fixture(scope="module")
def castle(shared: Path) -> tuple[Panel, str, dict]:
    df = pd.read_csv(shared / "data/did_bacondecomp/castle.csv")
    df["l_police"] = np.log(df["police"])
    panel = Panel(df, unit="state", time="year", cohort="effyear", weights="popwt")
    return panel, "l_homicide", {"channels": ["l_police", "unemployrt"]}


@pytest.fixture(scope="module")
def prefectures(shared: Path) -> tuple[Panel, str, dict]:
    df = cities.prefecture_panel(shared / "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx").table
    places = cities.coordinates(shared / "data/cn_city_geo/Chinese_City_Coordinate.dta").table.set_index("city_code")
    df = df[df["city_code"].isin(places.index)].reset_index(drop=True)
    df["intensity"] = np.log(df["carbon_intensity"])
    panel = Panel(df, unit="city_code", time="year", cohort="low_carbon_year")
    near = exposures(panel, rings(places[["latitude", "longitude"]], [0, 100, 200]), how="any")
    panel = Panel(df.join(near), unit="city_code", time="year", cohort="low_carbon_year")
    return panel, "intensity", {"channels": ["industrial_upgrading"], "exposure": ["ring_0_100", "ring_100_200"]}


@pytest.fixture(scope="module")
def provinces(shared: Path) -> tuple[Panel, str, dict]:
    df = pd.read_csv(
        shared / "data/cn_province_greenpatent_greenfinance/final_data.1.3.4_did.csv", encoding="utf-8-sig"
    )
    first = df[df["green_finance_pilot"] > 0].groupby("province_id")["year"].min()
    df["first"] = df["province_id"].map(first).fillna(0)
    df["green"] = np.log1p(df["green_invention_patents"])
    panel = Panel(df, unit="province_id", time="year", cohort="first")
    return panel, "green", {"channels": ["sec_pctg", "gf_index"]}


@pytest.fixture(params=["castle", "prefectures", "provinces"])
def case(request: pytest.FixtureRequest) -> tuple[Panel, str, dict]:
    return request.getfixturevalue(request.param)


def gap(view: Effects) -> float:
    """Largest distance of the sum of the parts to the total, for estimates and influence, relative to the total."""
    additive, total = view.additive, view.select(view.index.get_level_values("part") == "total")
    values = additive.values.reshape(-1, len(total)).sum(axis=0) - total.values
    psi = additive.psi.reshape(len(view.psi), -1, len(total)).sum(axis=1) - total.psi
    return max(np.abs(values).max() / np.abs(total.values).max(), np.abs(psi).max() / np.abs(total.psi).max())


@pytest.mark.parametrize("how", [None, "simple", "event_study", "group", "calendar"])
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
def test_parts_add_up(case: tuple[Panel, str, dict], how: str | None, ordered: bool) -> None:
    panel, outcome, options = case
    result = Decomposition(**options, ordered=ordered).fit(panel, outcome)
    assert gap(result if how is None else result.aggregate(how)) < 1e-10


@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_total_is_imputation_from_clean_rows(case: tuple[Panel, str, dict]) -> None:
    panel, outcome, options = case
    columns = [outcome, *options["channels"], *options.get("exposure", [])]
    view = panel[panel.frame[columns].notna().all(axis=1)]
    free = view.clean(options.get("exposure", []))
    total = Decomposition(**options).fit(panel, outcome)["total"].overall()
    assert total.values == pytest.approx(Imputation().fit(free, outcome).overall().values, abs=1e-10)


@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_bootstrap_and_formula_errors_agree(case: tuple[Panel, str, dict]) -> None:
    """31 provinces, 50 states and 285 cities are not many clusters, and some factors of channels are near zero.

    Where both are, draws of their product spread by the product of their variances more than the delta method says.
    """
    panel, outcome, options = case
    # Drawn weights do not move the mean of a cell with one cluster; conservative errors do not count it either.
    estimator = Decomposition(**options, variance="conservative")
    draws = estimator.bootstrap(panel, outcome, resampling="exponential")
    factors = estimator.factors(panel, outcome).std_errors
    errors = draws.effects.std_errors.copy()
    for name in options["channels"]:
        errors[name] = np.hypot(errors[name], factors[name, "slope"] * factors[name, "moved"])
    ratio = draws.std_errors / errors
    assert ratio["total"] == pytest.approx(1, abs=0.25)
    assert ratio.between(0.65, 1.5).all()
