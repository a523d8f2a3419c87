"""Effects to draw, and what a legend says."""

import numpy as np
import pandas as pd

from aigreen.effects.effects import Effects

BAND = {"n_draws": 99, "seed": 1}


def make_effects(values, index, seed=0, scale=0.05, n=40, **options):
    """Effects with independent influence functions; a value of exactly zero is a reference without variance."""
    values = np.asarray(values, dtype=float)
    psi = np.random.default_rng(seed).standard_normal((n, len(values))) * scale / np.sqrt(n)
    psi[:, values == 0] = 0
    facts = {"psi": psi, "n_rows": n, "n_units": n, "n_clusters": n, "method": "m", "outcome": "y"}
    return Effects(values=values, index=index, clusters=pd.RangeIndex(n, name="city"), **(facts | options))


def group(values, names, psi=True, covariance=None):
    k = len(values)
    influence = np.random.default_rng(0).standard_normal((30, k)) / 50
    return Effects(
        values=np.asarray(values, float),
        index=pd.Index(names, name="part" if "Total" in names else "group"),
        psi=influence if psi else None,
        covariance=None if psi else covariance,
        clusters=pd.RangeIndex(30, name="city"),
        n_rows=30,
        n_units=30,
        n_clusters=30,
        method="m",
        outcome="y",
    )


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]
