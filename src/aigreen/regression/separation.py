"""Zero outcomes that a count model fits perfectly, so that its likelihood has no maximum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from aigreen.errors import ConvergenceError

BY_COVARIATES = "zero outcomes that the covariates separate"


def separated_rows(y: np.ndarray, X: np.ndarray, effects: Sequence[np.ndarray]) -> np.ndarray:
    r"""Mark the zero outcomes that covariates and fixed effects separate, exactly, by a linear programme.

    A row is separated when a combination z of the regressors is zero wherever the outcome is positive, nowhere
    negative, and positive there. Such combinations add up, so one has the largest set of positive rows, and

    .. math:: \max \sum_i u_i \quad \text{subject to} \quad 0 \le u_i \le 1, \quad u_i \le z_i = (X\gamma + F\alpha)_i
              \;\; (y_i = 0), \quad z_i = 0 \;\; (y_i > 0)

    finds it with u one on the set and zero elsewhere. Source: Correia, Guimaraes and Zylkin (2021), Verifying the
    existence of maximum likelihood estimates for generalized linear models, arXiv:1903.01633.

    Parameters
    ----------
    y : ndarray, shape (n,)
    X : ndarray, shape (n, k)
        In units of about one.
    effects : sequence of ndarray of int, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    ConvergenceError
    """
    from scipy.optimize import linprog

    n, rows, zero = len(y), np.arange(len(y)), y == 0
    dummies = [sparse.csr_array((np.ones(n), (rows, codes)), shape=(n, codes.max() + 1)) for codes in effects]
    Z = sparse.hstack([sparse.csr_array(X), *dummies], format="csr")
    m, p = int(zero.sum()), Z.shape[1]
    found = linprog(
        np.repeat([0.0, -1.0], [p, m]),
        A_ub=sparse.hstack([-Z[zero], sparse.eye_array(m)], format="csr"),
        b_ub=np.zeros(m),
        A_eq=sparse.hstack([Z[~zero], sparse.csr_array((n - m, m))], format="csr"),
        b_eq=np.zeros(n - m),
        bounds=np.repeat([[-np.inf, np.inf], [0.0, 1.0]], [p, m], axis=0),
        method="highs",
    )
    if found.x is None:
        raise ConvergenceError(f"the linear programme for separated rows failed: {found.message}")
    separated = np.zeros(n, dtype=bool)
    separated[zero] = found.x[p:] > 0.5
    return separated
