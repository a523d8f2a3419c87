"""Spillover regressions against published and independent results.

RDSpillovers: data of Eberhardt, Helmers and Strauss (2013), Do Spillovers Matter When Estimating Private Returns to
R&D?, Review of Economics and Statistics 95(2): 119 country-industries, 1980-2005; log value added on log labour,
capital and R&D stock. The elasticity of R&D is .096 with year effects (pooled), .063 with both effects.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from diff_diff import SpilloverDiD

from aigreen import TWFE, Imputation, Panel, Spillover
from aigreen.exposure import exposures, rings


def production(shared: Path) -> Panel:
    df = pd.read_csv(shared / "data/spill_rdspillovers/RDSpillovers.csv")
    return Panel(df, unit="id", time="year")


@pytest.mark.parametrize(("fixed_effects", "published"), [(["year"], 0.096), (["id", "year"], 0.063)])
def test_returns_to_research(shared: Path, fixed_effects: list[str], published: float) -> None:
    panel = production(shared)
    result = TWFE(fixed_effects=fixed_effects).fit(panel, "lny", treatment="lnrd", covariates=["lnl", "lnk"])
    assert (result.n_rows, result.n_units) == (2637, 119)
    assert result.estimates["lnrd"] == pytest.approx(published, abs=5e-4)


def cities(seed: int, n: int = 150, periods: int = 8) -> pd.DataFrame:
    """Cities on a map, some treated in periods 4 and 6; rings are of the nearest treated city."""
    rng = np.random.default_rng(seed)
    points = pd.DataFrame({"lat": rng.uniform(25, 35, n), "lon": rng.uniform(100, 115, n)})
    first = np.where(rng.random(n) < 0.15, rng.choice([4, 6], n), 0)
    city, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    df = pd.DataFrame({"city": city, "year": year, "first": first[city]}).join(points, on="city")
    near = exposures(Panel(df, unit="city", time="year", cohort="first"), rings(points, [0, 60, 120]), how="any")
    near["ring_60_120"] *= 1 - near["ring_0_60"]
    df = df.join(near)
    treated = (df["first"] > 0) & (year >= df["first"])
    effect = treated * (1 + 0.1 * (year - df["first"])) + 0.5 * near["ring_0_60"] + 0.2 * near["ring_60_120"]
    return df.assign(y=rng.standard_normal(n)[city] + 0.2 * year + effect + rng.standard_normal(len(df)))


@pytest.mark.parametrize("seed", [0, 1])
def test_rings_agree_with_diff_diff(seed: int) -> None:
    df = cities(seed)
    panel = Panel(df, unit="city", time="year", cohort="first")
    ours = Spillover(exposure=["ring_0_60", "ring_60_120"], variance="conservative").fit(panel, "y").overall()
    peer = SpilloverDiD(rings=[0, 60, 120], conley_coords=("lat", "lon"), cluster="city")
    theirs = peer.fit(df, outcome="y", unit="city", time="year", first_treat="first")
    assert ours.estimates["treated"] == pytest.approx(theirs.att, abs=1e-8)
    assert ours.estimates[["ring_0_60", "ring_60_120"]].to_numpy() == pytest.approx(
        theirs.spillover_effects["coef"].to_numpy(), abs=1e-8
    )
    # Their errors do not centre by cohort and period, and have a small-sample factor.
    errors = np.append(theirs.se, theirs.spillover_effects["se"])
    assert ours.std_errors[["treated", "ring_0_60", "ring_60_120"]].to_numpy() == pytest.approx(errors, rel=0.06)


def test_mpdta_without_exposure_is_the_imputation_estimate(shared: Path) -> None:
    df = pd.read_csv(shared / "data/did_mpdta/mpdta.csv").assign(none=0.0)
    panel = Panel(df, unit="countyreal", time="year", cohort="first.treat")
    with pytest.warns(UserWarning, match="zero in every row"):
        result = Spillover(exposure="none").fit(panel, "lemp")["treated"].overall()
    plain = Imputation(variance="leave_one_out").fit(panel, "lemp").overall()
    assert result.values == pytest.approx(plain.values, abs=1e-13)
    assert result.std_errors.to_numpy() == pytest.approx(plain.std_errors.to_numpy(), abs=1e-13)
