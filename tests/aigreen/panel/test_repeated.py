"""Repeated cross-sections: each row is a unit of its own, and cohorts take the place of units."""

import numpy as np
import pandas as pd
import pytest

from aigreen import (
    TWFE,
    ChaisemartinDHaultfoeuille,
    Decomposition,
    Efficient,
    GroupTimeATT,
    Imputation,
    LocalProjections,
    Mediation,
    Panel,
    Spillover,
    StackedDiD,
    SunAbraham,
    SyntheticDiD,
    bacon_weights,
)
from aigreen.errors import MissingRowsWarning, OptionError, RepeatedCrossSectionsError, UnknownColumnError
from aigreen.inference import wild_cluster_bootstrap


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    n = 600
    df = pd.DataFrame({"year": rng.integers(1, 7, n), "first": rng.choice([0, 3, 5], n), "x": rng.normal(size=n)})
    df["town"] = rng.integers(0, 30, n)
    df["w"] = rng.uniform(0.5, 2, n)
    df["after"] = ((df["first"] > 0) & (df["year"] >= df["first"])).astype(float)
    df["y"] = df["x"] + 0.2 * df["first"] + 2 * df["after"] + rng.normal(size=n)
    return df


@pytest.fixture(scope="module")
def rows(frame):
    return Panel(frame, time="year", cohort="first", repeated=True)


def dummies(frame, *columns):
    return np.hstack([pd.get_dummies(frame[column]).to_numpy(dtype=float) for column in columns])


def test_every_row_is_a_unit(frame, rows):
    assert repr(rows) == (
        "Panel: 600 rows, each its own unit, 6 periods (1-6), repeated cross-sections; "
        f"{(frame['first'] > 0).sum()} ever treated in 2 cohorts; 600 clusters"
    )
    assert rows.repeated and rows.n_units == 600 and rows.clusters.equals(pd.RangeIndex(600, name="row"))
    assert rows[frame["year"] > 2].repeated
    assert Panel(frame, time="year", cohort="first", cluster="town", repeated=True).n_clusters == 30
    assert Panel(frame.assign(year=1), time="year", repeated=True).n_periods == 1


def test_a_unit_or_repeated_is_asked_for(frame):
    with pytest.raises(OptionError, match=r"unit=None: use one of 'a column', 'None with repeated=True"):
        Panel(frame, time="year", cohort="first")
    with pytest.raises(OptionError, match=r"unit='town': use one of 'a column', 'None with repeated=True"):
        Panel(frame, unit="town", time="year", cohort="first", repeated=True)


def test_rows_are_named_by_their_position(frame):
    gap = frame.assign(y=frame["y"].where(frame.index != 7))
    with pytest.warns(MissingRowsWarning, match=rf"first: \(7, {frame['year'][7]}\)"):
        TWFE().fit(Panel(gap, time="year", cohort="first", repeated=True), "y")


def test_never_treated_is_one_cohort_however_it_is_coded(frame, rows):
    mixed = frame.assign(first=frame["first"].astype(float))
    mixed.loc[mixed["first"] == 0, "first"] = np.resize([0, np.inf, np.nan], (mixed["first"] == 0).sum())
    effects = TWFE().fit(Panel(mixed, time="year", cohort="first", repeated=True), "y")
    assert effects.values == pytest.approx(TWFE().fit(rows, "y").values, abs=1e-12)


def test_group_time_compares_cross_sections(frame, rows):
    faked = Panel(frame.assign(id=range(600)), unit="id", time="year", cohort="first")
    expected = GroupTimeATT(sampling="repeated_cross_sections").fit(faked, "y", covariates=["x"])
    found = GroupTimeATT().fit(rows, "y", covariates=["x"])
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.psi, expected.psi)
    assert found.conventions["sampling"] == "repeated cross sections"
    with pytest.raises(RepeatedCrossSectionsError, match="follows units over time"):
        GroupTimeATT(sampling="balanced").fit(rows, "y")


def test_twfe_has_cohort_and_period_effects(frame, rows):
    effects = TWFE().fit(rows, "y", covariates=["x"])
    design = np.column_stack([frame["after"], frame["x"], dummies(frame, "first", "year")])
    assert effects.values[0] == pytest.approx(np.linalg.lstsq(design, frame["y"], rcond=None)[0][0], abs=1e-10)
    assert effects.conventions["fixed effects"] == "first, year"
    alone = Panel(frame, time="year", repeated=True)
    with pytest.raises(RepeatedCrossSectionsError, match="repeated cross-sections without cohort= have no fixed"):
        TWFE().fit(alone, "y", treatment="after")
    assert TWFE(fixed_effects=["town"]).fit(alone, "y", treatment="after").n_rows == 600


