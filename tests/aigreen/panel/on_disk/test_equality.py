"""Estimates from disk equal those from memory: numbers, influence functions, warnings, errors."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aigreen import TWFE, Decomposition, GroupTimeATT, Imputation, StackedDiD, SunAbraham, load
from aigreen.errors import AigreenError, CollinearError, ConvergenceError, EstimationError

from .twins import assert_same, assert_same_outcome, outcome, twins


def firms(seed: int = 0, n: int = 120, periods: int = 8) -> pd.DataFrame:
    """Cohorts 1 (always treated), 4, 6 and 12 (after the end), gaps, missing outcomes, zero weights, a lone year."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    first = np.resize([0, 4, 6, 0, 4, 12, 1], n)[firm].astype(float)
    first[first == 0] = np.where(firm[first == 0] % 2, np.inf, np.nan)
    y = (
        rng.standard_normal(n)[firm]
        + 0.1 * year
        + 0.3 * (year >= first) * (1 + firm % 3)
        + rng.standard_normal(len(firm))
    )
    y[rng.random(len(y)) < 0.05] = np.nan
    df = pd.DataFrame(
        {
            "firm": firm,
            "year": year,
            "first": first,
            "city": np.char.add("c", (firm % 17).astype(str)).astype(object),
            "industry": np.resize(["steel", "paper", "glass"], n)[(firm + (year > 4) * (firm % 5 == 0)) % 3],
            "w": np.where(firm % 11 == 0, 0.0, 0.5 + rng.random(n)[firm]),
            "wt": 0.5 + rng.random(len(firm)),
            "x": rng.standard_normal(len(firm)),
            "y": y,
        }
    )
    df["x2"] = 2 * df["x"] + 1
    df["z"] = 5.0
    df["sure"] = rng.standard_normal(len(df)) + np.where(df["first"] == 4, 9.0, 0.0)
    df["size"] = 1e6 + 10 * rng.standard_normal(n)[df["firm"]]
    df["treated_now"] = (df["year"] >= df["first"]).astype(int)
    df["late"] = 1.0 * (df["year"] > 5) * (df["year"] >= df["first"])
    near = (df["firm"] % 5 < 2) & (df["year"] >= 3 + df["firm"] % 4)
    df["near"], df["far"] = near * (1.0 + df["firm"] % 3), near * (df["firm"] % 2) * rng.random(len(df))
    df["m"] = 0.5 * df["x"] + 0.4 * (df["year"] >= df["first"]) + 0.2 * df["near"] + rng.standard_normal(len(df))
    df["m2"] = 0.3 * df["m"] + rng.standard_normal(len(df))
    df.loc[rng.random(len(df)) < 0.02, "m"] = np.nan
    df["n"] = rng.poisson(np.exp(0.3 * np.nan_to_num(df["y"]) - (firm % 6 == 0) * 3.0 - 9.0 * (df["firm"] % 13 == 5)))
    df["some"] = (df["x"] > 0).astype(int)
    df["dosed"] = (df["firm"] % 17 < 4) * (df["year"] > 4) * (0.5 + df["firm"] % 3)  # in four cities
    df["idle"] = 1.0 * ((df["n"] == 0) & (df["x"] > 1))  # a covariate that separates zeros
    df.loc[df["firm"] == 3, "industry"] = "salt"  # in one firm alone
    df.loc[df["firm"].between(90, 95), ["industry", "first"]] = ["tin", 4.0]  # without untreated firms from 4 on
    df.loc[df["firm"].between(100, 106), ["industry", "first"]] = ["zinc", np.inf]
    df.loc[df["firm"] == 106, "first"] = 6.0  # treated where no other firm ties it to its past
    df.loc[(df["firm"] == 106) & (df["year"] < 6), "industry"] = "steel"
    df["after"] = 1.0 * (df["year"] > 5) * (df["year"] >= df["first"])  # on treated rows alone
    kept = (rng.random(len(df)) > 0.15) & ~((df["firm"] < 4) & (df["year"] > 1 + df["firm"] % 2))
    kept &= df["year"] != 7  # a gap
    return df[kept].reset_index(drop=True)


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Regressions in memory that project exactly: alternating projections stop at 1e-10 of a standard deviation."""
    monkeypatch.setattr("aigreen.regression.absorbed.PATIENCE", 1)


ROLES = [{"cluster": "city"}, {}, {"cluster": "city", "weights": "w"}, {"cluster": "city", "weights": "wt"}]
FITS = [
    (GroupTimeATT, {}, {}),
    (GroupTimeATT, {"control_group": "never_treated", "base_period": "universal"}, {}),
    (GroupTimeATT, {"anticipation": 1, "base_period": "varying_window", "cohort_weights": "first"}, {}),
    (GroupTimeATT, {"method": "reg"}, {"covariates": ["x", "x2", "z"]}),
    (GroupTimeATT, {"method": "reg", "base_period": "universal", "anticipation": 1}, {"covariates": ["x", "size"]}),
    (GroupTimeATT, {}, {"covariates": ["x", "x2", "z"]}),
    (GroupTimeATT, {}, {"covariates": ["z"]}),
    (GroupTimeATT, {"base_period": "universal", "anticipation": 1}, {"covariates": ["x", "size"]}),
    (GroupTimeATT, {"method": "ipw", "cohort_weights": "first"}, {"covariates": ["x", "size"]}),
    (GroupTimeATT, {"method": "ipw", "control_group": "never_treated"}, {"covariates": ["sure"]}),
    (Imputation, {}, {}),
    (Imputation, {"variance": "leave_one_out", "anticipation": 1}, {}),
    (Imputation, {"variance": "conservative_rows", "fixed_effects": ["firm", "industry^year"]}, {}),
    (Imputation, {"fixed_effects": ["firm", "year", "industry^year"]}, {}),
    (Imputation, {"fixed_effects": ["firm"]}, {}),
    (Imputation, {"leads": 3}, {"covariates": ["x", "x2", "z"]}),
    (Imputation, {"leads": 2, "anticipation": 1, "fixed_effects": ["firm", "industry^year"]}, {"covariates": "size"}),
    (Imputation, {}, {"covariates": ["size", "late"]}),
    (Imputation, {"family": "poisson"}, {"outcome": "n"}),
    (Imputation, {"family": "poisson", "scale": "percent", "variance": "leave_one_out"}, {"outcome": "n"}),
    (
        Imputation,
        {"family": "poisson", "separated": "drop", "fixed_effects": ["firm", "industry^year"], "anticipation": 1},
        {"outcome": "n"},
    ),
    (Imputation, {"family": "poisson", "scale": "percent"}, {"outcome": "n", "covariates": ["x", "m2"]}),
    (Decomposition, {"channels": ["m"]}, {}),
    (Decomposition, {"channels": "m", "exposure": "near", "anticipation": 1, "response": "linear"}, {}),
    (Decomposition, {"channels": ["m", "m2"], "ordered": True, "exposure": ["near", "far"], "origins": True}, {}),
    (
        Decomposition,
        {"channels": ["m2"], "exposure": "near", "bins": [1, 2], "fixed_effects": ["firm", "industry^year"]},
        {"covariates": ["x", "x2", "z"]},
    ),
    (Decomposition, {"channels": ["m"], "exposure": "far", "bins": 2, "variance": "conservative"}, {}),
    (Decomposition, {"channels": ["m"], "exposure": "far", "response": "spline"}, {"covariates": ["size", "late"]}),
    (Decomposition, {"channels": [], "exposure": "near"}, {}),
    (Decomposition, {"family": "poisson", "channels": []}, {"outcome": "n"}),
    (
        Decomposition,
        {"family": "poisson", "channels": "m", "exposure": "near", "anticipation": 1, "response": "linear"},
        {"outcome": "n"},
    ),
    (
        Decomposition,
        {"family": "poisson", "channels": ["m2", "m"], "ordered": True, "exposure": ["near", "far"], "origins": True},
        {"outcome": "n", "covariates": "x"},
    ),
    (
        Decomposition,
        {"family": "poisson", "channels": ["m2"], "exposure": "near", "bins": [1, 2], "movement": "rows"}
        | {"scale": "count", "fixed_effects": ["firm", "industry^year"]},
        {"outcome": "n", "covariates": ["x", "x2", "z"]},
    ),
    (
        Decomposition,
        {"family": "poisson", "channels": ["m"], "exposure": "far", "response": "spline", "variance": "conservative"},
        {"outcome": "n", "covariates": ["size", "after"]},
    ),
    (SunAbraham, {}, {}),
    (SunAbraham, {"control_group": "last_treated", "reference": -2}, {"covariates": ["x", "x2", "z"]}),
    (StackedDiD, {"window": (-2, 2)}, {}),
    (
        StackedDiD,
        {"window": (-3, 1), "control_group": "never_treated", "weighting": "variance", "reference": -2},
        {"covariates": ["x", "x2", "z"]},
    ),
    (TWFE, {}, {}),
    (TWFE, {"event_study": True}, {}),
    (TWFE, {"event_study": (-3, 2), "fixed_effects": ["firm", "industry^year"]}, {"covariates": ["x", "x2"]}),
    (TWFE, {}, {"treatment": ["treated_now", "some"], "covariates": "x"}),
    (TWFE, {"fixed_effects": ["firm", "year", "city"]}, {"treatment": "x"}),
    (TWFE, {}, {"treatment": ["dosed", "x"], "covariates": "m2"}),
    (TWFE, {"family": "poisson"}, {"outcome": "n", "treatment": "dosed"}),
    (TWFE, {"family": "poisson"}, {"outcome": "n"}),
    (TWFE, {"family": "poisson", "event_study": True}, {"outcome": "n"}),
    (
        TWFE,
        {"family": "poisson", "event_study": (-3, 2), "fixed_effects": ["firm", "industry^year"]},
        {"outcome": "n", "covariates": ["x", "x2"]},
    ),
    (
        TWFE,
        {"family": "poisson", "fixed_effects": ["year", "firm"]},
        {"outcome": "n", "treatment": ["treated_now", "some"], "covariates": "size", "offset": "m2"},
    ),
    (TWFE, {"family": "poisson"}, {"outcome": "n", "covariates": ["idle", "x", "z"]}),
    (TWFE, {"family": "poisson", "fixed_effects": ["firm"]}, {"outcome": "n", "treatment": "x"}),
]


@pytest.mark.parametrize("roles", ROLES, ids=["city", "firm", "zero-weights", "weights"])
@pytest.mark.parametrize(("estimator", "options", "given"), FITS)
def test_disk_equals_memory(tmp_path, roles, estimator, options, given):
    panel, scanned = twins(firms(), tmp_path, **roles)
    result = assert_same_outcome(estimator(**options).fit, panel, scanned, **({"outcome": "y"} | given))
    assert len(result.values)


def test_the_block_does_not_matter(tmp_path):
    panel, scanned = twins(firms(), tmp_path, cluster="city")
    memory = outcome(Imputation().fit, panel, "y")[0]
    for scanned.block_rows in (1, 7, 13, 10_000):
        assert_same(memory, outcome(Imputation().fit, scanned, "y")[0])


def test_a_period_without_outcomes_is_none(tmp_path):
    df = firms()
    df.loc[df["year"] == 3, "y"] = np.nan
    panel, scanned = twins(df, tmp_path, cluster="city")
    for model in (
        GroupTimeATT(),
        GroupTimeATT(base_period="universal"),
        TWFE(event_study=True, reference=-2),
        SunAbraham(reference=-2),
        StackedDiD(window=(-2, 2), reference=-2),
        Decomposition(channels="m", exposure="near", anticipation=1),
    ):
        assert_same_outcome(model.fit, panel, scanned, "y")


@pytest.mark.parametrize("kind", ["text", "date", "float"])
def test_labels_of_any_type(tmp_path, kind):
    df = firms()
    if kind == "text":
        df["firm"] = "f" + df["firm"].astype(str)
    elif kind == "float":
        df["firm"] = df["firm"] / 2
    else:
        first = df["first"].where(np.isfinite(df["first"]))
        df["first"] = pd.to_datetime((first + 2000).astype("Int64").astype("string"), format="%Y")
        df["year"] = pd.to_datetime((df["year"] + 2000).astype(str), format="%Y")
    panel, scanned = twins(df, tmp_path, cluster="city")
    assert scanned.periods.equals(panel.periods)
    for model in (GroupTimeATT(), Imputation(), TWFE(), SunAbraham(), StackedDiD(window=(-2, 2))):
        assert_same_outcome(model.fit, panel, scanned, "y")


def test_steps_of_two_years(tmp_path):
    df = firms()
    df["year"], df["first"] = 2 * df["year"] + 2000, 2 * df["first"] + 2000
    panel, scanned = twins(df, tmp_path, cluster="city", freq=2)
    assert scanned.times.tolist() == panel.times.tolist()
    assert_same_outcome(GroupTimeATT().fit, panel, scanned, "y")


def test_levels_far_from_zero_lose_nothing(tmp_path):
    df = firms()
    df["y"] += 1e6 * df["firm"] + 1e4 * df["year"]
    panel, scanned = twins(df, tmp_path, cluster="city")
    for model in (GroupTimeATT(), Imputation(), SunAbraham(), Decomposition(channels="m", exposure="near")):
        memory, disk = (outcome(model.fit, one, "y")[0] for one in (panel, scanned))
        assert disk.values == pytest.approx(memory.values, abs=1e-7)
        assert disk.psi == pytest.approx(memory.psi, abs=1e-7)


def test_results_of_disk_and_memory_can_be_tested_jointly_and_stored(tmp_path):
    panel, scanned = twins(firms(), tmp_path, cluster="city")
    disk, memory = (outcome(GroupTimeATT().fit, one, "y")[0] for one in (scanned, panel))
    imputed = outcome(Imputation().fit, panel, "y")[0]
    a, b = (one.overall() - imputed.overall() for one in (disk, memory))
    assert a.values == pytest.approx(b.values, rel=1e-10)
    assert a.std_errors.to_numpy() == pytest.approx(b.std_errors.to_numpy(), rel=1e-10)
    disk.save(tmp_path / "att")
    assert repr(load(tmp_path / "att")) == repr(disk)
    band, other = (one.event_study().conf_int(simultaneous=True) for one in (disk, memory))
    pd.testing.assert_frame_equal(band, other, rtol=1e-8)


@st.composite
def panels(draw) -> tuple[pd.DataFrame, int, dict[str, str]]:
    """Random firms with gaps, missing outcomes, cohorts at and beyond both ends, and weights that may be zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, periods = draw(st.integers(6, 30)), draw(st.integers(2, 6))
    cohorts = draw(st.lists(st.integers(1, periods + 2), min_size=1, max_size=4))
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    df = pd.DataFrame({"firm": firm, "year": year, "first": rng.choice([0, *cohorts], n)[firm]})
    df["city"] = rng.integers(0, draw(st.integers(2, 8)), n)[firm]
    df["industry"] = rng.integers(0, 3, len(df))
    df["w"] = rng.choice([0.0, 1.0, 2.5], len(df))
    df["x"] = rng.standard_normal(len(df))
    df["m"] = rng.standard_normal(len(df))
    df["near"], df["far"] = rng.poisson(0.3, (2, len(df)))
    df["y"] = rng.standard_normal(len(df)) + firm
    df["n"] = rng.poisson(draw(st.sampled_from([0.5, 3.0])), len(df))
    df.loc[rng.random(len(df)) < draw(st.sampled_from([0.0, 0.1, 0.4])), "y"] = np.nan
    df = df[rng.random(len(df)) >= draw(st.sampled_from([0.0, 0.2, 0.5]))]
    roles = {name: name for name in ("weights",) if draw(st.booleans())}
    roles = {"weights": "w"} if roles else {}
    return (
        df.reset_index(drop=True),
        draw(st.integers(1, 30)),
        roles | ({"cluster": "city"} if draw(st.booleans()) else {}),
    )


