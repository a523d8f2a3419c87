"""Errors of joint tests and differences say what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, Panel
from aigreen.errors import FewClustersError, IncompatibleEffectsError

pytestmark = pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")


def panel(n: int) -> Panel:
    """Twelve of n cities treated from 2005 on, but one from 2006 on."""
    rng = np.random.default_rng(0)
    city, year = np.repeat(np.arange(n), 8), np.tile(2000 + np.arange(8), n)
    first = np.where(city < 12, 2005 + (city == 0), 0)
    frame = pd.DataFrame({"city": city, "year": year, "first": first, "y": rng.standard_normal(8 * n)})
    return Panel(frame, unit="city", time="year", cohort="first")


def test_a_lead_of_one_treated_cluster_names_the_window_without_it():
    study = GroupTimeATT().fit(panel(40), "y").event_study()
    first = study.index.min() + 1
    with pytest.raises(FewClustersError, match=rf"event_study\(window=\({first}, 2\)\) leaves them out"):
        study.pretrend_test()
    assert 0 < study.event_study(window=(first, 2)).pretrend_test(n_draws=99).p_value <= 1


def test_results_of_two_panels_are_pointed_to_split():
    one, other = (GroupTimeATT().fit(panel(n), "y").overall() for n in (40, 30))
    with pytest.raises(IncompatibleEffectsError, match=r"panel\.split\('column'\)"):
        one - other
