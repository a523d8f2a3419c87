"""The industry structure of simulated cities against real prefectures, and the panel that needs no raw files."""

import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.assemble.build import build
from aigreen.data.sources.cities import prefecture_panel
from aigreen.simulate.economy import economy, outcomes
from aigreen.simulate.economy.calibration import PREFECTURES

YEARS = np.arange(2007, 2024)


def moments(paths: np.ndarray) -> dict[str, float]:
    """Of cities x years: levels, then what is left behind cities and years."""
    level = np.log(np.nanmean(paths, axis=1))
    left = paths - np.nanmean(paths, axis=1, keepdims=True)
    left = left - np.nanmean(left, axis=0)

    def correlation(lag: int) -> float:
        now, later = left[:, :-lag].ravel(), left[:, lag:].ravel()
        both = ~np.isnan(now) & ~np.isnan(later)
        return float(np.corrcoef(now[both], later[both])[0, 1])

    return {
        "level": float(np.mean(level)),
        "spread": float(np.std(level)),
        "rise": float(np.nanmean(np.diff(np.nanmean(paths, axis=0)))),
        "within": float(np.nanstd(left)),
        "change": float(np.nanstd(np.diff(paths, axis=1))),
        "after one year": correlation(1),
        "after three": correlation(3),
    }


def test_structure_moves_as_that_of_real_prefectures(shared):
    table = prefecture_panel(shared / "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx").table
    known = table.dropna(subset=["industrial_upgrading"])
    wide = known.pivot(index="city_code", columns="year", values="industrial_upgrading").to_numpy()
    assert wide.shape == (215, 17)
    real = moments(wide)
    drawn = [moments(outcomes.city_structure(np.random.default_rng(seed), YEARS).values) for seed in range(20)]
    simulated = {name: float(np.mean([one[name] for one in drawn])) for name in real}
    gap = pd.Series(simulated) - pd.Series(real)
    print(pd.DataFrame({"real": real, "simulated": simulated}).round(3).to_string())
    assert gap.abs().max() < 0.1
    stated = [real["spread"], real["within"], real["change"], real["rise"]]
    assert list(PREFECTURES.values()) == pytest.approx(stated, abs=5e-4)
    assert gap[["level", "spread", "rise", "within", "change"]].abs().max() < 0.03


def test_perfect_panel_is_the_economy_that_raw_files_are_written_from(tmp_path):
    economy.write_raw(tmp_path / "raw", truth_folder=tmp_path / "truth", seed=7, n_firms=150, patents_factor=0.1)
    built = build(tmp_path / "raw", tmp_path / "out").assembled.frame
    frame, truth = economy.perfect_panel(seed=7, n_firms=150)
    written = pd.read_parquet(tmp_path / "truth" / "truth.parquet")
    pd.testing.assert_frame_equal(truth, written[written["year"] <= 2023].reset_index(drop=True))
    assert (frame[["firm_id", "year"]] == truth[["firm_id", "year"]]).all(axis=None)
    both = built.merge(frame, on=["firm_id", "year"], suffixes=("", "_drawn"), validate="one_to_one")
    assert len(both) == (built["year"] <= 2023).sum() > 800
    for name in ("home_city", "zone_year", "ring_100km"):
        assert (both[name].astype("string").fillna("") == both[f"{name}_drawn"].astype("string").fillna("")).all(), name
    np.testing.assert_allclose(both["industry_structure"], both["industry_structure_drawn"], atol=1e-3)
    assert facts.pilot_zone_cohorts().isin(frame["zone_year"]).any()