MODELS = [
    (GroupTimeATT(), {"covariates": "x"}),
    (GroupTimeATT(method="ipw", base_period="universal"), {"covariates": "x"}),
    (GroupTimeATT(method="reg"), {"covariates": "x"}),
    (GroupTimeATT(), {}),
    (GroupTimeATT(control_group="never_treated", base_period="universal", anticipation=1), {}),
    (Imputation(), {}),
    (Imputation(leads=2), {"covariates": ["x", "industry"]}),
    (Imputation(fixed_effects=["firm", "industry^year"], variance="leave_one_out"), {}),
    (Imputation(family="poisson"), {"outcome": "n"}),
    (Imputation(family="poisson", scale="percent", separated="drop"), {"outcome": "n"}),
    (Decomposition(channels=["m"], exposure="near", bins=2, origins=True, anticipation=1), {"covariates": "x"}),
    (Decomposition(channels=["m", "x"], exposure=["near", "far"], response="linear", ordered=True), {}),
    (
        Decomposition(family="poisson", channels=["m", "x"], exposure="near", bins=2, origins=True, anticipation=1),
        {"outcome": "n"},
    ),
    (
        Decomposition(family="poisson", channels="m", exposure=["near", "far"], response="linear", scale="count"),
        {"outcome": "n"},
    ),
    (SunAbraham(), {"covariates": "x"}),
    (SunAbraham(control_group="last_treated"), {}),
    (StackedDiD(window=(-1, 1)), {"covariates": "x"}),
    (StackedDiD(window=(-2, 0), control_group="never_treated"), {}),
    (TWFE(), {"covariates": "x"}),
    (TWFE(event_study=True), {}),
    (TWFE(family="poisson"), {"outcome": "n", "covariates": "x"}),
    (TWFE(family="poisson", event_study=True, fixed_effects=["industry", "firm", "year"]), {"outcome": "n"}),
]


