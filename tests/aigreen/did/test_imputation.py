"""Imputation against dense algebra, hand-computed numbers, invariances and bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen import Imputation, Panel, concat
from aigreen.errors import (
    AigreenError,
    AlwaysTreatedWarning,
    CollinearWarning,
    ConvergenceError,
    DataError,
    EstimationError,
    InfiniteValueError,
    MissingRowsWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    SeparationWarning,
    SmallCellWarning,
    TooFewClustersError,
    UnreachedWarning,
)

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}


def firms(seed: int = 0, n: int = 60, periods: int = 8, missing: float = 0.15) -> pd.DataFrame:
    """An unbalanced panel with cohorts 4 and 6 (0 never), industries, clusters, weights, a covariate and counts."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    first = rng.permutation(np.resize([0, 4, 6], n))[firm]
    industry = rng.integers(0, 3, n)[firm]
    x = rng.standard_normal(n * periods)
    effect = np.where((first > 0) & (year >= first), 0.3 + 0.1 * (year - first), 0.0)
    level = 0.5 * rng.standard_normal(n)[firm]
    df = pd.DataFrame(
        {
            "firm": firm,
            "year": year,
            "first": first,
            "industry": industry,
            "city": (firm // 4),
            "mover": rng.integers(0, 9, n * periods),
            "w": (rng.random(n) + 0.5)[firm],
            "x": x,
            "y": level + 0.1 * year * (1 + industry) + 0.4 * x + effect + rng.standard_normal(n * periods),
            "count": rng.poisson(np.exp(1 + level + 0.05 * year + 0.2 * x + effect)),
        }
    )
    return df[rng.random(n * periods) >= missing].reset_index(drop=True)


def dense_design(panel: Panel, covariates: list[str], effects: list[str] | None = None) -> np.ndarray:
    df = panel.frame
    parts = [pd.get_dummies(df[name].astype(str)).to_numpy(float) for name in effects or ["firm", "year"]]
    return np.hstack([*parts, df[covariates].to_numpy(float)])


def dense_influence(
    panel: Panel, Z: np.ndarray, y: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the average over `target` (the paper's v), residuals and imputed effects, by dense algebra."""
    w = np.ones(len(y)) if panel.weights is None else panel.weights
    clean = ~panel.treated
    inverse = np.linalg.pinv((Z[clean] * w[clean, None]).T @ Z[clean])
    gap = y - Z @ (inverse @ (Z[clean] * w[clean, None]).T @ y[clean])
    v = np.where(target, w, 0.0) / w[target].sum()
    v[clean] = -w[clean] * (Z[clean] @ (inverse @ (Z[target].T @ v[target])))
    return v, gap, clean


def paper_centre(panel: Panel, v: np.ndarray, gap: np.ndarray, target: np.ndarray, *, without: int = -1) -> np.ndarray:
    """Centre of each target row, sum_c v_c (v tau)_c / sum_c v_c^2 inside its cohort-period, without one cluster."""
    df = pd.DataFrame({"c": panel.cluster_codes, "g": panel.cohort, "t": panel.time, "v": v, "vt": v * gap})[target]
    sums = df[df.c != without].groupby(["g", "t", "c"])[["v", "vt"]].sum()
    parts = pd.DataFrame({"top": sums.v * sums.vt, "bottom": sums.v**2}).groupby(["g", "t"]).sum()
    ratio = parts.top / parts.bottom
    out = np.zeros(len(v))
    out[target] = [ratio.get((g, t), 0.0) for g, t in zip(df.g, df.t, strict=True)]
    return out


def by_cluster(panel: Panel, terms: np.ndarray) -> np.ndarray:
    return np.bincount(panel.cluster_codes, terms, len(panel.clusters))


@pytest.fixture
def panel() -> Panel:
    return Panel(firms(), **KEYS)


def test_hand_computed_example() -> None:
    df = pd.DataFrame(
        {
            "firm": list("aabbccdd"),
            "year": [1, 2] * 4,
            "first": [2, 2, 2, 2, 0, 0, 0, 0],
            "y": [1.0, 4.0, 2.0, 6.0, 1.0, 2.0, 4.0, 8.0],
        }
    )
    result = Imputation().fit(Panel(df, **KEYS), "y")
    # Changes of the treated are 3 and 4, of the controls 1 and 4: 3.5 - 2.5; influence: deviations from these, halved.
    assert result.estimates.to_dict() == {(2, 2): pytest.approx(1.0)}
    assert result.influence[2, 2].to_numpy() == pytest.approx([-0.25, 0.25, 0.75, -0.75])
    assert result.std_errors.iloc[0] == pytest.approx(np.sqrt(1.25))


@pytest.mark.parametrize(
    ("options", "keys", "covariates", "effects"),
    [
        ({}, {}, [], None),
        ({}, {"cluster": "city", "weights": "w"}, ["x"], None),
        ({}, {"cluster": "mover", "weights": "w"}, ["x"], None),
        ({"fixed_effects": ["firm", "industry^year"]}, {"cluster": "city"}, ["x"], ["firm", "iy"]),
        ({"fixed_effects": ["first", "year"]}, {"cluster": "firm"}, [], ["first", "year"]),
    ],
)
def test_equals_dense_least_squares_on_untreated_rows(
    options: dict, keys: dict, covariates: list[str], effects: list[str] | None
) -> None:
    df = firms()
    df["iy"] = df["industry"].astype(str) + "-" + df["year"].astype(str)
    panel = Panel(df, **KEYS, **keys)
    result = Imputation(**options).fit(panel, "y", covariates=covariates)
    Z, y = dense_design(panel, covariates, effects), panel.column("y")
    targets = {cell: (panel.cohort == cell[0]) & (panel.time == cell[1]) for cell in result.index}
    for cell, target in targets.items():
        v, gap, clean = dense_influence(panel, Z, y, target)
        assert result.estimates[cell] == pytest.approx(v[target] @ gap[target], abs=1e-10)
        psi = by_cluster(panel, v * np.where(clean, gap, gap - paper_centre(panel, v, gap, target)))
        assert result.influence[cell].to_numpy() == pytest.approx(psi, abs=1e-10)


@pytest.mark.parametrize("how", ["simple", "event_study", "group"])
def test_averages_of_influence_functions_are_those_of_the_paper(how: str) -> None:
    panel = Panel(firms(), **KEYS, cluster="city", weights="w")
    result = Imputation().fit(panel, "y").aggregate(how)
    Z, y = dense_design(panel, []), panel.column("y")
    of = {"simple": np.where(panel.treated, "ATT", ""), "event_study": panel.time - panel.cohort, "group": panel.cohort}
    for label in result.index:
        target = panel.treated & (of[how] == label)
        v, gap, clean = dense_influence(panel, Z, y, target)
        psi = by_cluster(panel, v * np.where(clean, gap, gap - paper_centre(panel, v, gap, target)))
        assert result.estimates[label] == pytest.approx(v[target] @ gap[target], abs=1e-10)
        assert result.std_errors[label] == pytest.approx(np.sqrt(psi @ psi), abs=1e-10)


def test_leave_one_out_centres_without_the_own_cluster() -> None:
    panel = Panel(firms(), **KEYS, cluster="city")
    result = Imputation(variance="leave_one_out").fit(panel, "y")
    cell = (4, 6)
    target = (panel.cohort == 4) & (panel.time == 6)
    v, gap, clean = dense_influence(panel, dense_design(panel, []), panel.column("y"), target)
    psi = by_cluster(panel, np.where(clean, v * gap, 0.0))
    for c in range(len(panel.clusters)):
        own = target & (panel.cluster_codes == c)
        centre = paper_centre(panel, v, gap, target, without=c)
        psi[c] += (v * (gap - centre))[own].sum()
    assert result.influence[cell].to_numpy() == pytest.approx(psi, abs=1e-10)
    assert (result.std_errors > Imputation().fit(panel, "y").std_errors).all()


def test_row_centring_differs_only_with_clusters_above_units(panel: Panel) -> None:
    rows, paper = Imputation(variance="conservative_rows"), Imputation()
    assert rows.fit(panel, "y").psi == pytest.approx(paper.fit(panel, "y").psi, abs=1e-13)
    cities = Panel(firms(), **KEYS, cluster="city")
    result = rows.fit(cities, "y")
    target = (cities.cohort == 4) & (cities.time == 5)
    v, gap, clean = dense_influence(cities, dense_design(cities, []), cities.column("y"), target)
    terms = v * np.where(clean, gap, gap - gap[target].mean())
    assert result.influence[4, 5].to_numpy() == pytest.approx(by_cluster(cities, terms), abs=1e-10)
    assert abs(result.std_errors[4, 5] - paper.fit(cities, "y").std_errors[4, 5]) > 1e-4


def test_leads_equal_dense_least_squares_and_stand_in_the_event_study() -> None:
    panel = Panel(firms(missing=0.1), **KEYS, cluster="city", weights="w")
    result = Imputation(leads=2).fit(panel, "y", covariates=["x"])
    study = result.event_study()
    assert study.index.tolist() == [-2, -1, 0, 1, 2, 3, 4]
    Z, y, w = dense_design(panel, ["x"]), panel.column("y"), panel.weights
    horizon = panel.time - panel.cohort
    clean = ~panel.treated
    Z = np.hstack([Z, np.column_stack([horizon == -2, horizon == -1])])[clean]
    bread = np.linalg.pinv((Z * w[clean, None]).T @ Z)
    beta = bread @ (Z * w[clean, None]).T @ y[clean]
    assert study.values[:2] == pytest.approx(beta[-2:], abs=1e-10)
    scores = (Z * (w[clean] * (y[clean] - Z @ beta))[:, None]) @ bread[:, -2:]
    psi = np.array([np.bincount(panel.cluster_codes[clean], s, len(panel.clusters)) for s in scores.T]).T
    assert study.psi[:, :2] == pytest.approx(psi, abs=1e-10)
    without = Imputation().fit(panel, "y", covariates=["x"])
    assert result.select(result.post).psi == pytest.approx(without.psi)
    assert result.overall().values == pytest.approx(without.overall().values)
    assert study.pretrend_test().df == 2


def test_all_leads_of_a_panel_lose_the_nearest_one(panel: Panel) -> None:
    with pytest.warns(CollinearWarning, match="1 leads left out.*lead -1"):
        result = Imputation(leads=9).fit(panel, "y")
    assert result.event_study().index.tolist() == [-5, -4, -3, -2, 0, 1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
def test_anticipation_equals_earlier_cohorts_without_their_first_periods() -> None:
    df = firms()
    early = df.assign(first=df["first"].where(df["first"] == 0, df["first"] - 1))
    result = Imputation(anticipation=1).fit(Panel(df, **KEYS), "y")
    expected = Imputation().fit(Panel(early, **KEYS), "y")
    assert result.index.tolist() == [(g + 1, t) for g, t in expected.index if t > g]
    kept = [t > g for g, t in expected.index]
    assert result.values == pytest.approx(expected.values[kept], abs=1e-12)
    assert result.psi == pytest.approx(expected.psi[:, kept], abs=1e-12)


def test_views_and_outcomes_share_one_covariance(panel: Panel) -> None:
    parts = {key: Imputation().fit(view, "y").overall() for key, view in panel.split("industry").items()}
    both = concat(parts)
    assert both.vcov.to_numpy()[0, 1] == 0
    assert (parts[0] - parts[1]).std_errors.iloc[0] ** 2 == pytest.approx(np.diag(both.vcov)[:2].sum())


# -- what is left out ------------------------------------------------------------------------------------------------


def test_always_treated_units_are_counted_and_change_nothing() -> None:
    df = firms(missing=0)
    extra = df[df["firm"] < 2].assign(firm=lambda d: d["firm"] + 1000, first=1)
    with pytest.warns(AlwaysTreatedWarning, match="2 units left out"):
        result = Imputation().fit(Panel(pd.concat([df, extra]), **KEYS), "y")
    expected = Imputation().fit(Panel(df, **KEYS), "y")
    assert result.estimates.to_dict() == pytest.approx(expected.estimates.to_dict())
    assert result.std_errors.to_numpy() == pytest.approx(expected.std_errors.to_numpy())
    assert (result.n_rows, result.n_units) == (expected.n_rows, expected.n_units)
    assert result.dropped["count"].tolist() == [2]


def test_rows_that_no_untreated_row_reaches_are_counted() -> None:
    df = firms(missing=0)
    df = df[df["first"] > 0]
    with pytest.warns(UnreachedWarning, match="treated rows whose fixed effects"):
        result = Imputation().fit(Panel(df, **KEYS), "y")
    assert result.index.tolist() == [(4, 4), (4, 5)]
    assert result.dropped["count"].tolist() == [int((df["year"] >= 6).sum())]


def test_missing_and_weightless_rows_are_counted() -> None:
    df = firms()
    df.loc[[3, 40], "y"] = np.nan
    df.loc[df["firm"] == 7, "w"] = 0.0
    with pytest.warns(MissingRowsWarning) as record:
        result = Imputation().fit(Panel(df, **KEYS, weights="w"), "y")
    assert [w.message.count for w in record] == [2, int(((df["w"] == 0) & df["y"].notna()).sum())]
    expected = Imputation().fit(Panel(df[df["y"].notna() & (df["w"] > 0)], **KEYS, weights="w"), "y")
    assert result.values == pytest.approx(expected.values)
    assert result.n_rows == expected.n_rows


def test_collinear_covariates_are_counted(panel: Panel) -> None:
    df = firms().assign(copy=lambda d: 2 * d["x"] + d["firm"] - d["year"])
    with pytest.warns(CollinearWarning, match="1 covariates left out.*copy"):
        result = Imputation().fit(Panel(df, **KEYS), "y", covariates=["x", "copy"])
    assert result.values == pytest.approx(Imputation().fit(panel, "y", covariates=["x"]).values, abs=1e-10)


def test_covariate_that_moves_only_after_treatment_leaves_its_rows_unreached() -> None:
    df = firms(missing=0)
    df["late"] = np.where((df["first"] == 4) & (df["year"] >= 7), df["x"], 0.0)
    with pytest.warns((CollinearWarning, UnreachedWarning)):
        result = Imputation().fit(Panel(df, **KEYS), "y", covariates=["late"])
    assert result.index.tolist() == [(4, 4), (4, 5), (4, 6), (6, 6), (6, 7), (6, 8)]


def test_cell_with_one_unit_warns_or_is_centred_at_the_others() -> None:
    df = firms(missing=0)
    df = df[(df["first"] != 6) | (df["firm"] == df.loc[df["first"] == 6, "firm"].min())]
    with pytest.warns(SmallCellWarning, match=r"3 cohort-periods .* first: \(6, 6\)"):
        Imputation().fit(Panel(df, **KEYS), "y")
    wider = Imputation(variance="leave_one_out").fit(Panel(df, **KEYS), "y")
    plain = Imputation().fit(Panel(df, **KEYS), "y")
    firm = df.loc[df["first"] == 6, "firm"].min()
    weights = df[df["first"] == 4].groupby("year")["firm"].nunique().loc[4:]
    others = np.average(plain.estimates[4], weights=1 / weights)
    added = (wider.influence - plain.influence).loc[firm]
    assert added[6].to_numpy() == pytest.approx(plain.estimates[6].to_numpy() - others, abs=1e-10)
    with pytest.raises(EstimationError, match="two clusters with treated rows, and all are in one"):
        Imputation(variance="leave_one_out").fit(Panel(df[df["first"] != 4], **KEYS), "y")


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: d.assign(first=0), NoTreatedError),
        (lambda d: d.assign(first=1), NoControlsError),
        (lambda d: d.assign(first=4), NoControlsError),
        (lambda d: d.assign(first=np.where(d["first"] > 0, 1, 0)), NoPrePeriodError),
        (lambda d: d.assign(city=1), TooFewClustersError),
        (lambda d: d.assign(y=np.where(d["firm"] == 3, np.inf, d["y"])), InfiniteValueError),
        (lambda d: d.assign(y="a"), DataError),
        (lambda d: d.assign(y=np.nan), DataError),
    ],
)
def test_impossible_data_raise_typed_errors(change: object, error: type[AigreenError]) -> None:
    with pytest.raises(error):
        Imputation().fit(Panel(change(firms()), **KEYS, cluster="city"), "y")


@pytest.mark.parametrize(
    "options",
    [
        {"family": "logit"},
        {"variance": "robust"},
        {"scale": "percent"},
        {"anticipation": -1},
        {"leads": 1.5},
        {"fixed_effects": "firm"},
        {"fixed_effects": []},
        {"family": "poisson", "leads": 2},
    ],
)
def test_impossible_options_raise(options: dict) -> None:
    with pytest.raises(OptionError):
        Imputation(**options)


def test_a_column_named_class() -> None:
    df = firms().rename(columns={"y": "class", "x": "lambda"})
    result = Imputation().fit(Panel(df, **KEYS), "class", covariates=["lambda"])
    assert result.values == pytest.approx(Imputation().fit(Panel(firms(), **KEYS), "y", covariates=["x"]).values)


# -- invariances -----------------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 10**6),
    scale=st.floats(0.1, 100),
    shift=st.floats(-1e3, 1e3),
    family=st.sampled_from(["g", "p"]),
)
@settings(max_examples=25, deadline=None)
@pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")
def test_invariances(seed: int, scale: float, shift: float, family: str) -> None:
    rng = np.random.default_rng(seed)
    df = firms(seed % 7)
    estimator = Imputation() if family == "g" else Imputation(family="poisson")
    outcome = "y" if family == "g" else "count"

    def fit(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        result = estimator.fit(Panel(frame, **KEYS, cluster="city", weights="w"), outcome, covariates=["x"])
        return result.values, np.sort(np.abs(result.std_errors.to_numpy()))

    values, errors = fit(df)
    names = dict(zip(df["firm"].unique(), rng.permutation(df["firm"].nunique()), strict=True))
    other = df.assign(**{outcome: df[outcome] * scale}) if family == "p" else df.assign(y=df["y"] * scale + shift)
    copies = pd.concat([df, df.assign(firm=df["firm"] + 1000)]).assign(w=lambda d: d["w"] / 2)
    changes = {
        "row order": (df.sample(frac=1, random_state=seed % 1000), 1.0),
        "relabelled units": (df.assign(firm=df["firm"].map(names)), 1.0),
        "shifted periods": (
            df.assign(year=df["year"] + 7, first=df["first"].where(df["first"] == 0, df["first"] + 7)),
            1.0,
        ),
        "scale and constant": (other, scale),
        "scaled weights": (df.assign(w=df["w"] * scale), 1.0),
        "duplicated with halved weights": (copies, 1.0),
    }
    for name, (frame, factor) in changes.items():
        changed, changed_errors = fit(frame)
        assert changed == pytest.approx(values * factor, rel=1e-7, abs=1e-8 * max(1, abs(shift))), name
        assert changed_errors == pytest.approx(errors * factor, rel=1e-7, abs=1e-8 * max(1, abs(shift))), name


# -- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("scale", ["level", "percent"])
def test_poisson_equals_a_dense_model_with_the_delta_method(scale: str, leave_one_out: bool) -> None:
    panel = Panel(firms(n=30), **KEYS, cluster="city", weights="w")
    variance = "leave_one_out" if leave_one_out else "conservative"
    result = Imputation(family="poisson", scale=scale, variance=variance).fit(panel, "count", covariates=["x"])
    Z, y, w, clean = dense_design(panel, ["x"]), panel.column("count"), panel.weights, ~panel.treated
    Z = Z[:, np.r_[:30, 31 : Z.shape[1]]]
    model = sm.GLM(y[clean], Z[clean], family=sm.families.Poisson(), freq_weights=w[clean]).fit(tol=1e-14, maxiter=200)
    mu = np.exp(Z @ model.params)
    bread = np.linalg.inv((Z[clean] * (w * mu)[clean, None]).T @ Z[clean])
    scores = (Z * (w * (y - mu) * clean)[:, None]) @ bread
    cluster = panel.cluster_codes
    for cell in result.index:
        target = (panel.cohort == cell[0]) & (panel.time == cell[1])
        wt = w * target
        total, count = wt @ mu, wt.sum()
        estimate = (wt @ (y - mu)) / (count if scale == "level" else total)
        slope = 1.0 if scale == "level" else 1 + estimate
        untreated = by_cluster(panel, scores @ (Z.T @ (wt * mu)))
        ratio = np.full(len(panel.clusters), (wt @ y) / total)
        if leave_one_out:
            ratio = (wt @ y - by_cluster(panel, wt * y)) / (total - by_cluster(panel, wt * mu))
        own = by_cluster(panel, wt * (y - ratio[cluster] * mu))
        psi = (own - slope * untreated) / (count if scale == "level" else total)
        assert result.estimates[cell] == pytest.approx(estimate, abs=1e-8)
        assert result.influence[cell].to_numpy() == pytest.approx(psi, abs=1e-8)


def test_percent_effects_average_to_ratios_of_sums() -> None:
    panel = Panel(firms(3, missing=0), **KEYS, cluster="city")
    level = Imputation(family="poisson").fit(panel, "count")
    percent = Imputation(family="poisson", scale="percent").fit(panel, "count")
    seen = panel.column("count")[panel.treated].sum()
    gaps = level.combine(level.mass.value)
    imputed, d_imputed = seen - gaps.values[0], percent.mass.influence.sum(axis=1)
    overall = percent.overall()
    assert percent.mass.value.sum() == pytest.approx(imputed)
    assert overall.values[0] == pytest.approx(seen / imputed - 1, abs=1e-12)
    assert overall.psi[:, 0] == pytest.approx((gaps.psi[:, 0] - overall.values[0] * d_imputed) / imputed, abs=1e-12)


def test_poisson_leads_are_growth_rates() -> None:
    panel = Panel(firms(n=30, missing=0.05), **KEYS)
    study = Imputation(family="poisson", scale="percent", leads=2).fit(panel, "count").event_study()
    Z, y, clean = dense_design(panel, []), panel.column("count"), ~panel.treated
    horizon = panel.time - panel.cohort
    Z = np.hstack([Z[:, np.r_[:30, 31 : Z.shape[1]]], np.column_stack([horizon == -2, horizon == -1])])
    model = sm.GLM(y[clean], Z[clean], family=sm.families.Poisson()).fit(tol=1e-14, maxiter=200)
    assert study.values[:2] == pytest.approx(np.expm1(model.params[-2:]), abs=1e-8)
    assert study.index.tolist()[:3] == [-2, -1, 0]


def with_zero_past() -> tuple[pd.DataFrame, np.ndarray]:
    df = firms(missing=0)
    zero = df.loc[df["first"] == 4, "firm"].unique()[:2]
    df.loc[df["firm"].isin(zero) & (df["year"] < 4), "count"] = 0
    return df, zero


def test_units_without_untreated_counts_are_imputed_as_zero() -> None:
    df, zero = with_zero_past()
    with pytest.warns(SeparationWarning, match="6 untreated rows left out"):
        result = Imputation(family="poisson").fit(Panel(df, **KEYS), "count")
    assert result.conventions["separated"].startswith("10 treated rows")
    others = Imputation(family="poisson").fit(Panel(df[~df["firm"].isin(zero)], **KEYS), "count")
    n = others.mass.value
    total = df[df["firm"].isin(zero)].groupby("year")["count"].sum()
    extra = np.array([total[t] if g == 4 else 0.0 for g, t in others.index])
    n_zero = np.array([2.0 if g == 4 else 0.0 for g, _ in others.index])
    assert result.values == pytest.approx((others.values * n + extra) / (n + n_zero), abs=1e-9)
    # The limit of the fit: replace one zero by a tiny count.
    tiny = df.assign(count=df["count"].astype(float))
    tiny.loc[tiny["firm"].isin(zero) & (tiny["year"] == 1), "count"] = 1e-7
    limit = Imputation(family="poisson").fit(Panel(tiny, **KEYS), "count")
    assert result.values == pytest.approx(limit.values, abs=1e-5)
    assert result.std_errors.to_numpy() == pytest.approx(limit.std_errors.to_numpy(), abs=1e-5)


def test_units_without_untreated_counts_can_be_dropped() -> None:
    df, zero = with_zero_past()
    with pytest.warns(SeparationWarning) as record:
        result = Imputation(family="poisson", separated="drop").fit(Panel(df, **KEYS), "count")
    assert [w.message.count for w in record] == [6, 10]
    expected = Imputation(family="poisson").fit(Panel(df[~df["firm"].isin(zero)], **KEYS), "count")
    assert result.values == pytest.approx(expected.values, abs=1e-9)
    assert result.std_errors.to_numpy() == pytest.approx(expected.std_errors.to_numpy(), abs=1e-9)


def test_cells_without_a_positive_counterfactual_are_left_out() -> None:
    df = firms(missing=0)
    df.loc[(df["first"] == 4) & (df["year"] < 4), "count"] = 0
    with pytest.warns(SeparationWarning, match="treated rows without a positive counterfactual"):
        result = Imputation(family="poisson").fit(Panel(df, **KEYS), "count")
    assert result.index.tolist() == [(6, 6), (6, 7), (6, 8)]


def test_counts_must_be_counts() -> None:
    estimator = Imputation(family="poisson")
    with pytest.raises(DataError, match="negative"):
        estimator.fit(Panel(firms().assign(count=-1), **KEYS), "count")
    with pytest.raises(NoControlsError, match="every untreated outcome is zero"):
        df = firms()
        df["count"] = np.where((df["first"] > 0) & (df["year"] >= df["first"]), df["count"] + 1, 0)
        estimator.fit(Panel(df, **KEYS), "count")


def test_separation_by_a_covariate_is_an_error() -> None:
    df = firms(missing=0)
    df["wave"] = ((df["first"] == 0) & (df["year"] == 3)).astype(float)
    df["count"] = np.where(df["wave"] == 1, 0, df["count"] + 1)
    with pytest.raises(ConvergenceError, match="separate"):
        Imputation(family="poisson").fit(Panel(df, **KEYS), "count", covariates=["wave"])


def test_a_cell_whose_other_clusters_have_no_counterfactual_is_centred_at_zero():
    """Firm 1 has a past of zeros, so firm 0 has no other ratio to be centred at: its outcome counts as a whole."""
    df = pd.DataFrame([(i, t) for i in range(12) for t in range(1, 5)], columns=["firm", "year"])
    df["first"] = np.select([df.firm < 2, df.firm < 4], [3, 4], 0)
    df["count"] = np.random.default_rng(0).poisson(4, 48) + 1
    df.loc[(df.firm == 1) & (df.year < 3), "count"] = 0
    with pytest.warns(SeparationWarning):
        result = Imputation(family="poisson", variance="leave_one_out").fit(Panel(df, **KEYS), "count")
    psi = result.influence
    counts = df.set_index(["firm", "year"])["count"]
    for year in (3, 4):
        assert psi.loc[0, (3, year)] - psi.loc[1, (3, year)] == pytest.approx((counts[0, year] - counts[1, year]) / 2)
