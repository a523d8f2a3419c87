import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen import GroupTimeATT, Panel
from aigreen.errors import (
    AigreenWarning,
    AlwaysTreatedWarning,
    ClusterVariesError,
    CollinearWarning,
    EstimationError,
    InfiniteValueError,
    MissingRowsWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    OverlapWarning,
    SmallCellWarning,
    TooFewClustersError,
    TooFewPeriodsError,
    UnbalancedWarning,
)

CLOSE = {"rtol": 0, "atol": 1e-9}


def make(seed=0, n=60, periods=6, cohorts=(0, 3, 5)):
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), periods),
            "year": np.tile(np.arange(1, periods + 1), n),
            "first": np.repeat(np.resize(cohorts, n), periods),
            "city": np.repeat(np.arange(n) % 20, periods),
            "size": np.repeat(size, periods),
            "age": rng.normal(size=n * periods),
            "w": np.repeat(rng.uniform(0.5, 2, n), periods),
        }
    )
    treated = (frame["first"] > 0) & (frame["year"] >= frame["first"])
    frame["y"] = frame["size"] * frame["year"] / 3 + 2.0 * treated + rng.normal(size=len(frame))
    return frame


def panel(frame, **columns):
    return Panel(frame, **({"unit": "firm", "time": "year", "cohort": "first"} | columns))


