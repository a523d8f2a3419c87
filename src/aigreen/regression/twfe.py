"""Two-way (or any-way) fixed-effect regressions: least squares, Poisson and instruments, static and event study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import (
    CollinearError,
    EstimationError,
    NoTreatedError,
    NoVariationError,
    OptionError,
    SeparationWarning,
    counted,
)
from aigreen.linalg.arrays import beside, compact, sum_by
from aigreen.linalg.collinearity import column_scale, independent_within
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.linalg.poisson import DENSE
from aigreen.linalg.sandwich import (
    SMALL_SAMPLE,
    cluster_factor,
    driscoll_kraay_covariance,
    n_parameters,
    row_factor,
    two_way_covariance,
)
from aigreen.linalg.varying_slopes import absorb
from aigreen.options import as_columns, check_reference
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import CONVERGED, result_facts
from aigreen.panel.on_disk.offered import check_offered
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.panel.panel import Panel, require_panel
from aigreen.regression.absorbed import EXPLAINED, Regression, fit_poisson, least_squares, project
from aigreen.regression.dummies import treatment_shares
from aigreen.regression.horizons import horizon_dummies, horizon_of, horizons_found, with_reference
from aigreen.regression.lone_clusters import warn_lone_treated
from aigreen.regression.sample import Sample, always_treated, check_counts, draw_sample
from aigreen.regression.sample_on_disk import draw_scanned
from aigreen.regression.separation import BY_COVARIATES
from aigreen.regression.twfe_on_disk import Model, Regressors, fit_blocks

Family = Literal["gaussian", "poisson"]
Variance = Literal["cluster", "hetero", "HC2", "HC3", "driscoll_kraay", "iid"]
DRISCOLL_KRAAY = "driscoll_kraay"
INTERCEPT = "(Intercept)"
_LEVERAGE = 1e-9


@dataclass(frozen=True, kw_only=True)
class TWFE:
    r"""Regression with absorbed fixed effects.

    .. math:: E[Y_{it}] = g(D_{it}'\tau + X_{it}'\beta + \alpha_i + \lambda_t + \dots), \quad g(z) = z \text{ or } e^z .

    Parameters
    ----------
    family : {"gaussian", "poisson"}
        Least squares, or Poisson pseudo-maximum likelihood (outcomes of zero or more; coefficients are log points).
    fixed_effects : sequence of str, optional
        Columns; ``"a^b"`` is the interaction of two, ``"a[x]"`` adds slopes of x that differ by a (``"firm[year]"``: a
        trend for each firm), ``"a[[x]]"`` has these slopes without the effects of a. Slopes go with "gaussian".
        Default: the panel's unit and time. An empty sequence gives a pooled regression with an intercept.
    vcov : {"cluster", "hetero", "HC2", "HC3", "driscoll_kraay", "iid"} or (str, str) or ("driscoll_kraay", int)
        "cluster": by the panel's clusters, with influence functions. Two names: two-way clustered by these columns.
        "HC2", "HC3": robust, each squared residual over :math:`1-h_i` or :math:`(1-h_i)^2` with the leverage of all
        regressors and fixed effects (least squares only). "driscoll_kraay": correlation within periods and between
        those up to a number of lags apart, by default :math:`\lfloor T^{1/4} \rfloor`, with Bartlett weights.
        All but "cluster" have a covariance matrix only, no influence functions: such a result cannot be tested jointly
        with another one.
    event_study : bool or (int, int)
        Effects by time since treatment instead of one: all horizons, or those from the first to the second number with
        binned end points: the horizons at and beyond an end share one dummy.
    reference : int
        Horizon against which an event study measures effects, negative; with binned end points inside them.

    Notes
    -----
    With effects that differ between cohorts or over time, coefficients average them with weights that may be negative
    (Goodman-Bacon 2021; Sun and Abraham 2021): see `SunAbraham`, `GroupTimeATT`, `Imputation`, `bacon_weights`. Units
    treated in all their periods stay in the regression, as in R's fixest, and are counted: they serve as comparison.

    Small-sample factors are fixest's: variances are multiplied by (N-1)/(N-K) and, clustered, G/(G-1) (for two-way
    clusters with the smaller G); K leaves out fixed effects nested in clusters. Intervals of dummies of
    treatment, and of doses where most rows are of clusters without one, use the degrees of freedom that the treated
    clusters leave (Poisson: rows count by their means, as in the score), others t with G-1 (clustered) or N-K, for
    Poisson the normal distribution. Driscoll-Kraay errors have the factor (N-1)/(N-K) T/(T-1) and T-1 degrees of
    freedom, HC2 and HC3 no factor. Singletons are left out and counted. A Poisson model leaves out groups with only
    zeros, and rows that covariates separate.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"firm": list("aabbccdd"), "year": [1, 2] * 4, "first": [2] * 4 + [0] * 4})
    >>> df["y"] = [1.0, 4.0, 0.0, 3.5, 1.0, 2.0, 0.0, 1.5]
    >>> TWFE().fit(Panel(df, unit="firm", time="year", cohort="first"), "y").estimates.round(4).to_dict()
    {'treated': 2.0}
    """

    family: Family = "gaussian"
    fixed_effects: Sequence[str] | None = None
    vcov: Variance | tuple[str, str] | tuple[str, int] = "cluster"
    event_study: bool | tuple[int, int] = False
    reference: int = -1

    def __post_init__(self) -> None:
        check_fields(self)
        if self.family not in get_args(Family):
            raise OptionError("family", self.family, get_args(Family))
        if isinstance(self.vcov, str):
            if self.vcov not in get_args(Variance):
                raise OptionError("vcov", self.vcov, [*get_args(Variance), ("column", "column")])
        elif len(self.vcov) != 2 or (isinstance(self.vcov[1], int) and (self._lag is None or self._lag < 0)):
            raise OptionError("vcov", self.vcov, [*get_args(Variance), ("column", "column")])
        if self.vcov in ("HC2", "HC3") and self.family == "poisson":
            raise OptionError("vcov", self.vcov, ["hetero or another one with family='poisson'"])
        if isinstance(self.fixed_effects, str):
            raise OptionError("fixed_effects", self.fixed_effects, [[self.fixed_effects]])
        if not isinstance(self.event_study, bool):
            low, high = self.event_study
            if not low < -1 <= 0 <= high:
                raise OptionError("event_study", self.event_study, [True, False, (-5, 5)])
            if not low < self.reference < 0:
                raise OptionError("reference", self.reference, list(range(-1, low, -1)))
        check_reference(self.reference)

    @property
    def _lag(self) -> int | None:
        """Number of lags of Driscoll-Kraay errors where it is given."""
        return self.vcov[1] if self.vcov[0] == DRISCOLL_KRAAY and isinstance(self.vcov[1], int) else None

    @typed
    def fit(
        self,
        panel: Panel | ScannedPanel,
        outcome: str,
        *,
        treatment: str | Sequence[str] | None = None,
        covariates: str | Sequence[str] | None = None,
        instruments: str | Sequence[str] | None = None,
        offset: str | None = None,
    ) -> Effects:
        """Fit and return coefficients by `term` (treatments, then covariates), or by `horizon` in an event study.

        Parameters
        ----------
        panel : Panel or ScannedPanel
            From disk (`Panel.scan`) clustered errors, no instruments, and the unit among the fixed effects.
        outcome : str
        treatment : str or sequence of str, optional
            Columns. Default: whether the row is at or after its unit's first treated period, labelled "treated".
        covariates : str or sequence of str, optional
            Columns, or formulas: ``"size + C(industry) * age"``.
        instruments : str or sequence of str, optional
            Two-stage least squares: these, and the covariates, instrument the treatments.
        offset : str, optional
            Poisson only: column added to the linear predictor with coefficient one (log exposure).

        Raises
        ------
        DataError, CollinearError, ConvergenceError
            Where the treatment is not identified, or no fit is found.
        """
        treatments, instruments, dropped = as_columns(treatment), as_columns(instruments), Dropped()
        if not isinstance(panel, ScannedPanel):
            require_panel(panel)
        if self.event_study and treatments:
            raise OptionError("event_study", self.event_study, ["no treatment= (horizons come from the cohorts)"])
        if instruments and (self.family == "poisson" or self.event_study):
            raise OptionError("instruments", instruments, ["none with family='poisson' or an event study"])
        if instruments and self.vcov in ("HC2", "HC3"):
            raise OptionError("vcov", self.vcov, ["hetero or another one with instruments"])
        if offset is not None and self.family != "poisson":
            raise OptionError("offset", offset, ["none without family='poisson'"])
        if isinstance(panel, ScannedPanel):
            return self._from_disk(panel, outcome, treatments, as_columns(covariates), instruments, offset, dropped)
        names, slopes = panel.varying_slopes(self.fixed_effects)
        if slopes and self.family == "poisson":
            raise OptionError("fixed_effects", self.fixed_effects, ["no varying slopes with family='poisson'"])
        panel, covariates = panel.with_covariates(covariates, dropped)
        roles = {"treatment": treatments, "covariates": covariates, "instruments": instruments, "offset": offset}
        panel.check_roles(outcome, self.fixed_effects, **roles)
        columns = [outcome, *treatments, *covariates, *instruments, *([] if offset is None else [offset])]
        columns += [variable for _, variable in slopes if variable != panel.names["time"]]
        complete = panel.complete(list(dict.fromkeys(columns)), dropped)
        if self.family == "poisson":
            check_counts(complete.column(outcome), outcome, complete)
        sample = draw_sample(
            complete,
            names,
            dropped,
            counts=complete.column(outcome) if self.family == "poisson" else None,
            slopes=slopes,
        )
        if self.event_study:
            horizon = horizon_of(sample.take(sample.panel.time), sample.take(sample.panel.cohort), self.event_study)
            labels: list[object] = list(horizons_found(horizon, self.reference, complete.names, dropped))
            X = horizon_dummies(horizon, labels)
        else:
            labels = list(treatments or ["treated"])
            X = sample.matrix(treatments) if treatments else _treated(sample, dropped)
        n_treatments = len(labels)
        X = beside(X, sample.matrix(covariates))
        labels += covariates
        if not names:
            X = np.column_stack([X, np.ones(len(sample))])
            labels += [INTERCEPT]
        Z = sample.matrix(instruments) if instruments else None
        off = None if offset is None else sample.matrix([offset])[:, 0]
        y = sample.matrix([outcome])[:, 0]

        if self.family == "poisson":
            sample, X, labels, regression = _fit_counts(sample, y, X, labels, off, n_treatments, dropped)
        else:
            X, labels, projected = _identified(sample, X, labels, n_treatments, dropped)
            regression = _fit_linear(sample, outcome, y, X, projected, Z, n_treatments)
            if self.vcov in ("HC2", "HC3"):
                regression = _without_own_pull(sample, regression, projected, 0.5 if self.vcov == "HC2" else 1.0)
        shares = (
            None
            if instruments
            else treatment_shares(sample, X, n_treatments, by_cohort=not treatments, mean=regression.mean)
        )
        by_unit = not panel.repeated and panel.names["unit"] in names
        told = _always_treated(sample) if by_unit and not treatments else {}
        return self._effects(
            sample, regression, labels, n_treatments, outcome, bool(instruments), shares, dropped, told
        )  # fmt: skip

    def _effects(
        self,
        sample: Sample,
        regression: Regression,
        labels: list[object],
        n_treatments: int,
        outcome: str,
        instrumented: bool,
        shares: ClusterShares | None,
        dropped: Dropped,
        told: dict[str, str],
    ) -> Effects:
        psi, covariance, df, text = self._variance(sample, regression)
        if shares is not None and self.vcov == "cluster":
            warn_lone_treated(shares, labels[:n_treatments])
        method = "Poisson" if self.family == "poisson" else "2SLS" if instrumented else "OLS"
        w = np.ones(len(sample)) if sample.weights is None else sample.weights
        total = w @ sample.matrix([outcome])[:, 0] if self.family == "poisson" else w.sum()
        spread = 1 / np.sqrt(total * np.diag(regression.bread))
        facts = result_facts(
            sample.panel,
            sample.rows,
            outcome,
            dropped,
            spread=spread.min() if self.event_study else spread,
            counts="relative" if self.family == "poisson" else None,
        )
        facts["df"] = None if self.family == "poisson" else df
        return self._result(
            regression.beta,
            psi,
            covariance,
            shares if self.vcov == "cluster" else None,
            labels,
            n_treatments,
            method=method,
            effects=sample.panel.effect_names(self.fixed_effects),
            text=text,
            told=told,
            facts=facts,
        )

    def _from_disk(
        self,
        panel: ScannedPanel,
        outcome: str,
        treatments: list[str],
        covariates: list[str],
        instruments: list[str],
        offset: str | None,
        dropped: Dropped,
    ) -> Effects:
        check_offered("TWFE", {"vcov": (self.vcov, ("cluster",)), "instruments": (instruments or None, (None,))})
        effects, also = panel.effects_beside_unit(self.fixed_effects), [] if offset is None else [offset]
        roles = {"treatment": treatments, "covariates": covariates, "offset": also}
        panel.check_roles(outcome, fixed_effects=effects, **roles)
        columns = list(dict.fromkeys([outcome, *treatments, *covariates, *also]))
        names, counts = panel.effect_names(self.fixed_effects), self.family == "poisson"
        sample, last = draw_scanned(panel, columns, names, dropped, counts=counts)
        regressors = Regressors.of(sample, treatments, covariates, self.event_study, self.reference, dropped)
        model, n = Model(sample, outcome, regressors, counts, offset), regressors.n_treatments
        fit = fit_blocks(model, last, lambda labels, keep, gone: _require_treatments(labels, keep, n, gone), dropped)
        sample, labels = fit.sample, fit.regressors.labels
        if fit.shares is not None:
            warn_lone_treated(fit.shares, labels[:n])
        spread = 1 / np.sqrt(fit.total_weight * np.diag(fit.bread))
        facts = sample.facts(outcome, dropped, largest=fit.largest, t_intervals=not counts)
        resolution = CONVERGED if counts else facts["resolution"]
        facts["resolution"] = resolution / (spread.min() if self.event_study else spread)
        return self._result(
            fit.beta,
            fit.psi,
            None,
            fit.shares,
            labels,
            n,
            method="Poisson" if counts else "OLS",
            effects=names,
            text=f"clustered by {panel.clusters.name}, {SMALL_SAMPLE}",
            told=fit.told,
            facts=facts,
        )

    def _result(
        self,
        values: np.ndarray,
        psi: np.ndarray | None,
        covariance: np.ndarray | None,
        shares: ClusterShares | None,
        labels: list[object],
        n_treatments: int,
        *,
        method: str,
        effects: list[str],
        text: str,
        told: dict[str, str],
        facts: dict[str, Any],
    ) -> Effects:
        index = pd.Index(labels, name="term")
        mass = post = None
        if self.event_study:
            values, psi, covariance, shares, index = with_reference(
                values, psi, covariance, shares, labels[:n_treatments], self.reference
            )
            mass, post = Mass(np.ones(len(index)), np.arange(len(index))), index.to_numpy() >= 0
        return Effects(
            values=values,
            index=index,
            psi=psi,
            covariance=covariance,
            method=f"TWFE {method}" + (" event study" if self.event_study else ""),
            mass=mass,
            post=post,
            cluster_shares=shares,
            conventions={
                "fixed effects": ", ".join(effects) or "none",
                "variance": text,
                "singletons": "left out, counted",
            }
            | ({"reference horizon": str(self.reference)} if self.event_study else {})
            | told,
            **facts,
        )

    def _variance(
        self, sample: Sample, regression: Regression
    ) -> tuple[np.ndarray | None, np.ndarray | None, int, str]:
        """Return influence functions or covariance, degrees of freedom, and the convention in words."""
        n, k = len(sample), len(regression.beta) + sum(slope.n_levels for slope in sample.slopes)
        influence = regression.influence
        if self.vcov == "cluster":
            clusters, n_clusters = compact(sample.clusters)
            factor = cluster_factor(n, n_parameters(k, sample.effects, [clusters]), n_clusters)
            psi = np.sqrt(factor) * sum_by(sample.clusters, influence, len(sample.panel.clusters))
            return psi, None, n_clusters - 1, f"clustered by {sample.panel.clusters.name}, {SMALL_SAMPLE}"
        parameters = n_parameters(k, sample.effects)
        if self.vcov == "iid":
            factor = row_factor(n, parameters)
            return None, factor * regression.sigma2 * regression.bread, n - parameters, "iid, (N-1)/(N-K)"
        if self.vcov == "hetero":
            factor = row_factor(n, parameters) * n / (n - 1)
            return None, factor * influence.T @ influence, n - parameters, "heteroskedasticity-robust, N/(N-K)"
        if self.vcov in ("HC2", "HC3"):
            return None, influence.T @ influence, n - parameters, f"{self.vcov}, no small-sample factor"
        if self.vcov == DRISCOLL_KRAAY or self._lag is not None:
            periods, n_periods = compact(sample.take(sample.panel.time_codes))
            lag = int(n_periods**0.25) if self._lag is None else self._lag
            if n_periods < 3 or lag > n_periods - 2:
                raise EstimationError(
                    f"Driscoll-Kraay errors with {lag} lags in {n_periods} periods: three periods at least, and "
                    "fewer lags than periods less one, are needed"
                )
            factor = cluster_factor(n, parameters, n_periods)
            covariance = driscoll_kraay_covariance(influence, periods, lag, factor)
            return None, covariance, n_periods - 1, f"Driscoll-Kraay, {lag} lags, (N-1)/(N-K) T/(T-1)"
        columns = [str(name) for name in self.vcov]
        first, second = (compact(sample.panel.effect_codes(name)[sample.rows])[0] for name in columns)
        smaller = min(first.max(), second.max()) + 1
        factor = cluster_factor(n, n_parameters(k, sample.effects, [first, second]), smaller)
        covariance = two_way_covariance(influence, first, second, factor)
        return (
            None,
            covariance,
            smaller - 1,
            f"two-way clustered by {' and '.join(columns)}, {SMALL_SAMPLE}, G the smaller",
        )


def _without_own_pull(sample: Sample, regression: Regression, projected: np.ndarray, power: float) -> Regression:
    """Divide each row's score by a power of one less its leverage."""
    w = np.ones(len(sample)) if sample.weights is None else sample.weights
    gram = (projected * w[:, None]).T @ projected
    leverage = w * np.einsum("ij,ij->i", projected, np.linalg.solve(gram, projected.T).T)
    if sample.effects or sample.slopes:
        leverage = leverage + absorb(sample.effects, sample.slopes, weights=sample.weights).leverage()
    alone = np.flatnonzero(leverage > 1 - _LEVERAGE)
    if alone.size:
        first = ", ".join(map(str, sample.panel.labels(sample.rows[alone[:5]])))
        raise EstimationError(
            f"{counted(alone.size, 'row is', 'rows are')} fitted perfectly, whatever the outcome, without an error; "
            f"first: {first}"
        )
    return replace(regression, scores=regression.scores / ((1 - leverage) ** power)[:, None])


