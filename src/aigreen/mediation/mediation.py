"""Channels of an effect: product of coefficients, staggered imputation and doubly robust, with joint covariances."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.decomposition.decomposition import Decomposition
from aigreen.decomposition.draws import Bootstrap, Resampling, cluster_weights
from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL, Layout, Parts
from aigreen.did.group_time.plan import ControlGroup
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import (
    AigreenWarning,
    CollinearError,
    EstimationError,
    OptionError,
    RoleTakenError,
)
from aigreen.inference.channel_sensitivity import RHO, ChannelFit
from aigreen.linalg.collinearity import independent_of_effects
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.linalg.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters
from aigreen.mediation.binary import BinaryModels, Link
from aigreen.mediation.doubly_robust import fit_doubly_robust
from aigreen.mediation.product import Product, ProductData
from aigreen.options import as_columns, check_choice, check_columns
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import Panel, require_panel
from aigreen.panel.untreated import no_treated
from aigreen.regression.dummies import treatment_shares
from aigreen.regression.lone_clusters import warn_lone_treated
from aigreen.regression.sample import Sample, draw_sample

Design = Literal["regression", "sequential_g", "staggered", "doubly_robust"]
REGRESSIONS = ("regression", "sequential_g")
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

    A channel of zeros and ones in `links` has a logit or probit G on treatment instead, and its part is the slope
    times what treatment does to the mean probability (Imai, Keele and Tingley):

    .. math:: P(M_k = 1) = G(\alpha_k D + F'm_k), \qquad \text{channel } k =
              b_k \frac{1}{n} \sum_i \{G(\alpha_k + F_i'm_k) - G(F_i'm_k)\} .

    All parts are then those of treatment set from zero to one in every row, the total is their sum and not the
    coefficient without channels, and the drawing of rows counts in the errors. The outcome is linear in the channels,
    so nothing is simulated, and each channel's model needs treatment only. With few rows a unit, dummies of units make
    a logit or probit inconsistent (incidental parameters): in this model the panel's unit effect enters as the means
    over the unit of treatment and covariates (Mundlak 1978; Chamberlain 1980), which leaves the mean probability
    consistent in a probit where unit effects are normal given these means; other fixed effects enter as dummies and
    need 20 rows a level. The outcome keeps its fixed effects.

    sequential_g: the direct part is the controlled direct effect, that of treatment with the channels held fixed, where
    intermediates Z, moved by treatment, move channels and outcome as well. The channels' slopes come from the
    regression that holds Z too, and the outcome less what the channels carry is regressed without Z:

    .. math:: Y = c'D + \sum_k b_k M_k + Z'h + F'g + e, \qquad Y - \sum_k b_k M_k = \tau' D + F'g' + e' .

    Part k is then what fixing channel k takes from the total, :math:`a_k b_k`; what goes through Z alone is direct.
    Errors are those of both steps.

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
    channels : str or sequence of str
    design : {"regression", "sequential_g", "staggered", "doubly_robust"}
    intermediates : str or sequence of str
        Z of sequential_g: columns that treatment moves and that move channels and outcome. As covariates they would
        take their own share of the effect away; left out they confound the channels.
    fixed_effects : sequence of str, optional
        Columns, several joined by ``^``. Default: the panel's unit and time. regression: an empty sequence gives a
        pooled regression with an intercept. Not for doubly_robust.
    anticipation : int
        Not for regression and sequential_g.
    ordered : bool
        Channels in causal order: the part of a channel is what it carries beyond the earlier ones, with what it passes
        on through later ones (sequential fits). doubly_robust is always ordered.
    interaction : bool
        Let the slopes of the channels differ under treatment (not for doubly_robust, where they may anyway). The parts
        keep their meaning, the direct part is shown in pieces as well. regression: the product of treatment and each
        channel enters; the total is then that of a unit of treatment from zero at the sample's mean channels.
    links : mapping of str to {"logit", "probit"}
        Models of channels of zeros and ones, by channel; the others are linear. For regression without ordered and with
        clustered errors; no bootstrap and no sensitivity.
    vcov : {"cluster", "iid"}
        regression: by the panel's clusters with influence functions, or the classical one (Sobel's error), which has
        no influence functions.
    control_group : {"not_yet_treated", "never_treated"}
        Of doubly_robust.

    References
    ----------
    Baron and Kenny (1986); Imai, Keele and Yamamoto (2010), Statistical Science 25; VanderWeele and Vansteelandt
    (2014) for several channels. links: Imai, Keele and Tingley (2010), Psychological Methods 15; Mundlak (1978),
    Econometrica 46; Chamberlain (1980), Review of Economic Studies 47; Wooldridge (2019), Journal of Econometrics 211,
    for unit means in unbalanced panels. Huber and Oberhänsli (2026), arXiv:2602.23877. sequential_g: Acharya, Blackwell
    and Sen (2016), American Political Science Review 110; Vansteelandt (2009), Epidemiology 20.

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

    channels: str | Sequence[str]
    design: Design = "regression"
    intermediates: str | Sequence[str] = ()
    fixed_effects: Sequence[str] | None = None
    anticipation: int = 0
    ordered: bool = False
    interaction: bool = False
    links: Mapping[str, Link] = field(default_factory=dict)
    vcov: Variance = "cluster"
    control_group: ControlGroup = "not_yet_treated"

    def __post_init__(self) -> None:
        check_fields(self)
        for option in ("channels", "intermediates"):
            object.__setattr__(self, option, as_columns(getattr(self, option)))
        for option, allowed in (("design", Design), ("vcov", Variance), ("control_group", ControlGroup)):
            check_choice(option, getattr(self, option), allowed)
        if isinstance(self.fixed_effects, str):
            raise OptionError("fixed_effects", self.fixed_effects, [[self.fixed_effects]])
        check_columns("channels", self.channels, {TOTAL, DIRECT, SPILLOVER})
        if not len(self.channels):
            raise OptionError("channels", self.channels, ["one column at least"])
        if self.vcov == "iid" and (self.design != "regression" or self.ordered or self.interaction):
            raise OptionError("vcov", self.vcov, ["cluster (iid is for design='regression', parallel channels)"])
        if self.design == "sequential_g":
            check_columns("intermediates", self.intermediates, {TOTAL, DIRECT, SPILLOVER, *self.channels})
            for option in ("ordered", "interaction"):
                if getattr(self, option):
                    raise OptionError(option, True, ["False with design='sequential_g'"])
        elif len(self.intermediates):
            raise OptionError("intermediates", self.intermediates, ["() unless design='sequential_g'"])
        if self.interaction and (self.design == "doubly_robust" or (self.design == "regression" and self.ordered)):
            raise OptionError("interaction", True, ["False with design='doubly_robust' or an ordered regression"])
        for name, link in self.links.items():
            check_choice(f"links[{name!r}]", link, Link)
            if name not in self.channels:
                raise OptionError("links", name, list(self.channels))
        if self.links and (self.design != "regression" or self.ordered or self.vcov == "iid"):
            raise OptionError("links", dict(self.links), ["{} unless design='regression', parallel and clustered"])
        if self.anticipation and self.design in REGRESSIONS:
            raise OptionError("anticipation", self.anticipation, [f"0 with design={self.design!r}"])
        if self.fixed_effects is not None and self.design == "doubly_robust":
            raise OptionError("fixed_effects", self.fixed_effects, ["None with design='doubly_robust'"])

    @typed
    def fit(
        self,
        panel: Panel,
        outcome: str,
        *,
        treatment: str | None = None,
        covariates: str | Sequence[str] | None = None,
    ) -> Parts:
        """Estimate total, direct and the part of each channel.

        Parameters
        ----------
        panel : Panel
        outcome : str
        treatment : str, optional
            regression and sequential_g: column, which may be continuous. Default: whether the row is at or after its
            unit's first treated period.
        covariates : str or sequence of str, optional

        Returns
        -------
        Parts
            By part; by part, cohort and time for staggered and doubly_robust.

        Raises
        ------
        CollinearError
            Where treatment or a channel does not vary apart from the rest.
        DataError, SeparationError, ConvergenceError
            A channel in `links` is not of zeros and ones, or its model has no maximum.
        EstimationError
            A fixed effect has too few rows a level for the dummies of `links`.
        """
        if treatment is not None and self.design not in REGRESSIONS:
            raise OptionError("treatment", treatment, [f"None: design={self.design!r} takes the panel's cohorts"])
        require_panel(panel)
        names = as_columns(covariates)
        self._check_roles(panel, outcome, treatment, names)
        if self.design == "staggered":
            return self._staggered.fit(panel, outcome, covariates=names)
        if self.design == "doubly_robust":
            return fit_doubly_robust(self.channels, self.control_group, self.anticipation, panel, outcome, names)
        return self._regression(panel, outcome, treatment, names)

    def _check_roles(self, panel: Panel, outcome: str, treatment: str | None, names: list[str]) -> None:
        roles = {"channels": self.channels, "intermediates": self.intermediates}
        panel.check_roles(outcome, self.fixed_effects, treatment=treatment, covariates=names, **roles)
        for option, columns in roles.items():
            for column in columns:
                if column == treatment or column in names:
                    raise RoleTakenError(option, column, "the treatment" if column == treatment else "a covariate")

    @property
    def _staggered(self) -> Decomposition:
        """Estimator of the staggered design."""
        return Decomposition(
            channels=self.channels,
            fixed_effects=self.fixed_effects,
            anticipation=self.anticipation,
            ordered=self.ordered,
            interaction=self.interaction,
        )

    # -- product of coefficients ---------------------------------------------------------------------------------

    @property
    def _moved(self) -> list[str]:
        """Columns that carry the effect of treatment, in one regression of the outcome."""
        return [*self.channels, *self.intermediates]

    @property
    def _intermediates_to_direct(self) -> np.ndarray:
        """Matrix (2 + K + Z, 2 + K) that adds to the direct part of products of coefficients those of intermediates.

        Regressed on treatment, the outcome less what the channels carry has the coefficient total - sum a b.
        """
        fold = np.eye(2 + len(self._moved), 2 + len(self.channels))
        fold[2 + len(self.channels) :, Layout.direct] = 1.0
        return fold

    @typed
    def bootstrap(
        self,
        panel: Panel,
        outcome: str,
        *,
        treatment: str | None = None,
        covariates: str | Sequence[str] | None = None,
        n_draws: int = 999,
        seed: int = 0,
        resampling: Resampling = "clusters",
    ) -> Bootstrap:
        """Draw clusters with replacement and estimate everything again, as matrix products where clusters hold units.

        Parameters
        ----------
        panel, outcome, treatment, covariates
            As for `fit`.
        n_draws, seed : int
        resampling : {"clusters", "exponential"}
            As for `Decomposition.bootstrap`.

        Returns
        -------
        Bootstrap
            Draws of the overall parts.
        """
        if self.design == "doubly_robust" or self.interaction or self.links or self.vcov == "iid":
            allowed = ["regression, sequential_g or staggered, clustered, without interaction and links"]
            raise OptionError("design", self.design, allowed)
        if self.design == "staggered":
            return self._staggered.bootstrap(
                panel, outcome, covariates=covariates, n_draws=n_draws, seed=seed, resampling=resampling
            )
        effects = self.fit(panel, outcome, treatment=treatment, covariates=covariates)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            data = self._read(panel, outcome, treatment, as_columns(covariates), Dropped())
        sample = data.sample
        omega = cluster_weights(sample.clusters, len(sample.panel.clusters), n_draws, seed, resampling)
        regressions = ProductData(
            data.y,
            data.M,
            data.X,
            data.codes,
            sample.weights,
            sample.clusters,
            names=self._moved,
            ordered=self.ordered,
        )
        draws = regressions.draws(omega)
        return Bootstrap(pd.DataFrame(draws @ self._intermediates_to_direct, columns=effects.index), effects)

    @typed
    def sensitivity(
        self,
        panel: Panel,
        outcome: str,
        *,
        treatment: str | None = None,
        covariates: str | Sequence[str] | None = None,
        rho: Sequence[float] = RHO,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Show what correlated errors or an omitted variable do to each channel, for parallel channels.

        Parameters
        ----------
        panel, outcome, treatment, covariates
            As for `fit`.
        rho, level
            As for `Decomposition.sensitivity`.

        Returns
        -------
        DataFrame
            By channel and rho, as `Decomposition.sensitivity`; regression: the effect through the channel is a b.
        """
        if self.design in ("doubly_robust", "sequential_g") or self.ordered or self.interaction or self.links:
            allowed = ["regression or staggered, parallel channels without interaction and links"]
            raise OptionError("design", self.design, allowed)
        if self.design == "staggered":
            return self._staggered.sensitivity(panel, outcome, covariates=covariates, rho=rho, level=level)
        data = self._read(panel, outcome, treatment, as_columns(covariates), Dropped())
        names, weights = list(self.channels), data.sample.weights
        model = Product.of(data.y, data.M, data.X, data.effects, weights, names, ordered=False)
        n, size = len(data.sample), n_parameters(data.M.shape[1] + data.X.shape[1], data.codes, [data.sample.clusters])
        factor = np.sqrt(cluster_factor(n, size, data.sample.n_clusters))
        psi = model.factor_influence(data.sample.clusters, len(data.sample.panel.clusters)) * factor
        found = ChannelFit(
            names,
            model.a,
            model.fit.slopes,
            psi,
            model.fit.channels,
            model.fit.rest,
            weights,
            data.sample.clusters,
            n - data.effects.rank - data.X.shape[1] - len(names),
        )
        return found.frame(rho, level)

    @typed
    def check_linearity(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Compare the channels' parts of the staggered design with the doubly robust ones: zero if both models hold.

        The staggered parts carry the slope of untreated rows along a straight line to the channels of treated rows; the
        doubly robust ones compare with untreated rows that moved alike. Leads and robustness values are silent about
        that line. A difference also shows what else only one of them assumes away: a wrong model of both treatment and
        outcome given the channels, or another channel in one period than in all earlier ones.

        Parameters
        ----------
        panel, outcome, covariates
            As for `fit`; cohorts are those of the panel.

        Returns
        -------
        Effects
            By channel, in causal order: staggered less doubly robust, each the average over the cohorts and periods
            after treatment that both have, with their joint error; ``.test()`` is the joint test. With fewer than
            about a hundred treated units a cohort the doubly robust errors are too small, and it rejects too often.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> df = pd.DataFrame({"firm": np.repeat(np.arange(600), 4), "year": np.tile([1, 2, 3, 4], 600)})
        >>> df["first"] = np.repeat(np.resize([0, 3], 600), 4)
        >>> df["m"] = rng.normal(size=2400) + ((df["first"] == 3) & (df["year"] >= 3))
        >>> df["y"] = df["m"] ** 2 + rng.normal(size=2400)
        >>> panel = Panel(df, unit="firm", time="year", cohort="first")
        >>> bool(Mediation(channels=["m"]).check_linearity(panel, "y").test().p_value < 0.01)
        True
        """
        if self.interaction or self.fixed_effects is not None:
            raise OptionError("design", self.design, ["no interaction and no fixed_effects, which doubly_robust lacks"])
        if self.intermediates:
            raise OptionError("intermediates", self.intermediates, ["(), since doubly_robust takes none"])
        linear = replace(self, design="staggered", ordered=True, vcov="cluster").fit(
            panel, outcome, covariates=covariates
        )
        robust = replace(self, design="doubly_robust", vcov="cluster").fit(panel, outcome, covariates=covariates)
        parts = [
            fit.select(fit.post & fit.index.get_level_values("part").isin(self.channels)) for fit in (linear, robust)
        ]
        both = parts[0].index.intersection(parts[1].index)
        if not len(both):
            raise EstimationError("no cohort and period after treatment is in both designs")
        straight, other = (fit.select(fit.index.isin(both)) for fit in parts)
        return replace(straight - other, mass=straight.mass).overall()

    def _read(
        self, panel: Panel, outcome: str, treatment: str | None, names: list[str], dropped: Dropped
    ) -> _Regressors:
        """Draw the sample of the regressions; leave out covariates that the others determine."""
        panel, names = panel.with_covariates(names, dropped)
        self._check_roles(panel, outcome, treatment, names)
        columns = [outcome, *([] if treatment is None else [treatment]), *self._moved, *names]
        complete = panel.complete(columns, dropped)
        sample = draw_sample(complete, panel.effect_names(self.fixed_effects), dropped, counts=None)
        if treatment is None and not complete.treated[sample.rows].any():
            raise no_treated(panel.names, "no row is treated", dropped)
        d = complete.treated.astype(float) if treatment is None else complete.column(treatment)
        codes = sample.effects or [np.zeros(len(sample), dtype=np.intp)]
        effects = FixedEffects(codes, weights=sample.weights)
        X = np.column_stack([d[sample.rows], sample.matrix(names)])
        keep, _ = independent_of_effects(effects, X, sample.weights)
        if not keep[0]:
            raise CollinearError(f"treatment {treatment or 'treated'!r} is determined by the fixed effects")
        dropped.collinear(names, keep[1:])
        M, y = sample.matrix(self._moved), complete.column(outcome)[sample.rows]
        return _Regressors(sample, codes, effects, y, M, X[:, keep])

    def _regression(self, panel: Panel, outcome: str, treatment: str | None, names: list[str]) -> Parts:
        dropped = Dropped()
        data = self._read(panel, outcome, treatment, names, dropped)
        sample, complete, M, X = data.sample, data.sample.panel, data.M, data.X
        k, labels = len(self.channels), self._moved
        if self.interaction:
            M, labels = np.hstack([M, M * X[:, :1]]), [*labels, *(f"{name} x treatment" for name in labels)]
        model = Product.of(data.y, M, X, data.effects, sample.weights, labels, ordered=self.ordered)
        clusters, n_clusters = sample.clusters, sample.n_clusters
        # the largest of the regressions gives one factor to all parts, so that their covariance adds up too
        size = n_parameters(M.shape[1] + X.shape[1], data.codes, [clusters])
        values, psi, covariance, told = model.values, None, None, {}
        effects = panel.effect_names(self.fixed_effects)
        layout = Layout(list(self.channels), interaction=self.interaction)
        if self.vcov == "iid":
            covariance = model.classical(len(sample), n_parameters(X.shape[1], data.codes))
        else:
            psi = model.influence(clusters, len(complete.clusters))
            if self.interaction or self.links:
                response = model.response(X[:, 0], M[:, :k], clusters, len(psi))
                if self.links:
                    binary = BinaryModels.of(sample, X, effects)
                    binary.put(response, self.channels, M, self.links)
                    told = {
                        "total": "sum of its parts: treatment from 0 to 1 in every row",
                        "links": ", ".join(f"{name}: {link}" for name, link in self.links.items()),
                        "fixed effects of links": binary.told,
                    }
                values, psi = model.through(response, psi, clusters)
                values, psi = values[: len(layout.labels)], psi[:, : len(layout.labels)]
            elif len(self.intermediates):
                values, psi = values @ self._intermediates_to_direct, psi @ self._intermediates_to_direct
            psi = psi * np.sqrt(cluster_factor(len(sample), size, n_clusters))
        told = {
            "identity": layout.identity,
            **told,
            "variance": f"clusters: {complete.clusters.name}" if psi is not None else "classical (iid)",
            "small-sample factor": SMALL_SAMPLE if psi is not None else "1/(N-K)",
            "fixed effects": ", ".join(effects) or "none (intercept)",
        }
        if self.ordered:
            told["channels"] = "ordered: each beyond the earlier ones"
        if self.design == "sequential_g":
            told["direct"] = (
                f"controlled: channels fixed; through {', '.join(self.intermediates) or 'nothing'} included"
            )
        shares = treatment_shares(sample, X, 1, by_cohort=treatment is None)
        if shares is not None:
            warn_lone_treated(shares, [treatment or "treated"])
        return Parts(
            values=values,
            index=pd.Index(layout.labels, name="part"),
            psi=psi,
            covariance=covariance,
            method=f"Mediation ({'sequential g' if self.design == 'sequential_g' else 'product of coefficients'})",
            mass=Mass(np.ones(len(values)), np.arange(len(values))),
            post=np.ones(len(values), dtype=bool),
            cluster_shares=shares and ClusterShares.beside([shares.take(np.array([0]))] * len(values)),
            conventions=told,
            **result_facts(
                complete,
                sample.rows,
                outcome,
                dropped,
                t_intervals=psi is not None,
                spread=float(np.sqrt(np.mean(model.d**2))),
            ),
        )


@dataclass(frozen=True, eq=False)
class _Regressors:
    """What the regressions are computed from; the first column of `X` is treatment."""

    sample: Sample
    codes: list[np.ndarray]
    effects: FixedEffects
    y: np.ndarray
    M: np.ndarray
    X: np.ndarray
