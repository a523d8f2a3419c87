"""The decomposition against dense algebra and numerical derivatives, its laws and its neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen import Decomposition, Imputation, Panel, Spillover
from aigreen.errors import CollinearWarning

from .economy import CITY, FULL, Dense, economy, paper_centre

pytestmark = pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("covariates", [[], ["x"]])
def test_equals_dense_least_squares(weights: str | None, covariates: list[str]) -> None:
    panel = Panel(economy(), **CITY, weights=weights)
    result = Decomposition(**FULL, response="linear", variance="conservative").fit(panel, "y", covariates=covariates)
    dense = Dense(panel, ["m1", "m2"], ["ring", "peers"], covariates).solve()
    for g, t in [(4, 4), (4, 7), (6, 8)]:
        target = (panel.cohort == g) & (panel.time == t)
        values, psi = dense.values(target), dense.psi(target, paper_centre(panel, dense.w, target))
        for part, value in values.items():
            assert result.estimates[part, g, t] == pytest.approx(value, abs=1e-10), part
            assert result.influence[part, g, t].to_numpy() == pytest.approx(psi[part], abs=1e-11), part


@pytest.mark.parametrize("how", ["simple", "event_study", "group", "calendar"])
@pytest.mark.parametrize(
    "options", [FULL, {**FULL, "ordered": True}, {"channels": ["m1"]}, {"channels": [], "exposure": "ring"}]
)
def test_parts_add_up_at_every_aggregation(how: str, options: dict) -> None:
    panel = Panel(economy(), **CITY, weights="w")
    result = Decomposition(**options).fit(panel, "y", covariates=["x"])
    for view in (result, result.aggregate(how), result.overall()):
        names = view.index.get_level_values("part")
        assert names.unique().tolist()[:2] == ["total", "direct"]
        total = view.select(names == "total")
        additive = view.additive
        parts = len(additive) // len(total)
        values = additive.values.reshape(parts, -1).sum(axis=0)
        psi = additive.psi.reshape(len(view.psi), parts, -1).sum(axis=1)
        assert np.abs(values - total.values).max() <= 1e-10 * np.abs(total.values).max()
        assert np.abs(psi - total.psi).max() <= 1e-10 * np.abs(total.psi).max()


def test_total_is_imputation_from_clean_rows(panel: Panel) -> None:
    """Omitted-variable identity: without exposure the deviation of Y is Y less its own imputation."""
    total = Decomposition(channels=["m1", "m2"]).fit(panel, "y", covariates=["x"])["total"]
    plain = Imputation(variance="leave_one_out").fit(panel, "y", covariates=["x"])
    assert total.values == pytest.approx(plain.values, abs=1e-12)
    assert total.psi == pytest.approx(plain.psi, abs=1e-12)
    assert total.index.equals(plain.index)
    free = panel[
        (panel.frame["ring"] == 0) | (panel.frame["year"] >= panel.frame["first"].where(panel.frame["first"] > 0, 99))
    ]
    exposed = Decomposition(channels=["m1", "m2"], exposure="ring").fit(panel, "y")["total"]
    assert exposed.values == pytest.approx(Imputation().fit(free, "y").values, abs=1e-12)


def test_influence_is_the_derivative_by_cluster_weights(panel: Panel) -> None:
    """Moving the weights of a cluster's untreated rows moves each part by psi less the term of the treated rows."""
    df = economy()
    step = 1e-5
    spline = {"channels": ["m1", "m2"], "exposure": "peers", "response": "spline"}
    kinds = [spline, {**FULL, "ordered": True}]
    for options in kinds:
        estimator = Decomposition(**options, variance="conservative")
        base = estimator.fit(Panel(df.assign(w=1.0), **CITY, weights="w"), "y", covariates=["x"])
        treated = (df["first"] > 0) & (df["year"] >= df["first"])
        free = {c for c in df["city"].unique() if not treated[df["city"] == c].any()}
        for city in sorted(free)[:4]:
            moved = []
            for sign in (1, -1):
                w = np.where((df["city"] == city) & ~treated, 1 + sign * step, 1.0)
                moved.append(estimator.fit(Panel(df.assign(w=w), **CITY, weights="w"), "y", covariates=["x"]).values)
            derivative = (moved[0] - moved[1]) / (2 * step)
            assert derivative == pytest.approx(base.influence.loc[city].to_numpy(), abs=2e-8)


