r"""The log response of counts to regressors, beside counterfactual means: :math:`\sum wx(y - \mu e^{x'\beta}) = 0`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aigreen.errors import ConvergenceError

_STEP = 1e-10
_ITERATIONS = 100
_LARGEST = 50


@dataclass(eq=False)
class LogResponse:
    r"""Sums over rows at coefficients.

    Attributes
    ----------
    beta, step : ndarray, shape (q,)
        The coefficients, and the step of Newton's method that leads to them or beyond.
    loss : float
        :math:`\sum w\mu e^{x'\beta} - \sum wyx'\beta`.
    score : ndarray, shape (q,);  gram : ndarray, shape (q, q)
        :math:`\sum wx(y - \mu e^{x'\beta})`, and less its derivative.
    largest, moved : float
        Largest :math:`|x'\beta|`, and change of it by the step.
    """

    beta: np.ndarray
    step: np.ndarray
    loss: float
    score: np.ndarray
    gram: np.ndarray
    largest: float = 0.0
    moved: float = 0.0

    @classmethod
    def nothing(cls, beta: np.ndarray, step: np.ndarray) -> LogResponse:
        """No rows yet."""
        q = len(beta)
        return cls(beta, step, 0.0, np.zeros(q), np.zeros((q, q)))

    def add(self, x: np.ndarray, w: np.ndarray, y: np.ndarray, mean: np.ndarray) -> LogResponse:
        """Add rows, x of shape (n, q)."""
        index = x @ self.beta
        with np.errstate(over="ignore", invalid="ignore"):
            fitted = mean * np.exp(index)
            self.loss += float(w @ fitted - (w * y) @ index)
            self.score += (x * w[:, None]).T @ (y - fitted)
            self.gram += (x * (w * fitted)[:, None]).T @ x
        self.largest = max(self.largest, float(np.abs(index).max(initial=0.0)))
        self.moved = max(self.moved, float(np.abs(x @ self.step).max(initial=0.0)))
        return self


def solve_log_response(at: Callable[[np.ndarray, np.ndarray], LogResponse], q: int) -> np.ndarray:
    """Solve by Newton's method; `at` goes through the rows, for coefficients and the step to them; shape (q,).

    Raises
    ------
    ConvergenceError
    """
    now = at(np.zeros(q), np.zeros(q))
    for _ in range(_ITERATIONS):
        try:
            step = np.linalg.solve(now.gram, now.score)
        except np.linalg.LinAlgError:  # counterfactuals of zero in a whole bin
            break
        size = 1.0
        while True:
            trial = at(now.beta + size * step, step)
            if trial.loss <= now.loss + 1e-12 * abs(now.loss) or size < 1e-6:
                break
            size /= 2
        now = trial
        if not np.isfinite(now.loss) or now.largest > _LARGEST:
            break
        if now.moved < _STEP:
            return now.beta
    raise ConvergenceError(
        "the response of counts to exposure has no finite solution: a bin may hold only zeros or "
        "counterfactuals of zero"
    )
