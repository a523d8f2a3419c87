import pandas as pd
import pytest

from aigreen.errors import DataError
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
