"""Efficient estimators: closed forms, influence functions, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from aigreen import Efficient, Imputation, Panel
from aigreen.did import efficient
from aigreen.errors import (
    AlwaysTreatedWarning,
    EstimationError,
    FewClustersWarning,
    NoControlsError,
    NoPrePeriodError,
    OptionError,
    RepeatedCrossSectionsError,
    SmallCellWarning,
    UnbalancedWarning,
    WeightsError,
)


def frame(n=120, periods=5, cohorts=(0, 3, 4), seed=0):
    rng = np.random.default_rng(seed)
    first = rng.choice(cohorts, n)
    shock = rng.normal(size=(n, periods)).cumsum(axis=1)
    df = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), periods),
            "year": np.tile(np.arange(1, periods + 1), n),
            "first": np.repeat(first, periods),
            "town": np.repeat(np.arange(n) // 3, periods),
        }
    )
    df["y"] = shock.ravel() + 2 * ((df["first"] > 0) & (df["year"] >= df["first"]))
    return df


def panel_of(df, **keys):
    return Panel(df, unit="firm", time="year", cohort="first", **keys)


def test_equals_gmm_over_all_moments_of_chen_santanna_and_xie():
    """Every comparison cohort and base period, weighed by the pseudoinverse of their covariance."""
    df = frame()
    ours = Efficient(kind="chen_santanna_xie", covariance="by_cohort").fit(panel_of(df), "y")
    wide = df.pivot(index="firm", columns="year", values="y")
    first = df.groupby("firm")["first"].first()
    for (g, t), value, error in zip(ours.index, ours.values, ours.std_errors, strict=True):
        moments, influence = [], []
        for other, end in ((0, 6), (3, 3), (4, 4)):
            for before in range(2, end):
                terms = [(g, wide[t] - wide[1]), (0, wide[before] - wide[t]), (other, wide[1] - wide[before])]
                moments.append(sum(change[first == c].mean() for c, change in terms))
                psi = np.zeros(len(wide))
                for c, change in terms:
                    own = first == c
                    root = np.sqrt(own.sum() * (own.sum() - 1))
                    psi += np.where(own, change - change[own].mean(), 0) / root
                influence.append(psi)
        psi = np.array(influence)
        inverse = np.linalg.pinv(psi @ psi.T, rcond=1e-10)
        weights = inverse.sum(axis=0) / inverse.sum()
        assert value == pytest.approx(weights @ moments, abs=1e-9)
        assert error == pytest.approx(1 / np.sqrt(inverse.sum()), rel=1e-9)


def test_pooled_covariance_is_generalised_least_squares_on_cohort_means():
    """Cohort and period effects and one effect for each treated cell, on means with covariance S/N of each cohort."""
    df = frame()
    ours = Efficient(kind="chen_santanna_xie", covariance="pooled").fit(panel_of(df), "y")
    wide, first = df.pivot(index="firm", columns="year", values="y").to_numpy(), df.groupby("firm")["first"].first()
    cohorts, size = np.unique(first, return_counts=True)
    means = np.array([wide[first == g].mean(axis=0) for g in cohorts])
    within = [np.cov(wide[first == g].T) * n for g, n in zip(cohorts, size, strict=True)]
    precision = np.kron(np.diag(size), np.linalg.inv(sum(within)))
    cells = [(np.flatnonzero(cohorts == g)[0], t - 1) for g, t in ours.index]
    design = np.zeros((15, 3 + 4 + len(cells)))
    for g in range(3):
        for t in range(5):
            design[5 * g + t, g] = 1
            if t:
                design[5 * g + t, 2 + t] = 1
    for j, (g, t) in enumerate(cells):
        design[5 * g + t, 7 + j] = 1
    beta = np.linalg.solve(design.T @ precision @ design, design.T @ precision @ means.ravel())
    np.testing.assert_allclose(ours.values, beta[7:], rtol=0, atol=1e-10)
    few = Efficient(kind="chen_santanna_xie", covariance="pooled").fit(panel_of(frame(n=20, periods=8)), "y")
    assert np.isfinite(few.values).all()


def towns(seed=0, cohorts=(0, 4, 5)):
    """Forty towns of one to five firms, each of one cohort, with common shocks."""
    rng = np.random.default_rng(seed)
    town = np.repeat(np.arange(40), rng.integers(1, 6, 40))
    first = rng.permutation(np.resize(cohorts, 40))[town]
    years = np.arange(1, 7)
    shock = rng.normal(size=(40, 6)).cumsum(axis=1)[town] + rng.normal(size=(len(town), 6))
    y = shock + 2 * ((first > 0)[:, None] & (years >= first[:, None]))
    keys = {"firm": np.arange(len(town)), "town": town, "first": first}
    return pd.DataFrame({name: np.repeat(values, 6) for name, values in keys.items()}).assign(
        year=np.tile(years, len(town)), y=y.ravel()
    )


@pytest.mark.parametrize(
    ("options", "cohorts"),
    [
        ({"kind": "chen_santanna_xie", "covariance": "pooled"}, (0, 4, 5)),
        ({"kind": "chen_santanna_xie"}, (0, 4, 5)),
        ({"kind": "roth_santanna"}, (0, 4)),
        ({"kind": "roth_santanna", "estimand": "simple"}, (0, 4)),
    ],
    ids=["pooled", "shrunk", "roth_santanna", "simple"],
)
def test_jackknife_is_refits_without_a_cluster(options, cohorts, monkeypatch):
    """Weights and all, but for the degree of shrinkage, times what is left of the cluster's cohort."""
    df = towns(cohorts=cohorts)
    estimator = Efficient(**options)
    full = estimator.fit(panel_of(df, cluster="town"), "y")
    assert full.conventions["variance"].startswith("jackknife")
    share = efficient._Means.of(panel_of(df, cluster="town"), "y").shrinkage
    assert 0.05 < share < 0.95
    monkeypatch.setattr(efficient._Means, "shrinkage", share)
    size, by_town = df.groupby("first").size(), df.groupby("town")["first"].agg(["size", "first"])
    for town in range(0, 40, 3):
        without = estimator.fit(panel_of(df[df["town"] != town], cluster="town"), "y")
        left = 1 - by_town["size"][town] / size[by_town["first"][town]]
        np.testing.assert_allclose(full.influence.loc[town], left * (full.values - without.values), atol=1e-12)


