"""The bootstrap against refits and influence functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Panel
from aigreen.errors import (
    EffectsError,
    OptionError,
    RefitWarning,
)

from .economy import CITY, FULL, economy


@pytest.mark.parametrize("resampling", ["clusters", "exponential"])
@pytest.mark.parametrize("options", [FULL, {**FULL, "ordered": True}, {"channels": ["m1"]}])
@pytest.mark.parametrize("how", ["simple", "event_study", "group"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_bootstrap_products_equal_refits(options: dict, how: str, resampling: str, monkeypatch: object) -> None:
    panel = Panel(economy(), **CITY, weights="w")
    arguments = {"covariates": ["x"], "n_draws": 6, "how": how, "resampling": resampling}
    fast = Decomposition(**options).bootstrap(panel, "y", **arguments)
    monkeypatch.setattr("aigreen.decomposition.bootstrap.cluster_products", lambda setup: None)
    with pytest.warns(RefitWarning, match="each of 6 draws is fitted anew"):
        slow = Decomposition(**options).bootstrap(panel, "y", **arguments)
    assert fast.draws.to_numpy() == pytest.approx(slow.draws.to_numpy(), abs=1e-10, nan_ok=True)
    assert fast.draws.notna().mean().min() > 0.8
    assert fast.effects.values == pytest.approx(
        Decomposition(**options).fit(panel, "y", covariates=["x"]).aggregate(how).values[: len(fast.effects)]
    )


def test_bootstrap_errors_are_near_those_of_influence_functions() -> None:
    df = pd.concat(
        [
            economy(s).assign(city=lambda d, s=s: d["city"] + 100 * s, firm=lambda d, s=s: d["firm"] + 1000 * s)
            for s in range(4)
        ]
    )
    panel = Panel(df, **CITY)
    draws = Decomposition(channels=["m1", "m2"], exposure="ring").bootstrap(panel, "y", seed=3)
    errors = draws.effects.std_errors
    assert (draws.std_errors / errors).between(0.85, 1.25).all()
    low, high = draws.conf_int().T.to_numpy()
    assert np.all((low < draws.effects.values) & (draws.effects.values < high))
    share_error = draws.effects.shares().std_errors["m1"]
    assert draws.share("m1").std() == pytest.approx(share_error, rel=0.25)


def test_bootstrap_does_not_need_leave_one_out_errors_in_every_draw(panel: Panel) -> None:
    options = {"channels": ["m1"], "fixed_effects": ["firm", "year"]}
    left_out = Decomposition(**options, variance="leave_one_out").bootstrap(panel, "y", n_draws=10, seed=1)
    conservative = Decomposition(**options).bootstrap(panel, "y", n_draws=10, seed=1)
    pd.testing.assert_frame_equal(left_out.draws, conservative.draws)


def test_bootstrap_of_industry_year_effects_and_moving_clusters(panel: Panel) -> None:
    df = economy()
    moving = Panel(df.assign(city=np.random.default_rng(0).integers(0, 30, len(df))), **CITY)
    with pytest.warns(RefitWarning, match="each of 20 draws is fitted anew"):
        draws = Decomposition(channels=["m1"]).bootstrap(moving, "y", n_draws=20)
    assert draws.draws.notna().all(axis=None)
    effects = Decomposition(channels=["m1"], fixed_effects=["firm", "industry^year"])
    assert effects.bootstrap(panel, "y", n_draws=20).std_errors["total"] > 0
    with pytest.raises(OptionError):
        effects.bootstrap(panel, "y", resampling="rows")
    with pytest.raises(EffectsError, match="2 to 10,000,000 draws"):
        effects.bootstrap(panel, "y", n_draws=1)
