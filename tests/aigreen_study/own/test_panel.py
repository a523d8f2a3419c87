import pandas as pd
import pytest

from aigreen import Panel
from aigreen.errors import AigreenWarning, DataError, NonNumericError
from aigreen_study.numbers.headline import add_constant
from aigreen_study.numbers.prose import Ledger
from aigreen_study.own.panel import own_panel
from aigreen_study.own.study import own_config

GIVEN = {
    "study": "s", "title": "x", "source": {"file": "a.csv"}, "panel": {"unit": "id", "time": "t", "cohort": "g"},
    "outcome": "y", "dose": "d",
}  # fmt: skip


def test_a_dose_before_treatment_is_told_with_its_units(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        (i, t, g, float(i + t), 2.0 if g else 0.0) for i, g in enumerate((0, 2003, 2003)) for t in range(2001, 2006)
    ]
    frame = pd.DataFrame(rows, columns=["id", "t", "g", "y", "d"])
    frame.to_csv("a.csv", index=False)
    config = own_config(GIVEN, "s.yaml")
    with pytest.raises(
        DataError, match=r"dose: 2 units have a dose other than 0 .*\(t < g\) and in units never treated"
    ) as error:
        own_panel(config)
    assert (error.value.column, error.value.count, list(error.value.first)) == ("d", 2, [1, 2])
    frame.assign(d=frame["d"] * (frame["t"] >= frame["g"])).to_csv("a.csv", index=False)
    assert own_panel(config).frame["d"].sum() == 12


def test_an_outcome_without_variation_among_the_treated_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(i, t, g, 1.5 if g else float(i + t)) for i, g in enumerate((0, 2003, 2004)) for t in range(2001, 2006)]
    frame = pd.DataFrame(rows, columns=["id", "t", "g", "y"])
    frame.to_csv("a.csv", index=False)
    config = own_config({key: value for key, value in GIVEN.items() if key != "dose"}, "s.yaml")
    with pytest.raises(DataError, match=r"y is 1.5 in all 10 rows of the 2 treated units") as error:
        own_panel(config)
    assert (error.value.column, error.value.count, list(error.value.first)) == ("y", 10, [1, 2])
    before = frame.assign(y=frame["y"].mask((frame["g"] > 0) & (frame["t"] == 2001), 3.0))
    before.to_csv("a.csv", index=False)
    with pytest.warns(AigreenWarning, match="y is 1.5 in all 5 treated rows") as given:
        built = own_panel(config).frame
    assert [each.message.count for each in given] == [5]
    told = {}
    for name, values in {"constant": built, "other": built.assign(y=built["y"] + built["t"])}.items():
        ledger = Ledger("numbers")
        add_constant(ledger, Panel(values, unit="id", time="t", cohort="g"), "y")
        told[name] = (
            [ledger[key]["value"] for key in ("outcome_constant", "outcome_constant_rows")] if len(ledger) else []
        )
    assert told == {"constant": [1.5, 5], "other": []}
    frame.assign(y=frame["y"].mask((frame["id"] == 2) & (frame["t"] == 2005), 3.0)).to_csv("a.csv", index=False)
    assert len(own_panel(config).frame) == 15


def test_links_that_stand_twice_or_weigh_no_number_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(i, t, g, float(i * t)) for i, g in enumerate((0, 2003, 0)) for t in range(2001, 2006)]
    pd.DataFrame(rows, columns=["id", "t", "g", "y"]).to_csv("a.csv", index=False)
    given = {key: value for key, value in GIVEN.items() if key != "dose"} | {"exposures": {"p": {"links": "l.csv"}}}
    links = pd.DataFrame({"from": [0, 0, 2], "to": [1, 1, 0]})
    links.to_csv("l.csv", index=False)
    with pytest.warns(AigreenWarning, match=r"l\.csv: 1 pairs stand there once more; their weights add up"):
        assert own_panel(own_config(given, "s.yaml")).frame["p"].max() == 2
    links.assign(weight="much").to_csv("l.csv", index=False)
    with pytest.raises(NonNumericError, match="'weight' has type"):
        own_panel(own_config(given, "s.yaml"))
