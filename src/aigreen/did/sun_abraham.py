"""Interaction-weighted event study (Sun and Abraham 2021)."""

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
    AlwaysTreatedWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    UnreachedWarning,
)
from aigreen.linalg.arrays import compact
from aigreen.linalg.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters
from aigreen.options import check_reference
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import NEVER, Panel, require_panel
from aigreen.regression.lone_clusters import warn_lone_cohorts
from aigreen.regression.sample import Sample, draw_sample, no_reference

Control = Literal["never_treated", "last_treated"]


@dataclass(frozen=True, kw_only=True)
class SunAbraham:
    r"""Event study by cohort, saturated in cohort and time.

    .. math:: Y_{it} = \alpha_i + \lambda_t + \sum_g \sum_{l \neq -1} \tau_{g,l} 1\{G_i = g\} 1\{t - g = l\}
              + X_{it}'\beta + e_{it}

    Each :math:`\tau_{g,l}` compares cohort g with the controls only, so averages over cohorts have positive weights.

    Parameters
    ----------
    control_group : {"never_treated", "last_treated"}
        "last_treated": the last cohort, in the periods before its treatment; never-treated units are left out.
    reference : int
        Horizon against which effects are measured, negative.

    Notes
    -----
    Averages (`Effects.aggregate`, `overall`) count a cohort at a horizon by its rows (sum of weights), as in the paper,
    with these shares taken as fixed, as R's fixest does; Sun and Abraham's variance adds the sampling error of shares.
    Small-sample factor as in `TWFE`. Units treated from the first period are left out; so are effects that no rows link
    to their reference (a cohort not seen then), whose rows still serve the covariates. Cohorts first treated after the
    last period are controls. Repeated cross-sections (`Panel(repeated=True)`) have effects of cohorts in place of
    units.

    References
    ----------
    Sun, L. and Abraham, S. (2021), Journal of Econometrics 225, 175-199.
    """

    control_group: Control = "never_treated"
    reference: int = -1

    def __post_init__(self) -> None:
        check_fields(self)
        if self.control_group not in get_args(Control):
            raise OptionError("control_group", self.control_group, get_args(Control))
        check_reference(self.reference)

    @typed
    def fit(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Fit and return effects by `cohort` and `time`, reference cells included as zeros.

        Raises
        ------
        NoTreatedError, NoControlsError, NoPrePeriodError, TooFewClustersError
        """
        require_panel(panel)
        dropped = Dropped()
        panel, covariates = panel.with_covariates(covariates, dropped)
        panel.check_roles(outcome, None, covariates=covariates)
        complete = panel.complete([outcome, *covariates], dropped)
        sample = draw_sample(complete, panel.effect_names(None), dropped, counts=None)
        sample, control = self._comparable(sample, dropped)

        times = _times(sample)
        cohorts, group = np.unique(_unit_cohorts(sample), return_inverse=True)
        unit, time = sample.effects
        group = group[unit]
        profiles = Profiles(unit, group, time, sample.weights)
        contrasts, cells = self._contrasts(profiles, cohorts, times, control, dropped)
        clusters, n_clusters = compact(sample.clusters)
        warn_lone_cohorts(cohorts, group, clusters)
        fit = saturated_fit(
            profiles,
            sample.matrix([outcome, *covariates]),
            contrasts,
            sample.clusters,
            len(panel.clusters),
        )
        dropped.collinear(covariates, fit.kept)

        k = int(profiles.n_free[cohorts != control].sum() + fit.kept.sum())
        factor = cluster_factor(len(sample), n_parameters(k, sample.effects, [clusters]), n_clusters)
        row_cohort = _unit_cohorts(sample)[sample.effects[0]]
        mass = np.array([profiles.size[c.group, c.time] for c in contrasts])
        return Effects(
            values=fit.values,
            index=pd.MultiIndex.from_frame(cells),
            psi=np.sqrt(factor) * fit.psi,
            method="Sun-Abraham",
            mass=Mass(mass, np.arange(len(mass))),
            post=(cells["time"] >= cells["cohort"]).to_numpy(),
            cluster_shares=ClusterShares.by_cohort(
                sample.clusters,
                np.where(row_cohort == control, NEVER, row_cohort),
                cells["cohort"].to_numpy(),
                n_clusters=len(panel.clusters),
                weights=sample.weights,
                by_group=True,
                time=sample.effects[1],
            ),
            conventions={
                "control group": self.control_group.replace("_", " "),
                "reference horizon": str(self.reference),
                "variance": f"clustered by {panel.clusters.name}, {SMALL_SAMPLE}",
                "aggregation weights": "rows of a cohort at a horizon, taken as fixed",
                "singletons": "left out, counted",
            },
            **result_facts(sample.panel, sample.rows, outcome, dropped, t_intervals=True),
        )

    def _comparable(self, sample: Sample, dropped: Dropped) -> tuple[Sample, float]:
        """Leave out what cannot be compared; return the sample and the control cohort."""
        cohort, times, (unit, time) = _unit_cohorts(sample), _times(sample), sample.effects
        cohorts = np.unique(cohort)
        treated = cohorts[np.isfinite(cohorts)]
        if not (sample.take(sample.panel.time) >= cohort[unit]).any():
            raise NoTreatedError(f"no unit is treated within the periods of the sample{dropped.cause()}", count=0)
        control = NEVER
        gone = np.zeros(len(sample), dtype=bool)
        if self.control_group == "last_treated":
            if len(treated) < 2:
                raise NoControlsError(f"{len(treated)} cohort: none is left to compare with the last one", count=0)
            control = treated[-1]
            never = ~np.isfinite(cohort)[unit]
            _count(dropped, UnreachedWarning, "rows", "never treated; the last cohort is the control", sample, never)
            late = (times >= control)[time] & ~never
            _count(dropped, UnreachedWarning, "rows", "periods in which the last cohort is treated", sample, late)
            gone = never | late
        elif treated.size == cohorts.size:
            message = "no unit is never treated; use control_group='last_treated'"
            raise NoControlsError(message + dropped.cause(), count=0)
        always = (cohort <= times[0])[unit] & ~gone
        _count(dropped, AlwaysTreatedWarning, "rows", "units treated from the first period", sample, always)
        gone |= always
        sample = sample.without(gone) if gone.any() else sample
        left = _unit_cohorts(sample)
        if not (left == control).any():
            raise NoControlsError(f"no row of the controls is left{dropped.cause()}", count=0)
        if not (np.isfinite(left) & (left != control)).any():
            raise NoPrePeriodError(f"no cohort is seen before its treatment{dropped.cause()}", count=0)
        return sample, control

    def _contrasts(
        self, profiles: Profiles, cohorts: np.ndarray, times: np.ndarray, control: float, dropped: Dropped
    ) -> tuple[list[Contrast], pd.DataFrame]:
        """List the effects, and their cohort and time; those that no rows link to the reference are counted."""
        against = int(np.flatnonzero(cohorts == control)[0])
        contrasts, cells, lost = [], [], []
        for g, cohort in enumerate(cohorts):
            if cohort == control:
                continue
            found = np.flatnonzero(times == cohort + self.reference)
            for t, time in enumerate(times):
                contrast = Contrast(g, t, int(found[0]) if found.size else -1, against)
                if found.size and profiles.identified(contrast):
                    contrasts.append(contrast)
                    cells.append((int(cohort), int(time)))
                elif profiles.component[g, t] >= 0:
                    lost.append((int(cohort), int(time)))
        dropped.add(UnreachedWarning, "effects (cohort, time)", "not linked to their reference", len(lost), lost[:5])
        if not any(c.time > c.reference for c in contrasts):
            found = np.unique(times - cohorts[cohorts != control][:, None]).astype(int)
            if self.reference not in found:
                raise NoPrePeriodError(no_reference(found, self.reference) + dropped.cause(), count=0)
            message = f"no cohort is seen {-self.reference} periods before its treatment"
            raise NoPrePeriodError(message + dropped.cause(), count=0)
        return contrasts, pd.DataFrame(cells, columns=["cohort", "time"])


def _unit_cohorts(sample: Sample) -> np.ndarray:
    """Cohort of each unit of the sample, in the order of its codes; never where treatment is after the last period.

    Repeated cross-sections have effects of cohorts in place of units.
    """
    panel = sample.panel
    if panel.repeated:
        cohort = np.unique(sample.take(panel.cohort))
    else:
        cohort = panel.unit_cohort[np.flatnonzero(np.bincount(sample.take(panel.unit_codes)))]
    return np.where(cohort > panel.times[-1], NEVER, cohort)


def _times(sample: Sample) -> np.ndarray:
    """Periods of the sample, in the order of its codes."""
    return sample.panel.times[np.flatnonzero(np.bincount(sample.take(sample.panel.time_codes)))]


def _count(dropped: Dropped, category: type, what: str, reason: str, sample: Sample, gone: np.ndarray) -> None:
    rows = sample.rows[gone]
    dropped.add(category, what, reason, rows.size, sample.panel.labels(rows[:5]))
