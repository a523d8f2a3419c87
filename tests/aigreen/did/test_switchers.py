"""First switches of treatment: definitions by loops, absorbing treatment, influence functions, and what is left out."""

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, Panel, Switchers
from aigreen.errors import (
    EffectsError,
    MissingRowsWarning,
    NoControlsError,
    NoTreatedError,
    OptionError,
    RepeatedCrossSectionsError,
    SmallCellWarning,
    SwitcherWarning,
)

few = pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
left_out = pytest.mark.filterwarnings("ignore::aigreen.errors.SwitcherWarning")


def frame(values, n=240, periods=6, change=0.25, seed=0, other=False):
    """Treatments that start anywhere in `values` and are drawn anew with some probability."""
    rng = np.random.default_rng(seed)
    state = np.empty((n, periods))
    state[:, 0] = rng.choice(values, n)
    for t in range(1, periods):
        state[:, t] = np.where(rng.random(n) < change, rng.choice(values, n), state[:, t - 1])
    keys = {"firm": np.arange(n), "town": np.arange(n) // 4, "w": rng.uniform(0.5, 2, n)}
    df = pd.DataFrame({name: np.repeat(column, periods) for name, column in keys.items()})
    y = rng.normal(size=(n, 1)) + rng.normal(size=(n, periods)).cumsum(axis=1) + state
    df = df.assign(year=np.tile(np.arange(1, periods + 1), n), on=state.ravel(), y=y.ravel())
    if other:
        start = rng.choice([2, 4, 99], n)
        df["other"] = (df["year"] >= np.repeat(start, periods)).astype(float)
    return df


def panel_of(df, **keys):
    return Panel(df, unit="firm", time="year", **keys)


def by_loops(df, estimand, direction="both", horizons=4, other=None, weights=None):
    """The definitions of the paper, one switcher after another; values by horizon."""
    y, d = (df.pivot(index="firm", columns="year", values=name).to_numpy() for name in ("y", "on"))
    o = np.zeros(d.shape) if other is None else df.pivot(index="firm", columns="year", values=other).to_numpy()
    w = np.ones(len(y)) if weights is None else df.groupby("firm")[weights].first().to_numpy()
    n, periods = y.shape
    first = [next((t for t in range(periods) if d[i, t] != d[i, 0]), periods) for i in range(n)]
    top, size = {}, {}
    for i in range(n):
        f = first[i]
        if f == periods:
            continue
        sign = np.sign(d[i, f] - d[i, 0])
        if {"in": -1, "out": 1}.get(direction) == sign:
            continue
        for h in range(min(periods - f, horizons + 1)):
            if (sign * (d[i, f : f + h + 1] - d[i, 0]) < 0).any():
                break
            same = [
                j
                for j in range(n)
                if d[j, 0] == d[i, 0] and first[j] > f + h and (o[j, : f + h + 1] == o[i, : f + h + 1]).all()
            ]
            if not same:
                continue
            for at in (f + h, f - 2 - h):
                if at < 0:
                    continue
                change = y[:, at] - y[:, f - 1]
                gap = sign * (change[i] - np.average(change[same], weights=w[same]))
                received = sign * (d[i, f : f + h + 1] - d[i, 0])
                amount = {"event_study": 1.0, "normalized": received.sum(), "total": received[-1]}[estimand]
                top[at - f] = top.get(at - f, 0.0) + w[i] * gap
                size[at - f] = size.get(at - f, 0.0) + w[i] * amount
    if estimand == "total":
        return sum(top[h] for h in top if h >= 0) / sum(size[h] for h in size if h >= 0)
    return {h: top[h] / size[h] for h in sorted(top)}


@few
@left_out
@pytest.mark.parametrize("direction", ["both", "in", "out"])
@pytest.mark.parametrize("values", [[0, 1], [0, 1, 2], [0.0, 0.25, 1.0]], ids=["binary", "three", "parts"])
def test_definitions(values, direction):
    df = frame(values)
    for horizons in (None, 2):
        for estimand in ("event_study", "normalized", "total"):
            model = Switchers(estimand=estimand, direction=direction, horizons=horizons)
            found = model.fit(panel_of(df), "y", treatment="on")
            expected = by_loops(df, estimand, direction, 4 if horizons is None else horizons)
            if estimand == "total":
                assert found.estimates["ATT"] == pytest.approx(expected, abs=1e-12)
                continue
            assert found.index.drop(-1).tolist() == list(expected)
            np.testing.assert_allclose(found.estimates.drop(-1), list(expected.values()), rtol=0, atol=1e-12)
            assert found.estimates[-1] == 0 == found.std_errors[-1]


@few
@left_out
@pytest.mark.parametrize("estimand", ["event_study", "normalized", "total"])
def test_other_treatments_are_shared_by_the_units_compared(estimand):
    df = frame([0, 1, 2], other=True)
    model = Switchers(estimand=estimand, other_treatments="other")
    found = model.fit(panel_of(df, weights="w"), "y", treatment="on")
    expected = by_loops(df, estimand, other="other", weights="w")
    values = [expected] if estimand == "total" else list(expected.values())
    np.testing.assert_allclose(found.select(found.std_errors > 0).values, values, rtol=0, atol=1e-12)
    assert found.conventions["other treatments"] == "same path of other"


@few
@pytest.mark.parametrize("keys", [{}, {"cluster": "town"}, {"weights": "w"}])
def test_absorbing_treatment_is_group_time(keys):
    df = frame([0, 1], n=300)
    first = np.random.default_rng(1).choice([0, 3, 4, 6], 300)
    df["first"] = np.repeat(first, 6)
    df["on"] = ((df["first"] > 0) & (df["year"] >= df["first"])).astype(int)
    ours = Switchers().fit(panel_of(df, **keys), "y", treatment="on")
    cells = GroupTimeATT().fit(panel_of(df, cohort="first", **keys), "y")
    study, after = cells.event_study(), ours.select(ours.index >= 0)
    study = study.select(study.index >= 0)
    assert study.index.tolist() == after.index.tolist() == [0, 1, 2, 3]
    assert ours.cluster_shares.labels.tolist() == cells.cluster_shares.labels.tolist() == [3, 4, 6]
    np.testing.assert_allclose(after.values, study.values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(after.psi, study.psi, rtol=0, atol=1e-12)
    np.testing.assert_allclose(after.conf_int(), study.conf_int(), rtol=0, atol=1e-12)
    whole, simple = ours.overall(), cells.aggregate("simple")
    total = Switchers(estimand="total").fit(panel_of(df, **keys), "y", treatment="on")
    for part in (whole, total):
        assert part.estimates["ATT"] == pytest.approx(simple.estimates["ATT"], abs=1e-12)
        np.testing.assert_allclose(part.psi, simple.psi, rtol=0, atol=1e-12)
        np.testing.assert_allclose(part.conf_int(), simple.conf_int(), rtol=0, atol=1e-12)


@few
@left_out
@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.parametrize("estimand", ["event_study", "normalized", "total"])
@pytest.mark.parametrize("other", [(), "other"])
@pytest.mark.parametrize("share", [1.0, 0.9], ids=["balanced", "unbalanced"])
def test_influence_is_the_derivative_by_the_weight_of_a_cluster(estimand, other, share):
    df = frame([0, 1, 2], n=120, other=True).sample(frac=share, random_state=1)
    df.loc[df["firm"] % 17 == 3, "y"] = np.nan
    model = Switchers(estimand=estimand, other_treatments=other)
    found = model.fit(panel_of(df, cluster="town", weights="w"), "y", treatment="on")
    averages = [lambda effects: effects] + ([lambda effects: effects.overall()] if estimand == "event_study" else [])
    for average in averages:
        for town in (0, 7, 19, 28):
            moved = []
            for step in (1e-4, -1e-4):
                other_weights = df.assign(w=df["w"] * (1 + step * (df["town"] == town)))
                refit = model.fit(panel_of(other_weights, cluster="town", weights="w"), "y", treatment="on")
                moved.append(average(refit).values)
            slope = (moved[0] - moved[1]) / 2e-4
            np.testing.assert_allclose(average(found).influence.loc[town], slope, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.psi.sum(axis=0), 0, atol=1e-12)


def small():
    """Off and on again in firm a, off in b, both signs in c, on before its first row in d; the others never change."""
    paths = {
        "a": [0, 1, 0, 0],
        "b": [1, 1, 0, 0],
        "c": [1, 2, 0, 0],
        "d": [0, np.nan, 1, 1],
        "e": [0] * 4,
        "f": [1] * 4,
    }
    rows = [(firm, t + 1, on) for firm, path in paths.items() for t, on in enumerate(path) if on == on]
    df = pd.DataFrame(rows, columns=["firm", "year", "on"])
    return df.assign(y=np.arange(len(df)) ** 2.0)


@few
def test_what_is_left_out_is_counted():
    df = small()
    with pytest.warns(SwitcherWarning) as heard:
        found = Switchers().fit(panel_of(df), "y", treatment="on")
    told = found.dropped.set_index("reason")
    assert told.loc["not seen in the period before on first changes", ["count", "first"]].tolist() == [1, "d"]
    assert told.loc["on has been on both sides of its first value", ["count", "first"]].tolist() == [
        2,
        "(c, 3), (c, 4)",
    ]
    assert sum(issubclass(w.category, SwitcherWarning) for w in heard) == 2
    y = df.set_index(["firm", "year"])["y"]
    change = {f: y[f, 2] - y[f, 1] for f in "abcef"}
    # a switches on, c up; b is no longer compared with once it has switched off
    instant = [change["a"] - change["e"], change["c"] - (change["b"] + change["f"]) / 2]
    off = -((y["b", 3] - y["b", 2]) - (y["f", 3] - y["f", 2]))
    assert found.estimates[0] == pytest.approx(np.mean([*instant, off]), abs=1e-12)
    assert found.n_units == 5


@few
def test_rows_without_units_to_compare_with_are_counted():
    df = small().query("firm in ['a', 'b', 'e']")
    with pytest.warns(SwitcherWarning, match="2 rows left out: no unit of the same first on has kept it up to then"):
        found = Switchers().fit(panel_of(df), "y", treatment="on")
    assert found.dropped["first"].tolist() == ["(b, 3), (b, 4)"]
    with pytest.raises(NoControlsError, match="keeps it for longer"):
        Switchers(direction="out").fit(panel_of(df), "y", treatment="on")


@few
@left_out
def test_a_missing_outcome_leaves_the_treatment_known():
    df = small()
    at = (df["firm"] == "a") & (df["year"] == 3)
    with pytest.warns(MissingRowsWarning, match="missing y; their treatment is read"):
        found = Switchers(estimand="normalized").fit(panel_of(df.assign(y=df["y"].mask(at))), "y", treatment="on")
    whole = Switchers(estimand="normalized").fit(panel_of(df), "y", treatment="on")
    assert found.estimates[0] == whole.estimates[0]
    assert found.estimates[1] != whole.estimates[1]
    assert (found.n_rows, whole.n_rows) == (17, 18)


@few
@left_out
def test_a_unit_that_enters_late_has_the_first_value_that_it_is_seen_with():
    late = pd.DataFrame({"firm": "g", "year": [2, 3, 4], "on": [0, 1, 1], "y": [5.0, 9.0, 2.0]})
    df = pd.concat([small().query("firm == 'e'"), late])
    found = Switchers().fit(panel_of(df), "y", treatment="on")
    change = df.set_index(["firm", "year"])["y"].unstack("firm").diff()
    assert found.estimates[0] == pytest.approx(change.loc[3, "g"] - change.loc[3, "e"], abs=1e-12)
    assert found.index.tolist() == [-1, 0, 1]


def test_few_clusters_are_warned_of():
    with pytest.warns(SmallCellWarning, match=r"^2 horizons rest on fewer than 5 clusters .* first: 3, 4$"):
        Switchers().fit(panel_of(frame([0, 1], n=30)), "y", treatment="on")


@few
def test_averages_and_tests():
    effects = Switchers().fit(panel_of(frame([0, 1])), "y", treatment="on")
    assert effects.event_study(window=(-2, 1)).index.tolist() == [-2, -1, 0, 1]
    assert effects.pretrend_test().df == 2
    counts = effects.mass.value[effects.post]
    assert effects.overall().values[0] == pytest.approx(counts @ effects.values[effects.post] / counts.sum(), abs=1e-12)
    normalized = Switchers(estimand="normalized").fit(panel_of(frame([0, 1])), "y", treatment="on")
    with pytest.raises(EffectsError, match="no weights for an overall average"):
        normalized.overall()


def test_what_is_refused():
    df = frame([0, 1], n=40)
    with pytest.raises(NoTreatedError, match="no unit changes column 'on'"):
        Switchers().fit(panel_of(df.assign(on=1)), "y", treatment="on")
    up = df.assign(on=(df["year"] > 3).astype(int))
    with pytest.raises(NoTreatedError, match="to a smaller value"):
        Switchers(direction="out").fit(panel_of(up), "y", treatment="on")
    with pytest.raises(NoControlsError):
        Switchers().fit(panel_of(up), "y", treatment="on")
    with pytest.raises(RepeatedCrossSectionsError):
        Switchers().fit(Panel(df.drop(columns="firm"), time="year", repeated=True), "y", treatment="on")
    for options, what in (({"estimand": "mean"}, "estimand"), ({"direction": "up"}, "direction")):
        with pytest.raises(OptionError, match=what):
            Switchers(**options)
    with pytest.raises(OptionError, match="horizons"):
        Switchers(horizons=-1)
    with pytest.raises(OptionError, match="treatment"):
        Switchers(other_treatments=["on"]).fit(panel_of(df), "y", treatment="on")
