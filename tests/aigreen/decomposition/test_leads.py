"""Parts before treatment: identities, influence functions, one reference for honest bounds, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Imputation, Panel, Spillover, load
from aigreen.errors import (
    CollinearError,
    CollinearWarning,
    EffectsError,
    FewClustersError,
    NoPrePeriodError,
    OptionError,
    UnreachedWarning,
)
from aigreen.inference import honest_did, pretrend_power

from .economy import CITY, FULL, KEYS, economy

pytestmark = pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")


def later() -> pd.DataFrame:
    """Cohorts 5 and 7 of nine periods, with room for three leads."""
    return economy(periods=9, cohorts=(5, 7), onsets=(5, 7))


@pytest.fixture
def panel() -> Panel:
    return Panel(later(), **CITY)


@pytest.mark.parametrize("what", ["fit", "path"])
@pytest.mark.parametrize(
    "options",
    [FULL, {**FULL, "ordered": True}, {**FULL, "interaction": True}, {"channels": ["m1"]}, {"channels": [], **FULL}],
)
def test_parts_add_up_before_treatment_too(what: str, options: dict) -> None:
    panel = Panel(later(), **CITY, weights="w")
    result = getattr(Decomposition(**options, leads=3), what)(panel, "y", covariates=["x"])
    for view in (result, result.event_study()):
        total, parts = view["total"], view.additive
        k = len(parts) // len(total)
        assert (~total.post).sum() >= 3
        assert parts.values.reshape(k, -1).sum(axis=0) == pytest.approx(total.values, abs=1e-10)
        assert parts.psi.reshape(len(view.psi), k, -1).sum(axis=1) == pytest.approx(total.psi, abs=1e-10)
    for part in ("direct", "spillover"):
        pieces = [name for name in result.index.get_level_values("part").unique() if name.startswith(f"{part}: ")]
        if pieces:
            whole = sum(result[name].values for name in pieces)
            assert whole == pytest.approx(result[part].values, abs=1e-10)


@pytest.mark.parametrize("weights", [None, "w"])
def test_leads_of_the_total_are_those_of_imputation(weights: str | None) -> None:
    panel = Panel(later(), **CITY, weights=weights)
    parts = Decomposition(channels=["m1", "m2"], leads=3, anticipation=1, variance="conservative").fit(
        panel, "y", covariates=["x"]
    )
    plain = Imputation(leads=3, anticipation=1, variance="conservative").fit(panel, "y", covariates=["x"])
    assert parts["total"].index.equals(plain.index)
    assert parts["total"].values == pytest.approx(plain.values, abs=1e-12)
    assert parts["total"].psi == pytest.approx(plain.psi, abs=1e-12)
    assert parts["total"].event_study().values == pytest.approx(plain.event_study().values, abs=1e-12)


def test_leads_of_a_channel_are_slopes_times_its_own_leads(panel: Panel) -> None:
    estimator = Decomposition(channels=["m1", "m2"], leads=3)
    parts, slopes = estimator.fit(panel, "y").event_study(), estimator.factors(panel, "y").estimates
    for name in ("m1", "m2"):
        moved = Imputation(leads=3).fit(panel, name).event_study().values
        assert parts[name].values == pytest.approx(slopes[name, "slope"] * moved, abs=1e-12)


def test_leads_of_the_spillover_are_those_of_exposure_times_the_dose(panel: Panel) -> None:
    estimator = Decomposition(channels=[], exposure="ring", leads=3, variance="conservative")
    parts = estimator.fit(panel, "y").event_study()
    rings = Spillover(exposure="ring", leads=3, variance="conservative").fit(panel, "y")
    treated, exposed = rings["treated"].event_study(), rings["exposed"].event_study()
    dose = panel.column("ring")[panel.treated].mean()
    assert parts["total"].values == pytest.approx(treated.values, abs=1e-12)
    assert parts["total"].psi == pytest.approx(treated.psi, abs=1e-12)
    assert parts["spillover"].values[:3] == pytest.approx(dose * exposed.values[:3], abs=1e-12)
    assert parts["spillover"].psi[:, :3] == pytest.approx(dose * exposed.psi[:, :3], abs=1e-12)


def test_effects_after_treatment_do_not_change_with_leads(panel: Panel) -> None:
    plain, more = (Decomposition(**FULL, leads=n).fit(panel, "y") for n in (0, 3))
    after = more.select(more.post)
    assert after.index.equals(plain.index)
    assert after.values == pytest.approx(plain.values, abs=1e-12)
    assert after.psi == pytest.approx(plain.psi, abs=1e-12)
    assert more.overall().values == pytest.approx(plain.overall().values, abs=1e-12)
    assert more.aggregate("group").values == pytest.approx(plain.aggregate("group").values, abs=1e-12)


@pytest.mark.parametrize("what", ["fit", "path"])
@pytest.mark.parametrize("options", [FULL, {**FULL, "ordered": True}, {"channels": ["m1"], "interaction": True}])
def test_influence_is_the_derivative_by_cluster_weights(what: str, options: dict) -> None:
    """Leads have no term of treated rows: moving the weight of any cluster's untreated rows moves them by psi."""
    df = later()
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    estimator = Decomposition(**options, leads=3, variance="conservative")

    def leads(w: object) -> object:
        result = getattr(estimator, what)(Panel(df.assign(w=w), **CITY, weights="w"), "y", covariates=["x"])
        result = result.event_study()
        return result.select(
            ~result.post & ~result.index.get_level_values("part").str.contains("interaction|untreated")
        )

    base = leads(1.0)
    for city in (0, 1, 2, 3):
        up, down = (leads(np.where((df["city"] == city) & ~treated, 1 + step, 1.0)).values for step in (1e-5, -1e-5))
        assert (up - down) / 2e-5 == pytest.approx(base.influence.loc[city].to_numpy(), abs=2e-8)


