"""Effects by horizon, of group-time differences and of imputation, with influence functions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .fits import TwoWay


@dataclass
class Path:
    """Effects by horizon (ascending), influence functions (clusters x horizons), mass of each cohort in them."""

    values: np.ndarray
    psi: np.ndarray
    mass: list  # of Series by cohort


def group_time(frame, outcome, furthest, last=-1, *, together=False):
    """Changes by horizon: differences in means to units not yet treated, by cohort and year.

    Changes are from the year before; from treatment on, from the last year before treatment.

    Parameters
    ----------
    furthest, last : int
        First and last horizon, as -10.
    together : bool
        One average over all horizons.
    """
    wide = frame.pivot(index="unit", columns="year", values=outcome)
    about = frame.drop_duplicates("unit").set_index("unit").loc[wide.index]
    cohort, cluster, n = about["cohort"].to_numpy(), about["cluster"].to_numpy(), frame["cluster"].max() + 1
    first, end = wide.columns[0], wide.columns[-1]
    cohort = np.where(cohort > end, np.inf, np.where(cohort <= first, np.nan, cohort))
    units = np.isfinite(cohort) | np.isinf(cohort)
    found = {}
    for g in np.unique(cohort[np.isfinite(cohort)]):
        for t in range(int(max(first + 1, g + furthest)), int(min(end, g + last)) + 1):
            change = (wide[t] - wide[min(t, g) - 1]).to_numpy()
            seen = ~np.isnan(change)
            groups = seen & (cohort == g), seen & (cohort > t) & (cohort != g)
            if groups[0].any() and groups[1].any():
                means = [change[group].mean() for group in groups]
                psi = sum(
                    sign * np.bincount(cluster[group], (change[group] - mean) / group.sum(), n)
                    for sign, group, mean in zip((1, -1), groups, means, strict=True)
                )
                found.setdefault(0 if together else int(t - g), []).append((g, means[0] - means[1], psi))
    values, columns, masses = [], [], []
    for horizon in sorted(found):
        cohorts, effects, psi = (np.array(column) for column in zip(*found[horizon], strict=True))
        mass = np.array([(cohort == g).sum() / units.sum() for g in cohorts])
        value = np.average(effects, weights=mass)
        column = np.average(psi, axis=0, weights=mass)
        for g, effect, share in zip(cohorts, effects, mass, strict=True):  # cohort shares are estimated
            own = (units * ((cohort == g) - share)) / units.sum()
            column += np.bincount(cluster, own, n) * (effect - value) / mass.sum()
        values.append(value)
        columns.append(column)
        masses.append(pd.Series(mass, cohorts).groupby(level=0).sum())
    return Path(np.array(values), np.column_stack(columns), masses)


def imputation_leads(frame, outcome, exposure, n_leads):
    """Coefficients of dummies of the last years before treatment, in the regression on clean rows."""
    cluster, wait = frame["cluster"].to_numpy(), (frame["cohort"] - frame["year"]).to_numpy()
    clean = (frame["treated"] == 0).to_numpy() & (frame[exposure] == 0).to_numpy()
    fixed = TwoWay(frame["unit"].to_numpy(), frame["time"].to_numpy(), clean)
    leads = [h for h in range(n_leads, 0, -1) if (clean & (wait == h)).any()]
    z = np.column_stack([fixed.left((clean & (wait == h)).astype(float)) for h in leads])[clean]
    y = fixed.left(frame[outcome].to_numpy(float))[clean]
    gram = np.linalg.inv(z.T @ z)
    values = gram @ (z.T @ y)
    scores = (z * (y - z @ values)[:, None]) @ gram
    psi = np.column_stack([np.bincount(cluster[clean], s, cluster.max() + 1) for s in scores.T])
    mass = [frame["cohort"][clean & (wait == h)].value_counts().sort_index() for h in leads]
    return Path(values, psi, mass)


def slope_weights(k, *, changes):
    """Weights of effects before treatment in the least-squares slope of their path, whose last or first point is zero.

    Changes add up to a path that ends at zero in the year before treatment; leads are relative to earlier years.
    """
    x = np.arange(k + 1) - k / 2
    x = x / (x @ x)
    return -np.cumsum(x)[:-1] if changes else x[1:]