@given(panels(), st.integers(0, len(MODELS) - 1))
@settings(max_examples=80, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_random_panels_in_small_blocks(case, which):
    df, rows, roles = case
    if df["year"].nunique() < 2 or not (df["w"] > 0).any():
        return
    model, given = MODELS[which]
    with tempfile.TemporaryDirectory() as folder:
        (memory, disk), told = outcome(twins, df, Path(folder), rows, **roles)
        assert not told or all("first treated" in text or "dummy" in text for _, text in told)
        given = {"outcome": "y"} | given
        if getattr(model, "family", "") == "poisson":
            result, told = outcome(model.fit, disk, **given)
            if isinstance(result, ConvergenceError):  # rows that only memory finds to be separated
                found, told = outcome(model.fit, memory, **given)
                assert isinstance(found, AigreenError) or any("separate" in text for _, text in told)
                return
            if isinstance(result, CollinearError):  # which column is told first depends on what was left out before
                assert isinstance(outcome(model.fit, memory, **given)[0], CollinearError)
                return
        assert_same_outcome(model.fit, memory, disk, **given)


def counted(n: int = 90, periods: int = 6) -> pd.DataFrame:
    """Firms with a positive count each."""
    rng = np.random.default_rng(4)
    df = pd.DataFrame({"firm": np.repeat(np.arange(n), periods), "year": np.tile(np.arange(2001, 2001 + periods), n)})
    df["first"] = np.array([0, 2003, 2005])[df["firm"] % 3]
    df["city"], df["w"] = df["firm"] % 13, 0.5 + rng.random(n)[df["firm"]]
    df["d"] = ((df["first"] > 0) & (df["year"] >= df["first"])).astype(float)
    df["x"] = rng.standard_normal(len(df))
    df["n"] = rng.poisson(np.exp(1 + 0.5 * rng.standard_normal(n)[df["firm"]] + 0.3 * df["d"] + 0.2 * df["x"]))
    return df


@pytest.mark.parametrize("weights", [{}, {"weights": "w"}], ids=["", "weights"])
def test_counts_equal_pyfixest(tmp_path, weights):
    import pyfixest

    df = counted()
    disk = TWFE(family="poisson").fit(twins(df, tmp_path, cluster="city", **weights)[1], "n", covariates="x")
    tight = {"iwls_tol": 1e-12, "demeaner": pyfixest.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000)}
    theirs = pyfixest.fepois("n ~ d + x | firm + year", df, vcov={"CRV1": "city"}, **weights, **tight)
    assert disk.values == pytest.approx(theirs.coef().to_numpy(), rel=1e-9)
    assert disk.std_errors.to_numpy() == pytest.approx(theirs.se().to_numpy(), rel=1e-8)


