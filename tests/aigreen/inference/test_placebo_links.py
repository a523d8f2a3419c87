"""Placebo links against refits."""

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel
from aigreen.exposure import exposure, matrix_map, permuted
from aigreen.inference.placebo_links import link_check

from .panels import balanced

KEYS = {"unit": "city", "time": "year", "cohort": "first"}


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
