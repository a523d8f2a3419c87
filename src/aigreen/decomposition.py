"""Total effect = direct + channels + spillover under staggered adoption, exactly additive, with one covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from aigreen.aggregation import Aggregation, Mass
from aigreen.did.split import distinct
from aigreen.dropped import Dropped
from aigreen.effects import Effects
from aigreen.errors import OptionError
from aigreen.panel import Panel
from aigreen.part_estimates import Setup, compute_factors, compute_parts, prepare
from aigreen.parts import DIRECT, SPILLOVER, TOTAL, Parts, assumptions
from aigreen.resampling import Bootstrap, Resampling, bootstrap
from aigreen.response import Response, check_cuts

Variance = Literal["conservative", "leave_one_out"]


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    r"""Effects of staggered adoption, split into direct, through channels and spillover from other treated units.

    On clean rows (untreated and unexposed)

    .. math:: Y_{it} = F_{it}'g + \sum_k b_k M_{kit} + e_{it}, \qquad M_{kit} = F_{it}'m_k + u_{kit}

    are fitted. With :math:`\dot M_k = M_k - F'm_k` and :math:`\dot Y = Y - F'(g + \sum_k b_k m_k)` on all rows,
    untreated but exposed rows give the response :math:`s(S)` of :math:`\dot Y - \sum_k b_k \dot M_k` to exposure, and
    every treated row splits as

    .. math:: \dot Y = \underbrace{\dot Y - \textstyle\sum_k b_k\dot M_k - s(S)}_{\text{direct}}
              + \textstyle\sum_k \underbrace{b_k \dot M_k}_{\text{channel } k} + \underbrace{s(S)}_{\text{spillover}} ,

    so that the parts of any average over treated rows add up to its total. The total equals `Imputation` on clean
    rows. All parts of all cohorts and periods have one joint covariance through their influence functions.

    Estimands, on the treated: direct :math:`E[Y(1, M(1)) - Y(0, M(1))]` at the exposure that they had, channels
    :math:`E[Y(0, M(1)) - Y(0, M(0))]` (whatever moved the channel: own treatment or exposure), spillover the effect of
    exposure that no channel carries. The result prints the assumptions.

    Parameters
    ----------
    channels : sequence of str
        Numeric columns through which treatment may act. Without channels total = direct + spillover.
    exposure : str or sequence of str, optional
        Columns of zero or more: exposure of the row to treated others, zero where there is none.
    fixed_effects : sequence of str, optional
        Columns, several joined by ``^``. Default: the panel's unit and time.
    response : {"bins", "linear", "spline"}
        Shape of :math:`s` in each exposure; several exposures add up.
    bins : int or sequence of float, optional
        Number of quantile bins, or their lower edges after zero (for splines number of knots, or knots), of each
        exposure among exposed untreated rows. Default: one bin, so that any exposure counts the same; four knots.
    anticipation : int
        Periods before treatment, and before the first exposure, that are neither clean nor effects.
    ordered : bool
        Channels in causal order: the part of a channel is what it carries beyond the earlier ones, with what it passes
        on through the later ones. The sum over channels is the same as for parallel channels.
    interaction : bool
        Let the slopes of the channels differ under treatment. They are estimated within treated rows (fixed effects and
        cohort by period), and the direct part is shown as well in pieces: that at untreated channels, and the
        interaction with each channel.
    variance : {"conservative", "leave_one_out"}
        Centring of treated rows, as in `Imputation`, and of exposed untreated rows, at :math:`s(S)`. leave_one_out: the
        centre without the own cluster; larger errors, better with few treated or few exposed clusters.

    Notes
    -----
    Influence functions: ``docs/decomposition.md``. Treated rows are centred by cohort and period as in `Imputation`
    (conservative); exposures are taken as fixed, as treatment is. No small-sample factor. Rows of the result whose part
    holds a colon (``"direct: interaction m"``, ``"spillover: ring"``) are pieces of the part before the colon and not
    parts of their own.

    Examples
    --------
    >>> rows = [(i, t, 3 * (i < 8), (i % 2) * t + (i < 8 and t >= 3)) for i in range(16) for t in range(1, 5)]
    >>> df = pd.DataFrame(rows, columns=["firm", "year", "first", "m"])
    >>> df["y"] = df.firm + df.year + 0.5 * df.m + 2.0 * ((df["first"] > 0) & (df.year >= 3))
    >>> parts = Decomposition(channels=["m"]).fit(Panel(df, unit="firm", time="year", cohort="first"), "y")
    >>> parts.overall().estimates.round(3).to_dict()
    {'total': 2.5, 'direct': 2.0, 'm': 0.5}
    """

    channels: Sequence[str]
    exposure: str | Sequence[str] | None = None
    fixed_effects: Sequence[str] | None = None
    response: Response = "bins"
    bins: int | Sequence[float] | None = None
    anticipation: int = 0
    ordered: bool = False
    interaction: bool = False
    variance: Variance = "conservative"

    def __post_init__(self) -> None:
        if self.response not in get_args(Response):
            raise OptionError("response", self.response, get_args(Response))
        if self.variance not in get_args(Variance):
            raise OptionError("variance", self.variance, get_args(Variance))
        check_cuts(self.response, self.bins)
        if isinstance(self.anticipation, bool) or not isinstance(self.anticipation, int) or self.anticipation < 0:
            raise OptionError("anticipation", self.anticipation, ["0", "1", "2", "..."])
        if isinstance(self.fixed_effects, str) or (self.fixed_effects is not None and not len(self.fixed_effects)):
            raise OptionError("fixed_effects", self.fixed_effects, ["a list of columns", None])
        if isinstance(self.channels, str):
            raise OptionError("channels", self.channels, [[self.channels]])
        taken = [*self.channels, *self.exposures]
        if len(set(taken)) < len(taken) or not taken:
            raise OptionError("channels", list(self.channels), ["distinct columns, none an exposure"])
        bad = [name for name in taken if name in {TOTAL, DIRECT, SPILLOVER} or ": " in name]
        if bad:
            raise OptionError("channels", bad[0], ["a column not called total, direct, spillover, without ': '"])

    @property
    def exposures(self) -> list[str]:
        """Columns of exposure."""
        if self.exposure is None:
            return []
        return [self.exposure] if isinstance(self.exposure, str) else list(self.exposure)

    def fit(self, panel: Panel, outcome: str, *, covariates: Sequence[str] | None = None) -> Parts:
        """Estimate the parts by cohort and time.

        Parameters
        ----------
        panel : Panel
            With cohorts; rows may be missing at random.
        outcome : str
        covariates : sequence of str, optional
            Numeric columns that neither treatment nor exposure changes.

        Returns
        -------
        Parts
            Effects with index levels part, cohort and time.

        Raises
        ------
        NoTreatedError, NoControlsError, NoPrePeriodError, TooFewClustersError
            Where nothing can be estimated.
        CollinearError
            Where a channel does not vary on the clean rows, or an exposure is determined by the others.
        EstimationError
            Where an exposure has no exposed untreated row, or leave_one_out needs a second cluster.
        """
        dropped = Dropped()
        setup = prepare(self, panel, outcome, covariates, dropped)
        labels, values, psi, count = compute_parts(self, setup)
        cells = setup.cells
        n_cells = len(count)
        index = pd.MultiIndex.from_arrays(
            [np.repeat(labels, n_cells), np.tile(cells.cohort, len(labels)), np.tile(cells.time, len(labels))],
            names=["part", "cohort", "time"],
        )
        return Parts(
            values=values.ravel(),
            index=index,
            psi=psi.reshape(len(psi), -1),
            method="Decomposition",
            mass=Mass(count, np.tile(np.arange(n_cells), len(labels))),
            post=np.ones(len(index), dtype=bool),
            **self._facts(setup, outcome, dropped),
        )

    def factors(self, panel: Panel, outcome: str, *, covariates: Sequence[str] | None = None) -> Effects:
        """Estimate the two factors of each channel: its slope b, and how far treated rows moved it on average.

        The error of a product is the delta method's, which is too small where both factors are near zero; whether a
        channel carries anything is then better judged by testing each factor (both must differ from zero).

        Returns
        -------
        Effects
            By channel and factor ("slope", "moved").
        """
        if not self.channels:
            raise OptionError("channels", list(self.channels), ["one column at least"])
        dropped = Dropped()
        setup = prepare(self, panel, outcome, covariates, dropped)
        values, psi = compute_factors(self, setup)
        index = pd.MultiIndex.from_product([self.channels, ["slope", "moved"]], names=["channel", "factor"])
        facts = self._facts(setup, outcome, dropped)
        return Effects(values=values, index=index, psi=psi, method="Decomposition (factors)", **facts)

    def bootstrap(
        self,
        panel: Panel,
        outcome: str,
        *,
        covariates: Sequence[str] | None = None,
        how: Aggregation = "simple",
        n_draws: int = 999,
        seed: int = 0,
        resampling: Resampling = "clusters",
    ) -> Bootstrap:
        """Draw clusters with replacement and estimate everything again, as matrix products where clusters hold units.

        Parameters
        ----------
        panel, outcome, covariates
            As for `fit`.
        how : {"simple", "event_study", "group", "calendar"}
            What the draws are of; cohorts and periods keep the masses of the whole sample.
        n_draws, seed : int
        resampling : {"clusters", "exponential"}
            clusters: drawn with replacement. exponential: exponential weights (Bayesian bootstrap), which never lose a
            cohort or a fixed effect.

        Returns
        -------
        Bootstrap
            Draws of the parts that add up (no pieces), with errors and intervals.
        """
        return bootstrap(self, panel, outcome, covariates, how=how, n_draws=n_draws, seed=seed, resampling=resampling)

    def _facts(self, setup: Setup, outcome: str, dropped: Dropped) -> dict[str, Any]:
        sample = setup.sample
        used = np.concatenate([setup.fit.effects.rows, setup.cells.rows, setup.exposed])
        return {
            "clusters": sample.clusters,
            "n_rows": used.size,
            "n_units": distinct(sample.unit_codes[used]),
            "n_clusters": distinct(sample.cluster_codes[used]),
            "outcome": outcome,
            "conventions": self._conventions(setup),
            "dropped": dropped.to_frame(),
        }

    def _conventions(self, setup: Setup) -> dict[str, str]:
        sample, basis = setup.sample, setup.basis
        additive = [DIRECT, *self.channels, *([SPILLOVER] if self.exposures else [])]
        rows = "treated rows centred by cohort x time" + (", exposed rows at s(S)" if self.exposures else "")
        told = {
            "identity": f"{TOTAL} = {' + '.join(additive)}",
            "clean rows": f"{setup.fit.effects.rows.size:,} untreated and unexposed rows",
            "variance": f"clusters: {sample.clusters.name}; {rows} ({self.variance})",
            "small-sample factor": "none",
            "fixed effects": ", ".join(self.fixed_effects or (sample.names["unit"], sample.names["time"])),
        }
        if basis is not None:
            told["response"] = f"{self.response} ({', '.join(basis.terms)}), {setup.exposed.size:,} exposed rows"
        if self.ordered:
            told["channels"] = "ordered: each beyond the earlier ones"
        if self.anticipation:
            told["anticipation"] = f"{self.anticipation} periods before treatment left out"
        return told | assumptions(channels=bool(self.channels), exposure=basis is not None)