def quiet(frame, *, covariates=None, keys=None, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        return GroupTimeATT(**options).fit(panel(frame, **(keys or {})), "y", covariates=covariates)


def change(frame, cohort, base, year, column="y"):
    wide = frame[frame["first"] == cohort].pivot(index="firm", columns="year", values=column)
    return wide[year] - wide[base]


class TestByHand:
    def test_two_by_two_is_the_difference_of_means_with_its_error(self):
        frame = make(cohorts=(0, 3)).query("year in (2, 3)")
        effects = quiet(frame, control_group="never_treated")
        treated, controls = change(frame, 3, 2, 3), change(frame, 0, 2, 3)
        assert list(effects.index) == [(3, 3)]
        assert effects.values[0] == pytest.approx(treated.mean() - controls.mean(), abs=1e-12)
        variance = treated.var(ddof=0) / len(treated) + controls.var(ddof=0) / len(controls)
        assert effects.std_errors.iloc[0] == pytest.approx(np.sqrt(variance), abs=1e-12)

    def test_controls_that_are_not_yet_treated(self):
        frame = make()
        effects = quiet(frame, control_group="not_yet_treated").estimates
        pool = pd.concat([change(frame, 0, 2, 4), change(frame, 5, 2, 4)])
        assert effects[3, 4] == pytest.approx(change(frame, 3, 2, 4).mean() - pool.mean(), abs=1e-12)
        assert effects[3, 5] == pytest.approx(change(frame, 3, 2, 5).mean() - change(frame, 0, 2, 5).mean(), abs=1e-12)
        pool = pd.concat([change(frame, 0, 1, 2), change(frame, 3, 1, 2)])
        assert effects[5, 2] == pytest.approx(change(frame, 5, 1, 2).mean() - pool.mean(), abs=1e-12)

    @pytest.mark.parametrize(("base_period", "base"), [("varying", 2), ("universal", 4)])
    def test_base_period_before_treatment(self, base_period, base):
        frame = make()
        effects = quiet(frame, control_group="never_treated", base_period=base_period)
        expected = change(frame, 5, base, 3).mean() - change(frame, 0, base, 3).mean()
        assert effects.estimates[5, 3] == pytest.approx(expected, abs=1e-12)
        assert ((5, 1) in effects.index) == (base_period == "universal")
        if base_period == "universal":
            assert effects.estimates[5, 4] == 0
            assert effects.std_errors[5, 4] == 0

    def test_anticipation_moves_the_base_back(self):
        frame = make()
        effects = quiet(frame, anticipation=1, base_period="universal")
        pool = change(frame, 0, 3, 5)
        assert effects.estimates[5, 5] == pytest.approx(change(frame, 5, 3, 5).mean() - pool.mean(), abs=1e-12)
        assert effects.estimates[5, 3] == 0
        pool = pd.concat([change(frame, 0, 1, 3), change(frame, 5, 1, 3)])
        assert effects.estimates[3, 3] == pytest.approx(change(frame, 3, 1, 3).mean() - pool.mean(), abs=1e-12)

    def test_regression_adjusts_by_the_controls_slope_at_the_base(self):
        frame = make()
        effects = quiet(frame, method="reg", control_group="never_treated", covariates=["size", "age"])
        at_base = frame[frame["year"] == 2].set_index("firm")[["size", "age"]].assign(one=1.0)
        treated, controls = change(frame, 3, 2, 5), change(frame, 0, 2, 5)
        beta = np.linalg.lstsq(at_base.loc[controls.index], controls, rcond=None)[0]
        expected = treated.mean() - at_base.loc[treated.index].mean() @ beta
        assert effects.estimates[3, 5] == pytest.approx(expected, abs=1e-10)

    def test_weighting_by_a_binary_covariate_is_a_weighted_mean_of_strata(self):
        frame = make()
        frame["large"] = (frame["firm"] % 4 == 0).astype(float)
        large = frame.drop_duplicates("firm").set_index("firm")["large"]
        treated, controls = change(frame, 3, 2, 5), change(frame, 0, 2, 5)
        share = large[treated.index].mean()
        means = controls.groupby(large[controls.index]).mean()
        expected = treated.mean() - share * means[1.0] - (1 - share) * means[0.0]
        for method in ("dr", "ipw", "reg"):
            effects = quiet(frame, method=method, control_group="never_treated", covariates=["large"])
            assert effects.estimates[3, 5] == pytest.approx(expected, abs=1e-10)

    def test_masses_are_cohort_shares_and_averages_follow(self):
        frame = make(cohorts=(0, 3, 3, 5))
        effects = quiet(frame)
        np.testing.assert_allclose(effects.mass.value, [0.5, 0.25], **CLOSE)
        post = effects.estimates[effects.post]
        expected = np.average(post, weights=[2] * 4 + [1] * 2)
        assert effects.overall().values[0] == pytest.approx(expected, abs=1e-12)

    def test_cohorts_count_by_mean_or_by_first_weights(self):
        frame = make(cohorts=(0, 3, 3, 5))
        frame["w"] = np.random.default_rng(1).uniform(0.5, 2, len(frame))
        by_firm = frame.groupby("firm").agg(first=("first", "first"), mean=("w", "mean"), start=("w", "first"))
        found = {}
        for option, column in (("mean", "mean"), ("first", "start")):
            effects = quiet(frame, keys={"weights": "w"}, cohort_weights=option)
            shares = by_firm.groupby("first")[column].sum() / by_firm[column].sum()
            np.testing.assert_allclose(effects.mass.value, shares[[3, 5]], **CLOSE)
            own = by_firm[column] / by_firm[column].sum()
            influence = own * ((by_firm["first"] == 3) - shares[3])
            np.testing.assert_allclose(effects.mass.influence[:, 0], influence, **CLOSE)
            found[option] = effects.overall().values[0]
        assert abs(found["mean"] - found["first"]) > 1e-4
        constant = [quiet(make(), keys={"weights": "w"}, cohort_weights=option).overall() for option in found]
        np.testing.assert_allclose(constant[0].values, constant[1].values, **CLOSE)


class TestPropensityCovariates:
    def test_either_model_may_be_right(self):
        """Trends and cohorts depend on size: it suffices in one model, and is missed where it is in none."""
        frame = make(n=3000)
        rng = np.random.default_rng(2)
        late = rng.random(3000) < 1 / (1 + np.exp(-frame.groupby("firm")["size"].first()))
        frame["first"] = np.repeat(np.where(late, 3, 0), 6)
        noise = rng.normal(size=len(frame))
        frame["y"] = frame["size"] * frame["year"] + 2.0 * ((frame["first"] == 3) & (frame["year"] >= 3)) + noise / 3

        def effect(**covariates):
            fit = GroupTimeATT().fit(panel(frame), "y", **covariates)
            return fit.aggregate("simple").values[0]

        assert effect(covariates=["size"], propensity_covariates=[]) == pytest.approx(2, abs=0.1)
        assert effect(propensity_covariates="size") == pytest.approx(2, abs=0.25)
        assert effect() > 3
        assert effect(covariates=["age"], propensity_covariates=[]) > 3

    def test_default_and_cross_sections(self):
        frame = make(n=300)
        for sampling in ("panel", "repeated_cross_sections"):
            estimator, p = GroupTimeATT(sampling=sampling), panel(frame)
            same = estimator.fit(p, "y", covariates=["size", "age"], propensity_covariates=["size", "age"])
            default = estimator.fit(p, "y", covariates=["size", "age"])
            np.testing.assert_allclose(same.values, default.values, rtol=0, atol=1e-8)
            np.testing.assert_allclose(same.psi, default.psi, rtol=0, atol=1e-8)
            apart = estimator.fit(p, "y", covariates=["size"], propensity_covariates=["age"])
            assert np.abs(apart.values - default.values).max() > 1e-3

    @pytest.mark.parametrize("method", ["ipw", "reg"])
    def test_needs_two_models(self, method):
        with pytest.raises(OptionError, match=r"propensity_covariates=\['size'\]: use one of \"None with method='ipw'"):
            GroupTimeATT(method=method).fit(panel(make()), "y", propensity_covariates=["size"])


class TestUnbalanced:
    def test_pairwise_differences_use_units_seen_in_both_periods(self):
        frame = make()
        gone = frame["firm"].isin([0, 1]) & (frame["year"] == 4)
        effects = quiet(frame[~gone], control_group="never_treated").estimates
        complete = quiet(frame, control_group="never_treated").estimates
        assert effects[3, 5] == pytest.approx(complete[3, 5], abs=1e-12)
        treated, controls = change(frame, 3, 2, 4).drop(1), change(frame, 0, 2, 4).drop(0)
        assert effects[3, 4] == pytest.approx(treated.mean() - controls.mean(), abs=1e-12)

    def test_balanced_drops_units_and_counts_them(self):
        frame = make()
        gone = frame["firm"].isin([0, 1]) & (frame["year"] == 4)
        with pytest.warns(UnbalancedWarning, match="2 units left out: not seen in every period; first: 0, 1"):
            effects = GroupTimeATT(sampling="balanced").fit(panel(frame[~gone]), "y")
        expected = quiet(frame[~frame["firm"].isin([0, 1])])
        np.testing.assert_allclose(effects.values, expected.values, **CLOSE)
        np.testing.assert_allclose(effects.std_errors, expected.std_errors, **CLOSE)
        assert effects.n_units == 58
        assert effects.dropped["count"].tolist() == [2]

    def test_cross_sections_compare_means(self):
        frame = make().sample(frac=0.7, random_state=1)
        effects = quiet(frame, sampling="repeated_cross_sections", control_group="never_treated").estimates
        means = frame.groupby(["first", "year"])["y"].mean()
        expected = means[3, 5] - means[3, 2] - means[0, 5] + means[0, 2]
        assert effects[3, 5] == pytest.approx(expected, abs=1e-12)

    def test_missing_outcomes_are_missing_rows(self):
        frame = make()
        frame.loc[[3, 50], "y"] = np.nan
        with pytest.warns(MissingRowsWarning, match="2 rows left out"):
            effects = GroupTimeATT().fit(panel(frame), "y")
        expected = quiet(frame.dropna())
        np.testing.assert_allclose(effects.values, expected.values, **CLOSE)
        assert effects.psi.shape == (60, len(effects))

    @pytest.mark.parametrize("covariates", [None, ["size", "age"]])
    def test_the_path_for_gaps_equals_the_shared_one(self, covariates):
        frame = make()
        absent = pd.DataFrame({"firm": [999], "year": [1], "first": [0], "size": [0.0], "age": [0.0], "y": [0.0]})
        shared_fits = quiet(frame, covariates=covariates)
        cell_by_cell = quiet(pd.concat([frame, absent]), covariates=covariates)
        np.testing.assert_allclose(cell_by_cell.values, shared_fits.values, **CLOSE)
        np.testing.assert_allclose(cell_by_cell.std_errors, shared_fits.std_errors, **CLOSE)


class TestClustersAndWeights:
    @pytest.mark.parametrize("covariates", [None, ["size", "age"]])
    def test_cluster_influence_is_the_sum_over_units(self, covariates):
        frame = make()
        by_unit = quiet(frame, covariates=covariates)
        by_city = quiet(frame, covariates=covariates, keys={"cluster": "city"})
        np.testing.assert_allclose(by_city.values, by_unit.values, **CLOSE)
        summed = by_unit.influence.groupby(np.arange(60) % 20).sum()
        np.testing.assert_allclose(by_city.psi, summed, **CLOSE)

    def test_subgroups_stay_on_the_clusters_of_the_panel(self):
        frame = make()
        whole = panel(frame, cluster="city")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            large = GroupTimeATT().fit(whole[frame["size"] > 0], "y").overall()
            small = GroupTimeATT().fit(whole[frame["size"] <= 0], "y").overall()
        assert large.psi.shape == (20, 1)
        assert (large - small).std_errors.iloc[0] > 0

    def test_integer_weights_equal_copies(self):
        frame = make()
        frame["w"] = 1.0 + frame["firm"] % 3
        copies = [frame[frame["w"] > j].assign(firm=lambda f, j=j: f["firm"] + 1000 * j) for j in range(3)]
        keys = {"cluster": "city"}
        weighted = quiet(frame, keys=keys | {"weights": "w"}, covariates=["size"])
        copied = quiet(pd.concat(copies), keys=keys, covariates=["size"])
        np.testing.assert_allclose(weighted.values, copied.values, **CLOSE)
        np.testing.assert_allclose(weighted.std_errors, copied.std_errors, **CLOSE)
        for how in ("simple", "group", "event_study"):
            mine, theirs = weighted.aggregate(how), copied.aggregate(how)
            np.testing.assert_allclose(mine.values, theirs.values, **CLOSE)
            np.testing.assert_allclose(mine.std_errors, theirs.std_errors, **CLOSE)

    def test_weights_that_vary_are_those_of_the_base(self):
        frame = make().assign(w=lambda f: f["age"] ** 2)
        effects = quiet(frame, keys={"weights": "w"}, control_group="never_treated").estimates
        treated, controls = (
            np.average(change(frame, g, 2, 5), weights=frame[(frame["first"] == g) & (frame["year"] == 2)]["w"])
            for g in (3, 0)
        )
        assert effects[3, 5] == pytest.approx(treated - controls, abs=1e-12)

    def test_weight_zero_is_absence(self):
        frame = make()
        frame.loc[frame["firm"] < 3, "w"] = 0
        weighted = quiet(frame, keys={"weights": "w"}, covariates=["size"])
        absent = quiet(frame[frame["firm"] >= 3], keys={"weights": "w"}, covariates=["size"])
        np.testing.assert_allclose(weighted.values, absent.values, **CLOSE)
        np.testing.assert_allclose(weighted.std_errors, absent.std_errors, **CLOSE)


class TestBadInput:
    def test_options(self):
        with pytest.raises(OptionError, match=r"use one of 'dr', 'ipw', 'reg'"):
            GroupTimeATT(method="drr")
        with pytest.raises(OptionError, match="never_treated"):
            GroupTimeATT(control_group="never-treated")
        with pytest.raises(OptionError, match="anticipation"):
            GroupTimeATT(anticipation=-1)

    def test_nobody_treated(self):
        with pytest.raises(NoTreatedError):
            GroupTimeATT().fit(panel(make(cohorts=(0,))), "y")
        with pytest.raises(NoTreatedError):
            GroupTimeATT().fit(panel(make(cohorts=(0, 9))), "y")

    def test_treated_from_the_start_are_counted(self):
        with pytest.warns(AlwaysTreatedWarning, match="20 units left out.*first: 1, 4, 7"):
            effects = GroupTimeATT().fit(panel(make(cohorts=(0, 1, 4))), "y")
        assert effects.n_units == 40
        assert set(effects.index.get_level_values("cohort")) == {4}

    @pytest.mark.filterwarnings("ignore::aigreen.errors.CohortWarning")
    def test_no_period_before_treatment(self):
        with pytest.raises(NoPrePeriodError, match="30 treated units"):
            GroupTimeATT().fit(panel(make(cohorts=(0, 1))), "y")
        with pytest.raises(NoPrePeriodError, match="anticipation 2"):
            GroupTimeATT(anticipation=2).fit(panel(make(cohorts=(0, 3))), "y")

    def test_no_controls(self):
        with pytest.raises(NoControlsError, match="not_yet_treated"):
            GroupTimeATT(control_group="never_treated").fit(panel(make(cohorts=(3, 5))), "y")
        with pytest.raises(NoControlsError):
            GroupTimeATT().fit(panel(make(cohorts=(2,))), "y")

    def test_all_treated_in_the_end_leaves_cells_without_controls_counted(self):
        with pytest.warns(OverlapWarning, match=r"6 group-time effects left out: no unit is still untreated.*\(3, 5\)"):
            effects = GroupTimeATT().fit(panel(make(cohorts=(3, 5))), "y")
        assert list(effects.index) == [(3, 2), (3, 3), (3, 4), (5, 2)]

    def test_cohorts_after_the_last_period_are_never_treated_and_said_so(self):
        later, never = quiet(make(cohorts=(9, 3, 5))), quiet(make(cohorts=(0, 3, 5)))
        np.testing.assert_allclose(later.values, never.values, **CLOSE)
        assert "20 units" in later.conventions["never treated"]

    def test_a_cohort_of_one_unit_is_named(self):
        frame = make()
        frame.loc[frame["firm"] == 0, "first"] = 4
        with pytest.warns(SmallCellWarning, match=r"5 group-time effects .*\(4, 2\)") as caught:
            GroupTimeATT().fit(panel(frame), "y")
        assert len(caught) == 1

    def test_a_cohort_in_few_clusters_is_named(self):
        frame = make(cohorts=(0, 0, 3))
        frame.loc[frame["first"] == 3, "city"] = 100 + frame["firm"] % 2
        with pytest.warns(SmallCellWarning, match=r"5 group-time effects .*treated clusters.*\(3, 2\)"):
            GroupTimeATT().fit(panel(frame, cluster="city"), "y")

    def test_warnings_point_at_the_callers_line(self):
        frame = make(cohorts=(0, 1, 3)).assign(flat=1.0)
        frame.loc[frame["firm"] == 0, "first"] = 4
        frame.loc[14, "y"] = np.nan
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            GroupTimeATT(control_group="never_treated", sampling="balanced").fit(
                panel(frame), "y", covariates=["size", "flat"]
            )
        kinds = {MissingRowsWarning, AlwaysTreatedWarning, UnbalancedWarning, CollinearWarning, SmallCellWarning}
        assert kinds <= {w.category for w in caught}
        assert {w.filename for w in caught} == {__file__}

    def test_separation_names_the_cells_and_leaves_them_out(self):
        frame = make()
        frame.loc[frame["first"] == 3, "size"] += 100
        with pytest.warns(OverlapWarning, match=r"5 group-time effects left out: propensity scores.*\(3, 2\)"):
            effects = GroupTimeATT(control_group="never_treated").fit(panel(frame), "y", covariates=["size"])
        assert set(effects.index.get_level_values("cohort")) == {5}
        assert effects.dropped["count"].tolist() == [5]
        assert np.isfinite(effects.std_errors).all()

    def test_every_cell_fails(self):
        frame = make(cohorts=(0, 3))
        frame.loc[frame["first"] == 3, "size"] += 100
        with pytest.raises(EstimationError, match="propensity"):
            GroupTimeATT(base_period="universal").fit(panel(frame), "y", covariates=["size"])

    def test_collinear_covariates_are_counted(self):
        frame = make().assign(double=lambda f: 3 - 2 * f["size"], flat=0.1)
        with pytest.warns(CollinearWarning, match="2 covariates left out.*flat, double"):
            effects = GroupTimeATT().fit(panel(frame), "y", covariates=["flat", "size", "double"])
        expected = quiet(frame, covariates=["size"])
        np.testing.assert_allclose(effects.values, expected.values, **CLOSE)

    def test_clusters(self):
        frame = make()
        with pytest.raises(TooFewClustersError):
            GroupTimeATT().fit(panel(frame.assign(city=1), cluster="city"), "y")
        frame.loc[0, "city"] = 7
        with pytest.raises(ClusterVariesError, match=r"1 unit moves between clusters; .*; first: 0"):
            GroupTimeATT().fit(panel(frame, cluster="city"), "y")

    def test_values(self):
        frame = make()
        frame.loc[5, "y"] = np.inf
        with pytest.raises(InfiniteValueError):
            GroupTimeATT().fit(panel(frame), "y")
        frame.loc[frame["year"] > 1, "y"] = np.nan
        frame.loc[5, "y"] = np.nan
        with pytest.raises(TooFewPeriodsError), pytest.warns(MissingRowsWarning):
            GroupTimeATT().fit(panel(frame), "y")

    def test_a_column_named_class(self):
        frame = make().rename(columns={"size": "class"})
        assert len(quiet(frame, covariates=["class"])) == 10


designs = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "method": st.sampled_from(["dr", "ipw", "reg"]),
        "control_group": st.sampled_from(["never_treated", "not_yet_treated"]),
        "base_period": st.sampled_from(["varying", "universal"]),
        "sampling": st.sampled_from(["panel", "balanced", "repeated_cross_sections"]),
        "gaps": st.booleans(),
    }
)


