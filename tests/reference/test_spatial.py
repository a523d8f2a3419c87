"""Conley errors against fixest 0.14 (200 km, uniform kernel, rows pooled over periods)."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from aigreen import Panel
from aigreen.inference import conley
from aigreen.inference.spatial import spatial_covariance
from aigreen.regression.twfe import TWFE

CASES = {
    "twfe_balanced": ("synth_balanced.csv", None),
    "twfe_weights": ("synth_balanced.csv", "w"),
    "twfe_unbalanced_default": ("synth_unbalanced.csv", None),
}
CUTOFF = 200.0


def fixest_neighbours(latitude, longitude, distance):
    """Pairs that fixest takes: 111 km a degree before-filter, earth radius 6,376 km, pi of six digits."""
    pi = 3.14159
    phi, lam = np.radians(latitude), np.radians(longitude)
    cutoff = CUTOFF / 111 * pi / 180
    dphi, dlam = np.abs(phi[:, None] - phi), np.abs(lam[:, None] - lam)
    mean_cosine = np.cos((phi[:, None] + phi) / 2)
    near = (dphi <= cutoff) & (dlam <= cutoff / mean_cosine)
    if distance == "tri":
        return near & (dphi**2 + (mean_cosine * dlam) ** 2 <= cutoff**2)
    h = np.sin(dphi / 2) ** 2 + np.cos(phi)[:, None] * np.cos(phi) * np.sin(dlam / 2) ** 2
    return near & (12752 * np.arcsin(np.sqrt(h)) <= CUTOFF)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
def test_fixest(shared, case):
    file, weights = CASES[case]
    oracle = json.loads((shared / "oracles/fixest_feols.json").read_text())["results"][case]["vcov"]
    data = pd.read_csv(shared / "oracles/data" / file)
    panel = Panel(data, unit="id", time="t", cohort="g", weights=weights, coordinates=("lat", "lon"))
    fit = TWFE().fit(panel, "y", treatment="treat", covariates=["xtv"])
    n, g = fit.n_rows, fit.n_clusters
    k = oracle["conley_200_sph"]["df_K"]
    ours_to_fixest = np.sqrt(n / (n - k) / ((n - 1) / (n - 14) * g / (g - 1)))
    places = data.groupby("id")[["lat", "lon"]].first().loc[panel.clusters].to_numpy().T
    for distance in ("sph", "tri"):
        pairs = sparse.csr_array(fixest_neighbours(*places, distance).astype(float))
        covariance = spatial_covariance(fit.psi, iter([(slice(None), pairs)]))
        errors = ours_to_fixest * np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(errors, oracle[f"conley_200_{distance}"]["se"], rtol=1e-8)
    # True great circles differ from fixest's in the few pairs near the cutoff.
    errors = ours_to_fixest * conley(fit, panel, CUTOFF).std_errors
    np.testing.assert_allclose(errors, oracle["conley_200_sph"]["se"], rtol=0.01)
