"""Channels of an effect: product of coefficients, staggered imputation and doubly robust, with joint covariances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from aigreen.absorb import FixedEffects
from aigreen.aggregation import Mass
from aigreen.channels import CleanFit, fit_clean
from aigreen.decomposition import Decomposition
from aigreen.did.cells import ControlGroup
from aigreen.did.group_time import GroupTimeATT
from aigreen.did.sample import draw_sample
from aigreen.did.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters, sum_by
from aigreen.did.untreated import independent
from aigreen.dropped import Dropped
from aigreen.effects import Effects
from aigreen.errors import CollinearError, CollinearWarning, EstimationError, NoTreatedError, OptionError
from aigreen.joint import merged
from aigreen.panel import Panel
from aigreen.parts import DIRECT, SPILLOVER, TOTAL, Parts

Design = Literal["regression", "staggered", "doubly_robust"]
Variance = Literal["cluster", "iid"]


@dataclass(frozen=True, kw_only=True)
class Mediation:
    r"""Total effect = direct effect + effects through channels.

    regression: product of coefficients. With fixed effects and covariates :math:`F`

    .. math:: M_k = a_k D + F'm_k + u_k, \qquad Y = \tau' D + \sum_k b_k M_k + F'g + e, \qquad
              \tau = \tau' + \sum_k a_k b_k ,

    where :math:`\tau` is the coefficient of the regression without channels (exactly, in sample). D may be continuous.
    With staggered adoption and effects that differ, these coefficients average effects with weights that may be
    negative: use one of the other designs.

    staggered: `Decomposition` without exposure, by cohort and time.

    doubly_robust: by cohort and time, with :math:`\theta(X)` the doubly robust effect of Sant'Anna and Zhao given X
    (from the base period, as in `GroupTimeATT`),

    .. math:: \text{total} = \theta(X), \quad \text{direct} = \theta(X, M^{(1..K)}), \quad
              \text{channel } k = \theta(X, M^{(1..k-1)}) - \theta(X, M^{(1..k)}),

    where conditioning on :math:`M` is on its values in both periods of the comparison. Linearity of the outcome is
    needed only where the model of treatment given X and M is wrong (Huber and Oberhänsli 2026, two periods; here every
    cohort and period, with influence functions by cluster). Several channels are always in causal order.

    Parameters
    ----------
    channels : sequence of str
    design : {"regression", "staggered", "doubly_robust"}
    fixed_effects : sequence of str, optional
        Columns, several joined by ``^``. Default: the panel's unit and time. regression: an empty sequence gives a
        pooled regression with an intercept. Not for doubly_robust.
    anticipation : int
        Not for regression.
    ordered : bool
        Channels in causal order: the part of a channel is what it carries beyond the earlier ones, with what it passes
        on through later ones (sequential fits). doubly_robust is always ordered.
    interaction : bool
        Let the slopes of the channels differ under treatment (not for doubly_robust, where they may anyway). The parts
        keep their meaning, the direct part is shown in pieces as well. regression: the product of treatment and each
        channel enters; the total is then that of a unit of treatment from zero at the sample's mean channels.
    vcov : {"cluster", "iid"}
        regression: by the panel's clusters with influence functions, or the classical one (Sobel's error), which has
        no influence functions.
    control_group : {"not_yet_treated", "never_treated"}
        Of doubly_robust.

    References
    ----------
    Baron and Kenny (1986); Imai, Keele and Yamamoto (2010), Statistical Science 25; VanderWeele and Vansteelandt
    (2014) for several channels; Huber and Oberhänsli (2026), arXiv:2602.23877.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> df = pd.DataFrame({"firm": np.repeat(np.arange(50), 2), "year": np.tile([1, 2], 50)})
    >>> df["ai"] = rng.random(100)
    >>> df["m"] = 2 * df.ai + rng.random(100)
    >>> df["y"] = 3 * df.ai + 0.5 * df.m
    >>> panel = Panel(df, unit="firm", time="year")
    >>> Mediation(channels=["m"]).fit(panel, "y", treatment="ai").estimates.round(6).loc["direct"]
    np.float64(3.0)
    """

    channels: Sequence[str]
    design: Design = "regression"
    fixed_effects: Sequence[str] | None = None
    anticipation: int = 0
    ordered: bool = False
    interaction: bool = False
    vcov: Variance = "cluster"
    control_group: ControlGroup = "not_yet_treated"

    def __post_init__(self) -> None:
        for option, allowed in (("design", Design), ("vcov", Variance), ("control_group", ControlGroup)):
            if getattr(self, option) not in get_args(allowed):
                raise OptionError(option, getattr(self, option), get_args(allowed))
        if isinstance(self.fixed_effects, str):
            raise OptionError("fixed_effects", self.fixed_effects, [[self.fixed_effects]])
        names = self.channels
        if isinstance(names, str) or not len(names) or len(set(names)) < len(names):
            raise OptionError("channels", names, ["a list of distinct columns"])
        bad = [name for name in names if name in {TOTAL, DIRECT, SPILLOVER} or ": " in name]
        if bad:
            raise OptionError("channels", bad[0], ["a column not called total, direct, spillover, without ': '"])
        if self.vcov == "iid" and (self.design != "regression" or self.ordered or self.interaction):
            raise OptionError("vcov", self.vcov, ["cluster (iid is for design='regression', parallel channels)"])
        if self.interaction and (self.design == "doubly_robust" or (self.design == "regression" and self.ordered)):
            raise OptionError("interaction", True, ["False with design='doubly_robust' or an ordered regression"])
        if self.anticipation and self.design == "regression":
            raise OptionError("anticipation", self.anticipation, ["0 with design='regression'"])
        if self.fixed_effects is not None and self.design == "doubly_robust":
            raise OptionError("fixed_effects", self.fixed_effects, ["None with design='doubly_robust'"])

    def fit(
        self,
        panel: Panel,
        outcome: str,
        *,
        treatment: str | None = None,
        covariates: Sequence[str] | None = None,
    ) -> Parts:
        """Estimate total, direct and the part of each channel.

        Parameters
        ----------
        panel : Panel
        outcome : str
        treatment : str, optional
            regression: column, which may be continuous. Default: whether the row is at or after its unit's first
            treated period.
        covariates : sequence of str, optional

        Returns
        -------
        Parts
            By part; by part, cohort and time for staggered and doubly_robust.

        Raises
        ------
        CollinearError
            Where treatment or a channel does not vary apart from the rest.
        """
        if treatment is not None and self.design != "regression":
            raise OptionError("treatment", treatment, [f"None: design={self.design!r} takes the panel's cohorts"])
        names = list(covariates or [])
        repeated = {outcome, treatment, *names} & {*self.channels}
        if repeated:
            raise OptionError("channels", sorted(map(str, repeated))[0], ["columns with no other role"])
        if self.design == "staggered":
            return Decomposition(
                channels=self.channels,
                fixed_effects=self.fixed_effects,
                anticipation=self.anticipation,
                ordered=self.ordered,
                interaction=self.interaction,
            ).fit(panel, outcome, covariates=names)
        if self.design == "doubly_robust":
            return self._doubly_robust(panel, outcome, names)
        return self._regression(panel, outcome, treatment, names)

    # -- product of coefficients ---------------------------------------------------------------------------------

    def _regression(self, panel: Panel, outcome: str, treatment: str | None, names: list[str]) -> Parts:
        dropped = Dropped()
        columns = [outcome, *([treatment] if treatment else []), *self.channels, *names]
        complete = panel.complete(columns, dropped)
        effects_names = self.fixed_effects
        if effects_names is None:
            effects_names = [panel.names["unit"], panel.names["time"]]
        sample = draw_sample(complete, effects_names, dropped, counts=None)
        if treatment is None and not complete.treated[sample.rows].any():
            raise NoTreatedError("no row is treated", column=panel.names.get("cohort"), count=0)
        d = complete.column(treatment) if treatment else complete.treated.astype(float)
        codes = sample.effects or [np.zeros(len(sample), dtype=np.intp)]
        effects = FixedEffects(codes, weights=sample.weights)
        X = np.column_stack([d[sample.rows], sample.matrix(names)])
        keep, _ = independent(effects, X, sample.weights)
        if not keep[0]:
            raise CollinearError(f"treatment {treatment or 'treated'!r} is determined by the fixed effects")
        gone = [name for name, kept in zip(names, keep[1:], strict=True) if not kept]
        reason = "determined by treatment, fixed effects and others"
        dropped.add(CollinearWarning, "covariates", reason, len(gone), gone, stacklevel=4)
        M, y = sample.matrix(list(self.channels)), complete.column(outcome)[sample.rows]
        X, k, labels = X[:, keep], len(self.channels), list(self.channels)
        if self.interaction:
            M, labels = np.hstack([M, M * X[:, :1]]), [*labels, *(f"{name} x treatment" for name in labels)]
        model = _Regression.of(y, M, X, effects, sample.weights, labels, ordered=self.ordered)
        clusters, n_clusters = sample.clusters, sample.n_clusters
        # the largest of the regressions gives one factor to all parts, so that their covariance adds up too
        size = n_parameters(M.shape[1] + X.shape[1], codes, [clusters])
        values, psi, covariance = model.values, None, None
        labels = [TOTAL, DIRECT, *self.channels]
        if self.vcov == "iid":
            covariance = model.classical(len(sample), n_parameters(X.shape[1], codes))
        else:
            psi = model.influence(clusters, len(complete.clusters))
            if self.interaction:
                values, psi = model.interacted(X[:, 0], M[:, :k], psi, clusters)
                crossed = [f"{DIRECT}: interaction {name}" for name in self.channels]
                labels = [*labels, f"{DIRECT}: at untreated channels", *crossed]
            psi = psi * np.sqrt(cluster_factor(len(sample), size, n_clusters))
        told = {
            "identity": f"{TOTAL} = {' + '.join([DIRECT, *self.channels])}",
            "variance": f"clusters: {complete.clusters.name}" if psi is not None else "classical (iid)",
            "small-sample factor": SMALL_SAMPLE if psi is not None else "1/(N-K)",
            "fixed effects": ", ".join(effects_names) or "none (intercept)",
        }
        if self.ordered:
            told["channels"] = "ordered: each beyond the earlier ones"
        return Parts(
            values=values,
            index=pd.Index(labels, name="part"),
            psi=psi,
            covariance=covariance,
            clusters=complete.clusters,
            n_rows=len(sample),
            n_units=sample.n_units,
            n_clusters=n_clusters,
            method="Mediation (product of coefficients)",
            outcome=outcome,
            mass=Mass(np.ones(len(labels)), np.arange(len(labels))),
            post=np.ones(len(labels), dtype=bool),
            df=n_clusters - 1 if psi is not None else None,
            conventions=told,
            dropped=dropped.to_frame(),
        )

    # -- doubly robust -------------------------------------------------------------------------------------------

    def _doubly_robust(self, panel: Panel, outcome: str, names: list[str]) -> Parts:
        dropped = Dropped()
        sample = panel.complete([outcome, *self.channels, *names], dropped)
        estimator = GroupTimeATT(control_group=self.control_group, anticipation=self.anticipation)
        stages: list[Effects] = []
        for j in range(len(self.channels) + 1):
            earlier = list(self.channels[:j])
            stages.append(estimator.fit(sample, outcome, covariates=[*names, *earlier], current=earlier))
        common = stages[0].index
        for stage in stages[1:]:
            common = common[common.isin(stage.index)]
        if not len(common):
            raise EstimationError("no cohort and period can be computed given the channels: no overlap")
        stages = [stage.select(stage.index.isin(common)) for stage in stages]
        values = np.array([stage.values for stage in stages])
        psi = np.stack([stage.psi for stage in stages])
        labels = [TOTAL, DIRECT, *self.channels]
        values = np.concatenate([values[[0, -1]], values[:-1] - values[1:]])
        psi = np.concatenate([psi[[0, -1]], psi[:-1] - psi[1:]])
        n_parts, n_cells = values.shape
        mass = stages[0].mass
        facts = merged(stages)
        facts["dropped"] = pd.concat([dropped.to_frame(), facts["dropped"]], ignore_index=True)
        facts["conventions"] = {
            "identity": f"{TOTAL} = {' + '.join([DIRECT, *self.channels])}",
            **stages[0].conventions,
            "channels": "ordered: each beyond the earlier ones; conditioned on in both periods",
        }
        facts["method"] = "Mediation (doubly robust)"
        return Parts(
            values=values.ravel(),
            index=pd.MultiIndex.from_arrays(
                [
                    np.repeat(labels, n_cells),
                    np.tile(common.get_level_values("cohort"), n_parts),
                    np.tile(common.get_level_values("time"), n_parts),
                ],
                names=["part", "cohort", "time"],
            ),
            psi=psi.transpose(1, 0, 2).reshape(psi.shape[1], -1),
            clusters=sample.clusters,
            mass=Mass(mass.value, np.tile(mass.of, n_parts), mass.influence),
            post=np.tile(stages[0].post, n_parts),
            **facts,
        )


@dataclass(frozen=True, eq=False)
class _Regression:
    """Product of coefficients: treatment `d` less fixed effects and covariates, and the fit given treatment too.

    `fit` regresses outcome and channels on fixed effects, covariates and treatment, on all rows, so that its deviations
    are the residuals u and u'b + e; `total` and `a` are the coefficients of treatment in these regressions.
    """

    d: np.ndarray
    total: float
    a: np.ndarray
    fit: CleanFit

    @classmethod
    def of(
        cls,
        y: np.ndarray,
        M: np.ndarray,
        X: np.ndarray,
        effects: FixedEffects,
        weights: np.ndarray | None,
        names: list[str],
        *,
        ordered: bool,
    ) -> _Regression:
        """Fit; the first column of `X` is treatment, the others are covariates."""
        try:
            fit = fit_clean(y, M, X, effects, weights, names, ordered=ordered)
        except CollinearError as error:
            message = str(error).replace("fixed effects", "fixed effects, covariates and treatment")
            raise CollinearError(message.split(" on the clean rows")[0]) from None
        d = fit.covariates @ fit.bread[0] / fit.bread[0, 0]
        wd = d if weights is None else d * weights
        return cls(d, float(wd @ y / (wd @ d)), M.T @ wd / (wd @ d), fit)

    @property
    def values(self) -> np.ndarray:
        """Total, direct, channels."""
        through = self.fit.loadings @ self.a
        return np.concatenate([[self.total, self.total - through.sum()], through])

    def influence(self, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        r"""Influence by cluster of total, direct and channels: :math:`\psi_k = b_k \psi_{a_k} + a_k \psi_{b_k}`."""
        wd = self.d if self.fit.weights is None else self.d * self.fit.weights
        residuals = np.column_stack([self.fit.outcome, self.fit.channels])
        psi = sum_by(clusters, residuals * (wd / (wd @ self.d))[:, None], n_clusters)
        loadings = self.fit.loadings_influence(clusters, n_clusters)
        through = psi[:, 1:] @ self.fit.loadings.T + loadings @ self.a
        return np.column_stack([psi[:, 0], psi[:, 0] - through.sum(axis=1), through])

    def interacted(
        self, treatment: np.ndarray, M: np.ndarray, psi: np.ndarray, clusters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Parts where the channels of the fit are M and their products with treatment, with slopes b and h.

        With c the coefficient of treatment and :math:`\mu` the mean of :math:`M - aD`: direct at untreated channels
        :math:`c + h'\mu`, interaction :math:`h_k a_k`, direct the sum of these, channels :math:`a_k b_k`.

        Parameters
        ----------
        treatment : shape (n,);  M : shape (n, K)
        psi : ndarray, shape (clusters, 2 + 2 K)
            Influence of the total, direct and parts of the fit as it is.

        Returns
        -------
        values, psi : of total, direct, channels, direct at untreated channels, interactions
        """
        k, n_clusters = M.shape[1], len(psi)
        w = np.ones(len(M)) if self.fit.weights is None else self.fit.weights
        w = w / w.sum()
        a, b, h = self.a[:k], self.fit.slopes[:k], self.fit.slopes[k:]
        wd = w * self.d / (w @ self.d**2)
        a_psi = sum_by(clusters, self.fit.channels[:, :k] * wd[:, None], n_clusters)
        slopes_psi = self.fit.loadings_influence(clusters, n_clusters).sum(axis=1)
        b_psi, h_psi = slopes_psi[:, :k], slopes_psi[:, k:]
        mean, dose = w @ M, w @ treatment
        untreated = mean - a * dose
        gaps = w[:, None] * (M - mean - np.outer(treatment - dose, a))
        untreated_psi = sum_by(clusters, gaps, n_clusters) - a_psi * dose
        c = self.values[1]
        own = c + h @ untreated
        own_psi = psi[:, 1] + h_psi @ untreated + untreated_psi @ h
        crossed, crossed_psi = h * a, h_psi * a + a_psi * h
        through, through_psi = a * b, a_psi * b + b_psi * a
        direct, direct_psi = own + crossed.sum(), own_psi + crossed_psi.sum(axis=1)
        total, total_psi = direct + through.sum(), direct_psi + through_psi.sum(axis=1)
        values = np.concatenate([[total, direct], through, [own], crossed])
        return values, np.column_stack([total_psi, direct_psi, through_psi, own_psi, crossed_psi])

    def classical(self, n: int, size: int) -> np.ndarray:
        """Covariance under independent errors of equal variance; `size` counts parameters of a channel's regression."""
        b, m, k = self.fit.slopes, self.fit.channels, len(self.a)
        w = np.ones(n) if self.fit.weights is None else self.fit.weights
        gram, squares = (m * w[:, None]).T @ m, w @ self.d**2
        noise = w @ self.fit.rest**2 / (n - size - k)
        errors = np.zeros((1 + 2 * k, 1 + 2 * k))
        errors[0, 0] = noise / squares
        errors[1 : 1 + k, 1 : 1 + k] = noise * np.linalg.inv(gram)
        errors[1 + k :, 1 + k :] = gram / (n - size) / squares
        slope = np.zeros((2 + k, 1 + 2 * k))
        slope[:2, 0] = 1.0
        slope[0, 1 + k :] = b
        slope[1, 1 : 1 + k] = -self.a
        slope[2:, 1 : 1 + k], slope[2:, 1 + k :] = np.diag(self.a), np.diag(b)
        return slope @ errors @ slope.T
