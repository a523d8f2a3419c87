"""Numbers of the exhibits that answer objections."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from aigreen_study.numbers.checks import with_errors


@pytest.mark.parametrize(
    ("lone", "kept"),
    [
        ([], range(-3, 4)),
        ([3], range(-3, 3)),
        ([-3, 2], range(-2, 2)),
        ([-3, -2, 3], range(-1, 3)),
    ],
)
def test_horizons_go_up_to_the_first_without_an_error_of_its_own(lone, kept):
    horizons = np.arange(-3, 4)
    bounds = pd.DataFrame({"low": np.where(np.isin(horizons, lone), np.nan, -1.0), "high": 1.0}, index=horizons)
    study = SimpleNamespace(index=pd.Index(horizons), conf_int=lambda: bounds, select=lambda keep: horizons[keep])
    assert with_errors(study).tolist() == list(kept)
