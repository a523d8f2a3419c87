"""Specifications in blocks: each estimated once, and the same files in any number of them."""

import logging

import pytest

from aigreen_study.run.scatter import dealt
from aigreen_study.specification.blocks import gather
from aigreen_study.specification.estimate import fit_all
from aigreen_study.specification.results import write_results

from .parts import ROLES, specification


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 7])
def test_every_item_falls_to_one_block_and_blocks_are_even(n_blocks):
    blocks = [dealt(range(20), block, n_blocks) for block in range(n_blocks)]
    assert sorted(item for block in blocks for item in block) == list(range(20))
    assert max(map(len, blocks)) - min(map(len, blocks)) <= 1


def test_variants_that_take_turns_are_spread():
    """Without covariates and with them, the specification of a curve by turns: each block has as many of both."""
    assert [sum(i % 2 for i in dealt(range(16), block, 4)) for block in range(4)] == [2, 2, 2, 2]


PARTS = [
    specification(id="all", estimator="imputation"),
    specification(id="controls", estimator="imputation", covariates=("x",)),
    specification(id="east", estimator="imputation", sample="region == East"),
    specification(id="never", estimator="imputation", sample="year <= 2014"),
    specification(id="bootstrap", estimator="synthetic_did", options={"cohort": "2015", "n_draws": "20", "seed": "7"}),
    specification(id="ols", estimator="ols"),
]
TRUTH = {"all": 0.5, "controls": 0.25, "east": 0.5}
LOG = logging.getLogger("test")


def written(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_files_are_those_of_one_step(frame, tmp_path, n_blocks):
    write_results(tmp_path / "whole", *fit_all(PARTS, frame, ROLES, LOG), TRUTH)
    folders = [tmp_path / f"{k + 1}-of-{n_blocks}" for k in range(n_blocks)]
    for k, folder in enumerate(folders):
        fitted, failures = fit_all(dealt(PARTS, k, n_blocks), frame, ROLES, LOG)
        write_results(folder, fitted, failures, {key: TRUTH[key] for key in fitted if key in TRUTH})
        (folder / ".snakemake_timestamp").touch()
    gather(folders, tmp_path / "gathered")
    whole = written(tmp_path / "whole")
    assert {"all.json", "bootstrap.parquet", "failures.json", "truth.json"} <= whole.keys()
    assert b'"never"' in whole["failures.json"]
    assert written(tmp_path / "gathered") == whole


def test_blocks_without_a_truth_give_none(frame, tmp_path):
    write_results(tmp_path / "1-of-1", *fit_all(PARTS[:1], frame, ROLES, LOG))
    gather([tmp_path / "1-of-1"], tmp_path / "gathered")
    assert written(tmp_path / "gathered").keys() == {"all.json", "all.parquet", "failures.json"}