def test_a_cohort_of_one_cluster_keeps_its_mean():
    df = towns()
    largest = df[df["first"] == 4].groupby("town").size().idxmax()
    df = df[(df["first"] != 4) | (df["town"] == largest)]
    effects = Efficient(kind="chen_santanna_xie").fit(panel_of(df, cluster="town"), "y")
    assert np.isfinite(effects.psi).all()
    assert (effects.std_errors > 0).all()


def test_random_timing_takes_the_pooled_covariance_of_levels():
    """The slope of the first estimate on the contrast, from cross-products of deviations summed by town."""
    df = towns()
    panel = panel_of(df, cluster="town")
    estimator = Efficient(kind="roth_santanna", estimand="simple")
    design, size = estimator._design(panel, "y"), df.groupby("first")["firm"].nunique()[[4, 5, 0]].to_numpy()
    means = df.groupby(["first", "year"])["y"].mean().unstack().loc[[4, 5, 0]].to_numpy()
    e = df.assign(e=df["y"] - df.groupby(["first", "year"])["y"].transform("mean"))
    sums = e.groupby(["town", "year"])["e"].sum().unstack().to_numpy()
    V = np.kron(np.diag(1 / size), sums.T @ sums)
    start, zero = design.start.ravel(), design.zero.ravel()
    assert abs(design.zero.sum(axis=2)).max() > 0.1
    expected = (start - (zero @ V @ start) / (zero @ V @ zero) * zero) @ means.ravel()
    assert estimator.fit(panel, "y").values[0] == pytest.approx(expected, abs=1e-12)


def test_fully_shrunk_is_imputation(monkeypatch):
    """Equal and uncorrelated errors make imputation efficient."""
    panel = panel_of(towns(), cluster="town")
    expected = Imputation().fit(panel, "y")
    monkeypatch.setattr(efficient._Means, "shrinkage", 1.0)
    ours = Efficient(kind="chen_santanna_xie").fit(panel, "y")
    assert ours.conventions["covariance of means"] == "shrunk"
    np.testing.assert_allclose(ours.values, expected.estimates.reindex(ours.index), atol=1e-10)


