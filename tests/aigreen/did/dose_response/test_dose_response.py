"""Dose responses against closed forms, group-time effects by bin and regressions written out with loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import DoseResponse, Panel, concat, load
from aigreen.errors import OverlapWarning, SmallCellWarning

from .doses import KEYS, dense, firms, fit, group_time, panel

TIGHT = {"rtol": 0, "atol": 1e-12}
NEVER = {"control_group": "never_treated"}


def without_noise(effect, cohorts=(0, 3, 5), low=(0, 1, 1), high=(0, 6, 6)) -> pd.DataFrame:
    """Thirty firms a cohort, doses evenly spaced; `effect` of cohort, year and dose is all that is not additive."""
    rows = []
    for g, a, b in zip(cohorts, low, high, strict=True):
        for i, d in enumerate(np.linspace(a, b, 30)):
            for t in range(1, 7):
                on = 0 < g <= t
                rows.append((100 * g + i, t, g, d if on else 0.0, i / 7 + t**2 / 5 + (effect(g, t, d) if on else 0.0)))
    return pd.DataFrame(rows, columns=["firm", "year", "first", "dose", "y"])


def test_two_periods_and_degree_one_are_least_squares_on_the_dose():
    frame = firms(cohorts=(0, 3)).query("year in (2, 3)")
    found = fit(frame, degree=1, at=[2.5, 4.0])
    wide = frame.pivot(index="firm", columns="year", values="y")
    change, first = wide[3] - wide[2], frame.groupby("firm")["first"].first()
    y, d = change[first == 3], frame[frame["dose"] > 0].set_index("firm")["dose"]
    slope, level = np.polyfit(d, y, 1)
    expected = level + slope * np.array([2.5, 4.0]) - change[first == 0].mean()
    np.testing.assert_allclose(found["level"].values, expected, **TIGHT)
    np.testing.assert_allclose(found["acr"].values, slope, **TIGHT)
    # Errors of White, and of the mean of the controls.
    e, x = y - level - slope * d, d - d.mean()
    np.testing.assert_allclose(found["acr"].std_errors, np.sqrt((x**2 * e**2).sum()) / (x**2).sum(), **TIGHT)
    weight = [1 / len(d) + x * (dose - d.mean()) / (x**2).sum() for dose in (2.5, 4.0)]
    control = change[first == 0].var(ddof=0) / (first == 0).sum()
    errors = [np.sqrt((w**2 * e**2).sum() + control) for w in weight]
    np.testing.assert_allclose(found["level"].std_errors, errors, **TIGHT)


def test_curves_in_the_span_are_found_exactly():
    frame = without_noise(lambda g, t, d: 1 + 0.1 * d**3 - 0.5 * d**2 + d)
    found = fit(frame, at=[1.0, 2.5, 6.0])
    d = np.array([1.0, 2.5, 6.0])
    np.testing.assert_allclose(found["level"].values, 1 + 0.1 * d**3 - 0.5 * d**2 + d, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found["acr"].values, 0.3 * d**2 - d + 1, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.std_errors, 0, atol=1e-9)


def test_a_knot_at_each_dose_of_few_is_a_mean_for_each():
    frame = firms(cohorts=(0, 3))
    frame["dose"] = frame["dose"].round().clip(upper=4).where(frame["dose"] == 0, frame["dose"].round().clip(2, 4))
    found = fit(frame, degree=1, knots=[3.0], at=[2, 3, 4])
    bins = fit(frame, basis="bins", knots=[3.0, 4.0])
    np.testing.assert_allclose(found["level"].values, bins["level"].values, **TIGHT)
    np.testing.assert_allclose(found["level"].psi, bins["level"].psi, **TIGHT)
    assert bins.index.tolist() == [("level", 2.0), ("level", 3.0), ("level", 4.0)]
    level = found["level"].values
    np.testing.assert_allclose(found["acr"].values, np.diff(level)[[0, 1, 1]], **TIGHT)


@pytest.mark.parametrize("keys", [{}, {"cluster": "city", "weights": "w"}])
def test_bins_are_group_time_effects_of_the_firms_in_them(keys):
    frame = firms()
    found = fit(frame, keys=keys, basis="bins", knots=[2.0, 3.5], covariates=["size"], **NEVER)["level"]
    own = frame.groupby("firm")["dose"].transform("max")
    whole = panel(frame, **keys)
    for j, (low, high) in enumerate([(0.1, 2.0), (2.0, 3.5), (3.5, np.inf)]):
        some = (frame["first"] == 0) | ((own >= low) & (own < high))
        alone = group_time(frame[some], keys=keys, covariates=["size"], **NEVER).overall()
        assert found.values[j] == pytest.approx(alone.values[0], abs=1e-12)
        np.testing.assert_allclose(found.psi[whole.clusters.isin(alone.clusters), j], alone.psi[:, 0], **TIGHT)


@pytest.mark.parametrize("options", [{}, {"knots": 2, "degree": 2, **NEVER}, {"basis": "bins"}])
@pytest.mark.parametrize(("keys", "covariates"), [({}, None), ({"cluster": "city", "weights": "w"}, ["size", "age"])])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_the_overall_level_is_that_of_adoption_itself(options, keys, covariates, missing):
    frame = firms(missing=missing)
    frame = frame[(frame["first"] == 0) | frame["firm"].isin(frame.loc[frame["dose"] > 0, "firm"])]
    cells = fit(frame, how="group_time", keys=keys, covariates=covariates, **options)["level"]
    controls = {name: value for name, value in options.items() if name == "control_group"}
    binary = group_time(frame, keys=keys, covariates=covariates, **controls)
    assert list(cells.index) == list(binary.index)
    for ours, theirs in (
        (cells, binary),
        (cells.overall(), binary.overall()),
        (cells.event_study(), binary.event_study()),
    ):
        np.testing.assert_allclose(ours.values, theirs.values, **TIGHT)
        np.testing.assert_allclose(ours.psi, theirs.psi, **TIGHT)
        np.testing.assert_allclose(ours.conf_int(), theirs.conf_int(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("options", [{}, {"knots": 2, "degree": 2}, {"basis": "bins", "knots": 4}])
def test_the_curve_averages_to_it_over_the_doses(options):
    frame = firms()
    overall = group_time(frame).overall().values[0]
    doses = frame[frame["dose"] > 0].groupby("firm")["dose"].agg(["first", "size"])
    level = fit(frame, at=doses["first"].sort_values().to_list(), **options)["level"]
    weights = doses.set_index("first")["size"].reindex(level.index)
    assert np.average(level.values, weights=weights) == pytest.approx(overall, abs=1e-12)


def test_without_knots_the_responses_average_over_the_doses_too():
    frame = firms()
    doses = frame[frame["dose"] > 0].groupby("firm")["dose"].agg(["first", "size"])
    response = fit(frame, at=doses["first"].sort_values().to_list())["acr"]
    weights = doses.set_index("first")["size"].reindex(response.index)
    overall = fit(frame, how="group_time")["acr"].overall().values[0]
    assert np.average(response.values, weights=weights) == pytest.approx(overall, abs=1e-10)


@pytest.mark.parametrize(("knots", "degree", "covariates"), [([], 3, []), ([2.0, 3.0], 2, ["size", "age"])])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_equals_regressions_written_out(knots, degree, covariates, missing):
    frame, at = firms(missing=missing), [1.7, 2.5, 4.0]
    frame = frame[(frame["first"] == 0) | frame["firm"].isin(frame.loc[frame["dose"] > 0, "firm"])]
    level, response, overall, slope = dense(frame, at, knots, degree, covariates)
    same = {"keys": {"weights": "w"}, "covariates": covariates, "knots": knots or 0, "degree": degree, **NEVER}
    found = fit(frame, at=at, **same)
    np.testing.assert_allclose(found["level"].values, level, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found["acr"].values, response, rtol=0, atol=1e-10)
    averages = fit(frame, how="group_time", **same).overall()
    np.testing.assert_allclose(averages.values, [overall, slope], rtol=0, atol=1e-10)


def test_who_has_which_dose_moves_the_level_but_not_the_response():
    # Early adopters have higher doses and more of an effect, which the dose does not change.
    frame = without_noise(lambda g, t, d: 2.0 * (g == 3), low=(0, 2, 1), high=(0, 6, 5))
    found = fit(frame, at=[2.5, 4.5])
    assert found["level"].values[1] - found["level"].values[0] > 0.1
    np.testing.assert_allclose(found["acr"].values, 0, atol=1e-10)
    cells = fit(frame, how="group_time", at=[2.5, 4.5])
    np.testing.assert_allclose(cells["level"].overall().values, 2 * 4 / 6, rtol=0, atol=1e-10)


def test_margins_add_up():
    frame = firms()
    margins = fit(frame, how="margins")
    assert margins.index.tolist() == ["overall", "extensive", "intensive", "acr"]
    averages = fit(frame, how="group_time").overall()
    np.testing.assert_allclose(margins.values[[0, 3]], averages.values, **TIGHT)
    np.testing.assert_allclose(margins.psi[:, [0, 3]], averages.psi, **TIGHT)
    lowest = fit(frame, at=[frame.loc[frame["dose"] > 0, "dose"].min()])["level"]
    np.testing.assert_allclose(margins.values[1], lowest.values[0], **TIGHT)
    np.testing.assert_allclose(margins.psi[:, 1], lowest.psi[:, 0], **TIGHT)
    np.testing.assert_allclose(margins.values[0], margins.values[1:3].sum(), **TIGHT)
    np.testing.assert_allclose(margins.psi[:, 0], margins.psi[:, 1:3].sum(axis=1), **TIGHT)
    bins = fit(frame, how="margins", basis="bins", knots=[2.0])
    assert bins.index.tolist() == ["overall", "extensive", "intensive"]
    first = fit(frame, basis="bins", knots=[2.0])["level"]
    np.testing.assert_allclose(bins.values[1], first.values[0], **TIGHT)


def test_cohorts_and_periods_have_their_own_curves():
    frame = without_noise(lambda g, t, d: g / 10 + (t - g) + d**2 * g / 20)
    cells = fit(frame, how="group_time", degree=2, at=[2.0, 3.0])
    assert cells.index.names == ["estimand", "dose", "cohort", "time"]
    estimates = cells.estimates
    assert estimates["level", 3.0, 5, 6] == pytest.approx(0.5 + 1 + 9 / 4, abs=1e-10)
    assert estimates["acr", 3.0, 5, 6] == pytest.approx(3 / 2, abs=1e-10)
    assert estimates["level", 2.0, 3, 2] == pytest.approx(0, abs=1e-10)
    assert estimates["acr", 2.0, 3, 4] == pytest.approx(2 * 3 / 10, abs=1e-10)


def test_a_universal_base_is_a_zero_in_both():
    cells = fit(firms(), how="group_time", base_period="universal")
    zeros = cells.select(np.asarray(cells.std_errors == 0))
    assert zeros.index.tolist() == [("level", 3, 2), ("level", 5, 4), ("acr", 3, 2), ("acr", 5, 4)]
    assert not zeros.values.any()
    study = cells.event_study()
    assert study["level"].leads == "path"
    assert study["acr"].index.tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
    by_dose = fit(firms(), how="group_time", base_period="universal", at=[2.0, 3.0])
    assert by_dose.estimates["acr", 3.0, 5, 4] == 0
    assert by_dose.estimates["acr", 3.0, 5, 6] != 0


@pytest.fixture
def growing() -> pd.DataFrame:
    """Doses grow by a half a year after adoption, and the effect is the square of the present one."""
    frame = without_noise(lambda g, t, d: (d + (t - g) / 2) ** 2)
    frame["dose"] += np.where(frame["dose"] > 0, (frame["year"] - frame["first"]) / 2, 0)
    return frame


def test_the_dose_of_each_period(growing):
    found = fit(growing, degree=2, dose_path="current", at=[2.0, 7.0])
    np.testing.assert_allclose(found["level"].values, [4, 49], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["acr"].values, [4, 14], rtol=0, atol=1e-9)


def test_the_dose_at_adoption(growing):
    found = fit(growing, degree=2, dose_path="first", at=[2.0])
    # Cohort 3 is seen for four years, cohort 5 for two: mean of (2 + h/2)^2 over their six horizons.
    horizons = np.array([0, 1, 2, 3, 0, 1])
    np.testing.assert_allclose(found["level"].values, np.mean((2 + horizons / 2) ** 2), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["acr"].values, np.mean(2 * (2 + horizons / 2)), rtol=0, atol=1e-9)


def test_doses_written_on_all_rows_are_the_same():
    frame = firms()
    written = frame.assign(dose=frame.groupby("firm")["dose"].transform("max"))
    absent = frame.assign(dose=frame["dose"].where(frame["dose"] > 0))
    for other in (written, absent):
        np.testing.assert_array_equal(fit(other).values, fit(frame).values)
        current = fit(other, dose_path="current", at=[2.0])
        np.testing.assert_allclose(current.psi, fit(frame, at=[2.0]).psi, **TIGHT)


def test_cohorts_that_identify_no_curve_count_in_the_level_only():
    frame = firms()
    keep = frame.loc[frame["first"] == 5, "firm"].unique()[:3]
    frame = frame[(frame["first"] != 5) | frame["firm"].isin(keep)]
    with (
        pytest.warns(SmallCellWarning),
        pytest.warns(OverlapWarning, match=r"2 causal responses by cohort and time"),
    ):
        found = DoseResponse().fit(panel(frame), "y", dose="dose", at=[2.0, 3.0])
    assert found.dropped[["what", "count", "first"]].values.tolist() == [
        ["causal responses by cohort and time", 2, "(5, 5), (5, 6)"]
    ]
    alone = fit(frame, how="group_time", at=[2.0, 3.0])["acr"]
    assert set(alone.index.get_level_values("cohort")) == {3}
    np.testing.assert_allclose(found["acr"].values, alone.overall().values, rtol=0, atol=1e-10)
    overall = fit(frame, how="group_time")
    np.testing.assert_allclose(overall["level"].overall().values, group_time(frame).overall().values, **TIGHT)


def test_levels_remain_where_no_cohort_identifies_a_curve():
    frame = firms(cohorts=(0, 0, 0, 2, 3, 4, 5, 6), n=24)
    with pytest.warns(SmallCellWarning), pytest.warns(OverlapWarning):
        found = DoseResponse().fit(panel(frame), "y", dose="dose")
    assert set(found.index.get_level_values("estimand")) == {"level"}


def test_few_units_for_a_curve_are_warned_about():
    frame = firms(cohorts=(0, 3), n=16)
    with pytest.warns(SmallCellWarning, match="fewer than 9 treated units for 4 functions of the dose"):
        DoseResponse().fit(panel(frame), "y", dose="dose")


def test_clusters_that_determine_a_bin_have_less_to_say_of_it():
    # In bins the loss is a cluster's share, as for group-time effects of the firms in them.
    frame = firms(cohorts=(0, 3))
    frame["place"] = frame["firm"] % 8 + 10 * (frame["first"] > 0)
    found = fit(frame, keys={"cluster": "place"}, basis="bins", knots=[3.0])["level"]
    own = frame.groupby("firm")["dose"].transform("max")
    for j, some in enumerate([(own > 0) & (own < 3), own >= 3]):
        alone = group_time(frame[(frame["first"] == 0) | some], keys={"cluster": "place"}).overall()
        ours = found.effective_clusters().iloc[j]
        theirs = alone.effective_clusters().iloc[0]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)
        np.testing.assert_allclose(found.conf_int().iloc[j], alone.conf_int().iloc[0], rtol=0, atol=1e-10)


def test_beside_other_results_intervals_are_the_same():
    frame = firms(n=80)
    response, binary = fit(frame, how="group_time")["acr"].overall(), group_time(frame).overall()
    both = concat({"binary": binary, "response": response}).conf_int()
    np.testing.assert_allclose(both.iloc[0], binary.conf_int().iloc[0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(both.iloc[1], response.conf_int().iloc[0], rtol=0, atol=1e-10)


def test_errors_of_a_line_are_those_of_leverage():
    frame = firms(cohorts=(0, 3), n=24).query("year in (2, 3)")
    found = fit(frame, degree=1, at=[2.0])["acr"]
    treated = frame[frame["dose"] > 0].set_index("firm")
    wide = frame.pivot(index="firm", columns="year", values="y").loc[treated.index]
    y, x = wide[3] - wide[2], treated["dose"] - treated["dose"].mean()
    slope = (x * y).sum() / (x**2).sum()
    e = y - y.mean() - slope * x
    leverage = 1 / len(x) + x**2 / (x**2).sum()
    expected = np.sqrt((x**2 * e**2 / (1 - leverage)).sum()) / (x**2).sum()
    assert found.effective_clusters()["small_sample_error"].iloc[0] == pytest.approx(expected, abs=1e-12)


def test_saved_and_read_again(tmp_path):
    frame = firms()
    for how in ("fit", "group_time", "margins"):
        result = fit(frame, how=how)
        result.save(tmp_path / how)
        again = load(tmp_path / how)
        pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())


def test_curves_are_drawn():
    result = fit(firms(), at=[3.0, 1.5, 2.0])
    ax = result["level"].plot(simultaneous=True, n_draws=99)
    curve = ax.lines[1]
    assert curve.get_xdata().tolist() == [1.5, 2.0, 3.0]
    assert curve.get_ydata().tolist() == result["level"].values[[1, 2, 0]].tolist()
    assert ax.get_xlabel() == "Dose"
    narrow, wide = (shade.get_paths()[0].get_extents().height for shade in (ax.collections[1], ax.collections[0]))
    assert wide > narrow > 0
    both = result.plot()
    assert [text.get_text() for text in both.get_legend().get_texts()] == ["level", "acr"]


def test_the_result_says_what_it_is():
    result = fit(firms(), keys={"cluster": "city"}, knots=[2.0])
    assert result.conventions["dose"].endswith("constant; knots: 2")
    assert "strong parallel trends" in result.summary()
    assert (result.n_rows, result.n_units, result.n_clusters) == (960, 160, 40)
    assert result.method == "dose response (splines of degree 3)"


def test_units_treated_after_the_last_period_need_no_dose():
    frame = firms()
    later = frame.assign(first=frame["first"].where(frame["first"] > 0, 9))
    np.testing.assert_array_equal(fit(later).values, fit(frame).values)


def test_rows_in_any_order():
    frame = firms(missing=0.1)
    mixed = frame.sample(frac=1, random_state=1)
    np.testing.assert_allclose(fit(mixed).values, fit(frame).values, **TIGHT)


def test_units_of_measurement_do_not_matter():
    frame = firms()
    found, scaled = fit(frame, knots=2), fit(frame.assign(dose=frame["dose"] * 1e4, y=frame["y"] * 10), knots=2)
    np.testing.assert_allclose(scaled["level"].values, 10 * found["level"].values, rtol=1e-9)
    np.testing.assert_allclose(scaled["acr"].values, found["acr"].values / 1e3, rtol=1e-8)
    assert Panel(frame, **KEYS).n_units == 160