def test_zeros_that_run_away_are_left_out_as_in_memory(tmp_path):
    df = counted()
    rng = np.random.default_rng(5)
    some, others = rng.random((2, len(df))) < [[0.1], [0.05]]
    df.loc[some | others, "n"] = 0
    df["a"], df["b"] = 1.0 * some, 1.0 * others
    df["c"], df["slow"] = df["x"] + 2.0 * some, some * rng.random(len(df))
    panel, scanned = twins(df, tmp_path, cluster="city")
    model = TWFE(family="poisson")
    for covariates, gone in (("a", some), (["a", "b", "x"], some | others), (["c", "x"], some)):
        result = assert_same_outcome(model.fit, panel, scanned, "n", covariates=covariates)
        record = result.dropped.set_index("reason")["count"]
        assert record["zero outcomes that the covariates separate"] == gone.sum()
        assert result.n_rows == len(df) - gone.sum()
    refused = assert_same_outcome(model.fit, panel, scanned, "n", treatment="b", covariates="a")
    assert isinstance(refused, CollinearError)
    found = outcome(model.fit, panel, "n", covariates="slow")[0]
    assert found.n_rows == len(df) - some.sum()  # by a linear programme
    with pytest.raises(ConvergenceError, match="separate some rows, which a Panel in memory finds"):
        model.fit(scanned, "n", covariates="slow")