def _always_treated(sample: Sample) -> dict[str, str]:
    """Count the units that are treated in all their rows, and say what becomes of them."""
    unit = sample.take(sample.panel.unit_codes)
    rows = np.bincount(unit, minlength=sample.panel.n_units)
    treated = np.bincount(unit, sample.take(sample.panel.treated), sample.panel.n_units)
    always = np.flatnonzero((rows > 0) & (treated == rows))
    return always_treated(always.size, sample.panel.units[always])


def _treated(sample: Sample, dropped: Dropped) -> np.ndarray:
    treated = sample.panel.treated[sample.rows]
    if not treated.any():
        message = "no row is at or after a first treated period; name a treatment= column or a cohort"
        raise NoTreatedError(message + dropped.cause(), count=0)
    return treated[:, None].astype(float)


def _identified(
    sample: Sample,
    X: np.ndarray,
    labels: Sequence[object],
    n_treatments: int,
    dropped: Dropped,
    effects: FixedEffects | None = None,
    n_separated: int = 0,
) -> tuple[np.ndarray, list[object], np.ndarray]:
    """Return columns that stay, their labels and projections in units of their standard deviations.

    Dependent covariates are counted, dependent treatments refused. `effects` projects where it is given; `n_separated`
    rows were left out before.
    """
    scaled = X / column_scale(X)
    if effects is None:
        projected = project(scaled, sample.effects, sample.weights, sample.slopes)
    else:
        projected = effects.residualize(scaled)
    keep = independent_within(scaled, projected, sample.weights)
    _require_treatments(labels, keep, n_treatments, n_separated)
    dropped.collinear(labels, keep)
    if keep.all():
        return X, list(labels), projected
    return X.T[keep].T, [label for label, k in zip(labels, keep, strict=True) if k], projected.T[keep].T


