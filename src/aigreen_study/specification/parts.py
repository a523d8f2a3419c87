"""What is read off a decomposition: shares of the total, who identifies it, how it moves, the truth where known."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import pandas as pd

from aigreen.decomposition.decomposition import Decomposition
from aigreen.decomposition.sample import prepare
from aigreen.effects.effects import Effects, PretrendTest
from aigreen.effects.multiplier import Band
from aigreen.errors import AigreenWarning, ReportError
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel
from aigreen_study.specification.joint_tests import pretrend


def require_parts(effects: Effects, where: str) -> Effects:
    """Return effects by part, the total and one more at least.

    Raises
    ------
    ReportError
        For effects by anything else.
    """
    if effects.index.names != ["part"] or len(effects) < 2:
        raise ReportError(
            f"{where}: one effect for each part is needed, not by {', '.join(map(str, effects.index.names))}"
        )
    return effects


def shares(overall: Effects, level: float = 0.95) -> pd.DataFrame:
    """Every part over the total, which is the first effect, with the shares that a test does not reject (Fieller).

    Returns
    -------
    DataFrame, by part
        ``estimate, low, high``; the ends are infinite where the total is too near zero to bound the share.
    """
    total, *parts = range(len(require_parts(overall, "shares")))
    rows = []
    for j in parts:
        found = overall.share_set(j, total, level)
        ends = found.intervals[0] if len(found.intervals) == 1 else (-np.inf, np.inf)
        rows.append((overall.values[j] / overall.values[total], *ends))
    return pd.DataFrame(rows, columns=["estimate", "low", "high"], index=overall.index[1:])


def unbounded_shares(ratio: pd.DataFrame) -> list[str]:
    """Parts whose share of the total, of `shares`, lacks an end."""
    return [str(part) for part in ratio.index[~np.isfinite(ratio[["low", "high"]]).all(axis=1)]]


def tells_total(point: pd.DataFrame) -> bool:
    """Whether the interval of the total, the first line of `Effects.to_frame`, excludes zero."""
    return bool(point["conf_low"].iloc[0] > 0 or point["conf_high"].iloc[0] < 0)


def support(panel: Panel, exposure: str) -> dict[str, pd.Index]:
    """Return the untreated units of the last period: those free of exposure (clean) and those exposed."""
    last = panel.time == panel.times[-1]
    untreated = last & ~(panel.time >= panel.unit_cohort[panel.unit_codes])
    exposed = panel.column(exposure) > 0
    masks = {"clean": untreated & ~exposed, "exposed": untreated & exposed}
    return {kind: panel.units[panel.unit_codes[mask]] for kind, mask in masks.items()}


@dataclass(frozen=True)
class Behind:
    """The rows and clusters behind a decomposition.

    Attributes
    ----------
    clean, exposed, treated : int
        Rows that are used: untreated and unexposed, untreated and exposed, treated.
    treated_incomplete : int
        Treated rows that lack outcome, channel or exposure.
    treated_unreached, exposed_unreached : int
        Complete rows that clean rows do not reach: those of units never seen clean, as a rule.
    clusters, exposed_clusters, treated_clusters : int
        Clusters of all rows, of exposed untreated rows, of treated rows.
    both : Index
        Units treated and exposed in one row: the spillover among the parts is that of these.
    """

    clean: int
    exposed: int
    treated: int
    treated_incomplete: int
    treated_unreached: int
    exposed_unreached: int
    clusters: int
    exposed_clusters: int
    treated_clusters: int
    both: pd.Index

    @property
    def treated_left_out(self) -> int:
        """Treated rows that are not used."""
        return self.treated_incomplete + self.treated_unreached


def behind(estimator: Decomposition, panel: Panel, outcome: str) -> Behind:
    """Count the rows and clusters behind a decomposition."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)  # the fit gives them
        setup = prepare(estimator, panel, outcome, None, Dropped())
    sample, clean, treated, exposed = setup.sample, setup.fit.effects.rows, setup.cells.rows, setup.exposed
    near = np.zeros(sample.n_rows, dtype=bool)
    for name in estimator.exposures:
        near |= sample.column(name) != 0
    complete = int(sample.treated.sum())

    def clusters(rows: np.ndarray) -> int:
        return len(np.unique(sample.cluster_codes[rows]))

    return Behind(
        clean=len(clean),
        exposed=len(exposed),
        treated=len(treated),
        treated_incomplete=int(panel.treated.sum()) - complete,
        treated_unreached=complete - len(treated),
        exposed_unreached=int((near & ~sample.treated).sum()) - len(exposed),
        clusters=clusters(np.concatenate([clean, exposed, treated])),
        exposed_clusters=clusters(exposed),
        treated_clusters=clusters(treated),
        both=sample.units[np.unique(sample.unit_codes[treated[near[treated]]])],
    )


def against_truth(overall: Effects, truth: pd.Series, level: float = 0.95, **band: Unpack[Band]) -> pd.DataFrame:
    """Hold every part against its truth.

    Parameters
    ----------
    overall : Effects
        By part.
    truth : Series, indexed as `overall`
    band
        n_draws, multipliers and seed of the simultaneous intervals.

    Returns
    -------
    DataFrame, by part
        ``truth, estimate, low, high, covered`` and, for the simultaneous interval, ``band_low, band_high,
        band_covered``.
    """
    require_parts(overall, "parts against the truth")
    found = pd.DataFrame({"truth": truth.reindex(overall.index).astype(float), "estimate": overall.estimates})
    wide = overall.conf_int(level, simultaneous=True, **band)
    for prefix, bounds in (("", overall.conf_int(level)), ("band_", wide)):
        inside = (bounds["low"] <= found["truth"]) & (found["truth"] <= bounds["high"])
        found = found.assign(**{f"{prefix}low": bounds["low"], f"{prefix}high": bounds["high"]})
        found[f"{prefix}covered"] = inside
    return found


@dataclass(frozen=True)
class Movement:
    """How a variable moves with treatment.

    Attributes
    ----------
    effect : Effects
        Its average after treatment: one effect.
    leads : PretrendTest
        Tests that it does not move before treatment: jointly, and the slope of its path.
    """

    effect: Effects
    leads: PretrendTest


def movement(result: Effects) -> Movement:
    """Summarise effects by cohort and time, with some before treatment, as `aigreen.Imputation` with leads has them."""
    return Movement(result.overall(), pretrend(result))
