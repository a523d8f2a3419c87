from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from aigreen import TWFE, Panel
from aigreen.effects.effects import Effects
from aigreen.errors import DataError, OptionError, ReportError, UnknownColumnError
from aigreen.inference import honest_did, rho_sensitivity
from aigreen.inference.specification_curve import specification_tests
from aigreen_study.figures import (
    bacon_figure,
    binned_scatter,
    coefficient_figure,
    event_study_figure,
    honest_figure,
    parts_waterfall_figure,
    randomisation_figure,
    rho_figure,
    sensitivity_contour,
    specification_curve,
)
from aigreen_study.specification.binned import binned_means

BAND = {"n_draws": 99, "seed": 1}


def group(values, names, psi=True, covariance=None):
    k = len(values)
    influence = np.random.default_rng(0).standard_normal((30, k)) / 50
    return Effects(
        values=np.asarray(values, float),
        index=pd.Index(names, name="part" if "Total" in names else "group"),
        psi=influence if psi else None,
        covariance=None if psi else covariance,
        clusters=pd.RangeIndex(30, name="city"),
        n_rows=30,
        n_units=30,
        n_clusters=30,
        method="m",
        outcome="y",
    )


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# -- event studies ---------------------------------------------------------------------------------------------------


def test_estimators_stand_beside_each_other(path):
    ax = event_study_figure({"A": path, "B": path * 2}, **BAND).axes[0]
    points = [line for line in ax.lines if line.get_marker() in "os" and len(line.get_xdata())]
    assert_allclose(points[1].get_xdata() - points[0].get_xdata(), 0.64)
    assert_allclose(points[1].get_ydata(), 2 * path.values)
    wide = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    assert_allclose(wide, path.conf_int(simultaneous=True, **BAND))
    assert legend(ax) == ["A", "B", "95% pointwise", "95% simultaneous"]


def test_result_without_influence_is_named_and_has_pointwise_intervals(path):
    bare = Effects(
        **{name: getattr(path, name) for name in ("values", "index", "clusters", "n_rows", "n_units", "n_clusters")},
        psi=None,
        covariance=np.diag(path.std_errors**2),
        method="m",
        outcome="y",
    )
    ax = event_study_figure({"A": path, "B": bare}, **BAND).axes[0]
    assert legend(ax)[1] == "B (pointwise only)"
    with pytest.raises(ReportError, match="8 estimators: at most 7"):
        event_study_figure({str(i): path for i in range(8)})
    with pytest.raises(ReportError, match="no estimators"):
        event_study_figure({})
    with pytest.raises(ReportError, match="by horizon, not by group"):
        event_study_figure({"A": path, "B": group([1.0], ["x"])})


def test_waterfall_ends_at_the_total():
    overall = group([0.3, 0.5, -0.2], ["Total", "Direct", "Spillover"])
    ax = parts_waterfall_figure(overall, **BAND).axes[0]
    ends = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    assert_allclose(ends, [(0, 0.5), (0.5, 0.3), (0, 0.3)], atol=1e-12)
    assert "Spillover\n\N{MINUS SIGN}0.200\n[" in ax.get_xticklabels()[1].get_text()
    with pytest.raises(ReportError, match="one effect a part"):
        parts_waterfall_figure(group([1.0], ["x"]))


# -- Goodman-Bacon ---------------------------------------------------------------------------------------------------


def test_bacon_shows_weights_and_means_by_kind(comparisons):
    ax = bacon_figure(comparisons).axes[0]
    assert legend(ax) == [
        "Treated against never treated: weight 80%, mean 0.145",
        "Earlier against later treated: weight 15%, mean 0.060",
        "Later against already treated: weight 5%, mean \N{MINUS SIGN}0.200",
        "Weighted sum: 0.115",
    ]
    assert_allclose(ax.collections[0].get_offsets(), [(0.5, 0.1), (0.3, 0.22)])
    assert [text.get_text() for text in ax.texts] == ["2019 v never", "2020 v never", "2019 v 2020", "2020 v 2019"]


def test_bacon_refuses_other_tables(comparisons):
    with pytest.raises(UnknownColumnError, match="did you mean 'weights'"):
        bacon_figure(comparisons.rename(columns={"weight": "weights"}))
    with pytest.raises(ReportError, match=r"sum to 0\.95"):
        bacon_figure(comparisons.iloc[:3])
    with pytest.raises(ReportError, match="unknown kinds of comparison: later"):
        bacon_figure(comparisons.assign(kind="later"))


# -- sensitivity -----------------------------------------------------------------------------------------------------


