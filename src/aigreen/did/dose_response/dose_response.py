"""Effects of a continuous treatment by dose, under staggered adoption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.did.dose_response.basis import DoseBasis, Kind, Knots, check_basis
from aigreen.did.dose_response.by_cell import at_doses, by_cell, mean_response
from aigreen.did.dose_response.curve import Curve, level_curve, mean_doses, response_curve
from aigreen.did.dose_response.doses import DosePath, read_doses
from aigreen.did.dose_response.regressions import Regressions
from aigreen.did.dose_response.setup import Block, Setup
from aigreen.did.group_time.comparisons import compare_units
from aigreen.did.group_time.layout import widen
from aigreen.did.group_time.plan import ControlGroup, plan
from aigreen.did.group_time.report import report
from aigreen.did.group_time.sample import check_sample, cohort_shares, cohorts_in_reach
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.effects.joint import concat
from aigreen.errors import NoTreatedError, OptionError, OverlapWarning
from aigreen.options import check_choice, check_periods
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import Panel, require_panel

LEVEL, ACR = "level", "acr"
_GRID = np.arange(1, 20) / 20


@dataclass(frozen=True, kw_only=True)
class DoseResponse:
    r"""Effects of a continuous treatment by dose, under staggered adoption.

    For cohort g in period t, with D the dose,

    .. math::
        ATT(g, t \mid d) = E[Y_t - Y_t(0) \mid G = g, D = d]
            = E[Y_t - Y_b \mid G = g, D = d] - E[Y_t - Y_b \mid \text{comparison units}]

    under no anticipation and parallel trends of untreated outcomes, given the dose that was chosen: outcome changes
    since the base period b, less those of comparison units as in `GroupTimeATT`, are regressed on functions of the
    dose. *level* is this effect on the units that have dose d. *acr*, the average causal response, is the derivative
    of the curve by cohort and period. It is the effect of a little more dose under strong parallel trends only: units
    with dose d would have had, at any other dose, the outcome change of those who had it.

    Parameters
    ----------
    control_group : {"not_yet_treated", "never_treated"}
        As in `GroupTimeATT`.
    basis : {"spline", "bins"}
        B-splines, or indicators of bins (lower edge included). Bins have no derivative, so no acr.
    degree : int
        Of the splines; 1 with a knot at each dose is a mean for each dose of few.
    knots : int or sequence of float, optional
        Interior knots, or lower edges of all bins but the first: doses, or how many at quantiles of the doses of
        treated units. Default: none for splines, three (quartiles) for bins.
    dose_path : {"constant", "first", "current"}
        constant: doses that change after adoption are refused. first: the dose at adoption counts throughout. current:
        the dose of each period; effects are those of units that have dose d now, whatever they had before.
    anticipation : int
    base_period : {"varying", "universal"}
        As in `GroupTimeATT`; matters before treatment only.

    Notes
    -----
    `fit` averages the curves of cohorts and periods with the weights of the dose distribution: at d a cohort counts by
    its share among treated units with dose d. Averaged over the doses of treated units, *level* is thus exactly the
    overall effect of `GroupTimeATT`. Where cohorts with higher doses differ in their effects for other reasons, the
    level curve is steeper or flatter than any cohort's own curve; *acr* averages the derivatives of the cohorts' curves
    and is free of that. Equations and influence functions: ``docs/dose.md``.

    References
    ----------
    Callaway, Goodman-Bacon and Sant'Anna (2024), Difference-in-Differences with a Continuous Treatment, NBER Working
    Paper 32117. Callaway and Sant'Anna (2021), *Journal of Econometrics* 225.

    Examples
    --------
    >>> rows = [(i, t, 3 * (i < 8), 1.0 + i if i < 8 else 0.0) for i in range(16) for t in range(1, 5)]
    >>> df = pd.DataFrame(rows, columns=["firm", "year", "first", "words"])
    >>> df["y"] = df.firm + df.year + 0.5 * df.words * ((df["first"] > 0) & (df.year >= 3))
    >>> panel = Panel(df, unit="firm", time="year", cohort="first")
    >>> DoseResponse(degree=1).fit(panel, "y", dose="words", at=[2, 6]).estimates.round(6).to_dict()
    {('level', 2.0): 1.0, ('level', 6.0): 3.0, ('acr', 2.0): 0.5, ('acr', 6.0): 0.5}
    """

    control_group: ControlGroup = "not_yet_treated"
    basis: Kind = "spline"
    degree: int = 3
    knots: Knots = None
    dose_path: DosePath = "constant"
    anticipation: int = 0
    base_period: Literal["varying", "universal"] = "varying"

    def __post_init__(self) -> None:
        check_fields(self)
        check_choice("control_group", self.control_group, ControlGroup)
        check_choice("basis", self.basis, Kind)
        check_choice("dose_path", self.dose_path, DosePath)
        check_choice("base_period", self.base_period, Literal["varying", "universal"])
        check_periods("anticipation", self.anticipation)
        check_basis(self.basis, self.degree, self.knots)

    @typed
    def fit(
        self,
        panel: Panel,
        outcome: str,
        *,
        dose: str,
        covariates: str | Sequence[str] | None = None,
        at: Sequence[float] | None = None,
    ) -> Effects:
        """Estimate the curves over the dose.

        Parameters
        ----------
        panel : Panel
            With `cohort`; clusters must not cut through units.
        outcome : str
        dose : str
            Column: positive on treated rows (with dose_path="first" at adoption), zero or missing for units never
            treated; before adoption zero, missing or the dose at adoption.
        covariates : str or sequence of str, optional
            Numeric columns, or formulas of columns, at the base period: parallel trends hold given them, by regression
            on the comparison units.
        at : sequence of float, optional
            Doses at which to evaluate. Default: 19 quantiles of the doses of treated units, from 5 to 95 %; the mean
            dose of each bin.

        Returns
        -------
        Effects
            By estimand (level, acr) and dose; ``result["level"].plot(simultaneous=True)``.

        Raises
        ------
        DoseError
            Treated rows without a positive dose, untreated ones with a dose.
        DoseVariesError
            With dose_path="constant", doses that change after adoption.
        CollinearError
            Where the doses of treated units do not identify the functions.
        NoTreatedError, NoPrePeriodError, NoControlsError, TooFewPeriodsError, TooFewClustersError, ClusterVariesError
        EstimationError
            Where no cell can be computed.
        """
        setup = self._prepare(panel, outcome, dose, covariates, before=False)
        found, mass = setup.found, setup.mass
        doses = evaluated(setup, at)
        curves = {LEVEL: level_curve(found, mass, doses, setup.n_clusters)}
        if found.basis.degree:
            setup.report_identified()
            if any(design.identified for design in found.designs):
                curves[ACR] = response_curve(found, mass, doses, setup.n_clusters)
        index = pd.MultiIndex.from_product([list(curves), doses], names=["estimand", "dose"])
        return self._effects(setup, list(curves.values()), index)

    @typed
    def group_time(
        self,
        panel: Panel,
        outcome: str,
        *,
        dose: str,
        covariates: str | Sequence[str] | None = None,
        at: Sequence[float] | None = None,
    ) -> Effects:
        r"""Estimate effects and causal responses of each cohort in each period.

        Parameters
        ----------
        panel, outcome, dose, covariates
            As for `fit`.
        at : sequence of float, optional
            Doses at which to evaluate the curve of each cohort and period, where they lie inside its doses; others are
            left out and counted. Default: averages over its doses, :math:`ATT^o(g, t)`, which is that of `GroupTimeATT`
            (``method="reg"``), and :math:`ACR^o(g, t)`.

        Returns
        -------
        Effects
            By estimand, cohort and time (and dose), ready for `aggregate`, ``event_study()`` and ``overall()``; before
            treatment *acr* is the slope in the dose of what should be zero. Averages of curves `at` doses weigh cohorts
            by their size, whatever their doses, as contdid does (its overall: ``aggregate("group").overall()``).

        Raises
        ------
        As `fit`.
        """
        setup = self._prepare(panel, outcome, dose, covariates, before=True)
        found = setup.found
        if found.basis.degree:
            setup.report_identified()
        if at is None:
            return self._averages(setup)
        doses, blocks = evaluated(setup, at), []
        for kind in [LEVEL, ACR] if found.basis.degree else [LEVEL]:
            curve, known = by_cell(found, at_doses(doses, slope=kind == ACR), len(doses), setup.n_clusters)
            blocks.append(setup.laid_out(curve, known, [(kind, d) for d in doses]))
        lost = doses[~known.all(axis=0)]
        reason = "outside the doses of the cohort, or not identified by them"
        setup.dropped.add(OverlapWarning, "doses by cohort and time", reason, int((~known).sum()), lost[:5])
        return self._by_cell(setup, blocks, ["estimand", "dose"])

    @typed
    def margins(
        self, panel: Panel, outcome: str, *, dose: str, covariates: str | Sequence[str] | None = None
    ) -> Effects:
        """Compare the margin of having any dose with that of having more.

        Parameters
        ----------
        panel, outcome, dose, covariates
            As for `fit`.

        Returns
        -------
        Effects
            By margin: "overall", the average effect; "extensive", the level at the lowest dose of treated units (in the
            lowest bin); "intensive", overall less extensive: what the doses above the lowest one go with; "acr", the
            average causal response to a unit of dose (not for bins).

        Raises
        ------
        As `fit`.
        """
        setup = self._prepare(panel, outcome, dose, covariates, before=False)
        lowest = np.array([setup.found.basis.lowest])
        index = pd.Index(["extensive"], name="effect")
        extensive = self._effects(setup, [level_curve(setup.found, setup.mass, lowest, setup.n_clusters)], index)
        if setup.found.basis.degree:
            setup.report_identified()
        overall = self._averages(setup).overall()
        overall = replace(overall, index=overall.index.rename("effect"))
        both = concat({"lowest": extensive, "averages": overall})
        weights = np.array([[0.0, 1.0, -1.0], [1.0, 0.0, 1.0]])
        names = ["overall", "extensive", "intensive"]
        if len(both) > 2:
            weights = np.block([[weights, np.zeros((2, 1))], [np.zeros(3), 1.0]])
            names.append(ACR)
        margins = both.combine(weights)
        return replace(margins, index=pd.Index(names, name="margin"))

    def _prepare(
        self, panel: Panel, outcome: str, dose: str, covariates: str | Sequence[str] | None, *, before: bool
    ) -> Setup:
        """Read the columns and lay out the cells, those before treatment if asked for."""
        require_panel(panel)
        panel.require_units("DoseResponse")
        dropped = Dropped()
        panel, names = panel.with_covariates(covariates, dropped)
        panel.check_roles(outcome, dose=dose, covariates=names)
        sample, doses = read_doses(panel.complete([outcome, *names], dropped), dose, self.dose_path, dropped)
        check_sample(sample)
        cohort = cohorts_in_reach(
            sample, dropped, anticipation=self.anticipation, control_group=self.control_group
        )  # fmt: skip
        treated = np.isfinite(cohort) & (cohort <= sample.times[-1])
        cells = plan(sample.times, np.unique(cohort[treated]), self.anticipation, self.base_period, self.control_group)
        if not before:
            cells = cells.take(np.flatnonzero(sample.times[cells.time] >= cells.cohort))
        wide = widen(sample, ~np.isnan(cohort), outcome, names, dropped)
        computed = compare_units("reg", cells, cohort, wide, len(sample.clusters))
        good = ~cells.reference & ~computed.failed
        report(cells, computed, good, sample, cohort, dropped)
        after = (np.isfinite(wide.y) if wide.seen is None else wide.seen) & treated & (sample.times[:, None] >= cohort)
        seen = np.broadcast_to(doses, after.shape)[after] if len(doses) > 1 else doses[0, after.any(axis=0)]
        if not seen.size:
            raise NoTreatedError(f"no row with a dose is left after treatment{dropped.cause()}", count=0)
        basis = DoseBasis.choose(self.basis, self.degree, self.knots, seen)
        found = Regressions(cells.take(np.flatnonzero(good)), cohort, wide, doses, basis)
        return Setup(sample, outcome, cohort, cells, good, computed, found, seen, dropped)

    def _averages(self, setup: Setup) -> Effects:
        """Average effects and responses over the doses of each cohort in each period."""
        blocks = [setup.whole((LEVEL,))]
        if setup.found.basis.degree:
            averages = by_cell(setup.found, mean_response, 1, setup.n_clusters)
            blocks.append(setup.laid_out(*averages, [(ACR,)]))
        return self._by_cell(setup, blocks, ["estimand"])

    def _by_cell(self, setup: Setup, blocks: list[Block], names: list[str]) -> Effects:
        cells = np.concatenate([block.cells for block in blocks])
        cohort, times = setup.cells.cohort[cells], setup.sample.times[setup.cells.time[cells]]
        labels = list(zip(*(label for block in blocks for label in block.labels), strict=True))
        index = pd.MultiIndex.from_arrays([*labels, cohort.astype(int), times], names=[*names, "cohort", "time"])
        return self._effects(
            setup,
            [setup.cohorts, *(block.curve for block in blocks)],
            index,
            mass=cohort_shares(setup.sample, setup.cohort, cohort),
            post=times >= cohort,
            leads="path" if self.base_period == "universal" else "changes",
            anticipation=self.anticipation,
        )

    def _effects(self, setup: Setup, curves: list[Curve], index: pd.Index, **facts: Any) -> Effects:
        sample, cohort = setup.sample, setup.cohort
        rows = np.flatnonzero(~np.isnan(cohort)[sample.unit_codes])
        basis = setup.found.basis
        kind = f"splines of degree {basis.degree}" if basis.degree else "bins"
        slopes, spread = index.get_level_values(0) == ACR, float(setup.seen.std()) or 1.0
        return Effects(
            values=np.concatenate([curve.values for curve in curves]),
            index=index,
            psi=np.hstack([curve.psi for curve in curves]),
            method=f"dose response ({kind})",
            cluster_shares=stacked_shares(curves, setup.control),
            conventions=self._conventions(setup),
            **facts,
            **result_facts(sample, rows, setup.outcome, setup.dropped, spread=np.where(slopes, spread, 1.0)),
        )

    def _conventions(self, setup: Setup) -> dict[str, str]:
        sample, basis = setup.sample, setup.found.basis
        knots = ", ".join(f"{knot:g}" for knot in basis.knots) or "none"
        told = {
            "variance": f"influence functions summed by {sample.names.get('cluster', sample.names['unit'])}",
            "small-sample factor": "none",
            "comparison": self.control_group.replace("_", " "),
            "base period": f"{self.base_period}, anticipation {self.anticipation}",
            "dose": f"{basis.lowest:g} to {basis.highest:g}, {self.dose_path}; knots: {knots}",
            LEVEL: "effect on the units with this dose: parallel trends",
        }
        if basis.degree:
            told[ACR] = "derivative by cohort and period; effect of more dose under strong parallel trends only"
        return told


def stacked_shares(curves: Sequence[Curve], control: np.ndarray) -> ClusterShares:
    """Shares of clusters behind the effects of several curves; `control` as in `ClusterShares`."""
    share, lost = (np.hstack([getattr(curve, name) for curve in curves]) for name in ("share", "lost"))
    before = np.cumsum([0, *(curve.share.shape[1] for curve in curves)])
    of = np.concatenate([curve.of + n for curve, n in zip(curves, before[:-1], strict=True)])
    return ClusterShares.weighted(share, lost, of, control, np.concatenate([curve.cohort for curve in curves]))


def evaluated(setup: Setup, at: Sequence[float] | None) -> np.ndarray:
    """Return the doses at which curves are evaluated, shape (k,), ascending by default.

    Raises
    ------
    OptionError
        Doses outside those of treated units, or one twice.
    """
    basis = setup.found.basis
    if at is None:
        return np.unique(np.quantile(setup.seen, _GRID)) if basis.degree else mean_doses(setup.found, setup.mass)
    doses = np.atleast_1d(np.asarray(at, dtype=float))
    outside = ~((doses >= basis.lowest) & (doses <= basis.highest))
    if doses.ndim != 1 or not doses.size or outside.any() or len(np.unique(doses)) < len(doses):
        allowed = f"distinct doses between {basis.lowest:g} and {basis.highest:g}, those of treated units"
        raise OptionError("at", at, [allowed])
    return doses
