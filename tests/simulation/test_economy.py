"""The synthetic economy: the same bytes at every run, published moments, additive truth, patents that match counts."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.errors import OptionError
from aigreen.simulate.economy import economy
from aigreen.simulate.economy.calibration import calibration
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.outcomes import CHANNELS, MECHANISMS, SPILLOVERS
from aigreen.simulate.economy.patents import green_counts

PARTS = ["direct", *CHANNELS, *SPILLOVERS]
WRITE = (
    "import sys; from aigreen.simulate.economy.economy import write_raw; "
    "write_raw(sys.argv[1], truth_folder=sys.argv[2], seed=5, scale='small', reports='folder')"
)


@pytest.fixture(scope="module")
def drawn():
    effects = EconomyEffects(adopters=(0.06, 0.09), adopters_zone=0.3)
    return economy.draw(seed=5, n_firms=400, patents_factor=0.1, effects=effects)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_same_bytes_in_any_process(tmp_path):
    economy.write_raw(
        tmp_path / "here" / "raw", truth_folder=tmp_path / "here" / "truth", seed=5, scale="small", reports="folder"
    )
    away = [tmp_path / "away" / "raw", tmp_path / "away" / "truth"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONHASHSEED": "77"}
    subprocess.run([sys.executable, "-c", WRITE, *map(str, away)], check=True, env=environment)
    here, there = digests(tmp_path / "here"), digests(tmp_path / "away")
    assert len(here) > 600  # the reports are files of their own
    assert here == there


def test_another_seed_changes_every_drawn_file(tmp_path):
    for seed in (1, 2):
        economy.write_raw(
            tmp_path / str(seed), truth_folder=tmp_path / str(seed), seed=seed, n_firms=20, patents_factor=0.1
        )
    first, second = digests(tmp_path / "1"), digests(tmp_path / "2")
    assert list(first) == list(second)
    assert not {name for name in first if first[name] == second[name]}


def test_no_part_is_left_behind(tmp_path):
    written = economy.write_raw(tmp_path / "raw", truth_folder=tmp_path / "truth", seed=1, n_firms=20)
    assert sorted(written) == sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_unknown_scale_is_refused():
    with pytest.raises(OptionError, match=r"'defualt'.*default"):
        economy.draw(seed=1, scale="defualt")


def test_calibration_is_near_the_published_numbers():
    table = calibration(economy.draw(seed=2019, n_firms=1500, patents_factor=0.2)).set_index("quantity")
    gap = table["achieved"] - table["target"]
    relative = (gap / table["target"]).abs()
    listed = table.index.str.startswith("Listed")
    assert listed.sum() == 8
    assert relative[listed].max() < 0.005
    provinces = table.index.str.startswith("Share of firm-years,")
    assert provinces.sum() == 15
    assert gap[provinces].abs().max() < 0.006
    for quantity, most in {
        "ln(1 + green inventions): mean": 0.15,
        "ln(1 + green inventions): standard deviation": 0.10,
        "ln(1 + green inventions): maximum": 0.20,
        "Leverage (liabilities/assets): mean": 0.03,
        "Leverage (liabilities/assets): standard deviation": 0.10,
        "Return on assets: mean": 0.10,
        "Return on assets: standard deviation": 0.10,
        "ln total assets: mean": 0.005,
        "ln total assets: standard deviation": 0.05,
        "ln firm age: mean": 0.02,
        "ln firm age: standard deviation": 0.10,
        "City structure: standard deviation of cities' log means": 0.12,
        "City structure: standard deviation behind city and year": 0.12,
        "City structure: standard deviation of a year's change": 0.05,
        "City structure: mean rise a year": 0.10,
        "Manufacturing share of firms": 0.05,
        "State-owned share of firms": 0.10,
        "Share of firms in zone cities": 0.06,
        "Share of firm-years without green inventions": 0.03,
        "R2 of firm and year effects, ln(1 + green inventions)": 0.15,
        "Mean log effect of the own zone on green patents, first year": 0.05,
        "Mean log effect of the own zone on green patents, from the fourth year": 0.05,
        "End of pipe over prevention, direct effect": 1e-6,
        "Patents filed by all listed firms, million": 0.15,
    }.items():
        assert relative[quantity] < most, quantity


def test_truth_is_additive_in_logs(drawn):
    truth = drawn.truth
    np.testing.assert_allclose(
        np.log(truth["mean_with"] / truth["mean_without"]), truth[PARTS].sum(axis=1), rtol=0, atol=1e-12
    )
    shared = truth[[*CHANNELS, *SPILLOVERS]].sum(axis=1)
    for mechanism in MECHANISMS:
        ratio = truth[f"mean_with_{mechanism}"] / truth[f"mean_without_{mechanism}"]
        np.testing.assert_allclose(np.log(ratio), truth[f"direct_{mechanism}"] + shared, rtol=0, atol=1e-12)
    for which in ("with", "without"):
        parts = [truth[f"mean_{which}_{mechanism}"] for mechanism in MECHANISMS]
        np.testing.assert_allclose(sum(parts), truth[f"mean_{which}"])


def test_effects_begin_with_the_own_zone_and_spillovers_with_others(drawn):
    truth, table = drawn.truth, drawn.firm_years
    zone = table["city_code"].map(facts.pilot_zone_cohorts())
    before = ~(table["year"] >= zone).to_numpy()
    own = ["direct", *CHANNELS]
    assert (truth.loc[before, own] == 0).all(axis=None)
    assert (truth.loc[~before, ["direct", "human_capital"]] > 0).all(axis=None)
    first = facts.pilot_zone_cohorts().min()
    assert (truth.loc[truth["year"] < first, PARTS] == 0).all(axis=None)
    late = truth[before & (truth["year"] >= 2021)]
    assert {name: bool((late[name] > 0).any()) for name in SPILLOVERS} == dict.fromkeys(SPILLOVERS, True)


def test_effects_differ_by_size_owner_and_type(drawn):
    rows = drawn.truth.merge(drawn.firms, on="firm_id")
    rows = rows[rows["direct"] > 0]
    mean = {name: rows.groupby(name)["direct"].mean() for name in ("large", "private", "ai_type")}
    assert mean["large"][True] > mean["large"][False]
    assert mean["private"][True] > mean["private"][False]
    assert mean["ai_type"]["learning"] > mean["ai_type"]["other"]


def test_without_effects_both_means_are_the_same():
    drawn = economy.draw(seed=5, n_firms=60, patents_factor=0.1, effects=EconomyEffects.none())
    assert (drawn.truth[PARTS] == 0).all(axis=None)
    np.testing.assert_allclose(drawn.truth["mean_with"], drawn.truth["mean_without"], rtol=1e-15)


def test_counts_are_poisson_around_the_means(drawn):
    truth, outcomes = drawn.truth, drawn.outcomes
    row, column = np.nonzero(outcomes.active)
    counts = outcomes.green.sum(axis=(2, 3))[row, column]
    score = (counts - truth["mean_with"]) / np.sqrt(truth["mean_with"])
    assert abs(score.mean()) < 4 / np.sqrt(len(score))
    common = truth["mean_with"] > 1
    assert score[common].var() == pytest.approx(1, abs=0.1)


def test_patents_reproduce_the_drawn_counts(drawn):
    wanted = drawn.outcomes.green
    found = green_counts(drawn.patents, drawn.firms)
    firm = found["firm_id"].map({name: at for at, name in enumerate(drawn.firms["firm_id"])}).to_numpy()
    kind = (found["kind"] == "utility_model").to_numpy(dtype=int)
    mechanism = found["mechanism"].map({name: at for at, name in enumerate(MECHANISMS)}).to_numpy()
    counts = np.zeros_like(wanted)
    counts[firm, found["year"].to_numpy() - drawn.years[0], mechanism, kind] = found["count"]
    np.testing.assert_array_equal(counts, wanted)
    assert wanted.sum() > 10_000
    filed = drawn.patents.filed.astype("datetime64[Y]").astype(int) + 1970
    np.testing.assert_array_equal(filed, drawn.patents.year)


def test_numbers_of_patents_are_unique_and_days_in_order(drawn):
    patents = drawn.patents
    assert len(np.unique(patents.number)) == len(np.unique(patents.document)) == len(patents.number)
    assert (patents.number // 10**8 == patents.year).all()
    assert (patents.filed < patents.published).all()
    granted = ~np.isnat(patents.granted)
    assert (patents.granted[granted] >= patents.published[granted]).all()
    assert granted[patents.kind > 0].all()
    assert 0.5 < granted[patents.kind == 0].mean() < 0.65


def test_the_last_years_are_truncated(drawn):
    patents = drawn.patents
    visible = pd.Series(patents.published <= drawn.drawn).groupby(patents.year).mean()
    assert (visible.loc[:2022] == 1).all()
    assert 0.9 < visible[2023] <= 1
    assert 0.4 < visible[2024] < 0.8


def test_movers_have_one_cohort(drawn):
    moved = drawn.firms[drawn.firms["moved"] > 0]
    assert 0 < len(moved) < 0.03 * len(drawn.firms)
    assert (moved["first_city"] != moved["city_code"]).all()
    assert moved["moved"].max() < facts.pilot_zone_cohorts().min()


def test_the_length_of_a_report_says_nothing_of_its_ai_words(drawn):
    """Given size, reports of adopters are as long as before they adopted, and as those of others."""
    reports = drawn.reports.rename(columns={"code": "firm_id"})
    keys = ["firm_id", "year"]
    rows = reports.merge(drawn.truth[[*keys, "adoption_year"]], on=keys)
    rows = rows.merge(drawn.firm_years[keys].assign(words=drawn.words.sum(axis=1)), on=keys)
    years = list(drawn.years)
    place = [list(drawn.firms["firm_id"]).index(firm) for firm in rows["firm_id"]]
    size = drawn.outcomes.log_assets[place, [years.index(year) for year in rows["year"]]]
    length, adopted = rows["text"].str.len().to_numpy(), (rows["year"] >= rows["adoption_year"]).to_numpy()
    words = rows["words"].to_numpy()
    ratio = length / np.exp(0.12 * (size - 22.2)) / 2_700
    assert words[adopted].mean() > 50 > 10 > words[~adopted].mean()
    assert abs(ratio[adopted].mean() - ratio[~adopted].mean()) < 0.01
    assert ratio[~adopted].std() < 0.1 and abs(ratio[~adopted].mean() - 1) < 0.01
    assert rows["text"].str.endswith("。").all()


def test_batteries_are_symbols_of_green_patents_that_their_flags_tell(drawn, tmp_path):
    economy.write_truth(drawn, tmp_path)
    patents = pd.read_parquet(tmp_path / "patents.parquet")
    symbols = drawn.technology.symbols[np.maximum(drawn.patents.ipc, 0)]
    symbols[drawn.patents.ipc < 0] = ""
    phosphate = np.isin(symbols, ["H01M4/58", "H01M4/136", "H01M4/1397", "C01B25/45"]).any(axis=1)
    lithium = np.isin(symbols, ["H01M10/0525", "H01M4/13", "H01M10/052", "C01D15/08", "C22B26/12", "H01M4/136",
                                "H01M4/1397"]).any(axis=1)  # fmt: skip
    assert (patents["tag_battery_lfp"] == phosphate).all() and (patents["tag_lithium"] == lithium).all()
    assert phosphate.sum() > 20 and lithium.sum() > phosphate.sum()
    assert set(patents.loc[phosphate | lithium, "mechanism"]) == {"prevention"}


def test_staff_moves_as_the_truth_says():
    effects = EconomyEffects(adopters=(0.06, 0.09), adopters_zone=0.3)
    moving = replace(effects, labour=(-0.02, -0.04), adopted_labour=(-0.03, -0.06))
    still, moved = (economy.draw(seed=5, n_firms=150, patents_factor=0.1, effects=each) for each in (effects, moving))
    total = [
        each.staff.query("detail == '员工总数'").set_index(["firm_id", "year"])["persons"] for each in (still, moved)
    ]
    truth = moved.truth.set_index(["firm_id", "year"])
    gap = np.log(total[1] / total[0])
    zone, adopted = truth["labour"], truth["adoption_labour"]
    assert gap[(zone == 0) & (adopted == 0)].abs().max() == 0
    own = zone - adopted  # with nobody hastened, zones alone
    rows = (adopted == 0) & (zone < 0)
    np.testing.assert_allclose(gap[rows], own[rows], atol=0.02)
    assert own[rows].min() == pytest.approx(-0.04) and adopted.min() == pytest.approx(-0.06)
    assert gap[(adopted < 0) & (zone == 0)].mean() == pytest.approx(
        adopted[(adopted < 0) & (zone == 0)].mean(), abs=2e-3
    )
    pd.testing.assert_frame_equal(still.green_counts, moved.green_counts)  # staff changes no patents