def test_honest_draws_intervals_and_breakdown(path):
    result = honest_did(path, bounds=[0.5, 1.0, 2.0])
    assert result.breakdown > 0
    ax = honest_figure(result).axes[0]
    segments = [np.sort(s[:, 1]) for lines in ax.collections for s in lines.get_segments()]
    drawn = {tuple(np.round(segment, 10)) for segment in segments}
    for line in result.frame.itertuples():
        assert (round(line.low, 10), round(line.high, 10)) in drawn
    assert tuple(np.round(result.original, 10)) in drawn
    assert ax.get_title(loc="left") == f"Relative magnitudes: breakdown at {result.breakdown:.2g}"
    with pytest.raises(ReportError, match="0 sensitivity results"):
        honest_figure()


def test_rho_and_contour_agree_with_the_formula(rho):
    ax = rho_figure({"Skills": rho}).axes[0]
    assert ax.get_title(loc="left") == f"Skills\nzero at $\\rho$ = {rho.rho_at_zero:.3f}"
    contour = sensitivity_contour(rho).axes[0]
    zero = next(line for line in contour.lines if line.get_label().endswith("is zero"))
    assert_allclose(zero.get_xdata() * zero.get_ydata(), rho.rho_at_zero**2)
    at_zero = rho.frame["mediated"].loc[0.0]
    assert legend(contour)[1] == f"No omitted variable: {at_zero:.3g}".replace("-", "\N{MINUS SIGN}")
    with pytest.raises(ReportError, match="one to six"):
        rho_figure({})


def test_contour_needs_two_values_of_rho():
    rng = np.random.default_rng(0)
    d, m, y = rng.standard_normal((3, 50))
    with pytest.raises(ReportError, match="two values of rho"):
        sensitivity_contour(rho_sensitivity(d, m, y, rho=[0.0]))


# -- groups ----------------------------------------------------------------------------------------------------------


def test_groups_are_tested_for_a_difference():
    effects = group([0.1, 0.2], ["State", "Private"])
    figure = coefficient_figure({"Ownership": effects}, p_values={"Ownership": 0.25})
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts[0] == "no difference: p = 0.250"
    low, high = effects.conf_int().to_numpy()[0]
    assert texts[1] == f"0.100 [{low:.3f}, {high:.3f}]".replace("-", "\N{MINUS SIGN}")
    given = coefficient_figure({"Ownership": effects}, p_values={"Ownership": 0.0004})
    assert given.axes[1].texts[0].get_text() == "no difference: p < 0.001"
    alone = coefficient_figure({"All": group([0.1], ["All firms"])})
    assert len(alone.axes[1].texts) == 1


def test_groups_that_cannot_be_drawn():
    bare = group([0.1, 0.2], ["a", "b"], psi=False, covariance=np.array([[0.1, np.nan], [np.nan, 0.1]]))
    with pytest.raises(ReportError, match="not drawn: H"):
        coefficient_figure({"G": bare}, p_values={"H": 0.1})
    with pytest.raises(ReportError, match="not 2"):
        coefficient_figure({"G": group([0.1], ["a"])}, whole=bare)
    with pytest.raises(ReportError, match="no group"):
        coefficient_figure({})


# -- randomisation ---------------------------------------------------------------------------------------------------


def test_dark_bars_are_the_draws_as_extreme():
    draws = np.array([-3.0, -1.5, -0.5, 0.2, 0.7, 1.2, 2.5, np.nan])
    result = SimpleNamespace(draws=draws, estimate=1.0, p_value=0.5, enumerated=False)
    ax = randomisation_figure(result).axes[0]
    by_label = {container.get_label(): sum(bar.get_height() for bar in container) for container in ax.containers}
    assert by_label == {"Less extreme": 3, "As extreme": 4}
    assert legend(ax)[0] == "Actual estimate 1.000: p = 0.500"
    assert ax.get_ylabel() == "Number of 7 random assignments"
    with pytest.raises(ReportError, match="finite"):
        randomisation_figure(SimpleNamespace(draws=np.array([np.nan]), estimate=1.0, p_value=1.0, enumerated=True))


# -- binned scatter --------------------------------------------------------------------------------------------------


def test_bins_of_a_linear_relation_within_units_lie_on_its_line(panel):
    frame = panel.frame.assign(z=2.0 * panel.frame["x"] + panel.frame["firm"] ** 1.5 - 0.3 * panel.frame["year"])
    found = binned_means(Panel(frame, unit="firm", time="year"), "z", "x", bins=5)
    assert_allclose(found.means.values, frame["z"].mean() + 2.0 * (found.at - frame["x"].mean()))
    assert_allclose(found.at, frame.groupby(pd.qcut(frame["x"], 5, labels=False))["x"].mean())


