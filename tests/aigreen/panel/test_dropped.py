"""Warnings point to the line of the caller, however deep inside the package they arise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Imputation, Panel, Spillover
from aigreen.errors import CollinearWarning, MissingRowsWarning, SmallCellWarning
from aigreen.panel.dropped import Dropped


@pytest.mark.parametrize(
    "estimator",
    [
        Imputation(),
        Spillover(exposure="near"),
        Decomposition(channels=["m"]),
        Decomposition(channels=[], exposure="near"),
    ],
)
def test_warnings_name_the_file_that_called(estimator: object) -> None:
    rng = np.random.default_rng(0)
    df = pd.DataFrame([(i, t) for i in range(30) for t in range(1, 6)], columns=["i", "t"])
    df = df.assign(g=np.where(df["i"] < 10, 4, 0), near=1.0 * ((df["i"] % 3 == 0) & (df["t"] >= 4)))
    df = df.assign(m=rng.random(150), y=rng.random(150), x=1.0 * df["i"])
    df.loc[7, "y"] = np.nan
    with pytest.warns((MissingRowsWarning, CollinearWarning)) as heard:
        estimator.fit(Panel(df, unit="i", time="t", cohort="g"), "y", covariates=["x"])
    assert {CollinearWarning, MissingRowsWarning} <= {warning.category for warning in heard}
    assert {warning.filename for warning in heard} == {__file__}


def test_one_thing_is_told_in_the_singular():
    dropped = Dropped()
    with pytest.warns(SmallCellWarning, match="^1 causal response by cohort left out: small$"):
        dropped.add(SmallCellWarning, "causal responses by cohort", "small", 1)
    with pytest.warns(SmallCellWarning, match="^2 cohort-periods left out: small$"):
        dropped.add(SmallCellWarning, "cohort-periods", "small", 2)
    assert dropped.cause() == "; left out before: 1 causal response by cohort: small; 2 cohort-periods: small"