def smooth(periods: int = 9) -> pd.DataFrame:
    """Firms without noise, treated in 5, 7 or never; treated ones drift from the others at any rate.

    The channels of eight firms that are neither treated nor exposed swing, two and two against each other.
    """
    firm, year = (grid.ravel() for grid in np.meshgrid(np.arange(40), np.arange(1, periods + 1), indexing="ij"))
    first = np.resize([0, 5, 7, 0], 40)[firm]
    treated = (first > 0) & (year >= first)
    wait = np.where(first > 0, year - first, 0)
    ring = 1.0 * (year >= np.resize([99, 6, 99, 99, 99, 99, 99, 5], 40)[firm])
    swing = np.where((first == 0) & (firm % 8 < 7) & (firm < 32), np.where(firm < 16, 1, -1), 0)
    m1 = firm + 0.1 * year + 0.8 * treated + 0.2 * wait + swing * np.sin(year)
    m2 = 0.3 * firm - 0.2 * year - 0.4 * treated - 0.02 * wait**2 + swing * np.cos(2 * year)
    own = treated + 0.1 * wait + 0.03 * wait**2
    y = np.sqrt(firm) + 0.2 * year**2 + 0.5 * m1 + 0.3 * m2 + own + 0.25 * ring
    return pd.DataFrame({"firm": firm, "year": year, "first": first, "m1": m1, "m2": m2, "ring": ring, "y": y})


def test_a_path_shows_violations_of_parallel_trends_from_one_reference() -> None:
    """Before and after treatment a path is the effect plus the drift since the last period before treatment."""
    panel = Panel(smooth(), **KEYS)
    estimator = Decomposition(channels=["m1", "m2"], exposure="ring", leads=4)
    path, h = estimator.path(panel, "y"), np.arange(-4, 5)
    after = 1.0 * (h >= 0)
    expected = {
        "direct": after + 0.1 * (h + 1) + 0.03 * (h**2 - 1),
        "m1": 0.5 * (0.8 * after + 0.2 * (h + 1)),
        "m2": 0.3 * (-0.4 * after - 0.02 * (h**2 - 1)),
    }
    for part, values in expected.items():
        assert path[part].index.tolist() == h.tolist()
        assert path[part].values == pytest.approx(values, abs=1e-10), part
    assert path["spillover"].values[:4] == pytest.approx(np.zeros(4), abs=1e-10)
    apart = Decomposition(channels=["m1"], leads=3).fit(panel, "y").event_study()["m1"].estimates
    drift = apart[0] - apart[-1] - apart[[-2, -1]].diff().iloc[1]
    assert abs(drift - 0.5 * 0.8) > 0.05  # leads and effects of fit have different references: the drift breaks off