@pytest.mark.parametrize(("value", "message"), [(-1, "3 negative values"), (0, "zero in every row")])
def test_counts_that_are_none(tmp_path, value, message):
    df = counted()
    df["n"] = df["n"] if value else 0
    df.loc[[4, 80, 81], "n"] = value
    df.loc[4, "w"] = 0.0
    panel, scanned = twins(df, tmp_path, cluster="city", weights="w")
    less = message.replace("3", "2")  # without rows of weight zero
    for model, told in ((TWFE(family="poisson"), message), (Imputation(family="poisson"), less), (counts("x"), less)):
        assert told in str(assert_same_outcome(model.fit, panel, scanned, "n"))


def test_zeros_that_effects_or_covariates_separate_are_left_out_of_the_imputation_as_in_memory(tmp_path):
    df = counted()
    some = np.random.default_rng(5).random(len(df)) < 0.1
    df.loc[some, "n"], df["a"] = 0, 1.0 * some
    panel, scanned = twins(df, tmp_path, cluster="city", weights="w")
    refused = assert_same_outcome(counts("a").fit, panel, scanned, "n")
    assert "channels 'a' are determined" in str(refused)
    (tmp_path / "firms").mkdir()
    df = firms()  # its industries by year separate a zero
    panel, scanned = twins(df, tmp_path / "firms", cluster="city")
    effects = {"fixed_effects": ["firm", "industry^year"]}
    model = counts("m2", exposure="near", **effects)
    result = assert_same_outcome(model.fit, panel, scanned, "n")
    record = result.dropped.set_index("reason")["count"]
    assert record["zero outcomes that covariates or fixed effects separate"] == 1
    assert record["untreated outcome always zero in a fixed effect (separated)"] > 50
    assert "rows with an all-zero clean past have a counterfactual of zero" in result.conventions["separated"]
    (tmp_path / "clean").mkdir()
    panel, scanned = twins(df[(df["near"] == 0) | (df["year"] >= df["first"])], tmp_path / "clean", cluster="city")
    result = assert_same_outcome(Imputation(family="poisson", **effects).fit, panel, scanned, "n")
    assert result.dropped.set_index("reason")["count"]["zero outcomes that covariates or fixed effects separate"] == 1


