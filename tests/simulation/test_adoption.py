"""Adoption of AI by firms in the synthetic economy: its truth, what an observer sees of it, and estimates of it."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Decomposition, Panel
from aigreen.data import facts
from aigreen.data.assemble.build import build
from aigreen.errors import AigreenWarning
from aigreen.simulate.economy import adopters, economy
from aigreen.simulate.economy.effects import WAYS, EconomyEffects
from aigreen.simulate.economy.outcomes import ADOPTION, CHANNELS, SPILLOVERS
from aigreen.simulate.economy.truth import adoption_truth, study_truth, true_log_parts

WORLD = EconomyEffects(
    direct=(0.155, 0.185), peers=0.15, customers=0.6, suppliers=0.4, adopters=(0.06, 0.09), adopters_zone=0.3
)
KEYS = {"unit": "firm_id", "time": "year", "cluster": "home_city"}
CHAIN = ["adopted_customers", "adopted_suppliers"]
HELD = [
    *("treated", "ring_100km", "industry_peers", "customer_exposure", "supplier_exposure"),
    *("adopted_peers", "adopted_neighbours"),
]
ADDED = [f"adoption_{part}" for part in ADOPTION]
LINKS = {
    "ring_100km": "ring", "industry_peers": "peers", "customer_exposure": "customers",
    "supplier_exposure": "suppliers", **{f"adopted_{way}": f"adopted_{way}" for way in WAYS},
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn():
    return economy.perfect_panel(seed=5, n_firms=400, effects=WORLD)


def test_parts_of_zones_add_up_with_what_they_do_by_way_of_adoption(drawn):
    truth = drawn[1]
    total = truth[["direct", *CHANNELS, *SPILLOVERS]].sum(axis=1)
    np.testing.assert_allclose(np.log(truth["mean_with"] / truth["mean_without"]), total, atol=1e-12)
    assert truth["spillover_adopters"].min() > -1e-12 < truth["spillover_adopters"].max() > 0.001


def test_without_adopters_the_mean_is_that_less_the_parts_of_adoption(drawn):
    """The economy of the same seed in which nobody adopts is the counterfactual that the truth claims."""
    truth = drawn[1]
    nobody = economy.perfect_panel(seed=5, n_firms=400, effects=replace(WORLD, adopters=(0.0, 0.0)))[1]
    np.testing.assert_allclose(truth["mean_with"] * np.exp(-truth[ADDED].sum(axis=1)), nobody["mean_with"], rtol=1e-12)
    assert (nobody[ADDED] == 0).all(axis=None) and nobody["adoption_year"].isna().all()
    parts = adoption_truth(truth, ["human_capital"], ways=WAYS)
    np.testing.assert_allclose(parts["mean_without"], nobody["mean_with"], rtol=1e-12)


def test_without_zones_the_mean_is_that_of_an_economy_in_which_they_do_nothing(drawn):
    none = replace(WORLD, **{name: getattr(EconomyEffects.none(), name) for name in (
        "direct", "structure", "polluting", "human", "words", "ring", "peers", "customers", "suppliers", "adopters_zone"
    )})  # fmt: skip
    idle = economy.perfect_panel(seed=5, n_firms=400, effects=none)[1]
    np.testing.assert_allclose(idle["mean_with"], idle["mean_without"], rtol=1e-14)
    np.testing.assert_allclose(drawn[1]["mean_without"], idle["mean_with"], rtol=1e-12)
    assert idle["adoption_own"].max() > 0.1


def test_idle_adopters_do_nothing_but_are_seen():
    frame, truth = economy.perfect_panel(seed=5, n_firms=400, effects=WORLD.idle_adopters())
    assert frame["adopted"].sum() > 300
    assert (truth[[*ADDED, "spillover_adopters"]] == 0).all(axis=None)


def test_zones_hasten_adoption_and_undo_none():
    rng, zones = np.random.default_rng(1), np.zeros((4000, 8), dtype=bool)
    zones[:2000, 3:] = True
    firms, years = pd.DataFrame({"entry": np.full(4000, 2017)}), np.arange(2016, 2024)
    effects = EconomyEffects(adopters=(0.05, 0.05), adopters_zone=np.log(2))
    found = adopters.draw_adopters({"year": rng, "words": rng}, firms, years, zones, np.ones(zones.shape), effects)
    assert (found.year <= found.year_without).all()
    assert (found.year[2000:] == found.year_without[2000:]).all()
    late = found.year_without >= 2019
    share = [(found.year[:2000][late[:2000]] < np.inf).mean(), (found.year[2000:][late[2000:]] < np.inf).mean()]
    assert share == pytest.approx([1 - 0.9**5, 1 - 0.95**5], abs=0.03)
    assert found.year.min() == 2018  # the year after listing


def test_robots_hasten_adoption():
    rng, exposed = np.random.default_rng(2), np.zeros((6000, 6))
    exposed[:3000] = 0.5
    firms, years = pd.DataFrame({"entry": np.full(6000, 2010)}), np.arange(2016, 2022)
    effects = EconomyEffects(adopters=(0.04, 0.04), adopters_robots=2.0)
    found = adopters.draw_adopters({"year": rng, "words": rng}, firms, years, exposed < 0, exposed, effects)
    share = [(found.year[part] < np.inf).mean() for part in (slice(3000), slice(3000, None))]
    hazards = 0.04 * np.exp([0.5, -0.5])
    assert share == pytest.approx(1 - (1 - hazards) ** 5, abs=0.02)


def test_exposures_against_all_pairs(drawn):
    frame = drawn[0]
    year = frame[frame["year"] == 2022]
    city = dict(zip(year["firm_id"], year["home_city"], strict=True))
    codes = sorted(set(city.values()))
    km = pd.DataFrame(facts.distances_km(codes, codes), codes, codes)
    for row in year.sample(60, random_state=2).itertuples():
        there = year[year["home_city"] != row.home_city]
        peers = there[there["industry_code"] == row.industry_code]["adopted"]
        near = there[km.loc[row.home_city, there["home_city"]].to_numpy() <= 100]["adopted"]
        assert row.adopted_peers == pytest.approx(peers.mean() if len(peers) else 0.0)
        assert row.adopted_neighbours == pytest.approx(near.mean() if len(near) else 0.0)


def test_reports_give_the_year_away_up_to_noise(tmp_path):
    """From raw files: nine in ten adopters have their year, and few firms pass the threshold by words alone."""
    economy.write_raw(
        tmp_path / "raw", truth_folder=tmp_path / "truth", seed=7, n_firms=400, patents_factor=0.1, effects=WORLD
    )
    panel = build(tmp_path / "raw", tmp_path / "out").assembled.frame
    truth = pd.read_parquet(tmp_path / "truth" / "truth.parquet").drop_duplicates("firm_id").set_index("firm_id")
    seen = panel.drop_duplicates("firm_id").set_index("firm_id")["adoption_year"]
    true = truth["adoption_year"].reindex(seen.index)
    assert (seen == true).sum() / true.notna().sum() > 0.85
    assert (seen.notna() & true.isna()).sum() < 0.1 * seen.notna().sum()
    assert (panel["adopted"] == (panel["year"] >= panel["adoption_year"])).all()
    assert panel[["adopted_peers", "adopted_neighbours", *CHAIN]].max().between(0.05, 1).all()
    rows = panel.merge(pd.read_parquet(tmp_path / "truth" / "truth.parquet"), on=["firm_id", "year"])
    for name in CHAIN:  # some partners are masked, so less is seen than there is
        there = rows[f"adoption_{name.removeprefix('adopted_')}"] / getattr(WORLD, name)
        seen = rows[name] > 0
        assert seen.sum() > 30 and (rows[name] <= there + 1e-9)[seen].mean() > 0.9


def test_other_ways_stay_in_the_mean_without_zones(drawn):
    truth = drawn[1]
    known = study_truth(truth, CHANNELS)
    total = known[["direct", *CHANNELS, "spillover"]].sum(axis=1)
    np.testing.assert_allclose(np.log(known["mean_with"] / known["mean_without"]), total, atol=1e-12)
    np.testing.assert_allclose(known["spillover"], truth["spillover_ring"])
    ring = drawn[0]["ring_100km"]
    by_adopters = known["spillover"] - WORLD.ring * ring  # neighbours that a zone within the ring made adopt
    assert (by_adopters[ring == 0] == 0).all() and by_adopters.min() > -1e-12 < by_adopters.max() > 0.005
    assert (known["mean_without"] > truth["mean_without"]).any()


def estimates(seed):
    """Parts of adoption and coefficients of links, each with truth, error and whether the interval holds it."""
    frame, truth = economy.perfect_panel(seed=seed, effects=WORLD)
    panel = Panel(frame.assign(adopted=frame["adopted"].astype(float)), cohort="adoption_year", **KEYS)
    model = Decomposition(family="poisson", channels=["human_capital"], exposure=CHAIN, response="linear")
    known = adoption_truth(truth, ["human_capital"], ways=["customers", "suppliers"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        parts = model.fit(panel, "green_patents", covariates=HELD).overall().to_frame()
        links = TWFE(family="poisson").fit(panel, "green_patents", treatment="adopted", covariates=[*HELD, *CHAIN])
    true = true_log_parts(frame, known, exposure=CHAIN, cohort="adoption_year")["truth"]
    true["spillover"] = true[[f"spillover: {name}" for name in CHAIN]].sum()
    found = pd.concat([parts.assign(truth=true), links.to_frame().assign(
        truth=pd.Series({name: getattr(WORLD, effect) for name, effect in LINKS.items()})
    )]).dropna(subset="truth")  # fmt: skip
    inside = (found["conf_low"] <= found["truth"]) & (found["truth"] <= found["conf_high"])
    return found.assign(gap=found["estimate"] - found["truth"], held=inside)


@pytest.mark.slow
def test_parts_and_links_are_unbiased_and_covered():
    draws = 100
    table = pd.concat([estimates(seed) for seed in range(3000, 3000 + draws)]).groupby(level=0)
    bias, noise, held = table["gap"].mean(), table["gap"].std() / np.sqrt(draws), table["held"].mean()
    print(pd.DataFrame({"bias": bias, "noise": noise, "coverage": held}).round(4).to_string())
    assert (bias.abs() < 3 * noise).all()
    parts = ["total", "direct", "human_capital", "spillover"]
    assert held[parts].between(0.9, 1.0).all()
    # Few firms rule a Poisson regression, and its intervals know of no small sample: those of the ring hold the truth
    # in three of four draws.
    assert held[list(LINKS)].min() > 0.65 and held[list(LINKS)].mean() > 0.8
