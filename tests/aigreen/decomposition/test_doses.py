"""Parts by bins of a dose and their slopes in it: dense algebra, additivity, recombination."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from aigreen import Decomposition, Panel
from aigreen.errors import (
    AigreenWarning,
    CollinearError,
    EffectsError,
    EstimationError,
    MissingRowsWarning,
    OptionError,
    UnknownColumnError,
)

from .economy import CITY, FULL, Dense, economy, paper_centre

TIGHT = {"rtol": 0, "atol": 1e-10}
EDGES = [3.0, 5.0]


@pytest.fixture
def panel() -> Panel:
    df, rng = economy(), np.random.default_rng(3)
    df["words"] = (1 + rng.gamma(2, 2, 120))[df["firm"]] + 0.3 * rng.random(len(df))
    df["count"] = rng.poisson(np.exp(0.3 * df["y"].clip(-3, 6)))
    df["stray"] = rng.random(len(df))
    return Panel(df, **CITY, weights="w")


def split(panel: Panel, outcome: str = "y", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        return Decomposition(**{**FULL, **options}).fit(panel, outcome, covariates=["x"])


def quiet(call, *arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        return call(*arguments, **keywords)


def dense(panel: Panel) -> Dense:
    return Dense(panel, ["m1", "m2"], ["ring", "peers"], ["x"]).solve()


def slope_weights(panel: Panel, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights v of the slope, and the matrix that maps values to their fit on the dose in treated rows."""
    d, on = panel.column("words"), panel.treated
    X = np.column_stack([np.ones(len(d)), d]) * on[:, None]
    hat = X @ np.linalg.solve((X * w[:, None]).T @ X, (X * w[:, None]).T)
    centred = np.where(on, d - np.average(d[on], weights=w[on]), 0.0)
    return w * centred / (w @ centred**2), hat


def test_bins_equal_dense_algebra_of_their_rows(panel: Panel) -> None:
    result = quiet(split(panel, variance="conservative", response="linear").by, "words", bins=EDGES)
    reference, words = dense(panel), panel.column("words")
    bin_of = np.searchsorted(EDGES, words, side="right")
    for g, t, b in [(4, 4, 0), (4, 7, 2), (6, 8, 1)]:
        all_of_bin = panel.treated & (bin_of == b)
        label = np.average(words[all_of_bin], weights=panel.weights[all_of_bin])
        target = (panel.cohort == g) & (panel.time == t) & (bin_of == b)
        values = reference.values(target)
        psi = reference.psi(target, paper_centre(panel, reference.w, target))
        one = result.select((np.abs(result.index.get_level_values("dose") - label) < 1e-12) & _cell(result, g, t))
        parts = one.index.get_level_values("part")
        for part, value in values.items():
            at = parts.get_loc(part)
            assert one.values[at] == pytest.approx(value, abs=1e-10), part
            np.testing.assert_allclose(one.psi[:, at], psi[part], **TIGHT)


def _cell(result, g: int, t: int) -> np.ndarray:
    return (result.index.get_level_values("cohort") == g) & (result.index.get_level_values("time") == t)


def test_slopes_equal_dense_algebra(panel: Panel) -> None:
    result = split(panel, variance="conservative", response="linear").slope("words")
    reference = dense(panel)
    v, hat = slope_weights(panel, reference.w)
    values, psi = reference.values(v), reference.psi(v, hat)
    for part, value in values.items():
        assert result.estimates[part] == pytest.approx(value, abs=1e-10), part
        np.testing.assert_allclose(result.influence[part], psi[part], **TIGHT)


def test_leaving_a_cluster_out_is_the_slope_without_it(panel: Panel) -> None:
    options = {"exposure": None}
    fits = [split(panel, variance=variance, **options).slope("words") for variance in ("leave_one_out", "conservative")]
    reference = Dense(panel, ["m1", "m2"], [], ["x"]).solve()
    v, hat = slope_weights(panel, reference.w)
    y, on = reference.net, panel.treated

    def slope(rows: np.ndarray) -> float:
        root = np.sqrt(reference.w[rows])
        X = np.column_stack([np.ones(rows.sum()), panel.column("words")[rows]])
        return np.linalg.lstsq(X * root[:, None], y[rows] * root, rcond=None)[0][1]

    without = np.array([slope(on) - slope(on & (panel.cluster_codes != c)) for c in range(len(panel.clusters))])
    kept = np.bincount(panel.cluster_codes, v * (y - hat @ y), len(panel.clusters))
    gap = fits[0].influence["direct"] - fits[1].influence["direct"]
    np.testing.assert_allclose(gap, without - kept, **TIGHT)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ordered": True, "interaction": True},
        {"origins": True},
        {"exposure": None},
        {"channels": []},
        {"family": "poisson"},
        {"family": "poisson", "scale": "count", "origins": True},
    ],
)
def test_parts_add_up_in_every_bin_and_slope(panel: Panel, options: dict) -> None:
    counts = options.get("family") == "poisson"
    parts = split(panel, "count" if counts else "y", **options)
    results = [quiet(parts.by, "words", bins=3).overall()]
    results += [quiet(parts.by, "words", bins=3).event_study()]
    if not counts:
        results.append(parts.slope("words"))
    for result in results:
        places = len(result["total"]) if result.index.nlevels > 1 else 1
        for column in (result.additive.values[None], result.additive.psi):
            total = column.reshape(len(column), -1, places).sum(axis=1)
            whole = result.select(result.index.get_level_values("part") == "total")
            expected = whole.values[None] if len(column) == 1 else whole.psi
            np.testing.assert_allclose(total, expected, **TIGHT)


