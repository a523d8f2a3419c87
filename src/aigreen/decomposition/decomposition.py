"""Total effect = direct + channels + spillover under staggered adoption, exactly additive, with one covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from aigreen.arguments import typed
from aigreen.decomposition.additivity import fit_additivity
from aigreen.decomposition.bootstrap import bootstrap
from aigreen.decomposition.doses import fit_with_rows
from aigreen.decomposition.draws import Bootstrap, Resampling
from aigreen.decomposition.on_disk.fit import fit_scanned
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import Parts
from aigreen.decomposition.results import fit_factors, fit_path, fit_sensitivity
from aigreen.effects.aggregation import Aggregation
from aigreen.effects.effects import Effects
from aigreen.inference.channel_sensitivity import RHO
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.panel.panel import Panel


@dataclass(frozen=True, kw_only=True)
class Decomposition(PartOptions):
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

    With ``family="poisson"`` the outcome is a count, and the parts are those of the log of its mean: models
    :math:`\mu^0 = e^{F'g_0}` and :math:`\mu = e^{F'g + M'b}` of clean rows give by cohort and period

    .. math:: \ln\frac{\sum wY}{\sum w\mu^0} = \text{direct} + \sum_k b_k\overline{\dot M}_k + \overline{B(S)'\theta},

    :math:`\theta` from exposed untreated rows, :math:`\sum wB(Y - \mu e^{B'\theta}) = 0`. Averages weigh by logarithmic
    means of the two sums, so that the parts of any average add up to the log of the ratio of its sums.

    Estimands, on the treated: direct :math:`E[Y(1, M(1)) - Y(0, M(1))]` at the exposure that they had, channels
    :math:`E[Y(0, M(1)) - Y(0, M(0))]` (whatever moved the channel: own treatment or exposure), spillover the effect of
    exposure that no channel carries. The result prints the assumptions.

    Parameters
    ----------
    channels : str or sequence of str
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
    leads : int
        Number of periods before treatment, and those of anticipation, with placebo effects of every part: one
        regression on clean rows with a dummy for each lead, as in `Imputation`, and for each lead of exposure. Total,
        direct and channels (b times the lead of the channel) are those of treatment; spillover is the mean exposure of
        treated rows times the lead of what no channel carries before exposure. They add up; test one part by
        ``parts["direct"].event_study().pretrend_test()``, all by ``parts.additive.event_study().pretrend_test()``.
        Reference: all earlier periods, and units never treated or exposed (for one path through zero see `path`).
    ordered : bool
        Channels in causal order: the part of a channel is what it carries beyond the earlier ones, with what it passes
        on through the later ones. The sum over channels is the same as for parallel channels.
    interaction : bool
        Let the slopes of the channels differ under treatment. They are estimated within treated rows (fixed effects and
        cohort by period), and the direct part is shown as well in pieces: that at untreated channels, and the
        interaction with each channel.
    variance : {"leave_one_out", "conservative"}
        Centring of treated rows, as in `Imputation`, and of exposed untreated rows, at :math:`s(S)`. leave_one_out: the
        centre without the own cluster. conservative: with it; errors are smaller, too small with few treated or few
        exposed clusters.
    family : {"gaussian", "poisson"}
    scale : "level", "log" or "count", optional
        level: of the outcome, for "gaussian". For "poisson" log (default): log of the mean; count: the outcome's units
        for each treated row.
    movement : {"counterfactual", "rows"}
        What treated rows count by in means of channels and doses, for "poisson": what is predicted for them at channels
        of zero, :math:`we^{F'g}`, as in the mean itself; or w alone.
    lags : int
        Take channels as they were so many periods before, in the same unit.
    origins : bool
        Show as pieces, for the total and each channel, what own treatment does and what the treatment of others does,
        by way of exposure: ``"total: own"``, ``"m: others"``. The channels' response to exposure is that of exposed
        untreated rows; the direct part is own, the spillover is what others do through no channel.

    Notes
    -----
    Influence functions: ``docs/decomposition.md``. Treated rows are centred by cohort and period as in `Imputation`;
    exposures are taken as fixed, as treatment is. No small-sample factor; t intervals with the degrees of freedom that
    treated and exposed clusters leave (`Effects.effective_clusters`). That nothing confounds the channels is needed on
    clean rows for the slopes; sequential ignorability would ask it of treatment and channel on all rows. Rows of the
    result whose part holds a colon (``"direct: interaction m"``, ``"spillover: ring"``) are pieces of the part before
    the colon and not parts of their own.

    Examples
    --------
    >>> rows = [(i, t, 3 * (i < 8), (i % 2) * t + (i < 8 and t >= 3)) for i in range(16) for t in range(1, 5)]
    >>> df = pd.DataFrame(rows, columns=["firm", "year", "first", "m"])
    >>> df["y"] = df.firm + df.year + 0.5 * df.m + 2.0 * ((df["first"] > 0) & (df.year >= 3))
    >>> parts = Decomposition(channels=["m"]).fit(Panel(df, unit="firm", time="year", cohort="first"), "y")
    >>> parts.overall().estimates.round(3).to_dict()
    {'total': 2.5, 'direct': 2.0, 'm': 0.5}
    """

    @typed
    def fit(self, panel: Panel | ScannedPanel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Parts:
        """Estimate the parts by cohort and time.

        Parameters
        ----------
        panel : Panel or ScannedPanel
            With cohorts; rows may be missing at random. From disk (`Panel.scan`) without leads, interaction and lags.
        outcome : str
        covariates : str or sequence of str, optional
            Numeric columns, or formulas of columns, that neither treatment nor exposure changes.

        Returns
        -------
        Parts
            Effects with index levels part, cohort and time.

        Raises
        ------
        NoTreatedError, NoControlsError, NoPrePeriodError, TooFewClustersError
            Where nothing can be estimated.
        CollinearError
            Where a channel does not vary on the clean rows (for counts: of units with a positive one), or an exposure
            is determined by the others.
        DataError, ConvergenceError
            Where a count is negative or always zero, or its model has no finite solution.
        EstimationError
            Where an exposure has no exposed untreated row, or leave_one_out has one cluster of treated rows, or of
            exposed rows of a term.
        """
        if isinstance(panel, ScannedPanel):
            return fit_scanned(self, panel, outcome, covariates)
        return fit_with_rows(self, panel, outcome, covariates)

    @typed
    def path(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Parts:
        r"""Estimate the parts by horizon, all relative to the last period before treatment, for `honest_did`.

        The leads of `fit` and its effects are of two kinds, relative to different periods: under a violation
        :math:`\delta_h` of parallel trends at horizon h they are not on one path. Here a dummy for every period before
        treatment, and before exposure, but the last enters all regressions on clean rows, and
        :math:`E[\hat\beta_h] = \tau_h + \delta_h - \delta_{-1}` at every horizon. Estimates after treatment differ from
        those of `fit` and are less precise: their counterfactual starts from one period.

        Parameters
        ----------
        panel, outcome, covariates
            As for `fit`; units never treated and never exposed are needed.

        Returns
        -------
        Parts
            By part and horizon, from ``-leads`` on; ``honest_did(path["direct"])``.

        Raises
        ------
        OptionError
            With fewer than two leads, or without effects of units.
        CollinearError
            Where the dummies and the fixed effects are not independent.
        NoPrePeriodError
            Where no unit is seen clean in the last period before treatment, or none before that.
        """
        return fit_path(self, panel, outcome, covariates)

    @typed
    def factors(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Estimate the two factors of each channel: its slope b, and how far treated rows moved it on average.

        The error of a product is the delta method's, which is too small where both factors are near zero; whether a
        channel carries anything is then better judged by testing each factor (both must differ from zero).

        Returns
        -------
        Effects
            By channel and factor ("slope", "moved").
        """
        return fit_factors(self, panel, outcome, covariates)

    @typed
    def additivity(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Estimate how much more exposure does to treated than to untreated rows: zero if it adds to own treatment.

        On treated rows what no channel carries is regressed on exposure, within cohort and period, and the response of
        untreated rows is subtracted. Direct effects that differ between treated units with and without exposure for
        any other reason show up as well.

        Parameters
        ----------
        panel, outcome, covariates
            As for `fit`.

        Returns
        -------
        Effects
            By term of exposure; ``.test()`` is the joint Wald test.

        Raises
        ------
        EstimationError
            Where treated rows of one cohort and period all have the same exposure.
        """
        return fit_additivity(self, panel, outcome, covariates)

    @typed
    def sensitivity(
        self,
        panel: Panel,
        outcome: str,
        *,
        covariates: str | Sequence[str] | None = None,
        rho: Sequence[float] = RHO,
        level: float = 0.95,
    ) -> pd.DataFrame:
        r"""Show what correlated errors or an omitted variable do to each channel, for parallel channels.

        Parameters
        ----------
        panel, outcome, covariates
            As for `fit`.
        rho : sequence of float
            Correlations, inside (-1, 1), of the errors of channel and outcome on the clean rows.
        level : float
            Of the intervals and of significance.

        Returns
        -------
        DataFrame
            By channel and rho: mediated, std_error, low, high (overall part of the channel at that correlation); the
            same in all rows of a channel: rho_at_zero (correlation that brings it to zero) with
            rho_at_zero_std_error; and for its slope b partial_r2, robustness_value and robustness_value_significance
            (share of the residual variance of channel and outcome that an omitted variable must explain to bring b to
            zero, or to insignificance; classical degrees of freedom).

        Notes
        -----
        A robustness value says how strong an omitted variable would have to be to undo this estimate, not whether
        there is one. It grows with the estimate, confounding included: a confounder that adds to the slope of a
        channel raises the robustness value of the wrong slope. So a high value is no evidence against confounding; it
        informs only beside a bound, argued from outside or taken from an observed covariate, on how much an omitted
        variable can explain. Nor does it know of a channel that acts other than along a straight line: see
        `Mediation.check_linearity`.

        Imai, Keele and Yamamoto (2010), theorem 4, on residuals within fixed effects; Cinelli and Hazlett (2020).
        """
        return fit_sensitivity(self, panel, outcome, covariates, rho, level)

    @typed
    def bootstrap(
        self,
        panel: Panel,
        outcome: str,
        *,
        covariates: str | Sequence[str] | None = None,
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
            Draws of the parts that add up (no pieces, no leads), with errors and intervals. A `RefitWarning` says where
            draws are no matrix products.
        """
        return bootstrap(self, panel, outcome, covariates, how=how, n_draws=n_draws, seed=seed, resampling=resampling)
