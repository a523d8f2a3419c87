"""Stacked difference-in-differences: one clean sub-experiment for each cohort."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.did.saturated import Contrast, GroupProfiles, Profiles, SaturatedFit, saturated_fit
from aigreen.did.saturated_on_disk import ScannedProfiles
from aigreen.did.stacked_on_disk import StackedBlocks, members
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
from aigreen.linalg.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters, parameters_of_levels
from aigreen.options import as_columns, check_reference
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.panel.panel import Panel, require_panel
from aigreen.panel.untreated import no_treated
from aigreen.regression.lone_clusters import warn_lone_cohorts
from aigreen.regression.sample import draw_cohort_sample, no_reference
from aigreen.regression.sample_on_disk import draw_scanned

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
    def fit(
        self, panel: Panel | ScannedPanel, outcome: str, *, covariates: str | Sequence[str] | None = None
    ) -> Effects:
        """Fit and return effects by `cohort` and `time`; `event_study()` and `overall()` average them.

        Parameters
        ----------
        panel : Panel or ScannedPanel
            From disk (`Panel.scan`) with columns as covariates.
        outcome : str
        covariates : str or sequence of str, optional
            Columns, or formulas.

        Raises
        ------
        NoTreatedError, NoControlsError, NoPrePeriodError, TooFewClustersError
        """
        if isinstance(panel, ScannedPanel):
            return self._from_disk(panel, outcome, list(dict.fromkeys(as_columns(covariates))), Dropped())
        require_panel(panel)
        panel.require_units("StackedDiD")
        dropped = Dropped()
        sample, covariates = draw_cohort_sample(panel, outcome, covariates, dropped)
        complete = sample.panel
        row_time, row_cohort = complete.time[sample.rows], complete.cohort[sample.rows]
        cohorts, rows, stack, treated = self._stack(row_time, row_cohort, dropped)
        key = stack * complete.n_units + complete.unit_codes[sample.rows][rows]
        alone = np.bincount(key)[key] == 1
        first = complete.labels(sample.rows[rows[alone]][:5])
        dropped.add(SingletonWarning, "rows of the stack", "a unit's only row in a window", int(alone.sum()), first)
        rows, stack, treated, key = (values[~alone] for values in (rows, stack, treated, key))
        if not rows.size:
            raise EmptyDataError(f"no row of the stack is left{dropped.cause()}", count=0)

        low, high = self.window
        horizon = (row_time[rows] - cohorts[stack]).astype(np.intp) - low
        unit, _ = compact(key)
        clusters = sample.clusters[rows]
        weights = None if sample.weights is None else sample.weights[rows]
        profiles = Profiles(unit, 2 * stack + treated, horizon, weights)
        contrasts = self._contrasts(profiles, cohorts, horizon[treated == 1], dropped)
        warn_lone_cohorts(cohorts, stack[treated == 1], clusters[treated == 1])
        self._count_lost(profiles, cohorts, contrasts, dropped)
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
        return self._effects(
            fit,
            profiles,
            contrasts,
            cohorts,
            factor,
            (clusters, np.where(treated == 1, cohorts[stack], np.inf), weights, horizon),
            len(np.unique(rows)),
            panel.clusters.name,
            result_facts(complete, sample.rows[rows], outcome, dropped, t_intervals=True),
        )

    def _from_disk(self, panel: ScannedPanel, outcome: str, covariates: list[str], dropped: Dropped) -> Effects:
        panel.check_roles(outcome, covariates=covariates)
        columns, n_clusters = [outcome, *covariates], len(panel.clusters)
        if "cohort" not in panel.names:
            raise no_treated(panel.names, "", dropped)
        sample, _ = draw_scanned(panel, columns, panel.effect_names(None), dropped)
        group, time = sample.cells()
        cohorts = self._stack(sample.times[time], panel.group_cohort[group], dropped)[0]
        low, high = self.window
        n_times = high - low + 1
        panel.check_room(
            f"influence functions of {len(cohorts) * n_times:,} cohort-periods by {n_clusters:,} clusters",
            "name cluster= with fewer clusters",
            (4 + 2 * len(covariates)) * n_clusters * len(cohorts) * n_times,
        )
        stacked = StackedBlocks(sample, columns, cohorts, self.window, self.control_group)
        profiles = ScannedProfiles(stacked.counted, 2 * len(cohorts), n_times, len(columns), again=stacked)
        alone, first = sum(one.count for one in stacked.alone), [row for one in stacked.alone for row in one.first]
        dropped.add(SingletonWarning, "rows of the stack", "a unit's only row in a window", alone, first)
        if not stacked.n_rows:
            raise EmptyDataError(f"no row of the stack is left{dropped.cause()}", count=0)
        of, stack, horizon = np.nonzero(stacked.treated)
        contrasts = self._contrasts(profiles, cohorts, horizon, dropped)
        warn_lone_cohorts(cohorts, stack, of)
        self._count_lost(profiles, cohorts, contrasts, dropped)
        fit = profiles.fit(contrasts, n_clusters)
        dropped.collinear(covariates, fit.kept)

        k = int(profiles.n_free[1::2].sum() + fit.kept.sum())
        own = int(stacked.seen.sum())
        levels = [] if stacked.levels_within_clusters else [int(stacked.levels.sum())]
        control = np.flatnonzero(stacked.control)
        rows = (
            np.concatenate([of, control]),
            np.concatenate([cohorts[stack], np.full(len(control), np.inf)]),
            np.concatenate([stacked.treated[of, stack, horizon], stacked.control[control]]),
            np.concatenate([horizon, np.zeros(len(control), dtype=np.intp)]),
        )
        facts = sample.facts(
            outcome,
            dropped,
            n_rows=stacked.n_rows,
            n_units=stacked.n_units,
            n_clusters=own,
            largest=profiles.moments.largest,
            t_intervals=True,
        )
        return self._effects(
            fit,
            profiles,
            contrasts,
            cohorts,
            cluster_factor(stacked.n_rows, parameters_of_levels(k, levels), own),
            rows,
            stacked.n_distinct,
            panel.clusters.name,
            facts,
        )

    def _contrasts(
        self, profiles: GroupProfiles, cohorts: np.ndarray, horizon: np.ndarray, dropped: Dropped
    ) -> list[Contrast]:
        """List the effects that rows link to their reference; `horizon` holds those of treated rows, from 0."""
        low, at = self.window[0], self.reference - self.window[0]
        every = self._every(profiles, cohorts)
        contrasts = [c for c in every if at < profiles.n_times and profiles.identified(c)]
        if not any(c.time > at for c in contrasts):
            found = np.unique(horizon) + low
            if self.reference not in found:
                raise NoPrePeriodError(no_reference(found, self.reference) + dropped.cause(), count=0)
            message = f"no row after treatment is linked to horizon {self.reference}"
            raise NoTreatedError(message + dropped.cause(), count=0)
        return contrasts

    def _every(self, profiles: GroupProfiles, cohorts: np.ndarray) -> list[Contrast]:
        at = self.reference - self.window[0]
        return [Contrast(2 * a + 1, h, at, 2 * a) for a in range(len(cohorts)) for h in range(profiles.n_times)]

    def _count_lost(
        self, profiles: GroupProfiles, cohorts: np.ndarray, contrasts: Sequence[Contrast], dropped: Dropped
    ) -> None:
        every = self._every(profiles, cohorts)
        lost = [(int(cohorts[c.control // 2]), c.time + self.window[0]) for c in every if c not in contrasts]
        reason = f"not linked to horizon {self.reference}"
        dropped.add(UnreachedWarning, "effects (cohort, horizon)", reason, len(lost), lost[:5])

    def _effects(
        self,
        fit: SaturatedFit,
        profiles: GroupProfiles,
        contrasts: Sequence[Contrast],
        cohorts: np.ndarray,
        factor: float,
        rows: tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray],
        n_distinct: int,
        clusters: Hashable,
        facts: dict[str, Any],
    ) -> Effects:
        """Effects by cohort and time; `rows` are cluster, cohort, weight and horizon of the stack, by row or summed."""
        low, high = self.window
        cohort = np.array([cohorts[c.control // 2] for c in contrasts]).astype(np.int64)
        time = cohort + np.array([c.time + low for c in contrasts])
        mass = self._mass(profiles, contrasts)
        of, of_row, weights, horizon = rows
        return Effects(
            values=fit.values,
            index=pd.MultiIndex.from_arrays([cohort, time], names=["cohort", "time"]),
            psi=np.sqrt(factor) * fit.psi,
            method="stacked DiD",
            mass=Mass(mass, np.arange(len(mass))),
            post=time >= cohort,
            cluster_shares=ClusterShares.by_cohort(
                of, of_row, cohort, n_clusters=len(fit.psi), weights=weights, by_group=True, time=horizon
            ),
            conventions={
                "control group": self.control_group.replace("_", " "),
                "window": f"{low} to {high}, reference {self.reference}",
                "rows": f"of the stack ({n_distinct:,} distinct)",
                "variance": f"clustered by {clusters}, {SMALL_SAMPLE}",
                "aggregation weights": f"{self.weighting}, taken as fixed",
            },
            **facts,
        )

    def _cohorts(self, time: np.ndarray, cohort: np.ndarray, dropped: Dropped) -> np.ndarray:
        """Cohorts whose whole window lies in the panel; the others are counted."""
        times = np.unique(time)
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
        self, time: np.ndarray, cohort: np.ndarray, dropped: Dropped
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the cohorts with clean controls; rows of the stack, their sub-experiment, and whether treated in it.

        Rows are positions among those of these periods and cohorts.
        """
        cohorts = self._cohorts(time, cohort, dropped)
        parts: list[tuple[np.ndarray, ...]] = []
        kept: list[float] = []
        for g in cohorts:
            treated, clean, inside = members(cohort, time, g, self.window, self.control_group)
            rows = np.flatnonzero((treated | clean) & inside)
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

    def _mass(self, profiles: GroupProfiles, contrasts: Sequence[Contrast]) -> np.ndarray:
        size = profiles.size
        of_treated = np.array([size[c.group, c.reference] for c in contrasts])
        if self.weighting == "treated":
            return of_treated
        of_control = np.array([size[c.control, c.reference] for c in contrasts])
        return of_treated * of_control / (of_treated + of_control)