def test_several_exposures_and_interaction_come_in_pieces(panel: Panel) -> None:
    overall = Decomposition(**FULL, interaction=True).fit(panel, "y").overall().estimates
    assert overall.index.tolist() == [
        *("total", "direct", "m1", "m2", "spillover", "direct: at untreated channels", "direct: interaction m1"),
        *("direct: interaction m2", "spillover: ring", "spillover: peers"),
    ]
    assert overall.filter(like="direct: ").sum() == pytest.approx(overall["direct"], abs=1e-12)
    assert overall.filter(like="spillover: ").sum() == pytest.approx(overall["spillover"], abs=1e-12)
    plain = Decomposition(**FULL).fit(panel, "y").overall().estimates
    assert overall[plain.index[:5]].to_numpy() == pytest.approx(plain[:5].to_numpy(), abs=1e-12)


def test_interaction_is_the_gap_of_slopes_on_treated_and_clean_rows(panel: Panel) -> None:
    result = Decomposition(channels=["m1"], interaction=True).fit(panel, "y")
    rows = panel.treated
    dummies = [
        panel.frame["firm"].astype(str),
        panel.frame["first"].astype(str) + "-" + panel.frame["year"].astype(str),
    ]
    F = np.hstack([pd.get_dummies(d).to_numpy(float) for d in dummies])
    y, m = panel.column("y"), panel.column("m1")
    treated = np.linalg.lstsq(np.column_stack([m, F])[rows], y[rows], rcond=None)[0][0]
    dense = Dense(panel, ["m1"], [], []).solve()
    moved = dense.deviation[rows, 0].mean()
    piece = result.overall()["direct: interaction m1"]
    assert piece.values[0] == pytest.approx((treated - dense.b[0]) * moved, abs=1e-10)
    assert piece.std_errors.iloc[0] > 0


def test_ordered_channels_are_differences_of_nested_fits(panel: Panel) -> None:
    both = Decomposition(channels=["m1", "m2"], ordered=True).fit(panel, "y")
    short = Decomposition(channels=["m1"]).fit(panel, "y")
    none = Imputation(variance="leave_one_out").fit(panel, "y")
    assert both["m1"].values == pytest.approx(none.values - short["direct"].values, abs=1e-12)
    assert both["m1"].psi == pytest.approx(none.psi - short["direct"].psi, abs=1e-12)
    assert both["m2"].values == pytest.approx((short["direct"] - both["direct"]).values, abs=1e-12)
    assert both["m2"].psi == pytest.approx((short["direct"] - both["direct"]).psi, abs=1e-12)
    ordered, parallel = (Decomposition(**FULL, ordered=o).fit(panel, "y") for o in (True, False))
    assert (ordered["m1"] + ordered["m2"]).values == pytest.approx((parallel["m1"] + parallel["m2"]).values, abs=1e-12)
    assert ordered["direct"].psi == pytest.approx(parallel["direct"].psi, abs=1e-12)


def test_exposure_that_is_zero_on_treated_rows_moves_nothing_to_them() -> None:
    df = economy()
    df["ring"] = df["ring"].where(df["first"] == 0, 0.0)
    result = Decomposition(channels=["m1"], exposure="ring").fit(Panel(df, **CITY), "y")
    assert np.all(result["spillover"].values == 0)
    assert np.all(result["spillover"].psi == 0)


