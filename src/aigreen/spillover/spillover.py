"""Spillover-robust difference-in-differences: effects on the treated and on those exposed to them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.counterfactual.imputed import Average, ExposureResponse, Imputed, side_by_side
from aigreen.counterfactual.leads import leads
from aigreen.counterfactual.rows import (
    Cells,
    RowRoles,
    assign_roles,
    exposure_onset,
    reached_exposed_rows,
    reached_rows,
    warn_extrapolated,
)
from aigreen.did.imputation import Family, Scale
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import AigreenWarning, NoControlsError, OptionError
from aigreen.exposure.basis import Basis, Response, check_cuts
from aigreen.options import as_columns, check_choice, check_columns, check_fixed_effects, check_periods, check_scale
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import counts_of, result_facts
from aigreen.panel.panel import NEVER, Panel, require_panel
from aigreen.regression.sample import check_counts
from aigreen.regression.twfe import TWFE

Variance = Literal["conservative", "leave_one_out"]
Naive = Literal["imputation", "twfe"]

PARTS = ("treated", "net", "spillover", "exposed")


@dataclass(frozen=True, kw_only=True)
class Spillover:
    r"""Effects of staggered adoption where treatment reaches others, through exposures S.

    Clean rows :math:`U = \{D = 0, S = 0\}` alone fit
    :math:`Y_{it} = F_{it}'\gamma + X_{it}'\beta + \varepsilon_{it}`, and
    :math:`\hat\tau_{it} = Y_{it} - F_{it}'\hat\gamma - X_{it}'\hat\beta` on all other rows that their fixed effects
    reach. On untreated exposed rows E the response s(S) = B(S)'theta, with s(0) = 0, is the regression

    .. math:: \hat\theta = G^{-1} \sum_{E} w B \hat\tau, \qquad G = \sum_{E} w B B' .

    The result has these parts, each by cohort and period:

    - ``treated``: mean :math:`\hat\tau` of treated rows, what treatment and exposure did to them together;
    - ``net``: mean :math:`\hat\tau - s(S)` of treated rows, net of the spillover they receive;
    - ``spillover``: mean s(S) of treated rows; treated = net + spillover exactly. Left out where no treated
      row is exposed, though untreated ones are;
    - ``exposed``: mean :math:`\hat\tau` of untreated exposed rows; their cohort is the unit's first exposed period;
    - one for each exposure column, or bin of it: mean :math:`\hat\tau` less the response to all other columns, of the
      untreated rows exposed to it; their cohort is the unit's first period with a positive value in the column. With
      bins the overall average is the regression coefficient exactly.

    ``aggregate``, ``event_study`` (time since treatment, or since the first exposure) and ``overall`` work on each
    part, and ``result["net"]`` is one of them. Masses are (weighted) numbers of rows.

    Influence functions by cluster c. For weights a on rows outside U, :math:`a'\hat\tau` moves by

    .. math:: \psi_c(a) = \sum_{c, \notin U} a_{it} (\hat\tau_{it} - \tilde\tau_{it})
              + \sum_{c, U} v_{it}\hat\varepsilon_{it}, \qquad v = -WF_0(F_0'WF_0)^{-1}F'a ,

    where :math:`\tilde\tau_{it}` is :math:`s(S_{it})` on exposed rows, and on treated rows that plus the mean of
    :math:`\hat\tau - s(S)` in the cohort-period, with squared cluster weights (Borusyak, Jaravel and Spiess 2024). Then

    .. math:: \psi_{\theta} = G^{-1}\psi(wB), \qquad \psi_{treated} = \psi(a), \qquad
              \psi_{spillover} = \bar B'\psi_\theta, \qquad \psi_{net} = \psi(a) - \bar B'\psi_\theta, \qquad
              \bar B = \sum a B .

    Treatment and exposure are taken as given. Errors include the spread of effects net of s(S) inside cohort-periods.
    With ``variance="conservative"`` those of treated and net are too small by some percent where a cohort has fewer
    than about twenty treated clusters, and those of the response with fewer than about thirty exposed clusters.
    t intervals with G - 1 degrees of freedom. Derivation: ``docs/spillover.md``.

    Parameters
    ----------
    exposure : str or sequence of str
        Columns of the panel, numbers of zero or more; 0 is unexposed. `aigreen.exposure` makes them. Make them before
        views of the panel are taken.
    family : {"gaussian", "poisson"}
        poisson: counterfactual means :math:`\mu` by pseudo-maximum likelihood and a multiplicative response,
        :math:`\mu e^{s(S)}`; theta solves :math:`\sum_E wB(Y - \mu e^{B'\theta}) = 0`.
    fixed_effects : sequence of str, optional
        Columns, several joined by ``^``. Default: the panel's unit and time.
    response : {"bins", "linear", "spline"}
        Form of s(S), additive over columns.
    bins : int or sequence of float, optional
        bins: a number of bins with equal numbers of exposed rows, or inner edges, as ``[1, 2]`` for (0, 1], (1, 2] and
        above. Default: exposed or not. spline: a number of knots (3 to 5), or knots; default 4.
    variance : {"leave_one_out", "conservative"}
        leave_one_out: the centre of a treated cohort-period and the s(S) of exposed rows are those of all other
        clusters. Where a cohort-period is in one cluster, the centre is that of all other treated rows; terms of
        exposure need two clusters each. conservative: centres with the own cluster.
    anticipation : int
        Periods before treatment, and before the first exposure, that are neither clean nor effects.
    leads : int
        Number of coefficients before treatment (part ``treated``) and before the first exposure of units that are
        exposed while untreated (part ``exposed``), as in `Imputation`: one regression on clean rows. Test them by
        ``result["exposed"].event_study().pretrend_test()``.
    scale : {"level", "percent"}
        For counts: differences of means, or relative to the sum of counterfactuals.

    Notes
    -----
    Assumptions, beyond those of `Imputation`: whoever has S = 0 is unaffected; s(S) of the treated is that of the
    untreated, so it adds to own treatment (in logs for counts). A row whose exposure has gone back to zero is clean.
    Rows that clean rows do not reach are left out and counted. Without any exposure ``treated`` is `Imputation`.

    References
    ----------
    Butts (2021), Difference-in-Differences Estimation with Spatial Spillovers, arXiv:2105.03737.
    Borusyak, Jaravel and Spiess (2024), Revisiting Event-Study Designs, Review of Economic Studies 91(6).

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"city": list("aabbccddeeff"), "year": [1, 2] * 6, "first": [2] * 4 + [0] * 8,
    ...                    "near": [0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0], "y": [1, 6, 2, 7, 1, 3, 2, 5, 1, 2, 4, 5]})
    >>> result = Spillover(exposure="near").fit(Panel(df, unit="city", time="year", cohort="first"), "y")
    >>> result.overall().estimates.to_dict()
    {'treated': 4.0, 'net': 3.25, 'spillover': 0.75, 'exposed': 1.5, 'near': 1.5}
    """

    exposure: str | Sequence[str]
    family: Family = "gaussian"
    fixed_effects: Sequence[str] | None = None
    response: Response = "bins"
    bins: int | Sequence[float] | None = None
    variance: Variance = "leave_one_out"
    anticipation: int = 0
    leads: int = 0
    scale: Scale = "level"

    def __post_init__(self) -> None:
        check_fields(self)
        for option, allowed in (("family", Family), ("response", Response), ("variance", Variance), ("scale", Scale)):
            check_choice(option, getattr(self, option), allowed)
        check_columns("exposure", self.columns, {"spillover"})
        if not self.columns:
            raise OptionError("exposure", self.exposure, ["one column at least"])
        check_periods("anticipation", self.anticipation)
        check_periods("leads", self.leads)
        check_scale(self.scale, self.family, self.leads)
        check_fixed_effects(self.fixed_effects)
        check_cuts(self.response, self.bins)

    @property
    def columns(self) -> tuple[str, ...]:
        """Exposure columns."""
        return tuple(as_columns(self.exposure))

    # -- results -------------------------------------------------------------------------------------------------

    @typed
    def fit(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Estimate the effects by part, cohort and time.

        Parameters
        ----------
        panel : Panel
            With cohorts; rows may be missing at random.
        outcome : str
        covariates : str or sequence of str, optional
            Numeric columns, or formulas of columns, that neither treatment nor exposure changes.

        Returns
        -------
        Effects
            Index levels part, cohort and time.

        Raises
        ------
        NoControlsError
            No clean row; or treated rows with an exposure that no untreated row has.
        NoTreatedError, NoPrePeriodError, TooFewClustersError, CollinearError, ConvergenceError
            Where nothing can be estimated.
        EstimationError
            Where leave_one_out has one cluster of treated rows, or of exposed rows of a term.
        """
        stage = prepare(self, panel, outcome, covariates)
        imputed, response, treated = stage.imputed, stage.response, stage.treated
        every = np.arange(len(response.theta))
        total = imputed.average(treated, response)
        net = imputed.average(treated, response, every, base=total)
        blocks = [("treated", treated, total), ("net", treated, net)]
        if stage.roles.exposure[treated.rows].any() or not stage.exposed.size:
            blocks.append(("spillover", treated, total.less(net)))
        if stage.exposed.size:
            cells = stage.exposed_cells(stage.exposed, stage.roles.onset, "exposed rows")
            blocks.append(("exposed", cells, imputed.average(cells, response, about_response=True)))
        for label, j, functions in response.basis.parts:
            rows = stage.exposed[(response.B[np.ix_(stage.exposed, functions)] != 0).any(axis=1)]
            if rows.size:
                cells = stage.exposed_cells(rows, stage.column_onset(j), f"rows of {label}")
                others = np.setdiff1d(every, functions)
                average = imputed.average(cells, response, others, about_response=True)
                blocks.append((f"column {label}" if label in PARTS else label, cells, average))
        n_post = sum(len(cells.cohort) for _, cells, _ in blocks)
        if self.leads:
            blocks += [(part, *lead) for part, lead in stage.leads().items()]
        values, psi, mass = side_by_side([average for _, _, average in blocks])
        levels = [
            np.concatenate([np.full(len(cells.cohort), label, dtype=object) for label, cells, _ in blocks]),
            np.concatenate([cells.cohort for _, cells, _ in blocks]),
            np.concatenate([cells.time for _, cells, _ in blocks]),
        ]
        result = self._result(
            stage,
            values=values,
            index=pd.MultiIndex.from_arrays(levels, names=["part", "cohort", "time"]),
            psi=psi,
            mass=mass,
        )
        post = np.arange(len(values)) < n_post
        leads = np.cumsum([0, *(len(cells.cohort) for _, cells, _ in blocks)])[:-1] >= n_post
        shares = [
            self._shares(stage, part, cells, average, lead=lead)
            for (part, cells, average), lead in zip(blocks, leads, strict=True)
        ]
        return replace(result, post=post, cluster_shares=ClusterShares.beside(shares))

    @typed
    def response_curve(
        self,
        panel: Panel,
        outcome: str,
        *,
        covariates: str | Sequence[str] | None = None,
        at: Sequence[float] | None = None,
    ) -> Effects:
        """Estimate s(S) at levels of exposure, in each column with the others at zero.

        Parameters
        ----------
        panel, outcome, covariates
            As for `fit`.
        at : sequence of float, optional
            Levels. Default: deciles of the positive values of each column on exposed untreated rows.

        Returns
        -------
        Effects
            Index levels term (column) and level; for counts in percent.
        """
        stage = prepare(self, panel, outcome, covariates)
        response = stage.response
        names, levels, rows = [], [], []
        for j, name in enumerate(self.columns):
            values = stage.roles.exposure[stage.exposed, j]
            values = values[values > 0]
            if at is None and not values.size:
                continue
            points = np.unique(np.quantile(values, np.arange(1, 10) / 10)) if at is None else np.asarray(at, float)
            block = np.zeros((len(points), len(response.theta)))
            block[:, response.basis.of == j] = response.basis.at(j, points)
            names += [name] * len(points)
            levels += list(points)
            rows.append(block)
        L = np.vstack(rows) if rows else np.zeros((0, len(response.theta)))
        if not rows or L[:, ~response.identified].any():
            raise NoControlsError("no untreated row has such an exposure, so the response is unknown", count=0)
        values, psi = L @ response.theta, response.psi @ L.T
        if self.family == "poisson":
            values, psi = np.expm1(values), psi * np.exp(values)
        index = pd.MultiIndex.from_arrays([names, levels], names=["term", "level"])
        return self._result(stage, values=values, index=index, psi=psi, mass=None, relative=True)

    @typed
    def contamination(
        self,
        panel: Panel,
        outcome: str,
        *,
        covariates: str | Sequence[str] | None = None,
        naive: Naive = "imputation",
    ) -> Effects:
        r"""Estimate what ignoring spillovers does: the naive estimate less the part ``treated``, with its own error.

        Parameters
        ----------
        panel, outcome, covariates
            As for `fit`.
        naive : {"imputation", "twfe"}
            imputation: all untreated rows are controls; the same treated rows, by cohort and time (test it by
            ``.test()`` or ``.overall()``). In percent, both are averaged with the masses of the robust one. twfe: the
            coefficient of treatment in a regression, less the overall average.
        """
        if naive not in get_args(Naive):
            raise OptionError("naive", naive, get_args(Naive))
        if naive == "twfe":
            if self.family != "gaussian":
                raise OptionError("naive", naive, ["imputation (coefficients of counts are in logs)"])
            robust = self.fit(panel, outcome, covariates=covariates)["treated"].overall()
            regression = TWFE(fixed_effects=self.fixed_effects).fit(panel, outcome, covariates=covariates)
            return regression.select(regression.index == "treated") - robust
        stage = prepare(self, panel, outcome, covariates)
        cells = stage.treated
        clean = stage.imputed.average(cells, stage.response)
        ignoring = stage.naive.average(cells, own=clean.own)
        result = self._result(
            stage,
            values=ignoring.values - clean.values,
            index=pd.MultiIndex.from_arrays([cells.cohort, cells.time], names=["cohort", "time"]),
            psi=ignoring.psi - clean.psi,
            mass=clean.mass,
            difference=True,
        )
        return replace(result, method=f"Imputation less {result.method}")

    # -- steps ---------------------------------------------------------------------------------------------------

    def _result(
        self,
        stage: Stage,
        *,
        values: np.ndarray,
        index: pd.Index,
        psi: np.ndarray,
        mass: Mass | None,
        relative: bool = False,
        difference: bool = False,
    ) -> Effects:
        sample = stage.sample
        used = np.concatenate([stage.imputed.model.effects.rows, stage.treated.rows, stage.exposed])
        scale = "" if self.family == "gaussian" else f", {self.family}, {self.scale}"
        counts = counts_of(self.family, "percent" if relative else self.scale)
        facts = result_facts(sample, used, stage.outcome, stage.dropped, t_intervals=True, counts=counts)
        if difference:  # which may well be nothing
            resolution = facts.pop("resolution")
            alike = np.linalg.norm(psi, axis=0) <= resolution
            values, psi = np.where(alike & (np.abs(values) <= resolution), 0.0, values), np.where(alike, 0.0, psi)
        return Effects(
            values=values,
            index=index,
            psi=psi,
            method=f"Spillover ({self.response}{scale})",
            mass=mass,
            post=None if mass is None else np.ones(len(values), dtype=bool),
            leads="separate",
            anticipation=self.anticipation,
            conventions=self._conventions(stage),
            **facts,
        )

    def _shares(self, stage: Stage, part: str, cells: Cells, average: Average, *, lead: bool) -> ClusterShares:
        """Shares of clusters behind the cells of a part: treated ones, or those exposed while untreated."""
        sample = stage.sample
        facts: dict[str, Any] = {
            "n_clusters": len(sample.clusters),
            "weights": stage.imputed.row_masses,
            "own_left_out": self.variance == "leave_one_out" and not lead,
        }
        k = len(cells.cohort)
        if lead:
            cohort = sample.unit_cohort if part == "treated" else stage.roles.onset
            facts["common"] = cells.cohort - cells.time, average.mass.value
        elif part in ("treated", "net"):
            cohort, facts["by_group"] = sample.unit_cohort, True
        else:
            group = np.full(sample.n_rows, -1)
            group[stage.exposed if part == "spillover" else cells.rows] = 0
            return ClusterShares.count(sample.cluster_codes, group, np.ones((1, k)), **facts)
        return ClusterShares.by_cohort(sample.cluster_codes, cohort[sample.unit_codes], cells.cohort, **facts)

    def _conventions(self, stage: Stage) -> dict[str, str]:
        sample, rows = stage.sample, stage.treated.rows
        own = "without the own cluster" if self.variance == "leave_one_out" else "squared cluster weights"
        if self.family == "poisson":
            own = "at the common ratio to the counterfactual"
        both = int((stage.roles.exposure[rows] > 0).any(axis=1).sum())
        told = {
            "variance": f"clusters: {sample.clusters.name}; centred at s(S), the treated by cohort x time, {own}",
            "small-sample factor": "none",
            "fixed effects": ", ".join(sample.effect_names(self.fixed_effects)),
            "singletons": "kept",
            "clean controls": f"{len(stage.imputed.model.effects.rows):,} untreated and unexposed rows",
            "exposed": f"{len(stage.exposed):,} untreated rows, {both:,} of {len(rows):,} treated rows",
            "exposure": f"{', '.join(self.columns)}; response: {self.response}, zero at zero",
            "assumptions": "no anticipation; parallel trends of clean and other rows; no effect without exposure; "
            "treated and untreated rows respond to exposure alike",
        }
        if not both:
            told["spillover"] = "no treated row is exposed: nothing to estimate on them, net is treated"
        if self.anticipation:
            told["anticipation"] = f"{self.anticipation} periods before treatment and before exposure left out"
        if self.leads:
            told["leads"] = "separate regression on clean rows; reference: earlier periods, never treated or exposed"
        return told