@pytest.mark.parametrize(
    "options", [{}, {"interaction": True}, {"family": "poisson"}, {"family": "poisson", "scale": "count"}]
)
def test_bins_together_are_the_whole(panel: Panel, options: dict) -> None:
    counts = options.get("family") == "poisson"
    parts = split(panel, "count" if counts else "y", **options)
    bins = quiet(parts.by, "words", bins=EDGES)
    together = replace(bins, index=bins.index.droplevel("dose"))
    # On the log scale channels move by cells, so that finer cells shift parts; the total stays.
    same = ["total"] if counts else parts.overall().index.tolist()
    for how in ("overall", "event_study"):
        ours, whole = getattr(together, how)(), getattr(parts, how)()
        for part in same:
            np.testing.assert_allclose(ours[part].values, whole[part].values, **TIGHT)


def test_a_slope_of_two_doses_is_their_difference(panel: Panel) -> None:
    frame = panel.frame.assign(two=np.where(panel.frame["firm"] % 2, 4.0, 1.0))
    parts = split(Panel(frame, **CITY, weights="w"))
    bins = quiet(parts.by, "two", bins=[4.0])
    assert bins.index.get_level_values("dose").unique().tolist() == [1.0, 4.0]
    overall = bins.overall()
    for part in ("total", "direct", "m1", "spillover"):
        low, high = overall[part].values
        assert parts.slope("two").estimates[part] == pytest.approx((high - low) / 3, abs=1e-10)


def test_treated_rows_without_a_dose_are_counted(panel: Panel) -> None:
    frame = panel.frame.copy()
    frame.loc[frame["firm"] % 3 == 0, "words"] = np.nan
    parts = split(Panel(frame, **CITY, weights="w"))
    lost = int((panel.treated & (panel.frame["firm"] % 3 == 0)).sum())
    with pytest.warns(MissingRowsWarning, match=f"{lost} treated rows left out: missing words"):
        slope = parts.slope("words")
    assert slope.dropped["count"].tolist() == [lost]
    with pytest.raises(EstimationError, match="every treated row has a missing value in gone"):
        split(Panel(frame.assign(gone=np.nan), **CITY)).slope("gone")


def test_few_treated_clusters_are_counted_bin_by_bin(panel: Panel) -> None:
    found = quiet(split(panel, exposure=None).by, "words", bins=EDGES).overall().effective_clusters()
    assert found["treated"].between(1, 12).all()
    assert found["df"].notna().all()
    slope = split(panel).slope("words").effective_clusters()
    assert slope.loc["total", "treated"] < 12
    assert slope.loc["spillover", "treated"] != slope.loc["direct", "treated"]


@pytest.mark.parametrize("variance", ["leave_one_out", "conservative"])
def test_bins_that_are_cohorts_are_averages_by_cohort(variance: str) -> None:
    parts = split(Panel(economy(missing=0), **CITY), variance=variance)
    cells = quiet(parts.by, "first", bins=[5])
    whole, again = parts.overall(), replace(cells, index=cells.index.droplevel("dose")).overall()
    np.testing.assert_allclose(again.effective_clusters(), whole.effective_clusters(), **TIGHT)
    bins, groups = cells.overall(), parts.aggregate("group")
    assert bins.index.get_level_values("dose").tolist() == groups.index.get_level_values("cohort").tolist()
    np.testing.assert_allclose(bins.values, groups.values, **TIGHT)
    np.testing.assert_allclose(bins.psi, groups.psi, **TIGHT)
    np.testing.assert_allclose(bins.effective_clusters(), groups.effective_clusters(), **TIGHT)


def test_slopes_without_the_own_cluster_need_no_factor(panel: Panel) -> None:
    for variance, larger in (("leave_one_out", 1.0), ("conservative", 1.01)):
        slope = split(panel, variance=variance).slope("words")
        ratio = slope.effective_clusters()["small_sample_error"] / slope.std_errors
        assert ratio["total"] >= larger
        assert (ratio["total"] == pytest.approx(1, abs=1e-12)) == (larger == 1.0)


def test_what_is_refused(panel: Panel) -> None:
    parts = split(panel)
    for other in (parts.overall(), parts * 2.0, -parts, parts["total"], parts.event_study(), parts + parts):
        with pytest.raises(EffectsError, match=r"call it on the result of Decomposition\.fit itself"):
            other.by("words")
    with pytest.raises(EffectsError, match=r"slope\(\) starts from treated rows"):
        parts.additive.slope("words")
    for bins in (1, 0, [], [3.0, 2.0], [np.nan], True):
        with pytest.raises(OptionError, match="bins="):
            parts.by("words", bins=bins)
    with pytest.raises(OptionError, match=r"take by\(\)"):
        split(panel, "count", family="poisson").slope("words")
    with pytest.raises(UnknownColumnError, match="did you mean 'words'"):
        parts.by("word")
    with pytest.raises(CollinearError, match="every treated row has the same dose, 2"):
        split(Panel(panel.frame.assign(flat=2.0), **CITY)).slope("flat")
    with pytest.raises(CollinearError, match="only 1 edges differ"):
        split(Panel(panel.frame.assign(two=1.0 + panel.frame["firm"] % 2), **CITY)).by("two", bins=4)
    with pytest.raises(EstimationError, match="no treated row has words in bin 2 of 3"):
        parts.by("words", bins=[3.0, 3.0000001])
    lone = panel.frame.assign(
        lone=(panel.frame["city"] == panel.frame.loc[panel.frame["first"] == 4, "city"].iloc[0]) * 1.0
    )
    with pytest.raises(EstimationError, match="without one of the clusters all treated rows have the same dose"):
        split(Panel(lone, **CITY)).slope("lone")
