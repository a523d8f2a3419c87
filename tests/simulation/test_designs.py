"""Designs of the Monte Carlo study: the same panel for the same seed, and a truth that is what estimators aim at."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Panel
from aigreen.simulate import designs
from aigreen.simulate.designs import CHANNELS, COUNT_DESIGNS, DESIGNS, ORIGINS, PARTS, draw, draw_counts
from aigreen_study.monte_carlo.replicate import COUNT_ESTIMATORS, ESTIMATORS, KEYS, replicate, summarise


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_is_deterministic_and_its_parts_add_up(name):
    design = DESIGNS[name]
    frame, truth = draw(design, np.random.default_rng(3))
    again, same = draw(design, np.random.default_rng(3))
    pd.testing.assert_frame_equal(frame, again)
    assert truth == same and tuple(truth) == PARTS
    assert truth["total"] == pytest.approx(sum(truth[part] for part in PARTS[1:]), abs=1e-15)
    assert not frame.equals(draw(design, np.random.default_rng(4))[0])
    assert frame["city"].nunique() == design.cities
    assert frame.groupby("firm")["year"].min().eq(1).all()
    assert 0.8 < len(frame) / (design.cities * designs.FIRMS * designs.PERIODS) < 0.9
    assert set(frame["exposure"]) == {0.0, 1.0}


def test_each_design_has_the_parts_of_its_name():
    truth = {name: draw(design, np.random.default_rng(5))[1] for name, design in DESIGNS.items()}
    present = {name: {part for part in PARTS[1:] if parts[part]} for name, parts in truth.items()}
    assert present["null"] == set()
    assert present["direct"] == {"direct"}
    assert present["channels"] == set(CHANNELS)
    assert present["spillover"] == {"spillover"}
    for name in ("all", "heterogeneous", "confounded", "wrong_map", "few_clusters"):
        assert present[name] == set(PARTS[1:])


@pytest.mark.parametrize("name", [name for name, design in DESIGNS.items() if design.holds])
def test_with_little_noise_the_estimate_is_the_truth(name, monkeypatch):
    """Slopes of channels are ratios of noise to noise; all that does not need them is exact."""
    monkeypatch.setattr(designs, "NOISE", 1e-3)
    frame, truth = draw(DESIGNS[name], np.random.default_rng(6))
    fit = Decomposition(channels=CHANNELS, exposure="exposure").fit(Panel(frame, **KEYS), "y").overall().estimates
    assert fit["total"] == pytest.approx(truth["total"], abs=1e-3)
    if DESIGNS[name].moved == (0.0, 0.0):
        for part in PARTS:
            assert fit[part] == pytest.approx(truth[part], abs=1e-3)


@pytest.mark.parametrize("name", COUNT_DESIGNS)
def test_a_design_of_counts(name):
    frame, truth = draw_counts(COUNT_DESIGNS[name], np.random.default_rng(3))
    again, same = draw_counts(COUNT_DESIGNS[name], np.random.default_rng(3))
    pd.testing.assert_frame_equal(frame, again)
    assert truth == same and set(truth) == {*PARTS, *ORIGINS}
    assert truth["total"] == pytest.approx(sum(truth[part] for part in PARTS[1:]), abs=1e-15)
    others = truth["spillover"] + sum(truth[part] for part in ORIGINS[1:])
    assert truth["total: others"] == pytest.approx(others, abs=1e-15)
    zeros = (frame["y"] == 0).mean()
    assert 0.15 < zeros < 0.45 if name == "counts_large" else 0.7 < zeros < 0.92
    assert frame["y"].var() > 2 * frame["y"].mean()


def test_many_counts_give_the_truth(monkeypatch):
    """Large counts without noise: all but slopes of channels, which are ratios of noise to noise."""
    monkeypatch.setattr(designs, "NOISE", 1e-3)
    large = replace(COUNT_DESIGNS["counts_all"], level=12.0, dispersion=1e-8)
    frame, truth = draw_counts(large, np.random.default_rng(6))
    fit = Decomposition(channels=CHANNELS, exposure="exposure", family="poisson", origins=True)
    assert fit.fit(Panel(frame, **KEYS), "y").overall().estimates["total"] == pytest.approx(truth["total"], abs=3e-3)


def test_replications_of_counts():
    found = replicate("counts_all", draws=2, seed=1)
    assert set(found["estimator"]) == set(COUNT_ESTIMATORS)
    assert set(found["part"]) == {*PARTS, *ORIGINS}
    split = found[found["estimator"] == "decomposition"].pivot(index="replication", columns="part", values="estimate")
    assert np.allclose(split[list(PARTS[1:])].sum(axis=1), split["total"], atol=1e-12)


def test_replications_do_not_depend_on_how_many_there_are():
    few = replicate("all", draws=2, seed=1)
    rest = replicate("all", draws=1, first=2, seed=1)
    whole = replicate("all", draws=3, seed=1)
    pd.testing.assert_frame_equal(pd.concat([few, rest], ignore_index=True), whole)
    assert set(few["estimator"]) == set(ESTIMATORS)
    assert not np.isclose(few["truth"].iloc[0], replicate("few_clusters", draws=1, seed=1)["truth"].iloc[0])
    split = few[few["estimator"] == "decomposition"].pivot(index="replication", columns="part", values="estimate")
    assert np.allclose(split[list(PARTS[1:])].sum(axis=1), split["total"], atol=1e-12)


def test_summary_of_known_draws():
    gaps = [-0.3, 0.1, 1.1]
    lines = [("d", r, "e", "total", 1.0, 1.0 + gap, 0.5, gap, 2.0 + gap, gap > 0) for r, gap in enumerate(gaps)]
    names = ["design", "replication", "estimator", "part", "truth", "estimate", "std_error", "conf_low", "conf_high"]
    names.append("in_set")
    lost = dict.fromkeys(names, np.nan) | {
        "design": "d",
        "replication": 3,
        "estimator": "e",
        "part": "total",
        "truth": 1.0,
    }
    line = summarise(pd.concat([pd.DataFrame(lines, columns=names), pd.DataFrame([lost])])).loc[("d", "e", "total")]
    assert line["bias"] == pytest.approx(0.3)
    assert line["noise"] == pytest.approx(np.std([-0.3, 0.1, 1.1], ddof=1) / np.sqrt(3))
    assert line["median"] == pytest.approx(0.1)
    assert line["coverage"] == line["in_set"] == pytest.approx(2 / 3)
    assert line["rejects"] == pytest.approx(2 / 3)
    assert (line["n"], line["failed"]) == (3, 1)
