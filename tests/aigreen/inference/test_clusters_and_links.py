"""Effective clusters, placebo links, and one coefficient under many errors."""

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel
from aigreen.exposure.exposure import exposure
from aigreen.exposure.maps import matrix_map, permuted
from aigreen.inference.clusters import effective_clusters
from aigreen.inference.placebo_links import link_check
from aigreen.inference.randomization import randomization_inference
from aigreen.inference.spatial import conley
from aigreen.inference.variants import inference_variants
from aigreen.inference.wild import wild_cluster_bootstrap

KEYS = {"unit": "city", "time": "year", "cohort": "first"}


def balanced(n_cities=24, treated=6):
    rng = np.random.default_rng(11)
    table = pd.DataFrame([(i, t) for i in range(n_cities) for t in range(2016, 2022)], columns=["city", "year"])
    table["first"] = np.where(table["city"] < treated, 2019.0, 0.0)
    return table.assign(y=rng.normal(size=len(table)))


@pytest.mark.parametrize(("treated", "expected"), [(12, 24.0), (6, 16.0)])
def test_effective_clusters_by_hand(treated, expected):
    # Equal panels: gamma is (1 - p)^2 for the treated and p^2 for the others, up to one factor.
    p = treated / 24
    gamma = np.array([(1 - p) ** 2] * treated + [p**2] * (24 - treated))
    by_hand = 24 / (1 + np.mean((gamma / gamma.mean() - 1) ** 2))
    found = effective_clusters(Panel(balanced(treated=treated), **KEYS), "y")
    assert found == pytest.approx(by_hand)
    assert (found == pytest.approx(expected)) == (treated == 12)


def test_placebo_coefficients_are_those_of_refits():
    frame = balanced()
    links = np.random.default_rng(2).random((24, 24)) < 0.2
    np.fill_diagonal(links, False)
    panel = Panel(frame, **KEYS)
    W = matrix_map(links.astype(float), panel.units)
    places = pd.Series(panel.units, index=panel.units)
    check = link_check(panel, "y", W, how="sum", places=places, n_draws=5, seed=3)
    for k, value in enumerate(check.placebo):
        one = frame.assign(
            x=exposure(panel, permuted(W, seed=3 + k)), own=((frame["first"] > 0) & (frame["year"] >= 2019)) * 1.0
        )
        refit = TWFE().fit(Panel(one, **KEYS), "y", treatment=["x", "own"])["x"]
        assert value == pytest.approx(refit.values[0], abs=1e-10)
    extreme = (np.abs(check.placebo) >= abs(check.plain.values[0])).sum()
    assert check.p_placebo == (1 + extreme) / 6
    assert check.placebo_median == np.median(check.placebo)
    assert check.placebo_range(0.5) == pytest.approx(tuple(np.quantile(check.placebo, [0.25, 0.75])))


def test_every_variant_is_what_its_own_function_gives():
    frame = balanced().assign(region=lambda table: table["city"] // 3)
    roles = {**KEYS, "cluster": "city"}
    panel = Panel(frame, **roles)
    seats = pd.DataFrame({"lat": 30.0, "lon": 100 + 0.5 * np.arange(24)}, index=range(24))
    reassigned = randomization_inference(panel, "y", n_draws=49, seed=1, level=0.9)
    found = inference_variants(
        frame,
        "y",
        roles,
        clusters={"city": "City", "region": "Region"},
        coordinates=seats,
        reassigned=reassigned,
        n_draws=99,
        multipliers="rademacher",
        seed=1,
        level=0.9,
    )
    keys = ["cluster_city", "wild_city", "conley_100km", "conley_300km", "cluster_region", "wild_region"]
    assert [variant.key for variant in found] == [*keys, "randomisation"]
    by = {variant.key: variant for variant in found}
    for column in ("city", "region"):
        own = Panel(frame, **{**roles, "cluster": column})
        line = TWFE().fit(own, "y")["treated"].to_frame(0.9).iloc[0]
        one = by[f"cluster_{column}"]
        assert (one.std_error, one.low, one.high, one.p) == pytest.approx(
            tuple(line[["std_error", "conf_low", "conf_high", "p_value"]])
        )
        assert one.effective == effective_clusters(own, "y")
        wild = wild_cluster_bootstrap(own, "y", n_draws=99, multipliers="rademacher", seed=1, level=0.9)
        assert (by[f"wild_{column}"].low, by[f"wild_{column}"].p) == (wild.low, wild.p_value)
    assert (by["cluster_city"].clusters, by["cluster_city"].treated) == (24, 6)
    assert (by["cluster_region"].clusters, by["cluster_region"].treated) == (8, 2)
    near = conley(TWFE().fit(panel, "y")["treated"], seats, 100.0)
    assert by["conley_100km"].std_error == pytest.approx(near.std_errors.iloc[0])
    assert by["randomisation"].p == reassigned.p_value
