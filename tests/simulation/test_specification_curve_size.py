"""Size and power of the joint tests of a specification curve, on regressions with other controls and samples."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from aigreen.effects.effects import Effects
from aigreen.inference.specification_curve import specification_tests

CLUSTERS, PER, REPLICATIONS, DRAWS = 60, 5, 400, 199
LEVEL = 0.05


def curve(seed: int, effect: float) -> dict[str, Effects]:
    """Twelve regressions of one outcome on a treatment that varies by cluster."""
    rng = np.random.default_rng(seed)
    n = CLUSTERS * PER
    cluster = np.repeat(np.arange(CLUSTERS), PER)
    treated = rng.standard_normal(CLUSTERS)[cluster]
    controls = rng.standard_normal((n, 2)) + 0.3 * treated[:, None]
    shock = rng.standard_normal(CLUSTERS)[cluster]
    y = effect * treated + controls @ [0.5, 0.3] + shock + rng.standard_normal(n)
    halves = {"all": np.ones(n, bool), "most": rng.random(n) < 0.8, "few": cluster < 0.7 * CLUSTERS}
    results = {}
    for (name, rows), first, second in product(halves.items(), [False, True], [False, True]):
        # Controls left out move the estimate: the null is true of the residual outcome only.
        known = controls @ [0.5 * (not first), 0.3 * (not second)]
        X = np.column_stack([treated, np.ones(n), controls[:, [0] * first + [1] * second]])[rows]
        bread = np.linalg.inv(X.T @ X)
        target = (y - known)[rows]
        beta = bread @ X.T @ target
        scores = X * (target - X @ beta)[:, None]
        psi = np.stack([np.bincount(cluster[rows], column, CLUSTERS) for column in (scores @ bread[0])[None]], axis=1)
        results[f"{name} {first} {second}"] = Effects(
            values=beta[:1], index=pd.Index(["treated"], name="term"), psi=psi,
            clusters=pd.RangeIndex(CLUSTERS, name="city"), n_rows=int(rows.sum()), n_units=n, n_clusters=CLUSTERS,
            method="OLS", outcome="y", df=CLUSTERS - 1,
        )  # fmt: skip
    return results


def rejections(effect: float) -> pd.Series:
    found = [
        specification_tests(curve(seed, effect), n_draws=DRAWS, seed=seed).tests["p_value"] <= LEVEL
        for seed in range(REPLICATIONS)
    ]
    return pd.concat(found, axis=1).mean(axis=1)


@pytest.mark.slow
def test_size_and_power_of_the_joint_tests():
    size, power = rejections(0.0), rejections(0.5)
    error = np.sqrt(LEVEL * (1 - LEVEL) / REPLICATIONS)
    # Cluster scores of 60 clusters make errors a little small; the share is discrete, so its test is conservative.
    assert size["median"] < LEVEL + 3 * error + 0.015
    assert size["mean_z"] < LEVEL + 3 * error + 0.015
    assert size["share_significant"] < LEVEL + 3 * error + 0.015
    assert (size > 0.01).all()
    assert (power > 0.8).all()