def test_honest_bounds_and_power_take_a_path_and_refuse_leads(panel: Panel, tmp_path) -> None:
    estimator = Decomposition(**FULL, leads=3)
    path = estimator.path(panel, "y")
    assert path["direct"].post.tolist() == [False] * 3 + [True] * 5
    assert path.std_errors["direct", -1] == 0
    for part in ("total", "direct", "m1"):
        result = honest_did(path[part], weights="average", bounds=[0.0, 1.0])
        assert result.reference == -1
        assert result.estimate == pytest.approx(path[part].estimates.loc[0:].mean(), abs=1e-12)
        inner, outer = result.frame[["low", "high"]].to_numpy()
        assert outer[0] < inner[0] < result.estimate < inner[1] < outer[1]
    assert 0.05 < pretrend_power(path["direct"], slope=0.5).power < 1
    with pytest.raises(EffectsError, match="no reference period"):
        honest_did(estimator.fit(panel, "y")["direct"])
    path.save(tmp_path / "path")
    assert load(tmp_path / "path").estimates.equals(path.estimates)


def test_tests_of_parts_have_the_rank_of_what_is_free(panel: Panel) -> None:
    study = Decomposition(**FULL, leads=3).fit(panel, "y").event_study()
    assert study["direct"].pretrend_test().df == 3
    assert study.additive.pretrend_test(method="chi2").df == 12
    with pytest.raises(FewClustersError, match=r"12 restrictions but 8\.1 effective treated clusters"):
        study.additive.pretrend_test()
    with pytest.raises(EffectsError, match="full rank"):
        study.pretrend_test()


def test_leads_that_not_all_parts_have_are_counted() -> None:
    """Exposed from the third period on, units are seen clean twice before, and the first time is their reference."""
    df = smooth()
    panel = Panel(df.assign(ring=1.0 * ((df["firm"] % 5 == 0) & (df["year"] >= 3))), **KEYS)
    estimator = Decomposition(channels=["m1"], exposure="ring", leads=4)
    with (
        pytest.warns(CollinearWarning, match="3 leads left out: the spillover .* treated -4, treated -3, treated -2"),
        pytest.warns(CollinearWarning, match="1 lead left out: determined by fixed effects .* first: ring -2"),
    ):
        result = estimator.fit(panel, "y")
    assert result.event_study()["total"].index.min() == -1
    assert result.dropped["first"].tolist() == ["ring -2", "treated -4, treated -3, treated -2"]
    alone = panel[(panel.frame["first"] == 0) | (panel.frame["year"] != panel.frame["first"] - 1)]
    with pytest.raises(NoPrePeriodError, match="no clean row is within 1 periods"):
        Decomposition(channels=["m1"], leads=1).fit(alone, "y")


def test_a_path_needs_a_reference_and_units_without_treatment(panel: Panel) -> None:
    with pytest.raises(OptionError, match="leads=1"):
        Decomposition(channels=["m1"], leads=1).path(panel, "y")
    with pytest.raises(OptionError, match="fixed_effects"):
        Decomposition(channels=["m1"], leads=2, fixed_effects=["city", "year"]).path(panel, "y")
    ever = panel[panel.frame["first"] > 0]
    with (
        pytest.raises(CollinearError, match="units never treated and never exposed are needed"),
        pytest.warns(UnreachedWarning, match="164 rows left out"),
    ):
        Decomposition(channels=["m1"], leads=2).path(ever, "y")
    late = panel[(panel.frame["first"] == 0) | (panel.frame["year"] != panel.frame["first"] - 1)]
    with pytest.raises(NoPrePeriodError, match="the reference"):
        Decomposition(channels=["m1"], leads=2).path(late, "y")


def test_the_bootstrap_has_no_leads(panel: Panel) -> None:
    plain, more = (
        Decomposition(channels=["m1"], leads=n).bootstrap(panel, "y", n_draws=20, how="event_study") for n in (0, 2)
    )
    pd.testing.assert_frame_equal(plain.draws, more.draws)


def test_leads_without_the_own_cluster_have_larger_errors(panel: Panel) -> None:
    """As a jackknife of the regressions on leads; values and additivity stay."""
    plain, larger = (
        Decomposition(**FULL, leads=3, variance=variance).fit(panel, "y").event_study()
        for variance in ("conservative", "leave_one_out")
    )
    assert larger.values == pytest.approx(plain.values, abs=1e-12)
    before = ~plain.post
    ratio = (larger.std_errors / plain.std_errors)[before]
    assert ((ratio > 1.0) & (ratio < 1.5)).all()
