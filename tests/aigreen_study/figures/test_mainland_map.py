"""The map of units by their first treated year."""

import numpy as np
import pandas as pd
import pytest

from aigreen.errors import UnknownColumnError
from aigreen_study.figures import mainland_map

from .drawn import legend

NAMES = {"unit": "unit", "time": "year", "cohort": "first", "longitude": "lon", "latitude": "lat"}


def test_units_stand_once_at_their_last_place_and_those_outside_are_counted():
    units = pd.DataFrame({"unit": range(4), "first": [2022, 2023, np.nan, np.nan]})
    frame = units.merge(pd.DataFrame({"year": [2022, 2023]}), how="cross")
    frame = frame.assign(lon=-100.0 + frame["unit"] + (frame["year"] == 2022), lat=40.0)
    frame.loc[frame["unit"] == 3, "lat"] = 64.0
    ax = mainland_map(frame, **NAMES).axes[0]
    found = {dots.get_label(): dots.get_offsets()[:, 0].tolist() for dots in ax.collections}
    assert found == {
        "Never treated (2)": [-98.0],
        "First treated in 2023 (1)": [-99.0],
        "First treated before 2023 (1)": [-100.0],
    }
    assert ax.get_title(loc="right") == "1 units lie outside the map"
    assert legend(ax) == list(found)
    with pytest.raises(UnknownColumnError):
        mainland_map(frame.drop(columns="lat"), **NAMES)