def _require_treatments(labels: Sequence[object], keep: np.ndarray, n_treatments: int, n_separated: int = 0) -> None:
    """Refuse treatments that are determined by others or by fixed effects, or were in the separated rows alone."""
    if not keep[:n_treatments].all():
        lost = [str(label) for label, k in zip(labels, keep, strict=True) if not k]
        count = int((~keep[:n_treatments]).sum())
        if n_separated:
            raise CollinearError(
                f"{count} of {n_treatments} treatment effects are not identified, as the {n_separated:,} rows that "
                f"would tell them have zero outcomes without a finite fit (separation): {', '.join(lost[:5])}"
            )
        raise CollinearError(
            f"{count} of {n_treatments} treatment effects are not identified, as fixed effects or other treatments "
            f"determine them: {', '.join(lost[:5])}"
        )


def _fit_linear(
    sample: Sample,
    outcome: str,
    y: np.ndarray,
    X: np.ndarray,
    projected: np.ndarray,
    Z: np.ndarray | None,
    n_treatments: int,
) -> Regression:
    """Fit in units of standard deviations; return the fit in the units of the data."""
    y_scale = float(column_scale(y[:, None])[0])
    centre = y.mean() if sample.effects else 0.0
    columns = ((y - centre) / y_scale)[:, None]
    if Z is not None:
        columns = np.column_stack([columns, Z / column_scale(Z)])
    columns = project(columns, sample.effects, sample.weights, sample.slopes)
    if columns[:, 0].std() <= EXPLAINED:
        raise NoVariationError(outcome)
    every = None if Z is None else np.column_stack([columns[:, 1:], projected[:, n_treatments:]])
    regression = least_squares(columns[:, 0], projected, every, sample.weights).scaled(1 / column_scale(X))
    return Regression(
        regression.beta * y_scale, regression.scores * y_scale, regression.bread, regression.sigma2 * y_scale**2
    )


