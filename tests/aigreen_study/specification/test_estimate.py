"""Estimates of specifications are the estimators' own numbers."""

import logging
import warnings
from dataclasses import replace

import numpy as np
import pytest

from aigreen import TWFE, GroupTimeATT, Imputation, Panel
from aigreen.did.balance import entropy_balance
from aigreen.errors import AigreenWarning, ConfigError, MissingRowsWarning, NoTreatedError, OverlapWarning
from aigreen_study.specification.calls import FITS, common_window
from aigreen_study.specification.estimate import fit, fit_all, one_effect
from aigreen_study.specification.menu import ESTIMATORS

from .parts import ROLES, estimate, same, specification


def test_every_estimator_is_fitted_by_something():
    assert list(FITS) == list(ESTIMATORS)


def test_regressions_are_those_of_twfe(frame, panel):
    same(estimate(frame, estimator="ols", covariates=("x",)), TWFE().fit(panel, "y", covariates=["x"])["treated"])
    poisson = TWFE(family="poisson", fixed_effects=["firm", "region^year"]).fit(panel, "count")["treated"]
    same(estimate(frame, estimator="poisson", outcome="count", fixed_effects=("firm", "region^year")), poisson)
    two_way = TWFE(vcov=("city", "year")).fit(panel, "y")["treated"]
    same(estimate(frame, estimator="ols", cluster=("city", "year")), two_way)
    by_region = TWFE().fit(Panel(frame, **ROLES | {"cluster": "region"}), "y")["treated"]
    same(estimate(frame, estimator="ols", cluster=("region",)), by_region)
    chosen = TWFE().fit(panel, "y", covariates=["x"])["x"]
    same(estimate(frame, estimator="ols", covariates=("x",), options={"term": "x"}), chosen)


def test_a_dose_may_be_lagged_and_has_no_value_where_the_unit_was_not_seen(frame):
    gap = frame[~((frame["firm"] == 3) & (frame["year"] == 2014))]
    spec = specification(estimator="ols", treatment="dose", options={"lag": "1"})
    with pytest.warns(MissingRowsWarning, match="81 rows left out: missing lag1_dose"):
        result = fit(spec, gap, ROLES)
    lagged = gap.sort_values(["firm", "year"])
    before = lagged.groupby("firm")[["dose", "year"]].shift()
    lagged = lagged.assign(lag1_dose=before["dose"].where(before["year"] == lagged["year"] - 1))
    with pytest.warns(MissingRowsWarning, match="81 rows left out: missing lag1_dose"):
        expected = TWFE().fit(Panel(lagged, **ROLES), "y", treatment="lag1_dose")
    same(one_effect(spec, result), expected)
    assert result.n_rows == 80 * 7 - 2


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_averages_over_treated_rows_are_those_of_the_estimators(frame, panel):
    same(estimate(frame, estimator="imputation"), Imputation().fit(panel, "y").overall())
    never = GroupTimeATT(control_group="never_treated").fit(panel, "y").aggregate("group").overall()
    options = {"control_group": "never_treated", "average": "group"}
    same(estimate(frame, estimator="group_time", options=options), never)
    factor = Imputation(factors=1).fit(panel, "y").overall()
    same(estimate(frame, estimator="imputation", options={"factors": "1"}), factor)
    assert factor.method == "Imputation (1 factor)"
    later = Imputation(anticipation=1).fit(Panel(frame, **ROLES | {"cohort": "later"}), "y").overall()
    same(estimate(frame, estimator="imputation", treatment="since(later)", options={"anticipation": "1"}), later)
    part = {"exposure": ("near",), "channels": ("m",)}
    parts = {
        name: estimate(frame, estimator="decomposition", options={"part": name}, **part).values[0]
        for name in ("total", "direct", "m", "spillover")
    }
    assert parts["total"] == pytest.approx(parts["direct"] + parts["m"] + parts["spillover"], abs=1e-12)


def test_samples_are_views_so_that_differences_have_the_right_error(frame, panel):
    east, west = (
        estimate(frame, estimator="imputation", id=name, sample=f"region == {name.title()}")
        for name in ("east", "west")
    )
    same(east, Imputation().fit(panel[(frame["region"] == "East").to_numpy()], "y").overall())
    gap = west - east
    covariance = float(east.influence.to_numpy()[:, 0] @ west.influence.to_numpy()[:, 0])
    variance = east.std_errors.iloc[0] ** 2 + west.std_errors.iloc[0] ** 2 - 2 * covariance
    assert gap.std_errors.iloc[0] == pytest.approx(np.sqrt(variance), abs=1e-12)
    assert covariance != 0


