"""Interaction-weighted event study (Sun and Abraham 2021)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.did.saturated import Contrast, GroupProfiles, Profiles, SaturatedFit, saturated_fit
from aigreen.did.saturated_on_disk import GroupRows, ScannedProfiles
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import (
    AigreenWarning,
    AlwaysTreatedWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    UnreachedWarning,
)
from aigreen.linalg.arrays import compact, is_nested
from aigreen.linalg.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters, parameters_of_levels
from aigreen.options import as_columns, check_reference
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.panel.panel import NEVER, Panel, require_panel
from aigreen.panel.untreated import no_treated
from aigreen.regression.lone_clusters import warn_lone_cohorts
from aigreen.regression.sample import Sample, draw_cohort_sample, no_reference
from aigreen.regression.sample_on_disk import draw_scanned

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
    def fit(
        self, panel: Panel | ScannedPanel, outcome: str, *, covariates: str | Sequence[str] | None = None
    ) -> Effects:
        """Fit and return effects by `cohort` and `time`, reference cells included as zeros.

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
        dropped = Dropped()
        sample, covariates = draw_cohort_sample(panel, outcome, covariates, dropped)
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
        return self._effects(
            fit,
            cells,
            np.array([profiles.size[c.group, c.time] for c in contrasts]),
            factor,
            (sample.clusters, np.where(row_cohort == control, NEVER, row_cohort), sample.weights, sample.effects[1]),
            panel.clusters.name,
            result_facts(sample.panel, sample.rows, outcome, dropped, t_intervals=True),
        )

    def _from_disk(self, panel: ScannedPanel, outcome: str, covariates: list[str], dropped: Dropped) -> Effects:
        panel.check_roles(outcome, covariates=covariates)
        columns, n_clusters = [outcome, *covariates], len(panel.clusters)
        if "cohort" not in panel.names:
            raise no_treated(panel.names, "", dropped)
        sample, last = draw_scanned(panel, columns, panel.effect_names(None), dropped)
        of_group = np.where(panel.group_cohort > last, NEVER, panel.group_cohort)
        group, time = sample.cells()

        def count(category: type[AigreenWarning], reason: str, gone: np.ndarray) -> None:
            dropped.add(category, "rows", reason, *sample.count_rows(group[gone], time[gone]))

        cohort = of_group[group]
        control, gone = self._compared(cohort, sample.times[time], count, dropped)
        _check_left(cohort[~gone], control, dropped)
        if gone.any():
            sample = sample.without(group[gone], time[gone])
            group, time = sample.cells()
        cohorts = np.unique(of_group[group])
        panel.check_room(
            f"influence functions of {len(cohorts) * sample.n_periods:,} cohort-periods by {n_clusters:,} clusters",
            "name cluster= with fewer clusters",
            2 * (1 + len(covariates)) * n_clusters * len(cohorts) * sample.n_periods,
        )

        def blocks() -> Iterator[GroupRows]:
            for block in sample.blocks("Sun-Abraham"):
                of_unit = np.searchsorted(cohorts, of_group[block.group])
                values = np.column_stack([block.columns[name] for name in columns])
                cluster = sample.unit_cluster[block.group][block.unit]
                yield GroupRows(block.unit, of_unit[block.unit], block.time, cluster, block.w, values)

        profiles = ScannedProfiles(blocks, len(cohorts), sample.n_periods, len(columns))
        contrasts, cells = self._contrasts(profiles, cohorts, sample.times, control, dropped)
        row_cohort, clusters = of_group[group], sample.unit_cluster[group]
        warn_lone_cohorts(cohorts, np.searchsorted(cohorts, row_cohort), clusters)
        fit = profiles.fit(contrasts, n_clusters)
        dropped.collinear(covariates, fit.kept)
        k = int(profiles.n_free[cohorts != control].sum() + fit.kept.sum())
        levels = [] if is_nested(time, clusters) else [sample.n_periods]
        return self._effects(
            fit,
            cells,
            np.array([profiles.size[c.group, c.time] for c in contrasts]),
            cluster_factor(int(sample.rows.sum()), parameters_of_levels(k, levels), sample.n_clusters),
            (
                clusters,
                np.where(row_cohort == control, NEVER, row_cohort),
                sample.mass[group, time].astype(float),
                time,
            ),
            panel.clusters.name,
            sample.facts(outcome, dropped, largest=profiles.moments.largest, t_intervals=True),
        )

    def _effects(
        self,
        fit: SaturatedFit,
        cells: pd.DataFrame,
        mass: np.ndarray,
        factor: float,
        rows: tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray],
        clusters: Hashable,
        facts: dict[str, Any],
    ) -> Effects:
        """Effects by cohort and time; `rows` are cluster, cohort, weight and period of the sample, by row or summed."""
        of, cohort, weights, time = rows
        return Effects(
            values=fit.values,
            index=pd.MultiIndex.from_frame(cells),
            psi=np.sqrt(factor) * fit.psi,
            method="Sun-Abraham",
            mass=Mass(mass, np.arange(len(mass))),
            post=(cells["time"] >= cells["cohort"]).to_numpy(),
            cluster_shares=ClusterShares.by_cohort(
                of,
                cohort,
                cells["cohort"].to_numpy(),
                n_clusters=len(fit.psi),
                weights=weights,
                by_group=True,
                time=time,
            ),
            conventions={
                "control group": self.control_group.replace("_", " "),
                "reference horizon": str(self.reference),
                "variance": f"clustered by {clusters}, {SMALL_SAMPLE}",
                "aggregation weights": "rows of a cohort at a horizon, taken as fixed",
                "singletons": "left out, counted",
            },
            **facts,
        )

    def _comparable(self, sample: Sample, dropped: Dropped) -> tuple[Sample, float]:
        """Leave out what cannot be compared; return the sample and the control cohort."""
        unit, time = sample.effects

        def count(category: type[AigreenWarning], reason: str, gone: np.ndarray) -> None:
            rows = sample.rows[gone]
            dropped.add(category, "rows", reason, rows.size, sample.panel.labels(rows[:5]))

        control, gone = self._compared(_unit_cohorts(sample)[unit], _times(sample)[time], count, dropped)
        sample = sample.without(gone) if gone.any() else sample
        _check_left(_unit_cohorts(sample), control, dropped)
        return sample, control

    def _compared(
        self,
        cohort: np.ndarray,
        time: np.ndarray,
        count: Callable[[type[AigreenWarning], str, np.ndarray], None],
        dropped: Dropped,
    ) -> tuple[float, np.ndarray]:
        """Return the control cohort, and mark the rows, of these cohorts and periods, that cannot be compared."""
        cohorts = np.unique(cohort)
        treated = cohorts[np.isfinite(cohorts)]
        if not (time >= cohort).any():
            raise NoTreatedError(f"no unit is treated within the periods of the sample{dropped.cause()}", count=0)
        control = NEVER
        gone = np.zeros(len(cohort), dtype=bool)
        if self.control_group == "last_treated":
            if len(treated) < 2:
                raise NoControlsError(f"{len(treated)} cohort: none is left to compare with the last one", count=0)
            control = treated[-1]
            never = ~np.isfinite(cohort)
            count(UnreachedWarning, "never treated; the last cohort is the control", never)
            late = (time >= control) & ~never
            count(UnreachedWarning, "periods in which the last cohort is treated", late)
            gone = never | late
        elif treated.size == cohorts.size:
            message = "no unit is never treated; use control_group='last_treated'"
            raise NoControlsError(message + dropped.cause(), count=0)
        always = (cohort <= time.min()) & ~gone
        count(AlwaysTreatedWarning, "units treated from the first period", always)
        return control, gone | always

    def _contrasts(
        self, profiles: GroupProfiles, cohorts: np.ndarray, times: np.ndarray, control: float, dropped: Dropped
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


def _check_left(cohort: np.ndarray, control: float, dropped: Dropped) -> None:
    """Refuse a sample without controls, or without another cohort."""
    if not (cohort == control).any():
        raise NoControlsError(f"no row of the controls is left{dropped.cause()}", count=0)
    if not (np.isfinite(cohort) & (cohort != control)).any():
        raise NoPrePeriodError(f"no cohort is seen before its treatment{dropped.cause()}", count=0)
