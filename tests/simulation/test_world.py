import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.assemble.simulated_firms import firm_year
from aigreen.data.sources.simulated import firm_years
from aigreen.errors import DataError, SourceError
from aigreen.simulate.economy.raw_files import write_raw_files
from aigreen.simulate.world import TrueEffects, firm_panel

PARTS = ["direct", "industry_structure", "human_capital", "spillover"]


@pytest.fixture(scope="module")
def drawn():
    return firm_panel()


@pytest.fixture(scope="module")
def panel(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    raw, _ = write_raw_files(*drawn, raw_folder=folder / "raw", truth_folder=folder / "truth")
    return firm_year(firm_years(raw))


def test_same_seed_same_bytes(drawn, tmp_path):
    first = write_raw_files(*drawn, raw_folder=tmp_path / "a", truth_folder=tmp_path / "at")
    again = write_raw_files(*firm_panel(), raw_folder=tmp_path / "b", truth_folder=tmp_path / "bt")
    other = write_raw_files(*firm_panel(seed=1), raw_folder=tmp_path / "c", truth_folder=tmp_path / "ct")
    for one, same, different in zip(first, again, other, strict=True):
        assert one.read_bytes() == same.read_bytes()
        assert one.read_bytes() != different.read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["firm_years.parquet"]


def test_truth_stays_out_of_the_raw_file(drawn):
    frame, truth = drawn
    assert set(frame.columns) & set(truth.columns) == {"firm_id", "year"}
    pd.testing.assert_frame_equal(frame[["firm_id", "year"]], truth[["firm_id", "year"]])


def test_truth_adds_up_in_the_log_mean(drawn):
    truth = drawn[1]
    np.testing.assert_allclose(np.log(truth["mean_with"] / truth["mean_without"]), truth[PARTS].sum(axis=1), atol=1e-12)


def test_true_effects_by_horizon(drawn):
    frame, truth = drawn
    horizon = frame["year"] - frame["city_code"].map(facts.pilot_zone_cohorts())
    by_horizon = truth[PARTS[:3]].groupby(horizon).agg(["min", "max"])
    assert (by_horizon.xs("min", axis=1, level=1) == by_horizon.xs("max", axis=1, level=1)).all(axis=None)
    at = by_horizon.xs("min", axis=1, level=1)
    assert (at.loc[at.index < 0] == 0).all(axis=None)
    np.testing.assert_allclose(at.loc[0], [np.log(1.06), 0.25 * 0.06, 0.015], rtol=1e-12)
    np.testing.assert_allclose(at.loc[4], [np.log(1.10), 0.25 * 0.12, 0.03], rtol=1e-12)
    assert (truth.loc[horizon.isna(), PARTS[:3]] == 0).all(axis=None)


def test_spillover_is_linear_in_exposure(drawn, panel):
    truth = drawn[1].merge(panel.frame[["firm_id", "year", "ring_100km"]], on=["firm_id", "year"])
    np.testing.assert_allclose(truth["spillover"], 0.03 * truth["ring_100km"], atol=1e-15)
    exposed_untreated = (panel.frame["ring_100km"] > 0) & (panel.frame["treated"] == 0)
    assert exposed_untreated.sum() > 200


def test_no_effects_means_no_difference():
    _, truth = firm_panel(n_firms=200, effects=TrueEffects.none())
    assert (truth["mean_with"] == truth["mean_without"]).all()


def test_effects_do_not_move_the_untreated_world(drawn):
    _, truth = firm_panel(effects=TrueEffects.none())
    np.testing.assert_array_equal(truth["mean_without"], drawn[1]["mean_without"])


@pytest.mark.parametrize("seed", [2019, 1, 2, 3])
def test_moments_near_the_published_ones(seed):
    frame, _ = firm_panel(seed=seed)
    patents = np.log1p(frame["green_patents"])
    assert 0.70 < (frame["green_patents"] == 0).mean() < 0.82
    assert patents.mean() == pytest.approx(0.388, abs=0.08)
    assert patents.std() == pytest.approx(0.908, abs=0.20)
    assets = np.log(frame["total_assets"])
    assert assets.mean() == pytest.approx(22.2, abs=0.25)
    assert assets.std() == pytest.approx(1.3, abs=0.15)
    assert frame["city_code"].isin(facts.pilot_zone_cohorts().index).mean() == pytest.approx(0.48, abs=0.06)


def test_counts_have_the_true_means():
    frame, truth = firm_panel(n_firms=6000)
    standardised = (frame["green_patents"] - truth["mean_with"]) / np.sqrt(truth["mean_with"])
    assert abs(standardised.mean()) < 4 / np.sqrt(len(frame))
    assert (standardised**2).mean() == pytest.approx(1, abs=0.1)


def test_firms_enter_over_time_and_stay(drawn):
    frame, _ = drawn
    spells = frame.groupby("firm_id")["year"].agg(["min", "max", "size"])
    assert len(spells) == 1200
    assert (spells["max"] == 2023).all()
    assert (spells["size"] == 2024 - spells["min"]).all()
    assert 0.3 < (spells["min"] == 2010).mean() < 0.5
    assert (frame["founded"] < frame["year"]).all()
    assert set(frame["city_code"]) <= set(facts.table("divisions")["gb_code"])


def test_panel_has_the_columns_of_the_design(panel):
    named = ["firm_id", "year", "zone_year", "city_code", "green_patents_log", "size", "age", "industry_structure",
             "human_capital", "ring_100km"]  # fmt: skip
    assert set(named) <= set(panel.frame.columns)
    assert list(panel.codebook["column"]) == list(panel.frame.columns)
    assert panel.frame.notna().all()[lambda ok: ~ok].index.tolist() == ["zone_year"]


def test_panel_cohorts_are_the_facts(panel):
    zones = panel.frame.drop_duplicates("city_code").set_index("city_code")["zone_year"].dropna()
    assert zones.astype(int).to_dict() == facts.pilot_zone_cohorts().to_dict()


def test_panel_leaves_financial_firms_out_and_says_so(panel, drawn):
    finance = drawn[0]["industry_code"].str.startswith("J")
    assert finance.any()
    step = panel.flow.set_index("step").loc["financial firms left out"]
    assert step["dropped"] == finance.sum()
    assert len(panel.frame) == len(drawn[0]) - finance.sum() == panel.flow["n_rows"].iloc[-1]


def test_adapter_names_bad_cells(drawn, tmp_path):
    bad = drawn[0].copy()
    bad.loc[7, "degree_share"] = 1.5
    raw, _ = write_raw_files(bad, drawn[1], raw_folder=tmp_path, truth_folder=tmp_path / "truth")
    with pytest.raises(SourceError, match="column degree_share: 1 cells"):
        firm_years(raw)


def test_unknown_city_is_an_error(drawn):
    bad = drawn[0].copy()
    bad.loc[0, "city_code"] = "999999"
    with pytest.raises(DataError, match="1 values of city_code"):
        firm_year(bad)
