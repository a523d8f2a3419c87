"""Imputation against dense algebra, hand-computed numbers and invariances."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen import Imputation, Panel, concat
from aigreen.errors import CollinearWarning, OptionError, UnreachedWarning

from .firms import KEYS, by_cluster, dense_design, dense_influence, firms, paper_centre


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
    with pytest.warns(CollinearWarning, match="1 lead left out.*lead -1"):
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


def test_a_column_named_class() -> None:
    df = firms().rename(columns={"y": "class", "x": "lambda"})
    result = Imputation().fit(Panel(df, **KEYS), "class", covariates=["lambda"])
    assert result.values == pytest.approx(Imputation().fit(Panel(firms(), **KEYS), "y", covariates=["x"]).values)


@given(
    seed=st.integers(0, 10**6),
    scale=st.floats(0.1, 100),
    shift=st.floats(-1e3, 1e3),
    family=st.sampled_from(["g", "p"]),
)
@settings(max_examples=25, deadline=None)
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SeparationWarning")
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


# -- unit trends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{}, {"cluster": "city", "weights": "w"}, {"cluster": "mover"}])
def test_unit_trends_equal_dense_least_squares_on_untreated_rows(keys: dict) -> None:
    df = firms()
    panel = Panel(df, **KEYS, **keys)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreachedWarning)
        result = Imputation(fixed_effects=["firm[year]", "year"]).fit(panel, "y", covariates=["x"])
    trends = (panel.unit_codes[:, None] == np.arange(panel.n_units)) * (panel.time - panel.times.mean())[:, None]
    Z, y = np.hstack([dense_design(panel, ["x"], None), trends]), panel.column("y")
    _, size, basis = np.linalg.svd(Z[~panel.treated])
    null = basis[(size > 1e-9 * size[0]).sum() :]
    reached = np.abs(Z @ null.T).max(axis=1) < 1e-8
    lost = (panel.treated & ~reached).sum()
    assert lost == result.dropped.loc[result.dropped["what"] == "rows", "count"].sum() > 0
    for cell in result.index:
        target = (panel.cohort == cell[0]) & (panel.time == cell[1]) & reached
        v, gap, clean = dense_influence(panel, Z, y, target)
        psi = by_cluster(panel, v * np.where(clean, gap, gap - paper_centre(panel, v, gap, target)))
        assert result.estimates[cell] == pytest.approx(v[target] @ gap[target], abs=1e-9)
        assert result.influence[cell].to_numpy() == pytest.approx(psi, abs=1e-9)


def test_a_unit_with_one_untreated_period_has_no_trend() -> None:
    rng = np.random.default_rng(0)
    firm, year = np.repeat(np.arange(30), 6), np.tile(np.arange(2001, 2007), 30)
    first = np.choose(firm % 3, [0, 2004, 2005])
    df = pd.DataFrame({"firm": firm, "year": year, "first": first, "y": rng.normal(size=180)})
    df["y"] += firm * (year - 2000.0) + 2.0 * ((first > 0) & (year >= first))
    short = df[~((df["firm"] == 1) & (df["year"] < 2003))]  # one untreated period, three treated ones
    model = Imputation(fixed_effects=["firm[year]", "year"])
    with pytest.warns(UnreachedWarning, match=r"3 rows left out: .*first: \(1, 2004\), \(1, 2005\), \(1, 2006\)"):
        result = model.fit(Panel(short, **KEYS), "y")
    assert result.dropped["count"].tolist() == [3]
    rest = model.fit(Panel(short[short["firm"] != 1], **KEYS), "y")
    np.testing.assert_allclose(result.values, rest.values, atol=1e-9)
    exact = df.assign(y=firm * (year - 2000.0) + 2.0 * ((first > 0) & (year >= first)))
    np.testing.assert_allclose(model.fit(Panel(exact, **KEYS), "y").values, 2.0, atol=1e-10)
    with pytest.raises(OptionError, match="no varying slopes with family='poisson'"):
        Imputation(family="poisson", fixed_effects=["firm[year]"]).fit(Panel(short, **KEYS), "y")
