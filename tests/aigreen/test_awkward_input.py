"""Input that crashed, or whose message blamed something else: the right number, or the exact words."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest

from aigreen import (
    TWFE,
    ChaisemartinDHaultfoeuille,
    Decomposition,
    DoseResponse,
    Efficient,
    GroupTimeATT,
    Imputation,
    LocalProjections,
    Mediation,
    Panel,
    ShiftShare,
    Spillover,
    StackedDiD,
    SunAbraham,
    Switchers,
    TripleDifference,
    bacon_weights,
    concat,
    options,
)
from aigreen.did.balance import entropy_balance
from aigreen.errors import (
    AlwaysTreatedWarning,
    ClusterVariesError,
    DataError,
    EffectsError,
    EmptyDataError,
    EstimationError,
    FewClustersWarning,
    MixedTypeError,
    NoControlsError,
    NoPrePeriodError,
    NotAPanelError,
    NoTreatedError,
    NoVariationError,
    OptionError,
    SmallCellWarning,
    UnknownColumnError,
    UnreachedWarning,
)
from aigreen.inference import randomization_inference, wild_cluster_bootstrap
from aigreen.inference.clusters import effective_clusters
from aigreen.regression.counts import NegativeBinomial
from aigreen.regression.diagnostics import iv_diagnostics, panel_ols


def frame(start: int = 2001, periods: int = 8, step: int = 1) -> pd.DataFrame:
    """Sixty units in twenty clusters: cohorts in the 4th and 6th period, half never treated."""
    rng = np.random.default_rng(3)
    times = [start + step * k for k in range(periods)]
    df = pd.DataFrame([(i, t) for i in range(60) for t in times], columns=["u", "t"])
    df["g"] = np.select([df.u < 15, df.u < 30], [times[3], times[5]], np.inf)
    df["c"] = df.u // 3
    df["ab"], df["a"], df["b"] = rng.normal(size=(3, len(df)))
    df["near"] = ((df.u % 7 == 3) & (df.t >= times[4])).astype(float)
    df["odd"], df["dose"] = (df.u // 3 % 2).astype(float), np.where(df.t >= df.g, 1.0 + df.u % 4, 0.0)
    df["y"] = df.u + df.t + 2.0 * (df.t >= df.g) + df.ab + 0.5 * rng.normal(size=len(df))
    return df


def panel(df: pd.DataFrame | None = None, **options) -> Panel:
    return Panel(frame() if df is None else df, unit="u", time="t", cohort="g", **{"cluster": "c"} | options)


def quiet(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


# -- one string is one column ------------------------------------------------------------------------------------------

SHARES = pd.DataFrame(np.random.default_rng(1).dirichlet(np.ones(4), 60))
SHOCKS = pd.DataFrame(np.random.default_rng(2).normal(size=(4, 8)), columns=range(2001, 2009))
COVARIATES = {
    "TWFE": lambda x: TWFE().fit(panel(), "y", covariates=x).values,
    "TWFE instruments": lambda x: TWFE().fit(panel(), "y", treatment="a", instruments=x).values,
    "TWFE treatment": lambda x: TWFE().fit(panel(), "y", treatment=x).values,
    "Imputation": lambda x: Imputation().fit(panel(), "y", covariates=x).values,
    "SunAbraham": lambda x: SunAbraham().fit(panel(), "y", covariates=x).values,
    "StackedDiD": lambda x: StackedDiD(window=(-2, 1)).fit(panel(), "y", covariates=x).values,
    "LocalProjections": lambda x: LocalProjections(window=(-2, 1)).fit(panel(), "y", covariates=x).values,
    "GroupTimeATT": lambda x: GroupTimeATT().fit(panel(), "y", covariates=x).values,
    "GroupTimeATT current": lambda x: GroupTimeATT().fit(panel(), "y", current=x).values,
    "Mediation": lambda x: Mediation(channels="near").fit(panel(), "y", covariates=x).values,
    "Mediation channels": lambda x: Mediation(channels=x).fit(panel(), "y").values,
    "Mediation staggered": lambda x: Mediation(channels=x, design="staggered").fit(panel(), "y").values,
    "Decomposition": lambda x: Decomposition(channels="near").fit(panel(), "y", covariates=x).values,
    "Decomposition channels": lambda x: Decomposition(channels=x, exposure="near").fit(panel(), "y").values,
    "Spillover": lambda x: Spillover(exposure="near").fit(panel(), "y", covariates=x).values,
    "ShiftShare": lambda x: ShiftShare(shares=SHARES, shocks=SHOCKS).fit(panel(), "y", covariates=x).values,
    "wild bootstrap": lambda x: wild_cluster_bootstrap(panel(), "y", covariates=x, n_draws=99).estimate,
    "randomisation": lambda x: randomization_inference(panel(), "y", covariates=x, n_draws=99).estimate,
    "entropy balance": lambda x: entropy_balance(panel(), x, period=2001).weights.to_numpy(),
}


@pytest.mark.parametrize("fit", COVARIATES.values(), ids=COVARIATES)
def test_a_single_string_is_one_column(fit):
    one, listed, letters = quiet(fit, "ab"), quiet(fit, ["ab"]), quiet(fit, ["a", "b"])
    assert np.array_equal(one, listed)
    assert np.shape(one) != np.shape(letters) or not np.allclose(one, letters)


def test_a_single_string_is_one_fixed_effect():
    renamed = Panel(frame().rename(columns={"u": "unit"}), unit="unit", time="t", cohort="g", cluster="c")
    one, listed = (wild_cluster_bootstrap(renamed, "y", fixed_effects=x, n_draws=99) for x in ("unit", ["unit"]))
    assert one.estimate == listed.estimate and one.p_value == listed.p_value


# -- one role a column -------------------------------------------------------------------------------------------------

IN_ROLE = {
    "TWFE covariates": lambda: TWFE().fit(panel(), "y", covariates="y"),
    "TWFE formula": lambda: TWFE().fit(panel(), "y", covariates="a + y"),
    "TWFE inside a formula": lambda: TWFE().fit(panel(), "y", covariates="y:a"),
    "TWFE event study covariates": lambda: TWFE(event_study=True).fit(panel(), "y", covariates=["a", "y"]),
    "TWFE treatment": lambda: TWFE().fit(panel(), "y", treatment=["a", "y"]),
    "TWFE instruments": lambda: TWFE().fit(panel(), "y", treatment="a", instruments="y"),
    "TWFE offset": lambda: TWFE(family="poisson").fit(panel(), "y", offset="y"),
    "TWFE slope fixed_effects": lambda: TWFE(fixed_effects=["u[y]", "t"]).fit(panel(), "y"),
    "TWFE fixed_effects": lambda: TWFE(fixed_effects=["u", "c^y"]).fit(panel(), "y"),
    "GroupTimeATT covariates": lambda: GroupTimeATT().fit(panel(), "y", covariates="y"),
    "GroupTimeATT propensity_covariates": lambda: GroupTimeATT().fit(panel(), "y", propensity_covariates="y"),
    "GroupTimeATT current": lambda: GroupTimeATT().fit(panel(), "y", current="y"),
    "Imputation covariates": lambda: Imputation().fit(panel(), "y", covariates="y"),
    "Imputation slope fixed_effects": lambda: Imputation(fixed_effects=["u[[y]]", "t"]).fit(panel(), "y"),
    "SunAbraham covariates": lambda: SunAbraham().fit(panel(), "y", covariates="y"),
    "StackedDiD covariates": lambda: StackedDiD().fit(panel(), "y", covariates="y"),
    "LocalProjections covariates": lambda: LocalProjections().fit(panel(), "y", covariates="y"),
    "Mediation covariates": lambda: Mediation(channels="a").fit(panel(), "y", covariates="y"),
    "Mediation channels": lambda: Mediation(channels=["a", "y"]).fit(panel(), "y"),
    "Mediation treatment": lambda: Mediation(channels="a").fit(panel(), "y", treatment="y"),
    "Mediation of sensitivity channels": lambda: Mediation(channels="y").sensitivity(panel(), "y"),
    "doubly robust channels": lambda: Mediation(channels="y", design="doubly_robust").fit(panel(), "y"),
    "sequential g intermediates": lambda: Mediation(channels="a", design="sequential_g", intermediates="y").fit(
        panel(), "y"
    ),
    "Decomposition channels": lambda: Decomposition(channels="y").fit(panel(), "y"),
    "Decomposition exposure": lambda: Decomposition(channels="a", exposure="y").fit(panel(), "y"),
    "Decomposition covariates": lambda: Decomposition(channels="a").fit(panel(), "y", covariates="y"),
    "Spillover exposure": lambda: Spillover(exposure="y").fit(panel(), "y"),
    "Spillover covariates": lambda: Spillover(exposure="near").fit(panel(), "y", covariates="y"),
    "ShiftShare treatment": lambda: ShiftShare(shares=SHARES, shocks=SHOCKS).fit(panel(), "y", treatment="y"),
    "ShiftShare shocks": lambda: ShiftShare(shares=SHARES, shocks="y").fit(panel(), "y"),
    "wild treatment": lambda: wild_cluster_bootstrap(panel(), "y", "y"),
    "wild covariates": lambda: wild_cluster_bootstrap(panel(), "y", covariates="y"),
    "randomisation covariates": lambda: randomization_inference(panel(), "y", covariates="y"),
    "TripleDifference third": lambda: TripleDifference(third="y").fit(panel(), "y"),
    "TripleDifference covariates": lambda: TripleDifference(third="odd").fit(panel(), "y", covariates="y"),
    "Switchers treatment": lambda: Switchers().fit(panel(), "y", treatment="y"),
    "Switchers other_treatments": lambda: Switchers(other_treatments="y").fit(panel(), "y", treatment="near"),
    "DoseResponse dose": lambda: DoseResponse().fit(panel(), "y", dose="y"),
    "DoseResponse covariates": lambda: DoseResponse().fit(panel(), "y", dose="dose", covariates=["y"]),
    "NegativeBinomial covariates": lambda: NegativeBinomial().fit(panel(), "y", covariates=["y"]),
    "panel_ols treatment": lambda: panel_ols(panel(), "y", treatment="y"),
    "iv_diagnostics instruments": lambda: iv_diagnostics(panel(), "y", "a", "y"),
}


@pytest.mark.parametrize("name", IN_ROLE)
def test_the_outcome_has_no_other_role(name):
    role = name.split()[-1] if "formula" not in name else "covariates"
    text = f"{role}='y': this column is the outcome already; name one without another role"
    with pytest.raises(OptionError) as told:
        IN_ROLE[name]()
    assert str(told.value) == text


def test_a_column_of_periods_is_an_outcome_of_no_model_with_their_effects():
    with pytest.raises(OptionError, match="fixed_effects='t': this column is the outcome already"):
        TWFE().fit(panel(), "t")


# -- nothing to explain ------------------------------------------------------------------------------------------------

SMALL = {
    "TWFE": TWFE().fit,
    "event study": TWFE(event_study=True).fit,
    "iid": TWFE(vcov="iid").fit,
    "HC2": TWFE(vcov="HC2").fit,
    "pooled": TWFE(fixed_effects=[]).fit,
    "trends": TWFE(fixed_effects=["u[t]", "t"]).fit,
    "GroupTimeATT": GroupTimeATT().fit,
    "Imputation": Imputation().fit,
    "SunAbraham": SunAbraham().fit,
    "StackedDiD": StackedDiD(window=(-2, 1)).fit,
    "LocalProjections": LocalProjections(window=(-2, 1)).fit,
    "Chaisemartin": ChaisemartinDHaultfoeuille(horizons=2).fit,
    "bacon": bacon_weights,
    "Efficient": Efficient(kind="roth_santanna").fit,
    "Efficient GMM": Efficient(kind="chen_santanna_xie").fit,
    "Mediation": Mediation(channels="b").fit,
    "Sobel": Mediation(channels="b", vcov="iid").fit,
    "staggered": Mediation(channels="b", design="staggered").fit,
    "doubly robust": Mediation(channels="b", design="doubly_robust").fit,
    "Decomposition": Decomposition(channels="b", exposure="near").fit,
    "leads": Decomposition(channels="b", leads=2).fit,
    "Spillover": Spillover(exposure="near").fit,
    "ShiftShare": ShiftShare(shares=SHARES, shocks=SHOCKS).fit,
    "panel_ols": panel_ols,
    "TripleDifference": TripleDifference(third="odd").fit,
    "Switchers": lambda p, y: Switchers().fit(p, y, treatment="near"),
    "DoseResponse": lambda p, y: DoseResponse(degree=1).fit(p, y, dose="dose"),
    "slopes in a dose": lambda p, y: Decomposition(channels="b").fit(p, y).slope("a"),
    "wild": lambda p, y: wild_cluster_bootstrap(p, y, n_draws=99),
    "randomisation": lambda p, y: randomization_inference(p, y, n_draws=99),
}
EXACT = "^column 'y' is fitted exactly, as a constant outcome is: without residuals there is no sampling error to "


@pytest.mark.parametrize("fit", SMALL.values(), ids=SMALL)
def test_an_outcome_without_variation_is_refused(fit):
    df = frame()
    for y in (0.1, 0.0, 1e9, 0.1 * df.u + np.sqrt(df.t), 1e-30 * df.u):
        if fit is SMALL["pooled"] and not np.isscalar(y):
            continue
        with pytest.raises(NoVariationError, match=EXACT):
            quiet(fit, panel(df.assign(y=y)), "y")


@pytest.mark.parametrize(
    "fit",
    [
        TWFE(family="poisson").fit,
        Imputation(family="poisson").fit,
        Imputation(family="poisson", scale="percent").fit,
        Spillover(exposure="near", family="poisson").fit,
        Decomposition(channels="b", family="poisson").fit,
        Decomposition(channels="b", family="poisson", scale="count").fit,
    ],
)
def test_counts_without_variation_are_refused(fit):
    df = frame()
    for y in (0.1, 1e9, np.exp(0.1 * df.u + np.sqrt(df.t - 2000))):
        with pytest.raises(NoVariationError, match=EXACT):
            quiet(fit, panel(df.assign(y=y)), "y")


@pytest.mark.parametrize(
    "fit", [f for name, f in SMALL.items() if name not in ("pooled", "Efficient", "wild", "randomisation", "bacon")]
)
def test_little_variation_beside_large_effects_is_kept(fit):
    df = frame()
    plain, far = (quiet(fit, panel(df.assign(y=y)), "y") for y in (df.y, 1e2 * df.u + 1e-4 * df.y))
    plain, far = (effects.to_frame()["statistic"] for effects in (plain, far))
    assert np.allclose(far, plain, rtol=1e-4, atol=1e-4, equal_nan=True)


def test_effects_that_are_rounding_are_zero_and_have_no_statistic():
    df = frame()
    late = df.assign(y=np.where(df.t >= 2006, df.y, 0.1))
    for fit in (GroupTimeATT().fit, Imputation().fit, SunAbraham().fit):
        effects = quiet(fit, panel(late), "y")
        early = np.asarray(effects.index.get_level_values("time") < 2006)
        shown = effects.to_frame()
        assert early.any() and (shown.loc[early, ["estimate", "std_error"]] == 0).all(axis=None)
        assert shown.loc[early, ["statistic", "p_value"]].isna().all(axis=None)
        assert shown.loc[~early, "statistic"].notna().all()


def test_an_exact_effect_is_shown_without_a_statistic():
    df = frame().assign(y=lambda d: 0.1 * d.u + np.sqrt(d.t) + 2.0 * (d.t >= d.g))
    for fit in (TWFE().fit, Imputation().fit, GroupTimeATT().fit, Efficient(kind="roth_santanna").fit):
        shown = quiet(lambda f: f(panel(df), "y").overall(), fit).to_frame().iloc[0]
        assert shown["estimate"] == pytest.approx(2.0, abs=1e-12)
        assert shown[["statistic", "p_value", "conf_low", "conf_high"]].isna().all()


def test_a_covariate_that_explains_all_leaves_no_effect():
    shown = TWFE().fit(panel(frame().assign(y=lambda d: 3 * d.a + d.u)), "y", covariates="a").to_frame()
    assert shown.loc["treated", ["estimate", "std_error"]].tolist() == [0.0, 0.0]
    assert shown["statistic"].isna().all() and shown.loc["a", "estimate"] == pytest.approx(3.0, abs=1e-12)


# -- a Panel, please ---------------------------------------------------------------------------------------------------

FITS = {
    "TWFE": TWFE().fit,
    "GroupTimeATT": GroupTimeATT().fit,
    "Imputation": Imputation().fit,
    "SunAbraham": SunAbraham().fit,
    "StackedDiD": StackedDiD().fit,
    "LocalProjections": LocalProjections().fit,
    "Mediation": Mediation(channels="a").fit,
    "doubly robust": Mediation(channels="a", design="doubly_robust").fit,
    "Decomposition": Decomposition(channels="a").fit,
    "Spillover": Spillover(exposure="near").fit,
    "ShiftShare": ShiftShare(shares=SHARES, shocks=SHOCKS).fit,
    "wild bootstrap": wild_cluster_bootstrap,
    "randomisation": randomization_inference,
    "effective clusters": effective_clusters,
    "entropy balance": lambda df, y: entropy_balance(df, y, period=2001),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_a_frame_is_no_panel(fit):
    with pytest.raises(NotAPanelError, match=r"^a Panel is needed, got a DataFrame: make one, Panel\(df, unit="):
        fit(frame(), "y")


# -- what a result of two samples says ---------------------------------------------------------------------------------


def test_a_difference_says_both_samples():
    whole = panel()
    large = TWFE().fit(whole, "y")
    small = TWFE().fit(whole[whole.frame.u >= 3], "y")
    gap = large - small
    assert (gap.n_rows, gap.n_units, gap.n_clusters) == (456, 57, 19)
    told = "480 rows, 60 units, 20 clusters; 456 rows, 57 units, 19 clusters"
    assert gap.conventions["samples"] == told and f"samples: {told}" in gap.summary()
    assert (gap + large).conventions["samples"] == told
    stacked = concat({"all": large, "most": small})
    assert stacked.n_rows == 456 and stacked.conventions["samples"] == told
    assert "samples" not in (large - 2 * large).conventions and (large - 2 * large).n_rows == 480


# -- one treated cluster, always treated -------------------------------------------------------------------------------

LONE = r"in a single cluster: (its|their) own sampling error is not in the standard errors; first: "


def lone() -> Panel:
    df = frame()
    return panel(df[(df.u < 3) | (df.u >= 30)])


@pytest.mark.parametrize(
    ("fit", "text"),
    [
        (lambda p: TWFE().fit(p, "y"), f"1 effect has treated rows {LONE}treated"),
        (lambda p: TWFE(event_study=True).fit(p, "y"), f"7 effects have treated rows {LONE}-3, -2, 0, 1, 2, ..."),
        (lambda p: wild_cluster_bootstrap(p, "y", n_draws=99), f"1 effect has treated rows {LONE}treated"),
        (lambda p: StackedDiD(window=(-2, 1)).fit(p, "y"), f"1 cohort stands {LONE}cohort 2004"),
        (lambda p: SunAbraham().fit(p, "y"), f"1 cohort stands {LONE}cohort 2004"),
        (lambda p: Mediation(channels="a").fit(p, "y"), f"1 effect has treated rows {LONE}treated"),
        (lambda p: GroupTimeATT().fit(p, "y"), "7 group-time effects rest on fewer than 5 treated units"),
        (lambda p: Imputation().fit(p, "y"), "5 cohort-periods have treated rows in one cluster only"),
    ],
    ids=["TWFE", "event study", "wild", "stacked", "Sun-Abraham", "Mediation", "group-time", "Imputation"],
)
def test_one_treated_cluster_is_warned_of(fit, text):
    with pytest.warns(SmallCellWarning, match=text):
        fit(lone())


@pytest.mark.parametrize(
    "fit",
    [
        lambda p: TWFE().fit(p, "y"),
        lambda p: wild_cluster_bootstrap(p, "y", n_draws=99),
        lambda p: wild_cluster_bootstrap(p, "y", "a", n_draws=99),
        lambda p: StackedDiD(window=(-2, 1)).fit(p, "y"),
    ],
)
def test_many_treated_clusters_are_not(fit, recwarn):
    fit(panel())
    assert not [w for w in recwarn if issubclass(w.category, SmallCellWarning | AlwaysTreatedWarning)]


def test_twfe_counts_always_treated_units_and_keeps_them():
    df = frame()
    df.loc[df.u.isin([3, 4]), "g"] = 2001
    text = "2 units are treated in all periods: treated rows stay in the regression as comparison; first: 3, 4"
    with pytest.warns(AlwaysTreatedWarning, match=text) as heard:
        result = TWFE().fit(panel(df), "y")
    assert [w.message.count for w in heard if w.category is AlwaysTreatedWarning] == [2]
    assert result.n_units == 60 and result.conventions["always treated"] == "2 units, kept as comparison"
    dummies = pd.get_dummies(df[["u", "t"]].astype(str), drop_first=True).to_numpy(float)
    X = np.column_stack([(df.t >= df.g).astype(float), np.ones(len(df)), dummies])
    assert result.values[0] == pytest.approx(np.linalg.lstsq(X, df.y, rcond=None)[0][0], abs=1e-8)
    assert "always treated" not in TWFE().fit(panel(), "y").conventions


# -- crashes -----------------------------------------------------------------------------------------------------------

GAPS = r"no row of a treated unit is at the reference horizon -1 \(horizons {}\): choose another reference=, or on "


def test_biennial_data_have_no_horizon_before_treatment():
    df = frame(step=2)
    with pytest.raises(NoPrePeriodError, match=GAPS.format("-2, 0, 2")):
        StackedDiD(window=(-2, 2)).fit(panel(df), "y")
    with pytest.raises(NoPrePeriodError, match=GAPS.format("-10, -8, -6, -4, .*, 2, 4, 6, 8")):
        TWFE(event_study=True).fit(panel(df), "y")
    by_step, yearly = panel(df, freq="observed"), panel(frame())
    for fit in (StackedDiD(window=(-2, 2)).fit, TWFE(event_study=True).fit):
        assert fit(by_step, "y").event_study().index.equals(fit(yearly, "y").event_study().index)


def test_a_cohort_without_clean_controls_is_left_out_of_the_stack():
    df = frame()
    df = df[df.u < 30]
    with pytest.warns(UnreachedWarning, match="1 cohort left out: no clean controls in their window; first: 2006"):
        result = StackedDiD(window=(-2, 1)).fit(panel(df), "y")
    assert result.index.get_level_values("cohort").unique().tolist() == [2004]
    assert result.overall().values[0] == pytest.approx(2.0, abs=0.6)
    with pytest.raises(NoControlsError, match="no cohort has clean controls in its window; first: 2004, 2006"):
        StackedDiD(window=(-2, 1), control_group="never_treated").fit(panel(df), "y")


def test_an_outcome_with_little_spread_is_resampled():
    df = frame()
    plain = wild_cluster_bootstrap(panel(df), "y", n_draws=99)
    far = wild_cluster_bootstrap(panel(df.assign(y=1e3 + 1e-3 * df.y)), "y", n_draws=99)
    assert far.p_value == plain.p_value and far.t == pytest.approx(plain.t, rel=1e-6)


def test_no_effect_before_treatment_is_said_so():
    study = Imputation().fit(panel(), "y").event_study()
    with pytest.raises(EffectsError, match=r"^no effect before treatment is among the results: there is no pre-trend"):
        study.pretrend_test()
    short = GroupTimeATT(base_period="universal").fit(panel(), "y").event_study(window=(-1, 2))
    with pytest.raises(EffectsError, match=r"^there is nothing to test: no effect with a variance is left"):
        short.pretrend_test()
    for method in ("chi2", "hotelling", "wild"):
        with pytest.raises(EffectsError, match=r"^there is nothing to test: no effect with a variance is left"):
            short.select(short.index == -1).test(method=method)


# -- the true cause ----------------------------------------------------------------------------------------------------


def test_balancing_that_removes_the_never_treated_is_named():
    df = frame()
    df = df[(df.u < 30) | (df.t > 2001)]
    text = "no unit is never treated.*; left out before: 30 units: not seen in every period"
    with pytest.raises(NoControlsError, match=text):
        quiet(GroupTimeATT(control_group="never_treated", sampling="balanced").fit, panel(df), "y")


@pytest.mark.parametrize(
    "fit",
    [
        GroupTimeATT().fit,
        Imputation().fit,
        SunAbraham().fit,
        StackedDiD(window=(-2, 1)).fit,
        TWFE().fit,
        TWFE(event_study=True).fit,
        LocalProjections(window=(-2, 1)).fit,
        Mediation(channels="b").fit,
        Decomposition(channels="b").fit,
        Spillover(exposure="near").fit,
        wild_cluster_bootstrap,
    ],
)
def test_a_covariate_missing_after_treatment_is_named(fit):
    df = frame()
    df["a"] = df["a"].where(df.t < df.g)
    with pytest.raises(NoTreatedError, match="; left out before: 120 rows: missing a"):
        quiet(fit, panel(df), "y", covariates="a")


def test_a_column_called_as_a_part_is_an_exposure_like_others():
    df = frame()
    plain = quiet(Spillover(exposure="near").fit, panel(df), "y")
    named = quiet(Spillover(exposure="exposed").fit, panel(df.rename(columns={"near": "exposed"})), "y")
    assert np.array_equal(named["column exposed"].values, plain["near"].values)
    assert np.array_equal(named["exposed"].values, plain["exposed"].values)
    for estimator in (Spillover, lambda **kw: Decomposition(channels=[], **kw)):
        with pytest.raises(OptionError, match="exposure='spillover'"):
            estimator(exposure="spillover")


def test_a_horizon_that_is_not_there():
    study = GroupTimeATT().fit(panel(), "y").event_study()
    with pytest.raises(UnknownColumnError, match=r"^effects: no horizon 12; there are -4, -3, -2, \.\.\., 2, 3, 4$"):
        study[12]
    with pytest.raises(UnknownColumnError, match=r"^effects: no term 'traeted' \(did you mean 'treated'\?\)$"):
        TWFE().fit(panel(), "y")["traeted"]
    with pytest.raises(UnknownColumnError, match=r"^effects: no cohort 2005; there are 2004, 2006$"):
        GroupTimeATT().fit(panel(), "y")[2005]


def test_a_unit_that_changes_cluster():
    df = frame()
    df.loc[(df.u == 40) & (df.t > 2004), "c"] = 1
    text = (
        "column 'c': 1 unit moves between clusters; give each unit one cluster, as that of its first period, or take "
        "clusters inside which units stay; first: 40"
    )
    moving = panel(df)
    with pytest.raises(ClusterVariesError, match=text):
        GroupTimeATT().fit(moving, "y")
    with pytest.raises(ClusterVariesError, match=text):
        randomization_inference(moving, "y", n_draws=99)
    for fit in (TWFE().fit, SunAbraham().fit, Imputation().fit):
        assert np.array_equal(fit(moving, "y").values, fit(panel(), "y").values)
        assert (fit(moving, "y").std_errors >= 0).all()


def test_nothing_to_stack():
    with pytest.raises(EffectsError, match="there is no result to stack"):
        concat({})


# -- sizes, labels and memory ------------------------------------------------------------------------------------------

FITTED = {name: fit for name, fit in SMALL.items() if name not in ("bacon", "wild", "randomisation", "pooled")}


@pytest.mark.parametrize("fit", FITTED.values(), ids=FITTED)
def test_estimates_do_not_depend_on_the_unit_of_the_outcome(fit):
    df = frame()
    plain = quiet(fit, panel(df), "y").to_frame()
    for unit in (1e70, 1e-70):
        scaled = quiet(fit, panel(df.assign(y=unit * df.y)), "y").to_frame()
        for column, size in (("estimate", unit), ("std_error", unit), ("statistic", 1), ("conf_high", unit)):
            assert np.allclose(scaled[column] / size, plain[column], rtol=1e-6, atol=1e-9, equal_nan=True), column


@pytest.mark.parametrize("unit", [1e70, 1e-70])
@pytest.mark.parametrize("fit", [f for n, f in COVARIATES.items() if n == "TWFE" or "Att" in n or n in (
    "Imputation", "SunAbraham", "StackedDiD", "Decomposition", "Mediation", "Spillover")])  # fmt: skip
def test_nor_on_that_of_covariates(fit, unit, monkeypatch):
    plain = quiet(fit, "ab")
    rescaled = panel(frame().assign(ab=unit * frame().ab))
    monkeypatch.setitem(fit.__globals__, "panel", lambda: rescaled)
    scaled = quiet(fit, "ab")
    assert np.allclose(scaled[:1], plain[:1], rtol=1e-6) and np.isfinite(scaled).all()


def test_numbers_whose_squares_cannot_be_computed_are_refused():
    df = frame()
    tiny, huge = df.assign(a=1e-162 * df.a), df.assign(a=np.where(df.u == 7, 1e160, df.a))
    small = r"^column 'a': no value is as large as 1e-75 \(the largest is 3.\d*e-162\): give it in another unit$"
    large = r"^column 'a': 8 values are beyond 1e\+75: give it in another unit; first: 1e\+160, .*, \.\.\.$"
    for fit in (
        TWFE().fit, TWFE(family="poisson").fit, GroupTimeATT().fit, Imputation().fit, Imputation(family="poisson").fit,
        SunAbraham().fit, StackedDiD(window=(-2, 1)).fit, LocalProjections(window=(-2, 1)).fit,
        Mediation(channels="b").fit, Decomposition(channels="b").fit, Spillover(exposure="near").fit,
        wild_cluster_bootstrap, randomization_inference,
    ):  # fmt: skip
        for data, text in ((tiny, small), (huge, large)):
            with pytest.raises(DataError, match=text):
                fit(panel(data.assign(y=lambda d: d.y - d.y.min())), "y", covariates="a")
    with pytest.raises(DataError, match="column 'y': 480 values are beyond"):
        TWFE().fit(panel(df.assign(y=1e170 + 1e165 * df.y)), "y")


def test_periods_beyond_any_calendar_are_refused():
    df = frame()
    df["t"] = df["t"].astype(float)
    df.loc[df["t"] == 2008, "t"] = 1e300
    with pytest.raises(DataError, match=r"^column 't': 60 values are beyond 1,000,000,000,000, which no period is;"):
        panel(df)
    with pytest.raises(DataError, match=r"^column 't': 60 values are beyond"):
        panel(df.assign(t=np.where(df["t"] > 1e6, 2**62, df["t"]).astype(np.int64)))


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (lambda u: [[i] for i in u], "list"),
        (lambda u: [{"id": i} for i in u], "dict"),
        (lambda u: [(i, [i]) for i in u], "tuple"),
    ],
)
def test_ids_that_are_no_labels_are_refused(ids, kind):
    df = frame()
    df["u"] = pd.Series(ids(df["u"]), dtype=object)
    with pytest.raises(MixedTypeError, match=f"^column 'u' holds values of type {kind}, which are no labels: text,"):
        panel(df, cluster=None)


@pytest.mark.parametrize("kind", ["float16", "float32", "longdouble", "UInt8", "category", "string", "bool"])
def test_ids_of_any_ordered_type_are_labels(kind):
    df = frame()
    df = df[df["u"].isin([0, 1]) | (kind != "bool")]
    odd = df.assign(u=df["u"].astype(kind))
    assert panel(odd, cluster=None).n_units == df["u"].nunique()
    if kind != "bool":
        values = [GroupTimeATT().fit(panel(data, cluster=None), "y").values for data in (odd, df)]
        assert values[0] == pytest.approx(values[1], abs=1e-12)


def test_leads_that_are_all_determined_are_named():
    df = frame()
    always = df[df["u"].isin([1, 16, 20]) | ((df["t"] >= 2004) & (df["u"] < 30))]
    everyone = df[(df["u"] < 15)].assign(g=2004)
    for data in (everyone, always[always["u"] < 30]):
        with pytest.raises((NoPrePeriodError, NoControlsError, EstimationError)):
            quiet(Decomposition(channels="b", leads=2).fit, panel(data), "y")
    two = df[df["u"].isin([0, 1, 30, 31]) & df["t"].between(2003, 2004)].assign(c=lambda d: d["u"])
    text = (
        r"^fixed effects determine all 1 leads; left out before: 1 lead: determined by fixed effects and other leads$"
    )
    with pytest.raises(NoPrePeriodError, match=text):
        quiet(Decomposition(channels="b", leads=3).fit, panel(two), "y")


def test_many_channels_take_memory_in_proportion():
    rng = np.random.default_rng(0)
    df = pd.DataFrame([(i, t, 3 if i < 80 else 0) for i in range(400) for t in range(1, 5)], columns=["u", "t", "g"])
    names = [f"m{k}" for k in range(150)]
    df = pd.concat([df, pd.DataFrame(rng.normal(size=(len(df), 151)), columns=["y", *names])], axis=1)
    for fit in (Mediation(channels=names).fit, Decomposition(channels=names).fit):
        made = Panel(df, unit="u", time="t", cohort="g")
        tracemalloc.start()
        fit(made, "y")
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        assert peak < 40  # clusters x channels x channels are 72 MB


@pytest.mark.parametrize("effects", [["u", "t"], ["u", "c^t"]])
def test_poisson_takes_less_than_four_times_the_data(effects):
    rng, n = np.random.default_rng(0), 60_000
    df = pd.DataFrame({"u": np.arange(n) // 12, "t": 1 + np.arange(n) % 12})
    df["c"] = df.u % 100
    df["g"] = np.where(df.c % 2 == 0, 7, 0)
    df["treated"] = (df.g > 0) & (df.t >= 7)
    df["a"], df["b"], df["y"] = rng.normal(size=n), rng.normal(size=n), 1 + rng.poisson(1 + 3 * rng.random(5_000)[df.u])
    fit = TWFE(family="poisson", fixed_effects=effects).fit
    fit(panel(df[:6_000]), "y", treatment=["a", "b"])
    tracemalloc.start()
    fit(panel(df), "y", treatment=["a", "b"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * df.memory_usage(index=False).sum()


def test_what_would_not_fit_into_memory_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(options, "MOST_GIGABYTES", 1e-6)
    df = frame().assign(far=lambda d: np.where(d.near > 0, np.abs(d.a), 0))
    for fit, text in (
        (Decomposition(channels="b").fit, "clusters x parts x cohort-periods (20 x 3 x 8)"),
        (Imputation().fit, "clusters x cohort-periods (20 x 8)"),
        (GroupTimeATT().fit, "group-time effects x clusters (14 x 20)"),
    ):
        with pytest.raises(EstimationError) as told:
            fit(panel(df), "y")
        assert str(told.value).startswith(f"influence functions, {text} would take 0 GB, more than 1e-06: take fewer ")
    with pytest.raises(EstimationError, match=r"^functions of exposure, rows x terms \(\d+ x \d+\) would take 0 GB"):
        Decomposition(channels="b", exposure="far", bins=10**9).fit(panel(df), "y")


def test_effects_on_logs_do_not_depend_on_the_unit_of_the_counts():
    df = frame().assign(y=lambda d: np.floor(np.exp(d.a / 2 + 1 + 0.5 * (d.t >= d.g))))
    for fit in (
        TWFE(family="poisson").fit,
        Imputation(family="poisson", scale="percent").fit,
        Decomposition(channels="b", family="poisson").fit,
        Spillover(exposure="near", family="poisson", scale="percent").fit,
    ):
        plain = quiet(fit, panel(df), "y").to_frame()
        for unit in (1e-12, 1e12):
            scaled = quiet(fit, panel(df.assign(y=unit * df.y)), "y").to_frame()
            assert np.allclose(scaled, plain, rtol=1e-5, atol=1e-9, equal_nan=True)


def test_a_covariate_far_out_does_not_end_the_process():
    df = frame().assign(y=lambda d: np.floor(np.exp(d.a / 2 + 1)))
    df.loc[100, "a"] = 1e6
    for fit in (TWFE(family="poisson").fit, Imputation(family="poisson").fit):
        try:
            shown = quiet(fit, panel(df), "y", covariates="a").to_frame()
            assert np.isfinite(shown[["estimate", "std_error"]]).all(axis=None)
        except EstimationError as error:
            assert "\n" not in str(error)


# -- nothing left ------------------------------------------------------------------------------------------------------


def test_parts_without_their_total_have_no_shares():
    parts = Decomposition(channels="b").fit(panel(), "y").overall()
    alone = parts.select(np.asarray(parts.index != "total"))
    for shares in (alone.shares, alone.share_sets):
        with pytest.raises(EffectsError, match=r"^there is no 'total' among these parts: direct, b$"):
            shares()


def test_a_stack_without_rows_is_named():
    df = frame()
    once = df[(df.t - 2001) % 4 == df.u % 4]
    text = "^no row of the stack is left; left out before: 105 rows of the stack: a unit's only row in a window$"
    with pytest.raises(EmptyDataError, match=text):
        quiet(StackedDiD(window=(-2, 1)).fit, panel(once), "y")


def test_a_stack_whose_last_cohort_has_no_rows_is_that_of_the_others():
    df = frame()
    df = df[(df.g < np.inf) | (df.t < 2005)]
    gone = (df.g == 2006) & df.t.isin([2004, 2006, 2007])  # one row a unit in the window of 2006, as never treated ones
    left = quiet(StackedDiD(window=(-2, 1)).fit, panel(df[~gone]), "y")
    assert left.dropped.set_index("reason")["count"]["not linked to horizon -1"] == 4
    alone = quiet(StackedDiD(window=(-2, 1)).fit, panel(df[~gone & ~((df.g == 2006) & (df.t > 2005))]), "y")
    assert left.estimates.to_dict() == pytest.approx(alone.estimates.to_dict(), abs=1e-12)


def test_a_last_cohort_never_seen_untreated_is_named():
    df = frame()
    df = df[(df.g == 2004) | ((df.g == 2006) & (df.t >= 2006))]
    text = "^no row of the controls is left; left out before: 90 rows: periods in which the last cohort is treated$"
    with pytest.raises(NoControlsError, match=text):
        quiet(SunAbraham(control_group="last_treated").fit, panel(df), "y")


def test_a_total_of_switchers_never_seen_afterwards_is_named():
    df = frame().assign(on=lambda d: (d.t >= d.g) * 1.0, y=lambda d: d.y.where(d.t < d.g))
    text = "^no switcher is seen with a comparison after its switch; left out before: 120 rows: missing y; their "
    with pytest.raises(NoControlsError, match=text):
        quiet(Switchers(estimand="total").fit, panel(df), "y", treatment="on")


def test_draws_without_an_error_are_no_division():
    change = {2: [1, -1, 0, 0, 0, 0], 3: [3, 1, 0, 0, 0, 0]}
    rows = [(i, t, 2 * (i < 2), float(change[t][i] if t > 1 else 0)) for i in range(6) for t in (1, 2, 3)]
    effects = quiet(GroupTimeATT().fit, panel(pd.DataFrame(rows, columns=["u", "t", "g", "y"]), cluster=None), "y")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        test = effects.test(method="max_t", n_draws=999)
    assert test.statistic == pytest.approx(2.0) and test.p_value == 1.0  # errors are zero where signs differ


def test_rows_too_few_for_a_classical_error_are_counted():
    df = frame()
    few = panel(df[df.u.isin([3, 18, 45, 57]) & df.t.isin([2003, 2004])], cluster=None)
    with pytest.raises(EstimationError, match=r"^8 rows do not identify 8 parameters$"):
        quiet(Mediation(channels=["a", "b"], vcov="iid").fit, few, "y")


@pytest.mark.parametrize("constant", [1.0, 1e8 + 1e-9 * np.arange(480) % 7])
def test_a_channel_without_variation_carries_nothing(constant):
    df = frame().assign(a=constant)
    parts = quiet(Mediation(channels="a", design="doubly_robust").fit, panel(df), "y").overall()
    plain = quiet(GroupTimeATT().fit, panel(df), "y").overall()
    assert parts.values == pytest.approx([plain.values[0], plain.values[0], 0.0], abs=1e-12)
    kept = quiet(GroupTimeATT().fit, panel(df), "y", current="a")
    assert kept.overall().values == pytest.approx(plain.values, abs=1e-12)
    reason = "determined by the intercept and the others"
    assert kept.dropped.set_index("reason")["first"][reason] == "a"


def test_doses_without_weight_after_treatment_are_named():
    df = frame().assign(w=lambda d: (d.t < d.g) * 1.0)
    with pytest.raises(NoTreatedError, match=r"^no row with a dose is left after treatment"):
        quiet(DoseResponse(basis="bins", knots=2).group_time, panel(df, weights="w"), "y", dose="dose")


@pytest.mark.parametrize("model", [Imputation(), SunAbraham(), StackedDiD(window=(-2, 1))])
def test_clusters_that_are_periods_leave_effects_by_period_without_an_error(model):
    df = frame()
    effects = quiet(model.fit, panel(df, cluster="t"), "y")
    for shown in (effects, effects.overall()):  # 47 % of cells of `Imputation` reject a true null otherwise
        with pytest.warns(FewClustersWarning, match="effects? rests? on one treated cluster"):
            assert shown.conf_int()[shown.values != 0].isna().all(axis=None)
    moved = df.assign(c=np.where((df.u == 40) & (df.t > 2004), 1, df.c))
    assert quiet(model.fit, panel(moved), "y").overall().conf_int().notna().all(axis=None)


def test_restrictions_and_weights_are_finite():
    effects = GroupTimeATT().fit(panel(), "y")
    for wrong in (np.inf, np.nan):
        with pytest.raises(EffectsError, match=r"^R has 14 entries that are not finite$"):
            effects.test(np.full((1, 14), wrong))
        with pytest.raises(EffectsError, match=r"^weights must cover all 14 effects and no others, and be finite$"):
            effects.combine(np.full(14, wrong))
