"""Truth of registry rows: recomputed from the economy's files, held against intervals, printed."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aigreen.effects.effects import Effects
from aigreen.errors import AigreenWarning, ConfigError
from aigreen.simulate.economy.economy import perfect_panel
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen_study.numbers.exhibits import add_known
from aigreen_study.numbers.prose import Ledger
from aigreen_study.specification.estimate import fit
from aigreen_study.specification.known import Known, named_truth
from aigreen_study.specification.results import Results, holds, read_results, write_results
from aigreen_study.specification.specification import Exhibit, Specification
from aigreen_study.tables.exhibits import columns_table, contrast_table, estimates_table

EFFECTS = EconomyEffects(direct=(0.155, 0.185), peers=0.15, customers=0.6, adopters=(0.06, 0.09), adopters_zone=0.3)
ROLES = {"unit": "firm_id", "time": "year", "cohort": "zone_year", "cluster": "home_city"}
LABELS = {"city": "City", "home_city": "City", "green_patents": "Green patents", "treated": "Zone", "unit": "Unit",
          "time": "Year"}  # fmt: skip
BANDS = {"n_draws": 99, "seed": 1}


@pytest.fixture(scope="module")
def economy():
    frame, truth = perfect_panel(seed=11, n_firms=400, effects=EFFECTS)
    shares = pd.DataFrame({"green_strict_patents": [0.9, 0.5, 0.7]}, index=["prevention", "end_of_pipe", "other"])
    return Known(truth=truth, shares=lambda: shares, effects=EFFECTS, frame=frame, roles=ROLES)


@pytest.fixture(scope="module")
def rows(economy):
    """Treated rows of firms seen before treatment, with log changes that zones make to the mean."""
    table = economy.frame.merge(economy.truth, on=["firm_id", "year"], suffixes=("", "_of_truth"))
    table["there"] = table[["spillover_peers", "spillover_chain", "spillover_adopters"]].sum(axis=1)
    after = table["year"] >= table["zone_year"]
    return table[after & table["firm_id"].isin(table.loc[~after, "firm_id"])]


def known(economy, estimator, **fields):
    row = Specification(exhibit="e", id="a", estimator=estimator, **{"outcome": "green_patents_log"} | fields)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        return economy.of(row, fit(row, economy.frame, ROLES))


def test_shares_are_asked_for_counts_with_a_flag_alone(economy):
    asked = []
    frame = economy.frame.assign(green_strict_patents=economy.frame["green_patents"])
    told = replace(economy, frame=frame, shares=lambda: asked.append("asked") or economy.shares(), _means={})
    assert known(told, "ols") == known(economy, "ols")
    assert not asked
    known(told, "poisson", outcome="green_strict_patents")
    assert asked == ["asked"]


def log1p(mean):
    """Mean of ln(1 + Y) over the probabilities of 4,000 counts."""
    return np.array([stats.poisson.pmf(np.arange(4000), m) @ np.log1p(np.arange(4000)) for m in mean])


def test_averages_are_those_of_treated_rows(economy, rows):
    change = log1p(rows["mean_with"]) - log1p(rows["mean_without"] * np.exp(rows["there"]))
    assert known(economy, "imputation") == pytest.approx(change.mean(), abs=2e-6)
    assert known(economy, "ols") == pytest.approx(change.mean(), abs=2e-6)
    large = rows["home_city"].isin(["110000", "310000"])
    sample = "home_city in [110000, 310000]"
    assert known(economy, "imputation", sample=sample, options={"controls": "all"}) == pytest.approx(
        change[large.to_numpy()].mean(), abs=2e-6
    )
    first = (rows["year"] == rows["zone_year"]).to_numpy()
    assert known(economy, "local_projection") == pytest.approx(change[first].mean(), abs=2e-6)
    share = rows.groupby("zone_year").size() / len(rows)
    by = pd.Series(change, rows.index).groupby(rows["zone_year"]).mean()
    assert known(economy, "imputation", options={"average": "group"}) == pytest.approx(
        by @ (rows.groupby("zone_year")["firm_id"].nunique() / rows["firm_id"].nunique()), rel=0.02
    )
    assert by @ share == pytest.approx(change.mean())


def test_what_specifications_share_is_that_of_each_alone(economy):
    """One after the other, as an exhibit asks: by units of the outcome, by channels, by exposure."""

    def parts(channels, exposure):
        options = {"family": "poisson", "part": "direct"}
        row = Specification(
            exhibit="e", id="a", estimator="decomposition", channels=channels, exposure=exposure, options=options
        )
        return economy._of_parts(row), replace(economy, _parts={})._of_parts(row)

    near, peers = ("ring_100km",), ("ring_100km", "industry_peers")
    asked = [(("human_capital",), near), (("human_capital",), peers), (("industry_structure",), peers)]
    together, alone = zip(*(parts(*which) for which in asked), strict=True)
    assert together == alone
    assert len(set(alone)) == 3
    for units in (1, 100):
        options = {"outcome_as": "log1p", "units": units}
        fresh = replace(economy, _scaled={})
        assert known(economy, "imputation", outcome="green_patents", options=options) == known(
            fresh, "imputation", outcome="green_patents", options=options
        )


def test_another_scale_has_another_truth(economy, rows):
    without = rows["mean_without"] * np.exp(rows["there"])
    any_patent = np.exp(-without) - np.exp(-rows["mean_with"])
    options = {"outcome_as": "any"}
    assert known(economy, "ols", outcome="green_patents", options=options) == pytest.approx(any_patent.mean(), abs=1e-8)
    gain = rows["mean_with"].sum() / without.sum()
    assert known(economy, "poisson", outcome="green_patents") == pytest.approx(np.log(gain))
    assert known(economy, "poisson_imputation", outcome="green_patents") == pytest.approx(gain - 1)


def test_kinds_of_patents_are_weighed_as_they_were_drawn(economy, rows):
    outcomes = {
        "green_inventions": rows["invention_share"],
        "green_utility_models": 1 - rows["invention_share"],
        "green_patents_granted": 0.58 * rows["invention_share"] + 1 - rows["invention_share"],
        "y02_patents": 0.75 * rows["invention_share"] + 0.40 * (1 - rows["invention_share"]),
    }
    ratio = {}
    for name in ("prevention", "end_of_pipe", "other"):
        with_zones = rows[f"mean_with_{name}"]
        without = rows[f"mean_without_{name}"] * np.exp(rows["there"])
        ratio[name] = with_zones, without
    total = [sum(pair[j] for pair in ratio.values()) for j in (0, 1)]
    frame = economy.frame.assign(**dict.fromkeys([*outcomes, "green_strict_patents", "green_end_of_pipe_patents"], 1.0))
    other = replace(economy, frame=frame)

    def counted(outcome):
        row = Specification(exhibit="e", id="a", estimator="poisson", outcome=outcome)
        return other.of(row, None)

    for outcome, weight in outcomes.items():
        expected = np.log((weight * total[0]).sum() / (weight * total[1]).sum())
        assert counted(outcome) == pytest.approx(expected), outcome
    strict = zip((0.9, 0.5, 0.7), ratio.values(), strict=True)
    sums = np.sum([[w * a.sum(), w * b.sum()] for w, (a, b) in strict], axis=0)
    assert counted("green_strict_patents") == pytest.approx(np.log(sums[0] / sums[1]))
    a, b = ratio["end_of_pipe"]
    assert counted("green_end_of_pipe_patents") == pytest.approx(np.log(a.sum() / b.sum()))
    assert counted("green_strict_patents") > counted("green_end_of_pipe_patents")


def test_exposure_held_equal_is_no_effect(economy, rows):
    own = rows[["industry_structure_of_truth", "polluting_share_of_truth", "human_capital_of_truth"]].sum(axis=1)
    base = {
        name: rows[f"mean_without_{name}"] * np.exp(rows["there"]) for name in ("prevention", "end_of_pipe", "other")
    }
    shifted = sum(mean * np.exp(rows[f"direct_{name}"] + own) for name, mean in base.items())
    truth = np.log(shifted.sum() / sum(base.values()).sum())
    held = known(economy, "poisson", outcome="green_patents", covariates=("ring_100km",))
    assert held == pytest.approx(truth)
    assert held < known(economy, "poisson", outcome="green_patents")


def test_net_and_exposed_parts_of_a_spillover_model(economy):
    table = economy.frame.merge(economy.truth, on=["firm_id", "year"], suffixes=("", "_of_truth"))
    table["there"] = table[["spillover_peers", "spillover_chain", "spillover_adopters"]].sum(axis=1)
    treated = table["year"] >= table["zone_year"]
    exposed = table[~treated & (table["ring_100km"] > 0)]
    without = exposed["mean_without"] * np.exp(exposed["there"])
    change = log1p(without * np.exp(exposed["spillover_ring"])) - log1p(without)
    options = {"part": "exposed", "response": "linear"}
    assert known(economy, "spillover", exposure=("ring_100km",), options=options) == pytest.approx(
        change.mean(), abs=2e-6
    )
    far = economy.frame.assign(ring_100_150=np.roll(economy.frame["ring_100km"], 7))
    row = Specification(
        exhibit="e", id="a", estimator="spillover", outcome="green_patents_log",
        exposure=("ring_100km", "ring_100_150"), options={"part": "ring_100_150", "response": "linear"},
    )  # fmt: skip
    assert replace(economy, frame=far).of(row, None) == 0.0


def test_what_has_no_truth_and_what_is_zero(economy):
    dose = Specification(exhibit="e", id="a", estimator="poisson", outcome="green_patents", treatment="size")
    assert economy.of(dose, None) is None
    words = Specification(exhibit="e", id="a", estimator="imputation", outcome="ai_words")
    assert economy.of(words, None) is None
    length = Specification(exhibit="e", id="a", estimator="imputation", outcome="report_length")
    assert economy.of(length, None) == 0.0
    pioneer = replace(length, outcome="green_patents_log", treatment="since(pioneer_year)")
    assert economy.of(pioneer, None) is None
    assert economy.of(replace(pioneer, options={"truth": "0"}), None) == 0.0


def test_names_are_looked_up_in_the_economy_of_the_study():
    effects = EconomyEffects(customers=0.7)
    assert named_truth("customers", effects, "links/a") == 0.7
    assert named_truth("peers", effects, "links/a") == 0.02
    assert named_truth("-0.5", effects, "links/a") == -0.5
    with pytest.raises(ConfigError, match=r"links/a.*customers"):
        named_truth("customer", effects, "links/a")
    with pytest.raises(ConfigError, match="no effect 'direct'"):  # a pair is no single number
        named_truth("direct", effects, "links/a")


def one(value):
    scores = np.array([0.1, -0.1, 0.1, -0.1])[:, None] * (1 + value)
    return Effects(
        values=np.array([value]), index=pd.Index(["treated"], name="term"), psi=scores, method="Poisson",
        clusters=pd.Index(range(4), name="city"), outcome="green_patents", n_rows=40, n_units=8, n_clusters=4,
    )  # fmt: skip


@pytest.fixture
def results():
    parts = tuple(
        Specification(exhibit="links", id=i, estimator="poisson", label=i.upper(), outcome="green_patents")
        for i in "abc"
    )
    shown = Exhibit(exhibit="links", kind="estimates", title="Links", specifications=parts)
    fitted = {"a": one(0.5), "b": one(3.0), "c": one(0.0)}
    return Results(shown, fitted, {}, {"a": 0.7, "b": 0.02})


def told(table):
    return [[cell.text for cell in line.cells[-2:]] for line in table.rows]


def test_what_intervals_hold_stands_in_table_and_numbers(results, tmp_path):
    assert results.held(0.95) == {"a": True, "b": False}
    table = estimates_table(results, LABELS, level=0.95, simulated=True)
    assert table.columns[-2:] == ("Truth", "covered")
    assert told(table) == [["0.700", "Yes"], ["0.020", "No"], ["–", "–"]]
    assert "Covers the truth: 1 of 2 intervals." in table.notes
    assert "Truth" not in estimates_table(replace(results, truth={}), LABELS, level=0.95).columns
    ledger = Ledger(rule="numbers")
    add_known(ledger, results, 0.95)
    assert ledger["links_missed"]["text"] == "“B”"
    assert (ledger["links_known"]["value"], ledger["links_held"]["value"]) == (2, 1)
    assert ledger["links_a_truth"]["value"] == 0.7
    write_results(tmp_path, results.fitted, {}, results.truth)
    assert read_results(tmp_path, results.exhibit).truth == results.truth


def test_differences_have_a_truth_too(results):
    shown = replace(results, exhibit=replace(results.exhibit, kind="contrast"))
    table = contrast_table(shown, LABELS, level=0.95, **BANDS)
    rows = {row.label: [cell.text for cell in row.cells[-2:]] for row in table.rows}
    assert rows["B − A"] == ["−0.680", "No"]
    assert rows["C − A"] == ["–", "–"]
    assert "1 of 2 intervals, and 0 of 1 of differences." in table.notes
    ledger = Ledger(rule="numbers")
    add_known(ledger, shown, 0.95)
    assert ledger["links_diff_b_truth"]["value"] == pytest.approx(-0.68)
    assert ledger["links_diff_b_covered"]["text"] == "misses"


def test_columns_have_the_truth_at_their_foot(results):
    shown = replace(results, exhibit=replace(results.exhibit, kind="columns"))
    table = columns_table(shown, LABELS, {"unit": "unit", "time": "time"}, level=0.95, simulated=True)
    rows = {row.label: [cell.text for cell in row.cells] for row in table.rows}
    assert rows["Truth"] == ["0.700", "0.020", "–"]
    assert rows["95% interval covers it"] == ["Yes", "No", "–"]


def test_without_an_interval_nothing_is_covered_or_missed(results, monkeypatch):
    """As where all treated firms stand in one city."""
    none = pd.DataFrame({"low": [np.nan], "high": [np.nan]})
    assert holds(SimpleNamespace(conf_int=lambda level: none), 0.7, 0.95) is None
    monkeypatch.setattr("aigreen_study.specification.results.holds", lambda effect, truth, level: None)
    assert results.held(0.95) == {}
    assert estimates_table(results, LABELS, level=0.95).columns[-1] == "Units"
