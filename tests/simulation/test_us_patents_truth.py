"""The parts of generated US files against their truth: coverage over seeds, through files and adapters."""

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Panel
from aigreen.data.assemble.us_build import build
from aigreen.simulate.economy.truth import true_log_parts
from aigreen.simulate.us_patent_files import write, write_truth
from aigreen.simulate.us_patents import draw

SEEDS = range(1, 9)


@pytest.mark.slow
def test_parts_cover_their_truth(tmp_path):
    found = []
    for seed in SEEDS:
        drawn = draw(seed=seed, n_firms=800, patents_factor=0.3)
        folder = tmp_path / str(seed)
        write(drawn, folder, seed=seed)
        truth = pd.read_parquet(write_truth(drawn, tmp_path / f"truth{seed}"))
        frame = build(folder)[0].frame
        panel = Panel(frame, unit="firm_id", time="year", cohort="ai_year", cluster="firm_id")
        fit = Decomposition(
            channels=["clean_odds"], exposure="near_technology", response="linear", family="poisson",
            variance="leave_one_out",
        ).fit(panel, "green_patents").overall()  # fmt: skip
        known = true_log_parts(frame, truth, exposure="near_technology", cohort="ai_year")["truth"]
        shown = fit.conf_int(0.95)
        found.append(pd.DataFrame({"truth": known.to_numpy(), "estimate": fit.values, "se": fit.std_errors.to_numpy(),
                                   "held": (shown["low"].to_numpy() <= known.to_numpy())
                                   & (known.to_numpy() <= shown["high"].to_numpy())}, index=known.index))  # fmt: skip
    runs = pd.concat(found, keys=SEEDS)
    by_part = runs.groupby(level=1)
    held = by_part["held"].sum()
    print(by_part.mean(), held)
    error = by_part["estimate"].mean() - by_part["truth"].mean()
    spread = by_part["se"].mean() / np.sqrt(len(SEEDS))
    assert (error.abs() < 3.5 * spread).all()
    assert (held >= len(SEEDS) - 3).all() and held.sum() >= 0.85 * len(SEEDS) * len(held)
