"""Triple differences: closed forms, influence functions, comparison cohorts, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from aigreen import GroupTimeATT, Panel, TripleDifference
from aigreen.errors import (
    AlwaysTreatedWarning,
    DataError,
    EstimationError,
    MissingRowsWarning,
    NoControlsError,
    NoTreatedError,
    OptionError,
    OverlapWarning,
    RepeatedCrossSectionsError,
    SmallCellWarning,
)

METHODS = ["dr", "ipw", "reg"]


def frame(n=300, periods=5, cohorts=(0, 3, 4), seed=0):
    """Trends differ by cohort, eligibility and x, the gap between eligible and others only by x; effects of 1."""
    rng = np.random.default_rng(seed)
    year, x = np.arange(1, periods + 1), rng.normal(size=n)
    first = rng.choice(cohorts, n)
    polluting = (rng.random(n) < 0.4 + 0.1 * np.tanh(x) + 0.1 * (first == 3)).astype(int)
    treated = polluting[:, None] * ((first > 0)[:, None] & (year >= first[:, None]))
    trend = 0.1 * first + 0.3 * x * (first == 3) + polluting * (0.2 + 0.2 * x)
    y = rng.normal(size=(n, 1)) + year * trend[:, None] + rng.normal(size=(n, periods)) + treated
    keys = {"firm": np.arange(n), "first": first, "polluting": polluting, "x": x, "w": rng.uniform(0.5, 2, n)}
    keys["town"] = np.arange(n) // 3
    df = pd.DataFrame({name: np.repeat(values, periods) for name, values in keys.items()})
    return df.assign(year=np.tile(year, n), y=y.ravel())


def panel_of(df, **keys):
    return Panel(df, unit="firm", time="year", cohort="first", **keys)


def fit(df, *, covariates=None, cluster=None, weights=None, **options):
    panel = panel_of(df, cluster=cluster, weights=weights)
    return TripleDifference(third="polluting", **options).fit(panel, "y", covariates=covariates)


@pytest.mark.parametrize("keys", [{}, {"cluster": "town"}, {"weights": "w"}, {"cluster": "town", "weights": "w"}])
@pytest.mark.parametrize("options", [{}, {"base_period": "universal"}, {"anticipation": 1}, {"method": "reg"}])
@pytest.mark.parametrize("share", [1.0, 0.9], ids=["balanced", "unbalanced"])
def test_without_covariates_it_is_the_difference_of_two_group_time_effects(keys, options, share):
    df = frame().sample(frac=share, random_state=0)
    triple = fit(df, control_group="never_treated", **keys, **options)
    halves = panel_of(df, **keys).split("polluting")
    eligible, others = (
        GroupTimeATT(control_group="never_treated", **options).fit(halves[q], "y") for q in (1, 0)
    )  # fmt: skip
    gap = eligible - others
    pd.testing.assert_index_equal(triple.index, gap.index)
    np.testing.assert_allclose(triple.values, gap.values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(triple.psi, gap.psi, rtol=0, atol=1e-12)
    # cohorts count by their eligible units, as in the effects on these
    for how in ("simple", "event_study"):
        weights = eligible.aggregate(how).weights
        expected = triple.combine(weights.reindex(triple.index, fill_value=0.0))
        np.testing.assert_allclose(triple.aggregate(how).values, expected.values, rtol=0, atol=1e-12)


def two_period_dr(change, x, treated, controls):
    """Doubly robust difference (Sant'Anna and Zhao 2020, equation 3.1), by statsmodels."""
    both = treated | controls
    score = sm.Logit(treated[both].astype(float), x[both]).fit(disp=0, tol=1e-14).predict(x)
    left = change - x @ np.linalg.lstsq(x[controls], change[controls], rcond=None)[0]
    odds = score / (1 - score) * controls
    return left[treated].mean() - (odds @ left) / odds.sum()


def test_two_periods_are_three_doubly_robust_differences():
    df = frame(periods=2, cohorts=(0, 2))
    wide = df.pivot(index="firm", columns="year", values="y")
    fixed = df.drop_duplicates("firm")
    x = np.column_stack([np.ones(len(fixed)), fixed["x"], fixed["x"] ** 2])
    late, eligible = fixed["first"].to_numpy() == 2, fixed["polluting"].to_numpy() == 1
    own, change = late & eligible, (wide[2] - wide[1]).to_numpy()
    parts = [two_period_dr(change, x, own, group) for group in (late & ~eligible, ~late & eligible, ~late & ~eligible)]
    found = fit(df.assign(square=df["x"] ** 2), covariates=["x", "square"])
    assert found.estimates[(2, 2)] == pytest.approx(parts[0] + parts[1] - parts[2], abs=1e-10)
    naive = [
        two_period_dr(change[q], x[q], late[q], ~late[q]) for q in (eligible, ~eligible)
    ]  # averages the covariates of other units over other units
    assert abs(naive[0] - naive[1] - found.values[0]) > 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("share", [1.0, 0.9], ids=["balanced", "unbalanced"])
def test_influence_is_the_derivative_by_the_weight_of_a_cluster(method, share):
    df = frame(n=150).sample(frac=share, random_state=1)
    options = {"covariates": "x", "cluster": "town", "control_group": "never_treated", "method": method}
    found = fit(df, weights="w", **options)
    for how in (None, "simple"):
        effects = found if how is None else found.aggregate(how)
        for town in (0, 7, 31, 49):
            moved = []
            for step in (1e-4, -1e-4):
                other = fit(df.assign(w=df["w"] * (1 + step * (df["town"] == town))), weights="w", **options)
                moved.append((other if how is None else other.aggregate(how)).values)
            slope = (moved[0] - moved[1]) / 2e-4
            np.testing.assert_allclose(effects.influence.loc[town], slope, rtol=1e-6, atol=1e-8)


def apart(df, cohort, **options):
    """Effects of cohort 3 against one later cohort as never treated, in the periods when it is untreated."""
    df = df[df["first"].isin([3, cohort])]
    df = df[df["year"] < cohort] if cohort else df
    return fit(df.replace({"first": {cohort: 0}}), control_group="never_treated", **options)


@pytest.mark.parametrize("method", METHODS)
def test_each_comparison_cohort_stands_apart(method):
    df = frame(cohorts=(0, 3, 5), periods=6)
    options = {"method": method, "covariates": "x"}
    one, other = (apart(df, cohort, **options) for cohort in (5, 0))
    index = [(3, 2), (3, 3), (3, 4)]
    values = np.array([part.estimates.loc[index] for part in (one, other)])
    psi = [part.influence.reindex(df["firm"].unique(), fill_value=0.0)[index].to_numpy() for part in (one, other)]
    units = df.drop_duplicates("firm").value_counts(["first", "polluting"])
    size = np.array([1 / (1 / units[c, 1] + 1 / units[c, 0]) for c in (5, 0)])
    for combination in ("size", "gmm"):
        found = fit(df, combination=combination, **options)
        for k, cell in enumerate(index):
            roots = np.array([own[:, k] for own in psi])
            omega = size if combination == "size" else np.linalg.inv(roots @ roots.T).sum(axis=1)
            omega = omega / omega.sum()
            assert found.estimates[cell] == pytest.approx(omega @ values[:, k], abs=1e-12)
            np.testing.assert_allclose(found.influence[cell], omega @ roots, rtol=0, atol=1e-12)
        assert found.estimates[(3, 6)] == pytest.approx(other.estimates[(3, 6)], abs=1e-12)
    few = fit(df.query("firm < 150"), **options)
    assert few.conventions["comparison cohorts"] == "each apart, weights by size"
    many = fit(frame(n=1000, cohorts=(0, 3, 5), periods=6), **options)
    assert many.conventions["comparison cohorts"] == "each apart, weights by gmm"


def test_comparisons_that_cannot_be_made_are_counted():
    df = frame(cohorts=(0, 3, 4))
    df = df[(df["first"] != 4) | (df["polluting"] == 1)]
    with pytest.warns(OverlapWarning) as heard:
        found = fit(df)
    assert list(found.index) == [(3, 2), (3, 3), (3, 4), (3, 5)]
    told = found.dropped.set_index("what")
    assert told.loc["comparisons with a cohort", "count"] == 2
    assert told.loc["comparisons with a cohort", "first"] == "(3, 2) with 4, (3, 3) with 4"
    assert told.loc["group-time effects", "count"] == 4
    assert "not eligible" in told.loc["group-time effects", "reason"]
    assert len(heard) == 2
    np.testing.assert_allclose(found.values, fit(df[df["first"] != 4]).values, rtol=0, atol=1e-12)


def test_units_without_a_period_before_and_missing_values_are_counted():
    df = frame(cohorts=(0, 1, 3))
    df.loc[df["firm"] == 5, "polluting"] = np.nan
    with pytest.warns(AlwaysTreatedWarning), pytest.warns(MissingRowsWarning, match="polluting"):
        found = fit(df)
    assert found.dropped["count"].tolist() == [5, df.loc[df["first"] == 1, "firm"].nunique()]


def test_few_eligible_units_are_warned_of():
    df = frame()
    own = df["firm"].isin(df.query("first == 3 and polluting == 1")["firm"].unique()[4:])
    with pytest.warns(SmallCellWarning, match=r"^5 group-time effects .*, \(3, 5\), \(4, 2\)$"):
        fit(df[~own])


def test_what_is_refused():
    df = frame()
    for bad, what in ((df["polluting"] + 1, "values other than 0 and 1"), (df["year"] > 3, "varies within 300 units")):
        with pytest.raises(DataError, match=what):
            fit(df.assign(polluting=bad.astype(int)))
    with pytest.raises(NoTreatedError, match="polluting"):
        fit(df.assign(polluting=df["polluting"] * (df["first"] == 0)))
    with pytest.raises(NoControlsError, match=r"there are 0 and \d+; control_group"):
        fit(df.assign(polluting=df["polluting"] * (df["first"] > 0)), control_group="never_treated")
    with pytest.raises(NoControlsError, match="nothing to compare"):
        fit(df[df["first"] == 3])
    with pytest.raises(RepeatedCrossSectionsError):
        repeated = Panel(df.drop(columns="firm"), time="year", cohort="first", repeated=True)
        TripleDifference(third="polluting").fit(repeated, "y")
    with pytest.raises(OptionError, match="combination"):
        TripleDifference(third="polluting", combination="pooled")
    with pytest.raises(OptionError, match="anticipation"):
        TripleDifference(third="polluting", anticipation=-1)
    with pytest.raises(EstimationError, match=r"comparisons with 2 cohorts .* combination='size'"):
        fit(df.assign(town=df["firm"] % 2), cluster="town", combination="gmm")
