"""Projection off fixed effects with varying slopes against dense dummies."""

import numpy as np
import pytest
from scipy import sparse

from aigreen.linalg import varying_slopes
from aigreen.linalg.absorption import Absorption
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.linalg.varying_slopes import Slope, SlopedEffects, absorb

N = 240


def design(seed=0):
    """Forty units over periods, some unbalanced; six groups with a slope of x; a third of rows is not fitted."""
    rng = np.random.default_rng(seed)
    unit, time = np.repeat(np.arange(40), 6), np.tile(np.arange(2001, 2007), 40)
    x = rng.normal(size=N) * 100 + 5
    fitted = rng.random(N) < 0.7
    fitted[:18] = [1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  # units with three, one and no fitted period
    return unit, time, unit % 6, x, fitted.astype(bool), rng


def dense(unit, time, group, x):
    """Dummies of units, periods and groups; trends by unit; slopes of x by group."""
    D = (unit[:, None] == np.arange(40)) * 1.0
    T = (time[:, None] == np.arange(2001, 2007)) * 1.0
    G = (group[:, None] == np.arange(6)) * 1.0
    return np.hstack([D, D * (time - 2003.5)[:, None], T, G * (x / 100)[:, None]])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("iterative", [False, True])
def test_everything_equals_dense_least_squares(weighted, iterative, monkeypatch):
    if iterative:
        monkeypatch.setattr(varying_slopes, "DENSE_LEVELS", 0)
    unit, time, group, x, fitted, rng = design()
    w = rng.uniform(0.5, 2, N) if weighted else None
    F, y = dense(unit, time, group, x), rng.normal(size=(N, 2))
    root = np.ones(N) if w is None else np.sqrt(w)
    F0, y0 = (F * root[:, None])[fitted], (y * root[:, None])[fitted]
    gamma = np.linalg.lstsq(F0, y0, rcond=None)[0]

    effects = absorb([unit, time - 2001], [Slope(unit, time), Slope(group, x)], fitted=fitted, weights=w)
    assert isinstance(effects, SlopedEffects)
    if not iterative:
        assert effects.rank == np.linalg.matrix_rank(F0)

    _, s, vt = np.linalg.svd(F0)
    null = vt[(s > 1e-9 * s[0]).sum() :]
    reached = np.abs(F @ null.T).max(axis=1) < 1e-9
    np.testing.assert_array_equal(effects.reached, reached)
    assert not reached[7:18].any() and reached[:6].all() and reached.sum() > fitted.sum()
    within = effects.residualize(y)
    np.testing.assert_allclose(within[reached], (y - F @ gamma)[reached], atol=1e-8)
    assert np.isnan(within[~reached]).all()

    targets = np.zeros((N, 3))
    targets[reached, :] = rng.normal(size=(reached.sum(), 3))
    pseudo = np.linalg.pinv(F0, rcond=1e-10)
    v = (root[fitted][:, None] * pseudo.T) @ F.T @ targets
    np.testing.assert_allclose(effects.implied_weights(targets), v, atol=1e-8)
    np.testing.assert_allclose(effects.leverage(), np.einsum("ij,ji->i", F0, pseudo), atol=1e-8)
    scores, clusters = rng.normal(size=fitted.sum()), rng.integers(0, 7, fitted.sum())
    at = np.zeros((7, fitted.sum()))
    at[clusters, np.arange(fitted.sum())] = 1
    w0 = 1.0 if w is None else w[fitted]
    expected = at @ ((scores / w0)[:, None] * v)
    found = effects.cluster_sums(scores, sparse.coo_array(targets), clusters, 7)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_slopes_without_effects():
    unit, time, *_, rng = design()
    y = rng.normal(size=N)
    F = (unit[:, None] == np.arange(40)) * (time - 2000.0)[:, None]
    within = absorb([], [Slope(unit, time - 2000)]).residualize(y)
    np.testing.assert_allclose(within, y - F @ np.linalg.lstsq(F, y, rcond=None)[0], atol=1e-10)


def test_far_periods_lose_no_digits():
    unit, time, *_, rng = design()
    y = rng.normal(size=N)
    near, far = (absorb([unit], [Slope(unit, time + shift)]).residualize(y) for shift in (-2001, 200_000))
    np.testing.assert_allclose(near, far, atol=1e-9)


def test_slopes_offer_what_every_absorption_has_and_nothing_that_needs_plain_effects():
    def public(of: type) -> set[str]:
        return {name for name in dir(of) if not name.startswith("_")}

    assert public(SlopedEffects) == public(Absorption) and not issubclass(SlopedEffects, FixedEffects)
    solver = {"by_effect", "largest", "on_fitted", "others", "regress", "sums"}  # what Newton steps of counts need
    assert public(FixedEffects) - public(Absorption) == {"reweight", "pieces", "nested_in"} | solver
