"""One coefficient under many errors."""

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel
from aigreen.inference.clusters import effective_clusters
from aigreen.inference.randomization import randomization_inference
from aigreen.inference.spatial import conley
from aigreen.inference.variants import inference_variants
from aigreen.inference.wild import wild_cluster_bootstrap

from .panels import balanced

KEYS = {"unit": "city", "time": "year", "cohort": "first"}


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
        reassigned={"City": reassigned},
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


def test_without_places_there_are_no_spatial_errors():
    frame, roles = balanced(), {**KEYS, "cluster": "city"}
    reassigned = randomization_inference(Panel(frame, **roles), "y", n_draws=9, seed=1)
    settings = {
        "n_draws": 99,
        "multipliers": "rademacher",
        "seed": 1,
        "level": 0.95,
        "reassigned": {"City": reassigned},
    }
    found = inference_variants(frame, "y", roles, clusters={"city": "City"}, coordinates=None, **settings)
    assert [variant.key for variant in found] == ["cluster_city", "wild_city", "randomisation"]