def design(seed, gaps, **options):
    frame = make(seed=seed)
    frame = frame.sample(frac=0.95, random_state=seed) if gaps and options["sampling"] != "balanced" else frame
    return frame, options | {"covariates": ["size"]}


class TestProperties:
    @settings(max_examples=25, deadline=None)
    @given(designs)
    def test_row_order_and_labels_do_not_matter(self, drawn):
        frame, options = design(**drawn)
        expected = quiet(frame, **options)
        relabelled = frame.sample(frac=1, random_state=1).assign(firm=lambda f: "f" + (f["firm"] * 37 % 61).astype(str))
        effects = quiet(relabelled, **options)
        np.testing.assert_allclose(effects.values, expected.values, **CLOSE)
        np.testing.assert_allclose(effects.std_errors, expected.std_errors, **CLOSE)

    @settings(max_examples=25, deadline=None)
    @given(designs, st.floats(-100, 100), st.floats(0.1, 10))
    def test_location_and_scale_of_outcome_and_covariate(self, drawn, shift, scale):
        frame, options = design(**drawn)
        expected = quiet(frame, **options)
        moved = frame.assign(y=shift + scale * frame["y"], size=shift - scale * frame["size"])
        effects = quiet(moved, **options)
        np.testing.assert_allclose(effects.values, scale * expected.values, rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(effects.std_errors, scale * expected.std_errors, rtol=1e-7, atol=1e-7)

    @settings(max_examples=25, deadline=None)
    @given(designs)
    def test_halved_weights_on_a_doubled_panel_are_the_same_in_clusters(self, drawn):
        frame, options = design(**drawn)
        keys = {"cluster": "city", "weights": "w"}
        expected = quiet(frame, keys=keys, **options)
        half = frame.assign(w=frame["w"] / 2)
        doubled = quiet(pd.concat([half, half.assign(firm=half["firm"] + 1000)]), keys=keys, **options)
        np.testing.assert_allclose(doubled.values, expected.values, **CLOSE)
        np.testing.assert_allclose(doubled.std_errors, expected.std_errors, **CLOSE)
        for how in ("simple", "event_study"):
            np.testing.assert_allclose(doubled.aggregate(how).std_errors, expected.aggregate(how).std_errors, **CLOSE)