def test_shrunk_weights_are_generalised_least_squares_on_contrasts():
    """Cohort means in an orthonormal basis without the unit mean; period effects and one effect a treated cell."""
    df = towns()
    panel = panel_of(df, cluster="town")
    ours, share = Efficient(kind="chen_santanna_xie").fit(panel, "y"), efficient._Means.of(panel, "y").shrinkage
    basis = np.linalg.svd(np.eye(6) - 1 / 6)[0][:, :5]
    means = df.groupby(["first", "year"])["y"].mean().unstack()
    size = df.groupby("first")["firm"].nunique()
    e = df.assign(e=df["y"] - df.groupby(["first", "year"])["y"].transform("mean"))
    z = e.groupby(["town", "year"])["e"].sum().unstack().to_numpy() @ basis
    S = z.T @ z
    V = (1 - share) * S + share * np.trace(S) / 5 * np.eye(5)
    design = np.zeros((3, 5, 5 + len(ours)))
    design[:, :, :5] = basis.T[:, 1:]
    for j, (g, t) in enumerate(ours.index):
        design[means.index.get_loc(g), :, 5 + j] = basis[t - 1]
    root = np.linalg.cholesky(np.linalg.inv(V)).T
    left = np.sqrt(size.to_numpy())[:, None, None] * (root @ design)
    right = np.sqrt(size.to_numpy())[:, None] * (means.to_numpy() @ basis @ root.T)
    beta = np.linalg.lstsq(left.reshape(15, -1), right.ravel(), rcond=None)[0]
    np.testing.assert_allclose(ours.values, beta[5:], rtol=0, atol=1e-10)


def test_averages_that_count_the_sampling_of_cohorts_are_centred_over_cohorts():
    df = towns()
    effects = Efficient(kind="chen_santanna_xie").fit(panel_of(df, cluster="town"), "y").overall()
    size, town = df.groupby("first")["firm"].nunique(), df.groupby("town")["first"].agg(["size", "first"])
    cells = {4: 3 * size[4], 5: 2 * size[5], 0: 3 * size[4] + 2 * size[5]}
    share = town["size"] / 6 / town["first"].map(size) * town["first"].map(cells) / cells[0]
    expected = np.sqrt((effects.psi[:, 0] ** 2 / (1 - share)).sum())
    assert effects.effective_clusters()["small_sample_error"].iloc[0] == pytest.approx(expected, rel=1e-12)


def test_shrinkage_is_that_of_ledoit_and_wolf():
    df = towns()
    sums = df.assign(e=df["y"] - df.groupby(["first", "year"])["y"].transform("mean"))
    wide = sums.groupby(["town", "year"])["e"].sum().unstack().to_numpy()
    z = wide @ np.linalg.svd(np.eye(6) - 1 / 6)[0][:, :5]
    S = z.T @ z / 40
    distance = np.sum((S - np.trace(S) / 5 * np.eye(5)) ** 2)
    expected = sum(np.sum((np.outer(row, row) - S) ** 2) for row in z) / 40**2 / distance
    ours = efficient._Means.of(panel_of(df, cluster="town"), "y").shrinkage
    assert ours == pytest.approx(expected, rel=1e-10)
    assert ours == pytest.approx(0.19969184419488542, rel=1e-10)  # scikit-learn 1.9.1, LedoitWolf(assume_centered=True)


@pytest.mark.parametrize("kind", ["roth_santanna", "chen_santanna_xie"])
def test_errors_of_given_weights_and_few_clusters_warn(kind):
    panel = panel_of(towns(), cluster="town")
    with pytest.warns(FewClustersWarning, match=r"1[34] clusters in a cohort.*variance='jackknife'"):
        Efficient(kind=kind, variance="adjusted").fit(panel, "y")
    few = panel_of(towns(cohorts=(0, 0, 0, 0, 4)), cluster="town")
    with pytest.warns(FewClustersWarning, match="8 treated clusters: coverage of intervals was simulated"):
        Efficient(kind=kind).fit(few, "y")


