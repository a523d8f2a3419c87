"""Truth of registry rows: looked up by name, held against intervals, printed."""

import numpy as np
import pandas as pd
import pytest

from aigreen.effects.effects import Effects
from aigreen.errors import ConfigError
from aigreen_study.numbers.exhibits import add_known
from aigreen_study.numbers.prose import Ledger
from aigreen_study.specification.known import covered, known_truth
from aigreen_study.specification.results import Results
from aigreen_study.specification.specification import Exhibit, Specification
from aigreen_study.tables.exhibits import estimates_table


def row(id_, truth=""):
    options = {"term": "x", **({"truth": truth} if truth else {})}
    return Specification(exhibit="links", id=id_, estimator="poisson", label=id_.upper(), options=options)


EXHIBIT = Exhibit(
    exhibit="links",
    kind="estimates",
    title="Links",
    specifications=(row("a", "customers"), row("b", "peers"), row("c")),
)


@pytest.fixture
def results():
    def one(value):
        scores = np.array([0.1, -0.1, 0.1, -0.1])[:, None]
        return Effects(
            values=np.array([value]), index=pd.Index(["x"], name="term"), psi=scores, method="Poisson",
            clusters=pd.Index(range(4), name="city"), outcome="y", n_rows=40, n_units=8, n_clusters=4,
        )  # fmt: skip

    return Results(EXHIBIT, {"a": one(0.5), "b": one(3.0), "c": one(0.0)}, {})


def test_names_are_looked_up_in_the_economy_of_the_study():
    assert known_truth(EXHIBIT, {"effects": {"customers": 0.7}}) == {"a": 0.7, "b": 0.02}
    wrong = Exhibit(exhibit="links", kind="estimates", title="Links", specifications=(row("a", "customer"),))
    with pytest.raises(ConfigError, match="customers"):
        known_truth(wrong, {})
    with pytest.raises(ConfigError, match="no effect 'direct'"):  # a pair is no single number
        known_truth(Exhibit(exhibit="x", kind="estimates", title="X", specifications=(row("a", "direct"),)), {})


def test_what_intervals_hold_stands_in_table_and_numbers(results):
    truth = known_truth(EXHIBIT, {"effects": {"customers": 0.7}})
    assert covered(results, truth, 0.95) == {"a": True, "b": False}
    table = estimates_table(results, {"city": "City"}, level=0.95, simulated=True, truth=truth)
    assert table.columns[-2:] == ("Truth", "covered")
    assert [[cell.text for cell in line.cells[-2:]] for line in table.rows] == [
        ["0.700", "Yes"], ["0.020", "No"], ["", ""]
    ]  # fmt: skip
    assert "Truth" not in estimates_table(results, {"city": "City"}, level=0.95).columns
    ledger = Ledger(rule="numbers")
    add_known(ledger, results, truth, 0.95)
    assert ledger["links_missed"]["text"] == "“B”"
    assert ledger["links_known"]["value"] == 2
    assert ledger["links_a_truth"]["value"] == 0.7