def counts(channels, **options) -> Decomposition:
    """The decomposition of counts."""
    return Decomposition(family="poisson", channels=channels, **options)


@pytest.mark.parametrize("scale", ["log", "count"])
def test_parts_of_counts_from_disk_add_up_with_one_covariance(tmp_path, scale):
    scanned = twins(firms(), tmp_path, cluster="city")[1]
    parts = outcome(counts(["m", "m2"], exposure="near", scale=scale).fit, scanned, "n")[0]
    for one in (parts, parts.overall(), parts.event_study()):
        total, rest = (one.select(one.index.get_level_values("part") == "total"), one.additive)
        finite = np.isfinite(total.values)
        assert rest.values.reshape(4, -1).sum(axis=0)[finite] == pytest.approx(total.values[finite], rel=1e-12)
        summed = rest.psi.reshape(len(rest.psi), 4, -1).sum(axis=1)
        assert np.abs(summed - total.psi).max() <= 1e-12 * np.abs(total.psi).max()
    percent = Imputation(family="poisson", scale="percent", variance="leave_one_out")
    imputed = outcome(percent.fit, scanned, "n")[0].overall()
    without = outcome(counts([]).fit, scanned, "n")[0].overall()
    total = without.select(without.index == "total")
    assert total.values == pytest.approx(np.log1p(imputed.values), rel=1e-12)
    assert np.abs(total.psi * (1 + imputed.values) - imputed.psi).max() <= 1e-12 * np.abs(imputed.psi).max()


def few_treated(cities: int) -> pd.DataFrame:
    """Counts of firms in thirteen cities of which few are treated, with a channel and exposed cities."""
    df = counted()
    df["first"] = np.where(df["city"] < cities, 2003 + 2 * (df["city"] % 2), 0)
    df["near"] = 1.0 * (df["city"] % 4 == 3) * (df["year"] > 2003)
    df["m"] = df["x"] + 0.5 * ((df["first"] > 0) & (df["year"] >= df["first"])) + 0.3 * df["near"]
    return df