def test_bins_are_adjusted_at_the_mean_of_the_controls(panel):
    found = binned_means(panel, "y", "x", covariates=["w"], bins=4)
    frame = panel.frame
    knots = frame["x"].quantile([0, 0.25, 0.5, 0.75, 1]).to_numpy()

    def spline(x):
        return np.column_stack([x, *(np.maximum(x - knot, 0) for knot in knots[1:-1])])

    dummies = [pd.get_dummies(frame[name], dtype=float).to_numpy() for name in ("firm", "year")]
    X = np.hstack([spline(frame["x"].to_numpy()), *dummies, frame[["w"]].to_numpy()])
    beta = np.linalg.lstsq(X, frame["y"].to_numpy(), rcond=None)[0]
    point = X.mean(axis=0)
    for b in range(4):
        point[:4] = spline(found.at[[b]])[0]
        assert found.means.values[b] == pytest.approx(point @ beta)
    slope = TWFE().fit(panel, "y", treatment="x", covariates=["w"])
    assert found.slope.values[0] == pytest.approx(slope.values[0])
    assert found.slope.std_errors.iloc[0] == pytest.approx(slope.std_errors.iloc[0])
    above, ax = binned_scatter(found, xlabel="x", ylabel="y").axes
    line = ax.lines[0]
    assert sum(bar.get_height() for bar in above.patches) == panel.n_rows
    assert np.diff(line.get_ydata()) / np.diff(line.get_xdata()) == pytest.approx(slope.values[0])


def test_a_least_value_of_many_rows_is_a_bin_of_its_own(panel):
    frame = panel.frame
    x = np.where(frame["x"] > frame["x"].median(), frame["x"] - frame["x"].min() + 1, 0.0)
    found = binned_means(Panel(frame.assign(x=x), unit="firm", time="year"), "y", "x", bins=6)
    assert len(found.at) == 6
    assert found.at[0] == 0
    others = pd.Series(x[x > 0])
    assert_allclose(found.at[1:], others.groupby(pd.qcut(others, 5).cat.codes).mean())


def test_bins_of_a_variable_with_ties_are_fewer(panel):
    frame = panel.frame.assign(x=panel.frame["x"].round().clip(0, 4))
    tied = Panel(frame, unit="firm", time="year")
    assert len(binned_means(tied, "y", "x", bins=20).at) == pd.qcut(frame["x"], 20, duplicates="drop").nunique() == 4
    with pytest.raises(DataError, match="takes too few values"):
        binned_means(Panel(frame.assign(x=(frame.x > 1) * 1.0), unit="firm", time="year"), "y", "x")
    with pytest.raises(OptionError):
        binned_means(tied, "y", "x", bins=2)


# -- specification curve ---------------------------------------------------------------------------------------------


def test_curve_orders_specifications_and_marks_choices(specifications):
    results = dict(reversed(specifications.results.items()))
    figure = specification_curve(results, specifications.choices, preferred="s4", ylabel="Effect on y", **BAND)
    top, bottom = figure.axes
    shown = {line.get_label(): line for line in top.lines}
    outside = [effects.conf_int()["low"].iloc[0] > 0 for effects in specifications.results.values()]
    assert shown["Zero outside"].get_xdata().tolist() == np.flatnonzero(outside).tolist()
    assert_allclose(shown["Zero inside"].get_ydata(), 0.3 + 0.02 * np.flatnonzero(~np.array(outside)))
    assert 0 < sum(outside) < 12
    preferred = next(line for line in top.lines if line.get_label() == "Preferred")
    assert preferred.get_xdata() == [4]
    rows = [label.get_text() for label in bottom.get_yticklabels()]
    assert rows == ["Controls", "Sample", "None", "Size", "All", "Late", "Early"]
    chosen = {
        line.get_ydata()[0]: line.get_xdata().tolist()
        for line in bottom.lines
        if 0 < len(line.get_xdata()) < 12 and line.get_marker() == "o"
    }
    assert chosen[1] == [0, 2, 4, 6, 8, 10]
    assert chosen[5] == [1, 4, 7, 10]
    tests = specification_tests(results, **BAND).tests
    p = [f"p = {value:.3f}" for value in tests["p_value"]]
    share = f"{sum(outside) / 12:.0%} significant at 5% and positive ({p[1]})"
    assert figure.get_supxlabel() == f"Median 0.41 ({p[0]}); {share}; tests of no effect in any specification"


def test_curve_refuses_choices_that_do_not_match(specifications):
    results, choices = specifications.results, specifications.choices
    with pytest.raises(ReportError, match=r"1 specifications have none \(s0\), 0 rows"):
        specification_curve(results, choices.iloc[1:])
    with pytest.raises(ReportError, match=r"1 rows have no result \(s11\)"):
        specification_curve({k: v for k, v in results.items() if k != "s11"}, choices)
    with pytest.raises(ReportError, match="column 'Sample' misses 4"):
        specification_curve(results, choices.mask(choices == "Late"))
    with pytest.raises(ReportError, match="preferred specification 'main'"):
        specification_curve(results, choices, preferred="main")