def test_one_cohort_keeps_the_never_treated_and_controls_may_be_all(frame, panel):
    only = panel[((frame["first"] == 2017) | frame["first"].isna()).to_numpy()]
    same(estimate(frame, estimator="imputation", options={"cohort": "2017"}), Imputation().fit(only, "y").overall())
    among = panel[((frame["region"] == "East") | frame["first"].isna()).to_numpy()]
    spec = {"sample": "region == East", "options": {"controls": "all"}}
    same(estimate(frame, estimator="imputation", **spec), Imputation().fit(among, "y").overall())


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_balance_weighs_controls_as_entropy_balancing_does(frame, panel):
    weights = entropy_balance(panel, ["x"], period=2013).rows(panel)
    weighted = Panel(frame.assign(w=weights), **ROLES, weights="w")
    expected = GroupTimeATT().fit(weighted, "y").overall()
    same(estimate(frame, estimator="group_time", options={"balance": "x@2013"}), expected)
    with pytest.warns(OverlapWarning, match="1 unit left out: no control within the caliper"):
        matched = estimate(frame, estimator="group_time", options={"match": "x@2013"})
    assert matched.values[0] != pytest.approx(expected.values[0], abs=1e-6)


def test_balanced_keeps_units_seen_throughout(frame):
    gap = frame[~((frame["firm"] == 3) & (frame["year"] == 2014))]
    options = {"cohort": "2015", "balanced": "yes"}
    spec = specification(estimator="synthetic_did", options=options)
    result = fit(spec, gap, ROLES)
    assert (result.n_units, result.n_rows) == (67, 67 * 8)
    with pytest.raises(ConfigError, match="synthetic_did needs the option cohort=YEAR"):
        fit(specification(estimator="synthetic_did"), gap, ROLES)


def test_results_carry_their_specification_and_errors_their_name(frame):
    spec = specification(estimator="ols", sample="region == East")
    said = fit(spec, frame, ROLES).conventions
    assert (said["specification"], said["sample"]) == ("e/one", "region == East")
    with pytest.raises(NoTreatedError, match="specification e/one: "):
        fit(specification(estimator="imputation", sample="firm > 40"), frame, ROLES)
    wrong = specification(estimator="ols", options={"term": "treted"})
    with pytest.raises(ConfigError, match=r"no term 'treted' \(did you mean 'treated'\?\)"):
        one_effect(wrong, fit(wrong, frame, ROLES))


def test_what_the_data_cannot_identify_is_a_failure_and_a_mistake_stops(frame, caplog):
    good = specification(estimator="ols")
    lost = replace(specification(estimator="imputation", sample="firm > 40"), id="lost")
    fitted, failures = fit_all([good, lost], frame, ROLES, logging.getLogger("test"))
    assert (list(fitted), list(failures)) == (["one"], ["lost"])
    assert fitted["one"].values == pytest.approx(fit(good, frame, ROLES).values)
    assert not failures["lost"].startswith("specification")
    assert f"specification e/lost: {failures['lost']}" in caplog.text
    with pytest.raises(ConfigError, match="specification e/one: "):
        fit_all([specification(estimator="synthetic_did")], frame, ROLES, logging.getLogger("test"))


def test_specifications_that_share_a_frame_do_not_share_their_roles(frame):
    table = frame.assign(heavy=1.0 + frame["firm"] % 3)
    fields = [{}, {"cluster": ("region",)}, {"treatment": "since(later)"}, {"options": {"weights": "heavy"}}]
    parts = [
        specification(id=f"s{i}", estimator="ols", **more) for i, more in enumerate([*fields, {"covariates": ("x",)}])
    ]
    fitted, failures = fit_all(parts, table, ROLES, logging.getLogger("test"))
    assert not failures
    for part in parts:
        same(fitted[part.id], fit(part, table, ROLES))
    assert len({(result.values[0], result.std_errors.iloc[0]) for result in fitted.values()}) == len(parts)


def test_a_stacked_event_study_takes_the_horizons_that_all_cohorts_have(frame, panel):
    # Periods 2011 to 2018, cohorts 2015 and 2017.
    assert common_window(panel, (-99, 99)) == (-4, 1)
    assert common_window(panel, (-2, 0)) == (-2, 0)
    late = Panel(frame.assign(first=frame["first"].replace({2017: 2019, 2015: 2011})), **ROLES)
    assert common_window(late, (-9, 9)) == (-9, 9)
    for cohorts, kept in (("all", [2015, 2017]), ("within", [2015])):
        spec = specification(estimator="stacked", options={"window": "-4,3", "cohorts": cohorts})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            result = fit(spec, frame, ROLES)
        assert sorted(set(result.index.get_level_values("cohort"))) == kept
    assert result.event_study().index.tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
