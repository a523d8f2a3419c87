"""Stacked difference-in-differences: one clean sub-experiment for each cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.did.saturated import Contrast, Profiles, saturated_fit
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import (
    EmptyDataError,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    SingletonWarning,
    UnreachedWarning,
)
from aigreen.linalg.arrays import compact, take_rows
from aigreen.linalg.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters
from aigreen.options import check_reference
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import Panel, require_panel
from aigreen.regression.lone_clusters import warn_lone_cohorts
from aigreen.regression.sample import Sample, draw_sample, no_reference

Control = Literal["not_yet_treated", "never_treated"]
Weighting = Literal["treated", "variance"]


@dataclass(frozen=True, kw_only=True)
class StackedDiD:
    r"""Stack one sub-experiment a cohort: its units and clean controls, in a window around its treatment.

    .. math:: Y_{ait} = \alpha_{ai} + \lambda_{at} + \sum_{l \neq r} \tau_{a,l} D_{ai} 1\{t - a = l\}
              + X_{it}'\beta + e_{ait}

    Parameters
    ----------
    window : (int, int)
        First and last horizon. Cohorts whose window leaves the panel's periods are left out, so that all horizons
        average the same cohorts; so are cohorts without clean controls.
    control_group : {"not_yet_treated", "never_treated"}
        Clean controls: units not treated up to the end of the window, or never.
    weighting : {"treated", "variance"}
        How cohorts count in averages. "treated": by their number of treated units, the trimmed average effect on the
        treated that Wing, Freedman and Hollingsworth (2024) get by corrective weights in a pooled regression.
        "variance": by N_D N_C/(N_D + N_C), as the pooled regression of Cengiz et al. (2019) does. Both equal the pooled
        regressions exactly on a balanced stack without covariates; standard errors differ by a few percent, since here
        residuals do not hold the differences between cohorts' effects.
    reference : int
        Horizon :math:`r` of the window against which effects are measured, negative.

    Notes
    -----
    Unit and time effects differ between sub-experiments; a control unit that serves in several counts once in its
    cluster's influence. Small-sample factor as in `TWFE`, of the stacked regression.

    References
    ----------
    Cengiz, D., Dube, A., Lindner, A. and Zipperer, B. (2019), Quarterly Journal of Economics 134, 1405-1454.
    Wing, C., Freedman, S. and Hollingsworth, A. (2024), NBER working paper 32054.
    """

    window: tuple[int, int] = (-3, 3)
    control_group: Control = "not_yet_treated"
    weighting: Weighting = "treated"
    reference: int = -1

    def __post_init__(self) -> None:
        check_fields(self)
        if self.control_group not in get_args(Control):
            raise OptionError("control_group", self.control_group, get_args(Control))
        if self.weighting not in get_args(Weighting):
            raise OptionError("weighting", self.weighting, get_args(Weighting))
        low, high = self.window
        if not low < 0 <= high:
            raise OptionError("window", self.window, [(-3, 3), "(negative, zero or positive)"])
        check_reference(self.reference)
        if self.reference < low:
            raise OptionError("reference", self.reference, list(range(-1, low - 1, -1)))

    @typed
    def fit(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Fit and return effects by `cohort` and `time`; `event_study()` and `overall()` average them.

        Raises
        ------
        NoTreatedError, NoControlsError, NoPrePeriodError, TooFewClustersError
        """
        require_panel(panel)
        panel.require_units("StackedDiD")
        dropped = Dropped()
        panel, covariates = panel.with_covariates(covariates, dropped)
        panel.check_roles(outcome, None, covariates=covariates)
        complete = panel.complete([outcome, *covariates], dropped)
        sample = draw_sample(complete, panel.effect_names(None), dropped, counts=None)
        cohorts = self._cohorts(sample, dropped)
        cohorts, rows, stack, treated = self._stack(sample, cohorts, dropped)
        key = stack * complete.n_units + complete.unit_codes[sample.rows][rows]
        alone = np.bincount(key)[key] == 1
        first = complete.labels(sample.rows[rows[alone]][:5])
        dropped.add(SingletonWarning, "rows of the stack", "a unit's only row in a window", int(alone.sum()), first)
        rows, stack, treated, key = (values[~alone] for values in (rows, stack, treated, key))
        if not rows.size:
            raise EmptyDataError(f"no row of the stack is left{dropped.cause()}", count=0)

        low, high = self.window
        horizon = (complete.time[sample.rows][rows] - cohorts[stack]).astype(np.intp) - low
        unit, _ = compact(key)
        clusters = sample.clusters[rows]
        weights = None if sample.weights is None else sample.weights[rows]
        profiles = Profiles(unit, 2 * stack + treated, horizon, weights)
        seen, at = range(profiles.n_times), self.reference - low
        every = [Contrast(2 * a + 1, h, at, 2 * a) for a in range(len(cohorts)) for h in seen]
        contrasts = [c for c in every if at in seen and profiles.identified(c)]
        if not any(c.time > at for c in contrasts):
            found = np.unique(horizon[treated == 1]) + low
            if self.reference not in found:
                raise NoPrePeriodError(no_reference(found, self.reference) + dropped.cause(), count=0)
            message = f"no row after treatment is linked to horizon {self.reference}"
            raise NoTreatedError(message + dropped.cause(), count=0)
        warn_lone_cohorts(cohorts, stack[treated == 1], clusters[treated == 1])
        lost = [(int(cohorts[c.control // 2]), c.time + low) for c in every if c not in contrasts]
        reason = f"not linked to horizon {self.reference}"
        dropped.add(UnreachedWarning, "effects (cohort, horizon)", reason, len(lost), lost[:5])
        fit = saturated_fit(
            profiles,
            take_rows(sample.matrix([outcome, *covariates]), rows),
            contrasts,
            clusters,
            len(panel.clusters),
        )
        dropped.collinear(covariates, fit.kept)

        own, n_clusters = compact(clusters)
        effects = [unit, compact(stack * (high - low + 1) + horizon)[0]]
        k = int(profiles.n_free[1::2].sum() + fit.kept.sum())
        factor = cluster_factor(len(rows), n_parameters(k, effects, [own]), n_clusters)
        cohort = np.array([cohorts[c.control // 2] for c in contrasts]).astype(np.int64)
        time = cohort + np.array([c.time + low for c in contrasts])
        mass = self._mass(profiles, contrasts)
        return Effects(
            values=fit.values,
            index=pd.MultiIndex.from_arrays([cohort, time], names=["cohort", "time"]),
            psi=np.sqrt(factor) * fit.psi,
            method="stacked DiD",
            mass=Mass(mass, np.arange(len(mass))),
            post=time >= cohort,
            cluster_shares=ClusterShares.by_cohort(
                clusters,
                np.where(treated == 1, cohorts[stack], np.inf),
                cohort,
                n_clusters=len(panel.clusters),
                weights=weights,
                by_group=True,
                time=horizon,
            ),
            conventions={
                "control group": self.control_group.replace("_", " "),
                "window": f"{low} to {high}, reference {self.reference}",
                "rows": f"of the stack ({len(np.unique(rows)):,} distinct)",
                "variance": f"clustered by {panel.clusters.name}, {SMALL_SAMPLE}",
                "aggregation weights": f"{self.weighting}, taken as fixed",
            },
            **result_facts(complete, sample.rows[rows], outcome, dropped, t_intervals=True),
        )

    def _cohorts(self, sample: Sample, dropped: Dropped) -> np.ndarray:
        """Cohorts whose whole window lies in the panel; the others are counted."""
        times = np.unique(sample.panel.time[sample.rows])
        cohort = sample.panel.cohort[sample.rows]
        every = np.unique(cohort[np.isfinite(cohort)])
        low, high = self.window
        whole = (every + low >= times[0]) & (every + high <= times[-1])
        outside = [f"{g:g}" for g in every[~whole]]
        reason = "their window leaves the panel (they still serve as controls before treatment)"
        dropped.add(UnreachedWarning, "cohorts", reason, len(outside), outside)
        if not whole.any():
            message = f"no cohort is seen from horizon {low} to {high}; take a shorter window="
            raise NoTreatedError(message + dropped.cause(), count=0)
        return every[whole]

    def _stack(
        self, sample: Sample, cohorts: np.ndarray, dropped: Dropped
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the cohorts with clean controls; rows of the stack, their sub-experiment, and whether treated in it.

        Rows are positions in the sample.
        """
        time, cohort = sample.panel.time[sample.rows], sample.panel.cohort[sample.rows]
        low, high = self.window
        parts: list[tuple[np.ndarray, ...]] = []
        kept: list[float] = []
        for g in cohorts:
            clean = ~np.isfinite(cohort) if self.control_group == "never_treated" else cohort > g + high
            treated = cohort == g
            rows = np.flatnonzero((treated | clean) & (time >= g + low) & (time <= g + high))
            if clean[rows].any():
                parts.append((rows, np.full(len(rows), len(kept)), treated[rows].astype(np.intp)))
                kept.append(g)
        lost = [f"{g:g}" for g in cohorts if g not in kept]
        if not kept:
            message = f"no cohort has clean controls in its window{dropped.cause()}"
            raise NoControlsError(message, count=len(lost), first=lost)
        dropped.add(UnreachedWarning, "cohorts", "no clean controls in their window", len(lost), lost)
        rows, stack, treated = (np.concatenate(column) for column in zip(*parts, strict=True))
        return np.array(kept), rows, stack, treated

    def _mass(self, profiles: Profiles, contrasts: Sequence[Contrast]) -> np.ndarray:
        size = profiles.size
        of_treated = np.array([size[c.group, c.reference] for c in contrasts])
        if self.weighting == "treated":
            return of_treated
        of_control = np.array([size[c.control, c.reference] for c in contrasts])
        return of_treated * of_control / (of_treated + of_control)