@dataclass(frozen=True, eq=False)
class Stage:
    """One fit: rows by their role, counterfactuals, and the response to exposure.

    Attributes
    ----------
    panel : Panel
        As it was given, with the rows that are not complete.
    roles : RowRoles
    """

    options: Spillover
    panel: Panel
    roles: RowRoles
    outcome: str
    covariates: list[str]
    dropped: Dropped

    @property
    def sample(self) -> Panel:
        """Rows without missing values."""
        return self.roles.sample

    @cached_property
    def imputed(self) -> Imputed:
        """Counterfactuals from clean rows."""
        return self._impute(self.roles.clean, self.dropped)

    @cached_property
    def naive(self) -> Imputed:
        """Counterfactuals from all untreated rows; what is left out is counted in the clean fit only."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            return self._impute(self.roles.split.fitted, Dropped())

    def _impute(self, fitted: np.ndarray, dropped: Dropped) -> Imputed:
        return Imputed.fit(
            self.sample,
            self.sample.column(self.outcome),
            self.sample.matrix(self.covariates),
            self.covariates,
            self.roles.split.codes,
            fitted,
            dropped,
            poisson=self.options.family == "poisson",
            percent=self.options.scale == "percent",
            leave_one_out=self.options.variance == "leave_one_out",
        )

    @cached_property
    def treated(self) -> Cells:
        """Treated rows that clean rows reach, by cohort and period."""
        rows = reached_rows(self.sample, self.roles.split.treated, self.imputed.reached, self.dropped)
        cells = self.imputed.cells(self.sample.unit_cohort, rows, "treated rows", self.dropped)
        self.imputed.check_alone(cells, "treated rows")
        return cells

    @cached_property
    def exposed(self) -> np.ndarray:
        """Positions of the exposed untreated rows that clean rows reach."""
        return reached_exposed_rows(self.sample, self.roles.exposed, self.imputed.reached, self.dropped)

    def column_onset(self, j: int) -> np.ndarray:
        """First period with exposure in column j, for each unit; inf for never."""
        return exposure_onset(self.panel, self.sample, [self.options.columns[j]])

    def leads(self) -> dict[str, tuple[Cells, Average]]:
        """Coefficients of the periods before treatment, and before exposure where it comes first."""
        cohort = self.sample.unit_cohort
        onsets = {"treated": cohort, "exposed": np.where(self.roles.onset < cohort, self.roles.onset, NEVER)}
        return leads(self.imputed, onsets, self.options.leads, self.options.anticipation, self.dropped)

    def exposed_cells(self, rows: np.ndarray, onset: np.ndarray, what: str) -> Cells:
        """Cells of exposed untreated rows by onset and period."""
        return self.imputed.cells(onset, rows, what, self.dropped)

    @cached_property
    def response(self) -> ExposureResponse:
        """Response of exposed untreated rows."""
        options, exposed = self.options, self.exposed
        basis = Basis.choose(options.columns, options.response, options.bins, self.roles.exposure[exposed])
        response = self.imputed.respond(basis, self.roles.exposure, exposed, self.treated.rows, self.dropped)
        if exposed.size:
            warn_extrapolated(self.sample, self.roles.exposure, exposed, self.treated.rows)
        return response


def prepare(options: Spillover, panel: Panel, outcome: str, covariates: str | Sequence[str] | None) -> Stage:
    """Split the rows, code the onsets of exposure."""
    require_panel(panel)
    columns, dropped = options.columns, Dropped()
    panel, names = panel.with_covariates(covariates, dropped)
    roles = assign_roles(
        panel,
        outcome,
        columns,
        covariates=names,
        fixed_effects=options.fixed_effects,
        anticipation=options.anticipation,
        dropped=dropped,
    )
    if options.family == "poisson":
        check_counts(roles.sample.column(outcome), outcome, roles.sample)
    return Stage(options, panel, roles, outcome, names, dropped)
