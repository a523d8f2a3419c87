"""What an estimate could have found."""

import json

import numpy as np
import pytest
from scipy import stats

from aigreen_study.numbers.exhibits import add_exhibit
from aigreen_study.numbers.prose import Ledger
from aigreen_study.specification.estimate import fit
from aigreen_study.specification.precision import detectable
from aigreen_study.specification.results import Results
from aigreen_study.specification.specification import Exhibit
from aigreen_study.tables.exhibits import precision_table

from .parts import LABELS, ROLES, specification


@pytest.fixture
def results(frame):
    parts = (
        specification(id="ols", label="OLS", group="Two-way", estimator="ols"),
        specification(id="counts", label="Poisson", group="Two-way", estimator="poisson", outcome="count"),
    )
    shown = Exhibit(exhibit="e", kind="precision", title="Title", specifications=parts)
    return Results(shown, {part.id: fit(part, frame, ROLES) for part in parts}, {})


def test_an_effect_of_that_size_is_found_with_that_probability(results):
    """A t test at five percent of draws around it, with its own error and degrees of freedom, finds four in five."""
    effect = results.single["ols"]
    line = effect.effective_clusters().iloc[0]
    error, df = line["small_sample_error"], line["df"]
    size = detectable(effect, 0.95)
    assert size == pytest.approx((stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)) * error)
    rng = np.random.default_rng(1)
    draws = size + error * rng.standard_normal(200_000)
    spread = error * np.sqrt(rng.chisquare(df, 200_000) / df)
    found = (np.abs(draws) > stats.t.ppf(0.975, df) * spread).mean()
    assert found == pytest.approx(0.8, abs=0.02)


def test_the_table_and_the_numbers_agree(results):
    table = precision_table(results, LABELS, level=0.95)
    ledger = Ledger(rule="numbers")
    add_exhibit(ledger, results, level=0.95, n_draws=99, seed=1)
    numbers = json.loads(ledger.to_json())
    (row, counts) = table.groups[0].rows
    assert row.cells[4].value == numbers["e_ols_detectable"]["value"]
    assert row.cells[6].value == numbers["e_ols_clusters"]["value"] == results.fitted["ols"].n_clusters
    low = results.single["counts"].conf_int(0.95)["low"].iloc[0]
    assert numbers["e_counts_percent_low"]["value"] == pytest.approx(100 * np.expm1(low))
    assert "e_ols_percent_low" not in numbers
    assert counts.cells[4].value == numbers["e_counts_detectable"]["value"]
    assert "probability of 80%" in table.notes