@pytest.mark.parametrize("options", [{"kind": "roth_santanna"}, {"kind": "chen_santanna_xie"}])
def test_influence_is_what_a_unit_adds(options):
    df = frame(n=300)
    full = Efficient(**options, **({"variance": "conservative"} if options["kind"] == "roth_santanna" else {}))
    effects = full.fit(panel_of(df), "y").aggregate("simple")
    psi = effects.influence["ATT"]
    left_out = [full.fit(panel_of(df[df["firm"] != i]), "y").aggregate("simple").values[0] for i in range(0, 300, 10)]
    gap = effects.values[0] - np.array(left_out)
    assert np.corrcoef(gap, psi.to_numpy()[::10])[0, 1] > 0.98
    assert np.polyfit(psi.to_numpy()[::10], gap, 1)[0] == pytest.approx(1, abs=0.08)
    assert psi.sum() == pytest.approx(0, abs=1e-12)


def test_effects_are_uncorrelated_with_what_is_zero():
    """So no further combination, of effects or of averages of them, is more precise."""
    effects = Efficient(kind="chen_santanna_xie", covariance="by_cohort").fit(panel_of(frame()), "y")
    balance = Efficient(kind="chen_santanna_xie").balance(panel_of(frame()), "y")
    assert list(balance.index) == [(3, 2), (4, 2), (4, 3)]
    covariance = balance.psi.T @ effects.psi
    np.testing.assert_allclose(covariance, 0, atol=1e-15)


def test_reference_periods_are_zero_and_unadjusted_is_callaway_and_santanna():
    df = frame()
    wide = df.pivot(index="firm", columns="year", values="y")
    first = df.groupby("firm")["first"].first()
    options = {"kind": "roth_santanna", "adjustment": "callaway_santanna"}
    effects = Efficient(**options).fit(panel_of(df), "y")
    assert effects.values[[(t == g - 1) for g, t in effects.index]].tolist() == [0, 0]
    assert effects.std_errors.to_numpy()[[(t == g - 1) for g, t in effects.index]].tolist() == [0, 0]
    change = wide[3] - wide[2]
    expected = change[first == 3].mean() - change[first != 3].mean()
    assert effects.estimates[(3, 3)] == pytest.approx(expected, abs=1e-12)
    last = Efficient(kind="roth_santanna", adjustment="sun_abraham").fit(panel_of(df), "y")
    assert last.estimates[(3, 3)] == pytest.approx(change[first == 3].mean() - change[first == 0].mean(), abs=1e-12)