def test_zero_exposure_is_no_exposure(panel: Panel) -> None:
    none = Decomposition(channels=["m1"]).fit(panel, "y")
    zero = Panel(economy().assign(ring=0.0, peers=0.0), **CITY)
    estimator = Decomposition(channels=["m1"], exposure=["ring", "peers"])
    with pytest.warns(CollinearWarning, match="2 terms of exposure left out: zero in every row; first: ring, peers"):
        result = estimator.fit(zero, "y")
    for part in ("total", "direct", "m1"):
        assert np.array_equal(result[part].values, none[part].values)
        assert result[part].psi == pytest.approx(none[part].psi, abs=1e-14)
    for part in ("spillover", "spillover: ring", "spillover: peers"):
        assert not result[part].psi.any() and not result[part].values.any()
    with pytest.warns(CollinearWarning):
        draws = estimator.bootstrap(zero, "y", n_draws=5).draws
    assert (draws["spillover"] == 0).all() and draws["total"].notna().all()


@pytest.mark.parametrize("options", [{}, {"response": "linear"}, {"anticipation": 1}, {"variance": "leave_one_out"}])
def test_without_channels_it_is_the_spillover_estimator(panel: Panel, options: dict) -> None:
    exposures = ["ring", "peers"]
    parts = Decomposition(channels=[], exposure=exposures, **options).fit(panel, "y", covariates=["x"])
    other = Spillover(exposure=exposures, **options).fit(panel, "y", covariates=["x"])
    for ours, theirs in {"total": "treated", "direct": "net", "spillover": "spillover"}.items():
        assert parts[ours].index.equals(other[theirs].index)
        assert parts[ours].values == pytest.approx(other[theirs].values, abs=1e-11)
        assert parts[ours].psi == pytest.approx(other[theirs].psi, abs=1e-11)


def test_interaction_influence_is_the_derivative_up_to_centring() -> None:
    """Also where treated rows move: what their centring changes is the same for channel and interaction."""
    df, step = economy(), 1e-5
    estimator = Decomposition(channels=["m1"], interaction=True)

    def fit(w: np.ndarray | float) -> object:
        return estimator.fit(Panel(df.assign(w=w), **CITY, weights="w"), "y")

    base = fit(1.0)
    piece, channel = "direct: interaction m1", "m1"
    ratio = (base[piece].values / base[channel].values)[0]
    for city in df.loc[df["first"] == 4, "city"].unique()[:3]:
        up, down = (fit(np.where(df["city"] == city, 1 + s * step, 1.0)) for s in (1, -1))
        gap = {
            part: base[part].influence.loc[city] - (up[part].values - down[part].values) / (2 * step)
            for part in (piece, channel)
        }
        assert gap[piece].to_numpy() == pytest.approx(ratio * gap[channel].to_numpy(), abs=1e-7)


@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 100), shift=st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_laws(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    df = economy(seed % 5)

    def fit(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        result = Decomposition(**FULL, bins=2).fit(Panel(frame, **CITY, weights="w"), "y", covariates=["x"])
        return result.values, result.std_errors.to_numpy()

    values, errors = fit(df)
    firms = dict(zip(df["firm"].unique(), rng.permutation(df["firm"].nunique()), strict=True))
    cities = dict(zip(df["city"].unique(), rng.permutation(df["city"].nunique()), strict=True))
    later = df.assign(year=df["year"] + 9, first=df["first"].mask(df["first"] > 0, df["first"] + 9))
    moved = df.assign(y=df["y"] + df["firm"] - df["year"], m1=df["m1"] + df["year"])
    changes = {
        "row order": (df.sample(frac=1, random_state=seed % 1000), 1.0),
        "relabelled": (df.assign(firm=df["firm"].map(firms), city=df["city"].map(cities)), 1.0),
        "shifted periods": (later, 1.0),
        "outcome scaled and moved": (df.assign(y=df["y"] * scale + shift), scale),
        "channels scaled and moved": (df.assign(m1=df["m1"] * scale + shift, m2=-df["m2"]), 1.0),
        "effects of firm and year added": (moved, 1.0),
        "weights scaled": (df.assign(w=df["w"] * scale), 1.0),
        "exposure scaled": (df.assign(peers=df["peers"] * scale), 1.0),
    }
    for name, (frame, factor) in changes.items():
        changed, changed_errors = fit(frame)
        assert changed == pytest.approx(values * factor, rel=1e-6, abs=1e-8 * max(1, factor)), name
        assert changed_errors == pytest.approx(errors * factor, rel=1e-6, abs=1e-8 * max(1, factor)), name
