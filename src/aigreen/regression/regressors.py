"""Samples and columns of regressions that other packages fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigreen.errors import EstimationError, NoTreatedError
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel
from aigreen.regression.sample import Sample, check_counts, draw_sample


@dataclass(frozen=True)
class Regressors:
    """Columns of the rows that a regression uses.

    Attributes
    ----------
    sample : Sample
    y : ndarray, shape (n,)
    X : ndarray, shape (n, k)
        Treatments, then covariates.
    labels : list of str, length k
    """

    sample: Sample
    y: np.ndarray
    X: np.ndarray
    labels: list[str]


def draw_regressors(
    panel: Panel,
    outcome: str,
    treatment: str | Sequence[str] | None,
    covariates: Sequence[str] | None,
    effects: Sequence[str],
    dropped: Dropped,
    *,
    also: Sequence[str] = (),
    counts: bool = False,
) -> Regressors:
    """Take complete rows, without singletons and (for counts) all-zero groups.

    Parameters
    ----------
    treatment : str or sequence of str, optional
        Columns. Default: whether the row is at or after its unit's first treated period, labelled "treated".
    effects : sequence of str
        Fixed effects.
    also : sequence of str
        Further columns that must be there.
    counts : bool
        The outcome must be zero or more.

    Raises
    ------
    DataError, NoTreatedError
    EstimationError
        For a panel with weights.
    """
    if panel.weights is not None:
        raise EstimationError("weights are not passed on to statsmodels and linearmodels; use TWFE")
    treatments = [treatment] if isinstance(treatment, str) else list(treatment or [])
    panel, others = panel.with_covariates(covariates, dropped)
    panel.check_roles(outcome, effects, treatment=treatments, covariates=others, instruments=also)
    complete = panel.complete(list(dict.fromkeys([outcome, *treatments, *others, *also])), dropped)
    y = complete.column(outcome)
    if counts:
        check_counts(y, outcome, complete)
    sample = draw_sample(complete, effects, dropped, counts=y if counts else None)
    if treatments:
        X = sample.matrix(treatments)
    else:
        X = sample.take(complete.treated).astype(float)[:, None]
        if not X.any():
            raise NoTreatedError(
                "no row is at or after a first treated period; name a treatment= column or a cohort", count=0
            )
    X = np.column_stack([X, sample.matrix(others)])
    return Regressors(sample, sample.take(y), X, [*(treatments or ["treated"]), *others])
