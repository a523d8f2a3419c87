"""Imputation of counts against dense models, numbers by hand, zeros and separation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from aigreen import Imputation, Panel
from aigreen.errors import (
    CollinearWarning,
    DataError,
    NoControlsError,
    SeparationWarning,
    UnreachedWarning,
)

from .firms import KEYS, by_cluster, dense_design, firms


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("scale", ["level", "percent"])
def test_poisson_equals_a_dense_model_with_the_delta_method(scale: str, leave_one_out: bool) -> None:
    panel = Panel(firms(n=30), **KEYS, cluster="city", weights="w")
    variance = "leave_one_out" if leave_one_out else "conservative"
    result = Imputation(family="poisson", scale=scale, variance=variance).fit(panel, "count", covariates=["x"])
    Z, y, w, clean = dense_design(panel, ["x"]), panel.column("count"), panel.weights, ~panel.treated
    Z = Z[:, np.r_[:30, 31 : Z.shape[1]]]
    model = sm.GLM(y[clean], Z[clean], family=sm.families.Poisson(), freq_weights=w[clean]).fit(tol=1e-14, maxiter=200)
    mu = np.exp(Z @ model.params)
    bread = np.linalg.inv((Z[clean] * (w * mu)[clean, None]).T @ Z[clean])
    scores = (Z * (w * (y - mu) * clean)[:, None]) @ bread
    cluster = panel.cluster_codes
    for cell in result.index:
        target = (panel.cohort == cell[0]) & (panel.time == cell[1])
        wt = w * target
        total, count = wt @ mu, wt.sum()
        estimate = (wt @ (y - mu)) / (count if scale == "level" else total)
        slope = 1.0 if scale == "level" else 1 + estimate
        untreated = by_cluster(panel, scores @ (Z.T @ (wt * mu)))
        ratio = np.full(len(panel.clusters), (wt @ y) / total)
        if leave_one_out:
            ratio = (wt @ y - by_cluster(panel, wt * y)) / (total - by_cluster(panel, wt * mu))
        own = by_cluster(panel, wt * (y - ratio[cluster] * mu))
        psi = (own - slope * untreated) / (count if scale == "level" else total)
        assert result.estimates[cell] == pytest.approx(estimate, abs=1e-8)
        assert result.influence[cell].to_numpy() == pytest.approx(psi, abs=1e-8)


def test_percent_effects_average_to_ratios_of_sums() -> None:
    panel = Panel(firms(3, missing=0), **KEYS, cluster="city")
    level = Imputation(family="poisson").fit(panel, "count")
    percent = Imputation(family="poisson", scale="percent").fit(panel, "count")
    seen = panel.column("count")[panel.treated].sum()
    gaps = level.combine(level.mass.value)
    imputed, d_imputed = seen - gaps.values[0], percent.mass.influence.sum(axis=1)
    overall = percent.overall()
    assert percent.mass.value.sum() == pytest.approx(imputed)
    assert overall.values[0] == pytest.approx(seen / imputed - 1, abs=1e-12)
    assert overall.psi[:, 0] == pytest.approx((gaps.psi[:, 0] - overall.values[0] * d_imputed) / imputed, abs=1e-12)


def test_poisson_leads_are_growth_rates() -> None:
    panel = Panel(firms(n=30, missing=0.05), **KEYS)
    study = Imputation(family="poisson", scale="percent", leads=2).fit(panel, "count").event_study()
    Z, y, clean = dense_design(panel, []), panel.column("count"), ~panel.treated
    horizon = panel.time - panel.cohort
    Z = np.hstack([Z[:, np.r_[:30, 31 : Z.shape[1]]], np.column_stack([horizon == -2, horizon == -1])])
    model = sm.GLM(y[clean], Z[clean], family=sm.families.Poisson()).fit(tol=1e-14, maxiter=200)
    assert study.values[:2] == pytest.approx(np.expm1(model.params[-2:]), abs=1e-8)
    assert study.index.tolist()[:3] == [-2, -1, 0]


def with_zero_past() -> tuple[pd.DataFrame, np.ndarray]:
    df = firms(missing=0)
    zero = df.loc[df["first"] == 4, "firm"].unique()[:2]
    df.loc[df["firm"].isin(zero) & (df["year"] < 4), "count"] = 0
    return df, zero


def test_units_without_untreated_counts_are_imputed_as_zero() -> None:
    df, zero = with_zero_past()
    with pytest.warns(SeparationWarning, match="6 untreated rows left out"):
        result = Imputation(family="poisson").fit(Panel(df, **KEYS), "count")
    assert result.conventions["separated"].startswith("10 treated rows")
    others = Imputation(family="poisson").fit(Panel(df[~df["firm"].isin(zero)], **KEYS), "count")
    n = others.mass.value
    total = df[df["firm"].isin(zero)].groupby("year")["count"].sum()
    extra = np.array([total[t] if g == 4 else 0.0 for g, t in others.index])
    n_zero = np.array([2.0 if g == 4 else 0.0 for g, _ in others.index])
    assert result.values == pytest.approx((others.values * n + extra) / (n + n_zero), abs=1e-9)
    # The limit of the fit: replace one zero by a tiny count.
    tiny = df.assign(count=df["count"].astype(float))
    tiny.loc[tiny["firm"].isin(zero) & (tiny["year"] == 1), "count"] = 1e-7
    limit = Imputation(family="poisson").fit(Panel(tiny, **KEYS), "count")
    assert result.values == pytest.approx(limit.values, abs=1e-5)
    assert result.std_errors.to_numpy() == pytest.approx(limit.std_errors.to_numpy(), abs=1e-5)


def test_units_without_untreated_counts_can_be_dropped() -> None:
    df, zero = with_zero_past()
    with pytest.warns(SeparationWarning) as record:
        result = Imputation(family="poisson", separated="drop").fit(Panel(df, **KEYS), "count")
    assert [w.message.count for w in record] == [6, 10]
    expected = Imputation(family="poisson").fit(Panel(df[~df["firm"].isin(zero)], **KEYS), "count")
    assert result.values == pytest.approx(expected.values, abs=1e-9)
    assert result.std_errors.to_numpy() == pytest.approx(expected.std_errors.to_numpy(), abs=1e-9)


def test_cells_without_a_positive_counterfactual_are_left_out() -> None:
    df = firms(missing=0)
    df.loc[(df["first"] == 4) & (df["year"] < 4), "count"] = 0
    with (
        pytest.warns(SeparationWarning, match="60 untreated rows left out"),
        pytest.warns(SeparationWarning, match="treated rows without a positive counterfactual"),
    ):
        result = Imputation(family="poisson").fit(Panel(df, **KEYS), "count")
    assert result.index.tolist() == [(6, 6), (6, 7), (6, 8)]


def test_counts_must_be_counts() -> None:
    estimator = Imputation(family="poisson")
    with pytest.raises(DataError, match="negative"):
        estimator.fit(Panel(firms().assign(count=-1), **KEYS), "count")
    with pytest.raises(NoControlsError, match="every untreated outcome is zero"):
        df = firms()
        df["count"] = np.where((df["first"] > 0) & (df["year"] >= df["first"]), df["count"] + 1, 0)
        estimator.fit(Panel(df, **KEYS), "count")


def test_rows_that_a_covariate_separates_are_left_out() -> None:
    df = firms(missing=0)
    df["wave"] = ((df["first"] == 0) & (df["year"] == 3)).astype(float)
    df["count"] = np.where(df["wave"] == 1, 0, df["count"] + 1)
    estimator, n = Imputation(family="poisson"), int(df["wave"].sum())
    with (
        pytest.warns(SeparationWarning, match=f"{n} untreated rows left out: zero outcomes that covariates or fixed"),
        pytest.warns(CollinearWarning, match="first: wave"),
    ):
        result = estimator.fit(Panel(df, **KEYS), "count", covariates=["wave", "x"])
    rest = estimator.fit(Panel(df[df["wave"] == 0], **KEYS), "count", covariates=["x"])
    assert result.values == pytest.approx(rest.values, rel=1e-10)
    assert result.std_errors.to_numpy() == pytest.approx(rest.std_errors.to_numpy(), rel=1e-10)
    assert result.n_rows == rest.n_rows


@pytest.mark.parametrize("ask", [lambda r: r, lambda r: r.overall(), lambda r: r.event_study()])
def test_treated_counts_of_zero_have_an_effect_without_an_error(ask) -> None:
    df = firms(missing=0)
    df["count"] = np.where((df["first"] > 0) & (df["year"] >= df["first"]), 0, df["count"])
    with pytest.warns(SeparationWarning, match="8 cohort-periods are all zero: an effect of -100 %") as caught:
        result = ask(Imputation(family="poisson", scale="percent").fit(Panel(df, **KEYS), "count"))
    assert caught[0].message.first[0] == "(4, 4)"
    table = result.to_frame()
    assert table["estimate"].to_numpy() == pytest.approx(-1.0, abs=1e-12)
    assert table.drop(columns="estimate").isna().all(axis=None)
    assert result.conf_int(simultaneous=True, seed=1).isna().all(axis=None)


def test_treated_rows_that_hinge_on_separated_ones_are_left_out() -> None:
    df = firms(missing=0)
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    df["wave"] = (((df["first"] == 0) & (df["year"] == 3)) | ((df["first"] == 6) & (df["year"] == 7))).astype(float)
    df["count"] = np.where((df["wave"] == 1) & ~treated, 0, df["count"] + 1)
    with (
        pytest.warns(SeparationWarning, match="zero outcomes that covariates or fixed effects separate"),
        pytest.warns(CollinearWarning, match="first: wave"),
        pytest.warns(UnreachedWarning),
    ):
        result = Imputation(family="poisson").fit(Panel(df, **KEYS), "count", covariates=["wave"])
    assert (6, 6) in result.index
    assert (6, 7) not in result.index


def test_a_cell_whose_other_clusters_have_no_counterfactual_is_centred_at_zero():
    """Firm 1 has a past of zeros, so firm 0 has no other ratio to be centred at: its outcome counts as a whole."""
    df = pd.DataFrame([(i, t) for i in range(12) for t in range(1, 5)], columns=["firm", "year"])
    df["first"] = np.select([df.firm < 2, df.firm < 4], [3, 4], 0)
    df["count"] = np.random.default_rng(0).poisson(4, 48) + 1
    df.loc[(df.firm == 1) & (df.year < 3), "count"] = 0
    with pytest.warns(SeparationWarning):
        result = Imputation(family="poisson", variance="leave_one_out").fit(Panel(df, **KEYS), "count")
    psi = result.influence
    counts = df.set_index(["firm", "year"])["count"]
    for year in (3, 4):
        assert psi.loc[0, (3, year)] - psi.loc[1, (3, year)] == pytest.approx((counts[0, year] - counts[1, year]) / 2)
