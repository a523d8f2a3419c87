"""Influence functions are derivatives of the estimates to the weights of clusters."""

from __future__ import annotations

import numpy as np
import pytest

from .doses import firms, fit

STEP = 1e-5
CASES = {
    "plain": ({"knots": [1.5]}, [], 0.0, {}),
    "covariates": ({"knots": [1.5], "degree": 2, "base_period": "universal"}, ["size", "age"], 0.0, {}),
    "bins": ({"basis": "bins", "knots": [1.5, 2.5]}, ["size"], 0.0, {}),
    "gaps, anticipation": ({"degree": 2, "anticipation": 1}, ["size", "age"], 0.1, {}),
    "current": ({"degree": 2, "dose_path": "current"}, ["size"], 0.1, {"grow": 0.2}),
    "first, never treated": ({"dose_path": "first", "control_group": "never_treated"}, [], 0.1, {"grow": 0.2}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("how", "more", "average"),
    [
        ("fit", {"at": [1.2, 2.2, 4.0]}, None),
        ("group_time", {}, None),
        ("group_time", {}, "overall"),
        ("group_time", {}, "event_study"),
        ("group_time", {"at": [2.2, 2.6]}, "overall"),
        ("margins", {}, None),
    ],
)
def test_derivative_to_the_weight_of_a_cluster(case, how, more, average):
    options, covariates, missing, change = CASES[case]
    frame = firms(missing=missing)
    on = frame["dose"] > 0
    frame["dose"] *= 1 + change.get("grow", 0) * np.where(on, frame["year"] - frame["first"], 0)

    def estimate(weights):
        keys = {"cluster": "city", "weights": "w"}
        found = fit(frame.assign(w=weights), keys=keys, how=how, covariates=covariates, **more, **options)
        return getattr(found, average)() if average else found

    result = estimate(frame["w"])
    size = np.abs(result.psi).max()
    for city in (0, 3, 17):
        up, down = (estimate(frame["w"] * (1 + sign * STEP * (frame["city"] == city))) for sign in (1, -1))
        derivative = (up.values - down.values) / (2 * STEP)
        np.testing.assert_allclose(derivative, result.psi[city], rtol=0, atol=1e-6 * size)
    np.testing.assert_allclose(result.psi.sum(axis=0), 0, atol=1e-10)
