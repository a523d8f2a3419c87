"""Intervals of products: the distribution of two normal factors, its limits, and what keeps or loses the slope."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from aigreen.effects.effects import Effects, load
from aigreen.effects.joint import concat
from aigreen.effects.products import Factors, Products

NORMAL = np.array([np.inf])


def factors(x: float, y: float, rho: float = 0.0, df: float = np.inf) -> Factors:
    return Factors(*(np.array([value], dtype=float) for value in (x, y, rho, df, df)))


def product(b: float, b_psi: np.ndarray, m: float, m_psi: np.ndarray) -> Effects:
    """One product and one effect beside it."""
    psi = np.column_stack([b * m_psi + m * b_psi, m_psi])
    n = len(psi)
    facts = {"n_rows": n, "n_units": n, "n_clusters": n, "method": "test", "outcome": "y"}
    return Effects(
        values=np.array([b * m, m]),
        index=pd.Index(["product", "moved"], name="part"),
        psi=psi,
        clusters=pd.RangeIndex(n),
        products=Products(np.array([0, -1]), np.array([b]), b_psi[:, None]),
        **facts,
    )


@pytest.fixture
def uneven() -> Effects:
    rng = np.random.default_rng(3)
    b_psi, m_psi = 0.2 * rng.standard_normal(40) / np.sqrt(40), 0.5 * rng.standard_normal(40) / np.sqrt(40)
    return product(0.3, b_psi, 1.0, m_psi)


@pytest.mark.parametrize("q", [-2.0, -0.3, 0.1, 1.5])
def test_product_of_two_standard_normals_has_the_bessel_density(q: float) -> None:
    tail = integrate.quad(lambda z: special.k0(z) / np.pi, abs(q), np.inf)[0]
    assert factors(0, 0).below(np.array([q]), 0.025)[0] == pytest.approx(tail if q < 0 else 1 - tail, abs=2e-6)


@pytest.mark.parametrize("rho", [-0.5, 0.3, 0.9])
@pytest.mark.parametrize("q", [-1.0, 0.5, 4.0])
def test_correlated_factors_are_a_difference_of_chi_squares(q: float, rho: float) -> None:
    """Sum and difference of the factors are independent: their squares differ by four times the product."""
    x, y = 2.0, 0.7
    more, less = 2 * (1 + rho), 2 * (1 - rho)

    def given(v: float) -> float:
        at = (4 * q + less * v**2) / more
        return stats.ncx2.cdf(at, 1, (x + y) ** 2 / more) * stats.norm.pdf(v - (x - y) / np.sqrt(less))

    exact = integrate.quad(given, -12, 12, limit=200)[0]
    assert factors(x, y, rho).below(np.array([q]), 0.025)[0] == pytest.approx(exact, abs=1e-5)


def test_bounds_are_quantiles_and_p_value_is_where_one_of_them_is_zero() -> None:
    given = factors(2.5, 3.0, 0.2, df=9)
    for tail in (0.025, 0.1):
        for bound, p in zip(given.bounds(tail), (tail, 1 - tail), strict=True):
            assert given.below(bound, tail) == pytest.approx(p, abs=1e-10)
    tail = given.p_values()[0] / 2
    assert given.bounds(tail)[0] == pytest.approx(0, abs=1e-6)
    assert factors(-2.5, 3.0, -0.2, df=9).p_values() == pytest.approx(given.p_values(), rel=1e-6)


def test_with_a_slope_that_is_known_the_interval_is_that_of_t() -> None:
    moved = np.linspace(-1, 1, 30) / 10
    effects = product(0.5, np.full(30, 1e-9), 2.0, moved)
    table, plain = effects.to_frame(), effects.conf_int(method="asymptotic")
    reach = stats.t.ppf(0.975, 29) * 0.5 * np.sqrt(moved @ moved)
    assert table.loc["product", ["conf_low", "conf_high"]].to_list() == pytest.approx([1 - reach, 1 + reach], abs=1e-6)
    assert table.loc["moved", ["conf_low", "conf_high"]].to_list() == pytest.approx(plain.loc["moved"].to_list())


def test_intervals_are_skewed_away_from_zero(uneven: Effects) -> None:
    """And equal those of draws of both factors."""
    slope, moved = uneven.products.psi[:, 0], uneven.psi[:, 1]
    covariance = np.cov(np.column_stack([slope, moved]).T, bias=True) * 40
    covariance += np.outer(*[[slope.sum(), moved.sum()]] * 2) / 40
    draws = np.random.default_rng(1).multivariate_normal([0.3, 1.0], covariance, 400_000)
    low, high = np.quantile(draws.prod(axis=1), [0.025, 0.975])
    scale = stats.t.ppf(0.975, 39) / stats.norm.ppf(0.975)
    found = uneven.conf_int().loc["product"]
    assert 0.3 - found["low"] < found["high"] - 0.3
    assert found.to_list() == pytest.approx([0.3 + (low - 0.3) * scale, 0.3 + (high - 0.3) * scale], abs=0.02)


def test_print_names_the_products(uneven: Effects) -> None:
    """Once each, of many horizons too; a sum is no product."""
    stacked = concat({"a": uneven, "b": uneven})
    for effects in (uneven, stacked):
        line = next(line for line in str(effects).splitlines() if line.startswith("intervals of products: "))
        assert line.endswith("p-values too: product")
    assert str(uneven["product"]).count("p-values too: all effects") == 1
    assert "intervals of products" not in str(uneven["moved"]) + str(uneven.combine(np.array([1.0, 0.0])))


def test_what_keeps_the_slope_and_what_loses_it(uneven: Effects, tmp_path: Path) -> None:
    interval = uneven.conf_int()
    assert (2 * uneven).conf_int().to_numpy() == pytest.approx(2 * interval.to_numpy(), rel=1e-9)
    assert (-uneven).conf_int()["low"].to_numpy() == pytest.approx(-interval["high"].to_numpy(), rel=1e-9)
    assert uneven.select(np.array([True, False])).conf_int().iloc[0].equals(interval.iloc[0])
    uneven.save(tmp_path / "saved")
    assert load(tmp_path / "saved").conf_int().to_numpy() == pytest.approx(interval.to_numpy(), rel=1e-12)
    for other in (uneven - uneven * 0.5, uneven.combine(np.array([1.0, 0.0]))):
        assert other.products is None
    groups = np.array([0, 0, 1, 1])
    assert Products(np.array([0, 0, 1, 0]), np.ones(2), np.ones((3, 2))).average(groups, 2).of.tolist() == [0, -1]


def test_stacked_results_keep_their_slopes(uneven: Effects) -> None:
    plain = uneven.select(np.array([False, True]))
    stacked = concat({"first": plain, "second": uneven, "third": -uneven})
    expected = pd.concat([effects.conf_int() for effects in (plain, uneven, -uneven)])
    assert stacked.conf_int().to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)
