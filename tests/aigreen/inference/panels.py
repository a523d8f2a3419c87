"""Panels that tests of inference draw."""

import numpy as np
import pandas as pd


def balanced(n_cities=24, treated=6):
    """Cities treated together or never, each seen in every year."""
    rng = np.random.default_rng(11)
    table = pd.DataFrame([(i, t) for i in range(n_cities) for t in range(2016, 2022)], columns=["city", "year"])
    table["first"] = np.where(table["city"] < treated, 2019.0, 0.0)
    return table.assign(y=rng.normal(size=len(table)))


def clustered(rng, first, per, n_periods):
    """Units in cities that `first` says when treated, with shocks that are common to a city."""
    n_clusters = len(first)
    n = n_clusters * per
    cluster = np.repeat(np.arange(n_clusters), per)
    df = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), n_periods),
            "time": np.tile(np.arange(1, n_periods + 1), n),
            "city": np.repeat(cluster, n_periods),
            "first": np.repeat(first[cluster], n_periods),
            "x": rng.normal(size=n * n_periods),
            "w": rng.uniform(0.5, 2, n * n_periods),
            "industry": np.repeat(rng.integers(0, 4, n), n_periods),
        }
    )
    shock = rng.normal(size=(n_clusters, n_periods))
    df["y"] = 0.5 * df.x + shock[df.city, df.time - 1] + rng.normal(size=len(df))
    return df