def _fit_counts(
    sample: Sample,
    y: np.ndarray,
    X: np.ndarray,
    labels: list[object],
    offset: np.ndarray | None,
    n_treatments: int,
    dropped: Dropped,
) -> tuple[Sample, np.ndarray, list[object], Regression]:
    """Fit Poisson, without rows that are separated; also return the sample, columns and labels that are left."""
    n_separated = 0
    while True:
        effects = FixedEffects(sample.effects, weights=sample.weights, dense=DENSE) if sample.effects else None
        X, labels, projected = _identified(sample, X, labels, n_treatments, dropped, effects, n_separated)
        regression, gone = fit_poisson(y, X, projected, effects, sample.weights, offset)
        if regression is not None:
            return sample, X, labels, regression.scaled(1 / column_scale(X))
        n_separated += int(gone.sum())
        sample, X, y, offset = _without_separated(sample, X, y, offset, gone, dropped)


def _without_separated(
    sample: Sample, X: np.ndarray, y: np.ndarray, offset: np.ndarray | None, gone: np.ndarray, dropped: Dropped
) -> tuple[Sample, np.ndarray, np.ndarray, np.ndarray | None]:
    first = sample.panel.labels(sample.rows[gone][:5])
    dropped.add(SeparationWarning, "rows", BY_COVARIATES, int(gone.sum()), first)
    left = ~gone
    return sample.without(gone), X[left], y[left], None if offset is None else offset[left]