@pytest.mark.parametrize("weights", [None, "w"])
def test_imputation_has_cohort_and_period_effects(frame, weights):
    panel = Panel(frame, time="year", cohort="first", weights=weights, repeated=True)
    effects = Imputation().fit(panel, "y", covariates=["x"])
    root = np.sqrt(frame[weights].to_numpy()) if weights else np.ones(600)
    design = np.column_stack([frame["x"], dummies(frame, "first", "year")])
    clean = frame["after"].to_numpy() == 0
    beta = np.linalg.lstsq(design[clean] * root[clean, None], frame["y"][clean] * root[clean], rcond=None)[0]
    gap = frame["y"] - design @ beta
    for (g, t), value in effects.estimates.items():
        cell = (frame["first"] == g) & (frame["year"] == t)
        assert value == pytest.approx(np.average(gap[cell], weights=root[cell] ** 2), abs=1e-10)
    assert len(effects) == 6 and effects.n_units == 600


@pytest.mark.parametrize("weights", [None, "w"])
def test_sun_abraham_has_cohort_and_period_effects(frame, weights):
    panel = Panel(frame, time="year", cohort="first", weights=weights, repeated=True)
    effects = SunAbraham().fit(panel, "y", covariates=["x"])
    root = np.sqrt(frame[weights].to_numpy()) if weights else np.ones(600)
    cells = [(g, t) for g, t in effects.index if t != g - 1]
    own = np.column_stack([((frame["first"] == g) & (frame["year"] == t)).astype(float) for g, t in cells])
    design = np.column_stack([own, frame["x"], dummies(frame, "first", "year")]) * root[:, None]
    beta = np.linalg.lstsq(design, frame["y"] * root, rcond=None)[0]
    np.testing.assert_allclose(effects.estimates[cells], beta[: len(cells)], rtol=0, atol=1e-10)
    residual = frame["y"] * root - design @ beta
    bread = np.linalg.pinv(design.T @ design)
    covariance = bread @ (design * residual.to_numpy()[:, None] ** 2).T @ design @ bread
    k = np.linalg.matrix_rank(design)
    factor = (600 - 1) / (600 - k) * 600 / 599
    errors = np.sqrt(factor * np.diag(covariance)[: len(cells)])
    np.testing.assert_allclose(effects.std_errors[cells], errors, rtol=1e-8)


def test_wild_bootstrap_has_cohort_and_period_effects(frame):
    panel = Panel(frame, time="year", cohort="first", cluster="town", repeated=True)
    found = wild_cluster_bootstrap(panel, "y", n_draws=99, seed=1)
    assert found.estimate == pytest.approx(TWFE().fit(panel, "y").values[0], abs=1e-10)


@pytest.mark.parametrize(
    "estimate",
    [
        StackedDiD().fit,
        Efficient(kind="roth_santanna").fit,
        Efficient(kind="chen_santanna_xie").fit,
        LocalProjections().fit,
        ChaisemartinDHaultfoeuille().fit,
        SyntheticDiD().fit,
        bacon_weights,
        Decomposition(channels=["x"]).fit,
        Spillover(exposure="x").fit,
        Mediation(channels=["x"], design="staggered").fit,
        Mediation(channels=["x"], design="doubly_robust").fit,
    ],
)
def test_what_follows_units_refuses(estimate, rows):
    with pytest.raises(RepeatedCrossSectionsError, match=r"follows? units over time, and in repeated cross-sections"):
        estimate(rows, "y")


def test_a_row_is_no_fixed_effect(rows):
    with pytest.raises(UnknownColumnError, match="no column 'row'"):
        TWFE(fixed_effects=["row"]).fit(rows, "y")


def test_mediation_in_one_cross_section(frame):
    """Product of coefficients without fixed effects, of people seen once."""
    once = Panel(frame.assign(year=1), time="year", repeated=True)
    parts = Mediation(channels=["x"], fixed_effects=[], vcov="iid").fit(once, "y", treatment="after")
    design = np.column_stack([np.ones(600), frame["after"]])
    total = np.linalg.lstsq(design, frame["y"], rcond=None)[0][1]
    assert parts.estimates["total"] == pytest.approx(total, abs=1e-10)
    assert parts.estimates["direct"] + parts.estimates["x"] == pytest.approx(total, abs=1e-12)