def test_clusters_of_several_units():
    """Influence functions are summed, without the factor of units; timing varies within towns, so it is not tested."""
    by_unit = Efficient(kind="roth_santanna", adjustment="callaway_santanna", variance="conservative")
    df = frame()
    town, firm = (by_unit.fit(panel_of(df, **keys), "y") for keys in ({"cluster": "town"}, {}))
    np.testing.assert_allclose(town.values, firm.values, atol=1e-12)
    size = df.groupby("firm")["first"].first()
    of_cohort = size.map(size.value_counts())
    scaled = firm.influence.mul(np.sqrt((of_cohort - 1) / of_cohort), axis=0)
    np.testing.assert_allclose(town.psi, scaled.groupby(np.arange(120) // 3).sum(), atol=1e-12)
    assert town.cluster_shares.share.shape[0] == 40
    for kind in ("roth_santanna", "chen_santanna_xie"):
        assert (Efficient(kind=kind).fit(panel_of(df, cluster="town"), "y").aggregate("simple").std_errors > 0).all()


def test_without_never_treated_the_last_cohort_is_compared_until_its_treatment():
    effects = Efficient(kind="chen_santanna_xie").fit(panel_of(frame(cohorts=(3, 5))), "y")
    assert list(effects.index) == [(3, 3), (3, 4)]
    assert effects.estimates.to_numpy() == pytest.approx([2, 2], abs=0.6)


def test_what_is_left_out_is_counted():
    df = frame()
    df.loc[df["firm"] == 0, "first"] = 1
    df.loc[df["firm"] == 1, "first"] = 5
    with pytest.warns(AlwaysTreatedWarning), pytest.warns(UnbalancedWarning), pytest.warns(SmallCellWarning):
        effects = Efficient(kind="roth_santanna").fit(panel_of(df[1:].drop(index=12)), "y")
    assert effects.dropped[["what", "reason", "count"]].values.tolist() == [
        ["units", "treated from the start, so without a period before treatment", 1],
        ["units", "not seen in every period", 1],
        ["cohorts", "of one unit, so without a variance", 1],
    ]
    assert effects.n_units == 117


def test_refusals():
    df = frame()
    with pytest.raises(WeightsError, match="Efficient takes no weights"):
        Efficient(kind="roth_santanna").fit(panel_of(df.assign(w=1.0), weights="w"), "y")
    rows = Panel(df, time="year", cohort="first", repeated=True)
    with pytest.raises(RepeatedCrossSectionsError, match="Efficient follows units over time"):
        Efficient(kind="roth_santanna").fit(rows, "y")
    with pytest.raises(NoControlsError, match=r"all units are first treated in 3: there is nothing to compare with"):
        Efficient(kind="roth_santanna").fit(panel_of(frame(cohorts=(3,))), "y")
    with pytest.raises(NoPrePeriodError, match="no cohort has two periods before its treatment"):
        Efficient(kind="chen_santanna_xie").fit(panel_of(frame(cohorts=(0, 2))), "y")
    by_cohort = Efficient(kind="chen_santanna_xie", covariance="by_cohort")
    text = (
        "{} contrasts that parallel trends make zero, and cohorts of {} clusters leave {} degrees of freedom for their "
        "covariance, which is singular or fitted exactly; use covariance='shrunk', or GroupTimeATT"
    )
    with pytest.raises(EstimationError, match=f"^{text.format(9, '3, 5', 6)}$"):
        by_cohort.fit(panel_of(frame(n=8, periods=11, cohorts=(0, 11))), "y")
    # As many contrasts as degrees of freedom: not singular, and every error would be zero.
    two = pd.concat([frame(n=40, periods=6, cohorts=(g,)).query("firm < 2").assign(first=g) for g in (0, 3, 4)])
    two = two.assign(firm=two["firm"] + 10 * two["first"], y=np.random.default_rng(1).normal(size=len(two)))
    with pytest.raises(EstimationError, match=f"^{text.format(3, '2, 2, 2', 3)}$"):
        by_cohort.fit(panel_of(two), "y")
    with pytest.raises(OptionError, match="group_time with kind="):
        Efficient(kind="chen_santanna_xie", estimand="simple")
    with pytest.raises(OptionError, match="kind='roth': use one of"):
        Efficient(kind="roth")
    for options in ({"covariance": "shrunk"}, {"covariance": "by_cohort", "variance": "jackknife"}):
        with pytest.raises(OptionError, match="use one of"):
            Efficient(kind="roth_santanna", **options)
    with pytest.raises(OptionError, match="adjusted or jackknife"):
        Efficient(kind="chen_santanna_xie", variance="conservative")


def test_one_cohort_with_a_pooled_covariance_is_analysis_of_covariance() -> None:
    """Of two cohorts of one size; weights of Roth and Sant'Anna are on levels, so those of units count."""
    rng = np.random.default_rng(4)
    n, late = 24, 4
    y = 3 * rng.standard_normal((n, 1)) + rng.standard_normal((n, 6)).cumsum(axis=1)
    first = np.where(np.arange(n) < n // 2, late, 0)
    df = pd.DataFrame({"unit": np.repeat(np.arange(n), 6), "time": np.tile(np.arange(1, 7), n), "y": y.ravel()})
    panel = Panel(df.assign(first=np.repeat(first, 6)), unit="unit", time="time", cohort="first")
    X = np.column_stack([np.ones(n), first > 0, y[:, late - 2]])
    slopes = np.linalg.lstsq(X, y[:, late - 1 :].mean(axis=1), rcond=None)[0]
    found = Efficient(kind="roth_santanna", estimand="simple", covariance="pooled").fit(panel, "y")
    assert found.values == pytest.approx(slopes[[1]], rel=1e-10)
