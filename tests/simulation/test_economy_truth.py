"""The truth of the synthetic economy within the bands of the decomposition, from raw files to estimates."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from aigreen import Decomposition, Panel
from aigreen.data.assemble.build import build
from aigreen.errors import AigreenWarning
from aigreen.simulate.economy.economy import write_raw
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.truth import study_truth, true_parts
from aigreen_study.monte_carlo.replicate import replicate_economy

CHANNELS = ["industry_structure", "polluting_share", "human_capital"]
EXPOSURE = "ring_100km"
SEEDS = range(1, 9)


def compare(folder: Path, seed: int, n_firms: int) -> pd.DataFrame:
    """Truth, estimate, error and simultaneous band of every part, as the default study estimates them."""
    effects = EconomyEffects(peers=0, customers=0, suppliers=0)
    write_raw(folder / "raw", truth_folder=folder / "truth", seed=seed, n_firms=n_firms, effects=effects)
    frame = build(folder / "raw", folder / "out").assembled.frame
    panel = Panel(frame, unit="firm_id", time="year", cohort="zone_year", cluster="home_city")
    estimator = Decomposition(
        channels=CHANNELS, exposure=EXPOSURE, response="linear", fixed_effects=["firm_id", "industry_code^year"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        overall = estimator.fit(panel, "green_patents_log").overall()
    known = study_truth(pd.read_parquet(folder / "truth" / "truth.parquet"), CHANNELS)
    truth = true_parts(frame, known, exposure=EXPOSURE)["truth"]
    band = overall.conf_int(simultaneous=True)
    return pd.DataFrame(
        {"truth": truth, "estimate": overall.estimates, "error": overall.std_errors, "low": band.low, "high": band.high}
    ).loc[overall.index]


@pytest.mark.slow
def test_bands_cover_the_truth_of_small_economies(tmp_path: Path) -> None:
    table = pd.concat({seed: compare(tmp_path / str(seed), seed, n_firms=400) for seed in SEEDS}, names=["seed"])
    table["covers"] = (table["low"] <= table["truth"]) & (table["truth"] <= table["high"])
    print(table.round(4).to_string())
    assert table["covers"].groupby("part").sum().min() >= len(SEEDS) - 2
    assert table["covers"].mean() >= 0.9
    bias = (table["estimate"] - table["truth"]).groupby("part").mean()
    noise = np.sqrt((table["error"] ** 2).groupby("part").mean() / len(SEEDS))
    assert (bias.abs() < 3 * noise).all()


def test_the_economy_of_the_study_is_held_by_its_bands_and_repeats(repository: Path) -> None:
    study = yaml.safe_load((repository / "analysis/config/simulated-firms.yaml").read_text(encoding="utf-8"))
    options = {key: value for key, value in study["decomposition"].items() if key != "leads"}
    effects = study["simulation"]["effects"]
    table = replicate_economy(options, draws=1, seed=study["seed"] - 1, effects=effects)
    print(table.round(4).to_string())
    assert table["draw"].tolist() == [study["seed"]] * 6
    assert ((table["band_low"] <= table["truth"]) & (table["truth"] <= table["band_high"])).all()
    assert table["truth"].iloc[1:].sum() == pytest.approx(table["truth"].iloc[0], abs=1e-12)
    pd.testing.assert_frame_equal(table, replicate_economy(options, draws=1, seed=study["seed"] - 1, effects=effects))
