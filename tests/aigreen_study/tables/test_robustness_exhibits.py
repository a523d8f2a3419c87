import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel
from aigreen.errors import ReportError
from aigreen.exposure import matrix_map
from aigreen.inference.clusters import effective_clusters
from aigreen.inference.placebo_links import link_check
from aigreen_study.numbers.prose import Ledger
from aigreen_study.specification.registry import ATTACKS
from aigreen_study.tables.referee import ANSWERS, OTHERS, referee_tables
from aigreen_study.tables.shift_share import shares_and_shocks

KEYS = {"unit": "city", "time": "year", "cohort": "first"}


def balanced(n_cities=24, treated=6):
    rng = np.random.default_rng(11)
    table = pd.DataFrame([(i, t) for i in range(n_cities) for t in range(2016, 2022)], columns=["city", "year"])
    table["first"] = np.where(table["city"] < treated, 2019.0, 0.0)
    return table.assign(y=rng.normal(size=len(table)))


@pytest.mark.parametrize(("treated", "expected"), [(12, 24.0), (6, 16.0)])
def test_effective_clusters_by_hand(treated, expected):
    # Equal panels: gamma is (1 - p)^2 for the treated and p^2 for the others, up to one factor.
    p = treated / 24
    gamma = np.array([(1 - p) ** 2] * treated + [p**2] * (24 - treated))
    by_hand = 24 / (1 + np.mean((gamma / gamma.mean() - 1) ** 2))
    found = effective_clusters(Panel(balanced(treated=treated), **KEYS), "y")
    assert found == pytest.approx(by_hand)
    assert (found == pytest.approx(expected)) == (treated == 12)


def test_placebo_coefficients_are_those_of_refits():
    frame = balanced()
    links = np.random.default_rng(2).random((24, 24)) < 0.2
    np.fill_diagonal(links, False)
    panel = Panel(frame, **KEYS)
    W = matrix_map(links.astype(float), panel.units)
    places = pd.Series(panel.units, index=panel.units)
    check = link_check(panel, "y", W, how="sum", places=places, n_draws=5, seed=3)
    from aigreen.exposure import exposure, permuted

    for k, value in enumerate(check.placebo):
        one = frame.assign(
            x=exposure(panel, permuted(W, seed=3 + k)), own=((frame["first"] > 0) & (frame["year"] >= 2019)) * 1.0
        )
        refit = TWFE().fit(Panel(one, **KEYS), "y", treatment=["x", "own"])["x"]
        assert value == pytest.approx(refit.values[0], abs=1e-10)
    extreme = (np.abs(check.placebo) >= abs(check.plain.values[0])).sum()
    assert check.p_placebo == (1 + extreme) / 6


def test_shares_behind_an_exposure():
    share = {"a": 1.0, "b": 3.0, "c": 2.0, "d": 0.5}
    sector = {"a": "cars", "b": "cars", "c": "toys", "d": "toys"}
    growth = {("cars", 1): 2.0, ("cars", 2): 5.0, ("toys", 1): 1.0, ("toys", 2): 4.0}
    rows = [(f, t, sector[f], share[f] * growth[sector[f], t]) for f in share for t in (1, 2) if (f, t) != ("b", 1)]
    frame = pd.DataFrame(rows, columns=["firm", "year", "sector", "robots"])
    found, shocks = shares_and_shocks(frame, unit="firm", time="year", sector="sector", exposure="robots")
    assert found.loc["b", "cars"] / found.loc["a", "cars"] == pytest.approx(3.0)
    assert found.loc["c", "toys"] / found.loc["d", "toys"] == pytest.approx(4.0)
    assert found.loc[["a", "b"], "toys"].eq(0).all()
    again = [found.loc[f, s] * shocks.loc[s, t] for f, t, s, _ in rows]
    np.testing.assert_allclose(again, frame["robots"])


def test_every_objection_has_an_answer_and_every_exhibit_a_purpose():
    assert list(ANSWERS) == list(ATTACKS)
    assert all(key in ATTACKS for _, keys in OTHERS.values() for key in keys)
    shown = {"exhibit": "rescaling", "title": "Scale", "drawn": False, "attack": ["logs"], "count": 10}
    table, second = referee_tables([shown], ["figures/bacon", "tables/shift_share"])
    assert [group.title.split(":")[0] for group in second.groups] == ["AI talk, not use"]
    assert [group.title.split(":")[0] for group in table.groups] == ["ln(1 + y) depends on units", "Negative weights"]
    assert [cell.text for cell in table.rows[0].cells] == ["tables/rescaling", "10"]
    with pytest.raises(ReportError, match="1 exhibits answer nothing: figures/new"):
        referee_tables([], ["figures/new"])


def test_ledgers_of_other_rules_are_taken_over_once(tmp_path):
    one, all_ = Ledger(rule="one"), Ledger(rule="numbers")
    one.add("bacon_estimate", 0.25)
    one.write(tmp_path / "one.json")
    all_.include(tmp_path / "one.json")
    assert all_["bacon_estimate"]["rule"] == "one" and all_["bacon_estimate"]["text"] == "0.250"
    with pytest.raises(ReportError, match="1 numbers are entered twice: bacon_estimate"):
        all_.include(tmp_path / "one.json")