@pytest.mark.parametrize("variance", ["leave_one_out", "conservative"])
@pytest.mark.parametrize("cities", [1, 2, 3])
def test_counts_with_few_treated_clusters(tmp_path, cities, variance):
    panel, scanned = twins(few_treated(cities), tmp_path, cluster="city", weights="w")
    model = counts("m", exposure="near", variance=variance)
    result = assert_same_outcome(model.fit, panel, scanned, "n")
    refused = cities == 1 and variance == "leave_one_out"
    assert refused == ("needs two clusters with treated rows" in str(result))
    if not refused:
        effective = result.overall().effective_clusters()["treated"]
        assert effective["total"] <= cities + 0.1


def test_a_cell_whose_counts_are_all_zero(tmp_path):
    df = few_treated(6)
    df.loc[(df["first"] == 2003) & (df["year"] == 2004), "n"] = 0
    panel, scanned = twins(df, tmp_path, cluster="city")
    for scale in ("log", "count"):
        result = assert_same_outcome(counts("m", exposure="near", scale=scale).fit, panel, scanned, "n")
        assert np.isneginf(result["total"].values).sum() == (scale == "log")


def test_no_room_for_influence_functions_of_counts(tmp_path):
    scanned = twins(few_treated(5), tmp_path, memory="150KB")[1]
    model = counts("m", exposure="near", bins=[0.2, 0.4, 0.6, 0.8])
    with pytest.raises(EstimationError, match="influence functions of 7 sums by 90 clusters and 12 cohort-periods"):
        raise outcome(model.fit, scanned, "n")[0]


def test_levels_and_channels_far_from_zero_lose_nothing_of_counts(tmp_path):
    df = few_treated(5)
    df["m"] += 1e4 + 300.0 * (df["firm"] % 7)
    panel, scanned = twins(df, tmp_path, cluster="city")
    memory, disk = (outcome(counts("m", exposure="near").fit, one, "n")[0] for one in (panel, scanned))
    assert disk.values == pytest.approx(memory.values, abs=1e-9)
    assert disk.psi == pytest.approx(memory.psi, abs=1e-9)


def test_a_channel_that_fits_clean_counts_perfectly_has_a_slope_without_error(tmp_path):
    df = pd.DataFrame({"firm": np.repeat(np.arange(8), 2), "year": np.tile([1, 2], 8)})
    df["first"], df["city"] = np.where(df["firm"] < 2, 0, 2), df["firm"] % 5
    df["n"], df["m"] = [3, 5, 7, 2, *range(1, 13)], np.random.default_rng(0).standard_normal(16)
    panel, scanned = twins(df, tmp_path, cluster="city")
    assert_same_outcome(counts("m").fit, panel, scanned, "n")


def test_the_block_does_not_matter_to_counts(tmp_path):
    panel, scanned = twins(firms(), tmp_path, cluster="city", weights="wt")
    memory = outcome(counts("m", exposure="near").fit, panel, "n")[0]
    for scanned.block_rows in (1, 13, 10_000):
        assert_same(memory, outcome(counts("m", exposure="near").fit, scanned, "n")[0])


def test_parts_from_disk_add_up_with_one_covariance(tmp_path):
    scanned = twins(firms(), tmp_path, cluster="city")[1]
    parts = outcome(Decomposition(channels=["m", "m2"], exposure="near").fit, scanned, "y")[0]
    for one in (parts, parts.overall(), parts.event_study()):
        total, rest = (one.select(one.index.get_level_values("part") == "total"), one.additive)
        assert rest.values.reshape(4, -1).sum(axis=0) == pytest.approx(total.values, rel=1e-12)
        summed = rest.psi.reshape(len(rest.psi), 4, -1).sum(axis=1)
        assert np.abs(summed - total.psi).max() <= 1e-14
    imputed = outcome(Imputation(variance="leave_one_out").fit, scanned, "y")[0]
    without = outcome(Decomposition(channels=["m2"]).fit, scanned, "y")[0]["total"]
    assert without.values == pytest.approx(imputed.values, rel=1e-12)
    assert np.abs(without.psi - imputed.psi).max() <= 1e-12 * np.abs(imputed.psi).max()
