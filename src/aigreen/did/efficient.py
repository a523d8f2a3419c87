"""Efficient estimators of staggered adoption: Roth and Sant'Anna (2023); Chen, Sant'Anna and Xie (2025)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.did.group_time.sample import check_sample, cohort_shares, cohorts_in_reach
from aigreen.effects.aggregation import KEYS, Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import (
    SHOWN,
    EstimationError,
    FewClustersWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    NoVariationError,
    OptionError,
    SmallCellWarning,
    WeightsError,
    counted,
    warn,
)
from aigreen.inference.randomization import Randomization, randomization_inference
from aigreen.linalg.arrays import distinct
from aigreen.options import check_choice
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import ROUNDING, result_facts
from aigreen.panel.panel import Panel

FEW = 10  # treated clusters, down to which coverage is simulated
Kind = Literal["roth_santanna", "chen_santanna_xie"]
Estimand = Literal["group_time", "simple", "group", "calendar", "event_study"]
Adjustment = Literal["efficient", "callaway_santanna", "sun_abraham"]
Variance = Literal["auto", "adjusted", "conservative", "jackknife"]
Covariance = Literal["auto", "by_cohort", "pooled", "shrunk"]

MANY = 50  # clusters of each cohort from which its own covariance serves
PER_PERIOD = 5  # of these a period, for chen_santanna_xie
_BLOCK = 2**22
_SINGULAR = 1e-10


@dataclass(frozen=True, kw_only=True)
class Efficient:
    r"""Efficient combination of everything that is known to be zero.

    With :math:`\hat\theta_0` a difference-in-means of cohorts and :math:`\hat X` contrasts of cohorts with mean zero,

    .. math:: \hat\theta = \hat\theta_0 - \hat\beta'\hat X, \qquad
              \hat\beta = \widehat{Var}(\hat X)^{-1}\widehat{Cov}(\hat X, \hat\theta_0).

    roth_santanna: the timing of treatment is as good as random. :math:`\hat\theta_0` of cohort g in period t is its
    mean less that of all units not treated by then, and :math:`\hat X` the same difference in the last period before
    g, weighed to the estimand: one number an effect, and with :math:`\beta = 1` the estimator of Callaway and
    Sant'Anna.

    chen_santanna_xie: trends are parallel in all periods and cohorts, timing need not be random. :math:`\hat\theta_0`
    is the change since the first period, less that of the never treated (else of the last cohort, until its
    treatment), and :math:`\hat X` holds that contrast for every cohort and period before its treatment: all base
    periods and comparison cohorts in the combination of least variance (GMM), without covariates.

    Parameters
    ----------
    kind : {"roth_santanna", "chen_santanna_xie"}
    estimand : {"group_time", "simple", "group", "calendar", "event_study"}
        group_time: by cohort and time, ready for `Effects.aggregate`. The others are averages that weigh cohorts by
        their units: over all treated cells, the mean over cohorts, the mean over periods, each horizon. roth_santanna
        finds :math:`\beta` for the average itself, so that these are more precise than averages of its cells;
        chen_santanna_xie needs no such choice: aggregate its effects.
    adjustment : {"efficient", "callaway_santanna", "sun_abraham"}
        Of roth_santanna. callaway_santanna: :math:`\beta = 1`. sun_abraham: :math:`\beta = 1`, compared with the last
        cohort only.
    variance : {"auto", "adjusted", "conservative", "jackknife"}
        conservative, of roth_santanna: Neyman's, :math:`\sum_g a_g'S_g a_g/N_g` with :math:`a_g` the weights on the
        periods of cohort g. adjusted, of roth_santanna: less :math:`b'\bar S b/N`, where b sums over cohorts the slopes
        of :math:`a_{0g}'Y_i` on the outcomes of the periods before any treatment: what these explain of the
        effects' spread over units, which is no sampling error of :math:`\hat\theta`; of chen_santanna_xie: that of
        given weights. jackknife: conservative, or of given weights, with the influence of each cluster on
        :math:`\hat\beta`, which these leave out: :math:`\psi_c + (1 - s_c)(\hat\beta_{-c} - \hat\beta)'\hat X_{-c}`,
        without cluster c, :math:`s_c` its share of its cohort. auto: jackknife where the covariance is not by_cohort.
    covariance : {"auto", "by_cohort", "pooled", "shrunk"}
        Of means over periods, from which :math:`\hat\beta` comes.
        by_cohort: each cohort's own (and across them, where clusters span several), as both papers. pooled: one for
        all cohorts; with few clusters a cohort's own is noisy or singular. shrunk, of chen_santanna_xie: pooled, of
        deviations from unit means, and drawn towards equal and uncorrelated errors, under which the estimator is that
        of `Imputation`, by the share that is best in squares (Ledoit and Wolf 2004). auto: by_cohort where every cohort
        has `MANY` clusters, for chen_santanna_xie also 5 a period; else shrunk, for roth_santanna pooled.

    Notes
    -----
    For units that are not seen in every period there is no cohort mean to compare: they are left out, counted, as are
    units treated from the start and the only unit of its cohort. Cohorts first treated after the last period are never
    treated ones. Influence functions by cluster; where clusters are units times :math:`\sqrt{N_g/(N_g-1)}`, and those
    of roth_santanna then scaled to the adjusted error. :math:`\hat\beta` uses covariances by cluster.
    roth_santanna takes cohort sizes as fixed, chen_santanna_xie as sampled. Estimates and both errors of roth_santanna
    equal R's staggered 1.2.2 where the covariance is by cohort.

    References
    ----------
    Roth and Sant'Anna (2023), Efficient Estimation for Staggered Rollout Designs, Journal of Political Economy
    Microeconomics 1(4). Chen, Sant'Anna and Xie (2025), Efficient Difference-in-Differences and Event Study Estimators.
    Ledoit and Wolf (2004), A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices, Journal of
    Multivariate Analysis 88.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> df = pd.DataFrame({"firm": np.repeat(np.arange(200), 6), "year": np.tile(np.arange(1, 7), 200)})
    >>> df["first"] = np.repeat(rng.choice([0, 3, 5], 200), 6)
    >>> df["y"] = np.repeat(rng.normal(size=200), 6) + rng.normal(size=1200) + 2 * df["first"].between(1, df["year"])
    >>> panel = Panel(df, unit="firm", time="year", cohort="first")
    >>> Efficient(kind="roth_santanna", estimand="simple").fit(panel, "y").to_frame().round(2)["estimate"].tolist()
    [2.13]
    """

    kind: Kind
    estimand: Estimand = "group_time"
    adjustment: Adjustment = "efficient"
    variance: Variance = "auto"
    covariance: Covariance = "auto"

    def __post_init__(self) -> None:
        check_fields(self)
        for option, allowed in (
            ("kind", Kind),
            ("estimand", Estimand),
            ("adjustment", Adjustment),
            ("variance", Variance),
            ("covariance", Covariance),
        ):
            check_choice(option, getattr(self, option), allowed)
        if self.kind == "chen_santanna_xie":
            for option, only in (("estimand", "group_time"), ("adjustment", "efficient")):
                if getattr(self, option) != only:
                    raise OptionError(option, getattr(self, option), [f"{only} with kind='chen_santanna_xie'"])
            if self.variance == "conservative":
                raise OptionError("variance", self.variance, ["adjusted or jackknife with kind='chen_santanna_xie'"])
        elif self.covariance == "shrunk":
            raise OptionError("covariance", self.covariance, ["pooled with kind='roth_santanna'"])
        if self.variance == "jackknife" and self.covariance == "by_cohort":
            raise OptionError("variance", self.variance, ["adjusted or conservative with covariance='by_cohort'"])

    @typed
    def fit(self, panel: Panel, outcome: str) -> Effects:
        """Estimate the effects.

        Parameters
        ----------
        panel : Panel
            With cohorts; without weights. Clusters must not cut through units.
        outcome : str

        Returns
        -------
        Effects
            By cohort and time, or averages by the estimand. roth_santanna: effects before treatment included, against
            the last period before it; chen_santanna_xie uses these up: see `balance`.

        Raises
        ------
        NoTreatedError, NoPrePeriodError, NoControlsError, TooFewPeriodsError, TooFewClustersError, ClusterVariesError
        WeightsError, RepeatedCrossSectionsError
        EstimationError
            Where contrasts that are to be zero have a singular covariance: more of them than clusters can tell apart.
        """
        design = self._design(panel, outcome)
        means, start, zero = design.means, design.start, design.zero
        if self.kind == "chen_santanna_xie":
            means.require_variation()
        covariance = self._covariance(means)
        if covariance == "by_cohort":
            first, second = means.influence(start), means.influence(zero)
            weights = self._weights(design, second.T @ second, second.T @ first)
        else:
            share = means.shrinkage if covariance == "shrunk" else None
            weights = self._weights(design, *_moments(_shrunk(means.products, share), means.size, zero, start))
        psi = means.influence(weights)
        variance = self._variance(means)
        if variance == "adjusted" and self.kind == "roth_santanna":
            reference = (start == zero).all(axis=(1, 2))
            psi = means.adjusted(psi, np.where(reference[:, None, None], 0.0, start))
        elif variance == "jackknife" and self.adjustment == "efficient":
            for block in np.array_split(np.arange(len(psi)), 1 + len(psi) * zero.size * len(zero) // _BLOCK):
                products, size, mean = means.without(block)
                moved = weights - self._weights(design, *_moments(_shrunk(products, share), size, zero, start))
                psi[block] += means.kept[block, None] * np.einsum("ckgt,cgt->ck", moved, mean)
        return self._effects(design, np.einsum("kgt,gt->k", weights, means.mean), psi, design.cells, design.index)

    def _weights(self, design: _Design, gram: np.ndarray, cross: np.ndarray) -> np.ndarray:
        """Weights on means of cohorts, shape (..., k, G, T).

        Parameters
        ----------
        gram, cross : ndarray, shapes (..., r, r) and (..., r, k)
            Covariance of the contrasts that are zero, and with the first estimates.
        """
        if self.kind == "chen_santanna_xie":
            slopes = _slopes(gram, cross, design.means, self._covariance(design.means))
            return design.start - np.einsum("...rk,rgt->...kgt", slopes, design.zero)
        square, both = (np.diagonal(matrix, axis1=-2, axis2=-1) for matrix in (gram, cross))
        slope = np.ones_like(both)
        if self.adjustment == "efficient":
            reference = (design.start == design.zero).all(axis=(1, 2))
            np.divide(both, square, out=slope, where=(square > 0) & ~reference)
        return design.start - slope[..., None, None] * design.zero

    @typed
    def balance(self, panel: Panel, outcome: str) -> Effects:
        r"""Estimate :math:`\hat X`, which random timing or parallel trends make zero; `Effects.test` tests it.

        Returns
        -------
        Effects
            roth_santanna: one contrast an effect of the estimand. chen_santanna_xie: by cohort and time, of every
            period between the first and treatment.
        """
        design = self._design(panel, outcome)
        cells, index = design.cells, design.index
        if self.kind == "chen_santanna_xie":
            cells, index = design.zero_cells, _cell_index(design.zero_cells, design.means)
        values = np.einsum("kgt,gt->k", design.zero, design.means.mean)
        return self._effects(design, values, design.means.influence(design.zero), cells, index, balance=True)

    @typed
    def randomization_test(self, panel: Panel, outcome: str, *, n_draws: int = 999, seed: int = 0) -> Randomization:
        r"""Fisher's test of no effect on any unit: the t statistic under reassigned timing.

        The statistic is :math:`\hat\theta` over its error (`variance`; auto: adjusted), of the estimand or of the
        mean of its effects; timing is reassigned across the panel's clusters. See
        `aigreen.inference.randomization_inference`.
        """
        plain = replace(self, variance="adjusted") if self.variance == "auto" else self

        def statistic(drawn: Panel, name: str) -> float:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FewClustersWarning)
                overall = plain.fit(drawn, name).overall()
            return float(overall.values[0] / overall.std_errors.iloc[0])

        return randomization_inference(panel, outcome, statistic, n_draws=n_draws, seed=seed)

    def _design(self, panel: Panel, outcome: str) -> _Design:
        means = _Means.of(panel, outcome)
        if self.kind == "chen_santanna_xie":
            return _parallel(means)
        return _random_timing(means, self.estimand, last_only=self.adjustment == "sun_abraham")

    def _many(self, means: _Means) -> bool:
        """Whether every cohort has clusters enough for a covariance of its own, and for errors of given weights."""
        periods = len(means.times) if self.kind == "chen_santanna_xie" else 0
        return means.fewest >= max(MANY, PER_PERIOD * periods)

    def _covariance(self, means: _Means) -> Covariance:
        if self.covariance != "auto":
            return self.covariance
        few: Covariance = "shrunk" if self.kind == "chen_santanna_xie" else "pooled"
        return "by_cohort" if self._many(means) else few

    def _variance(self, means: _Means) -> Variance:
        if self.variance != "auto":
            return self.variance
        return "adjusted" if self._covariance(means) == "by_cohort" else "jackknife"

    def _effects(
        self,
        design: _Design,
        values: np.ndarray,
        psi: np.ndarray,
        cells: _CellWeights,
        index: pd.Index,
        *,
        balance: bool = False,
    ) -> Effects:
        means = design.means
        of_cell = means.cohorts[cells.group]
        shares = ClusterShares.by_cohort(
            means.sample.unit_cluster,
            means.cohort,
            of_cell,
            n_clusters=len(means.sample.clusters),
            by_group=balance or self.kind == "roth_santanna",
            own_left_out=means.factor,
        )
        horizon = means.times[cells.time] - of_cell
        if self.estimand == "group_time":
            mass = cohort_shares(means.sample, means.cohort, of_cell)
            mass = mass if self.kind == "chen_santanna_xie" else Mass(mass.value, mass.of)
        else:
            mass = Mass(np.ones(len(values)), np.arange(len(values)))
        post = (horizon >= 0).astype(float) @ (cells.weight > 0) > 0
        n_treated = int(shares.share.any(axis=1).sum())
        if n_treated < FEW:
            message = (
                f"{counted(n_treated, 'treated cluster')}: coverage of intervals was simulated with {FEW} and more only"
            )
            warn(FewClustersWarning(message, count=n_treated))
        given = self._variance(means) != "jackknife" and self.adjustment == "efficient"
        if given and not balance and not self._many(means):
            message = (
                f"{counted(means.fewest, 'cluster')} in a cohort: errors of given weights are too small; see "
                "variance='jackknife'"
            )
            warn(FewClustersWarning(message, count=means.fewest))
        return Effects(
            values=values,
            index=index,
            psi=psi,
            method=f"efficient ({self.kind}{', balance' if balance else ''})",
            mass=None if balance else mass,
            post=None if balance else post,
            cluster_shares=shares.mix(cells.weight),
            conventions=self._conventions(means),
            **result_facts(means.sample, means.rows, outcome=means.outcome, dropped=means.dropped),
        )

    def _conventions(self, means: _Means) -> dict[str, str]:
        variance = self._variance(means)
        told = {
            "variance": f"influence functions summed by {means.sample.clusters.name}",
            "small-sample factor": "none",
        }
        if self.kind == "roth_santanna" or variance == "jackknife":
            told["variance"] = f"{variance}, {told['variance']}"
        if self.kind == "roth_santanna":
            told["adjustment"] = self.adjustment.replace("_", " ")
            told["estimand"] = self.estimand.replace("_", " ")
        told["covariance of means"] = self._covariance(means).replace("_", " ")
        if means.factor:
            told["small-sample factor"] = "N/(N-1) by cohort"
        return told


@dataclass(frozen=True)
class _CellWeights:
    """Cells (positions of cohort and period) and their weights in the averages asked for, shape (cells, k)."""

    group: np.ndarray
    time: np.ndarray
    weight: np.ndarray

    @classmethod
    def each(cls, cells: list[tuple[int, int]]) -> _CellWeights:
        group, time = np.array(cells, dtype=np.intp).reshape(-1, 2).T
        return cls(group, time, np.eye(len(cells)))


@dataclass(frozen=True)
class _Means:
    """Means of cohorts by period, and the influence of weighted sums of them.

    Attributes
    ----------
    cohorts : ndarray, shape (G,);  times : ndarray, shape (T,)
        Cohorts ascend; inf, the last one, is never treated.
    mean : ndarray, shape (G, T);  size : ndarray, shape (G,)
    deviation : list of G ndarrays, shape (N_g, T)
        Of each unit from the mean of its cohort, times `scale`.
    units : list of G ndarrays of int
        Positions of these units in the sample.
    cohort : ndarray, shape (N,)
        Of all units of the sample, nan where left out.
    scale : ndarray, shape (G,)
        Root of N_g/(N_g - 1) where clusters are units, else one.
    factor : bool
        Whether clusters are units.
    """

    sample: Panel
    outcome: str
    dropped: Dropped
    cohort: np.ndarray
    cohorts: np.ndarray
    times: np.ndarray
    size: np.ndarray
    mean: np.ndarray
    units: list[np.ndarray]
    deviation: list[np.ndarray]
    scale: np.ndarray
    factor: bool

    @classmethod
    def of(cls, panel: Panel, outcome: str) -> _Means:
        panel.require_units("Efficient")
        if panel.weights is not None:
            raise WeightsError("Efficient takes no weights; use GroupTimeATT", column=panel.names.get("weights"))
        dropped = Dropped()
        sample = panel.complete([outcome], dropped)
        check_sample(sample)
        cohort = cohorts_in_reach(sample, dropped, balanced=True)
        cohorts, size = np.unique(cohort[~np.isnan(cohort)], return_counts=True)
        alone = cohorts[size < 2]
        dropped.add(
            SmallCellWarning, "cohorts", "of one unit, so without a variance", alone.size, [f"{g:.0f}" for g in alone]
        )
        cohort[np.isin(cohort, alone)] = np.nan
        cohorts, size = cohorts[size > 1], size[size > 1]
        if not np.isfinite(cohorts).any():
            raise NoTreatedError("no cohort of two units or more is left", count=0)
        if len(cohorts) < 2:
            raise NoControlsError(f"all units are first treated in {cohorts[0]:g}: there is nothing to compare with")
        y = sample.column(outcome)
        units = [np.flatnonzero(cohort == g) for g in cohorts]
        wide = [y[sample.unit_first[own][:, None] + np.arange(sample.n_periods)] for own in units]
        mean = np.stack([own.mean(axis=0) for own in wide])
        by_unit = sample.n_clusters == sample.n_units
        scale = np.sqrt(size / (size - 1)) if by_unit else np.ones(len(size))
        deviation = [s * (own - m) for s, own, m in zip(scale, wide, mean, strict=True)]
        return cls(
            sample, outcome, dropped, cohort, cohorts, sample.times, size, mean, units, deviation, scale, by_unit
        )  # fmt: skip

    @property
    def rows(self) -> np.ndarray:
        """Positions of the rows used."""
        return np.flatnonzero(~np.isnan(self.cohort)[self.sample.unit_codes])

    def require_variation(self) -> None:
        """Refuse an outcome of which all units of a cohort have the same changes."""
        widest = max(np.ptp(deviation, axis=1).max() for deviation in self.deviation)
        if widest <= ROUNDING * np.abs(self.sample.column(self.outcome)).max():
            raise NoVariationError(self.outcome)

    def influence(self, weights: np.ndarray) -> np.ndarray:
        """Influence functions by cluster, shape (clusters, k), of sums of means with weights of shape (k, G, T)."""
        psi = np.zeros((len(self.sample.clusters), len(weights)))
        for g, (own, deviation) in enumerate(zip(self.units, self.deviation, strict=True)):
            np.add.at(psi, self.sample.unit_cluster[own], deviation @ weights[:, g].T / self.size[g])
        return psi

    @property
    def fewest(self) -> int:
        """Clusters of the cohort that has fewest."""
        return min(distinct(self.sample.unit_cluster[own]) for own in self.units)

    @cached_property
    def sums(self) -> np.ndarray:
        """Deviations summed by cluster and cohort, shape (clusters, G, T); zero where they are rounding."""
        e = np.zeros((len(self.sample.clusters), *self.mean.shape))
        for g, (own, deviation) in enumerate(zip(self.units, self.deviation, strict=True)):
            np.add.at(e[:, g], self.sample.unit_cluster[own], deviation)
        resolution = ROUNDING * self.counts.max() * np.abs(self.sample.column(self.outcome)).max()
        return np.where(np.abs(e) > resolution, e, 0.0)

    @cached_property
    def counts(self) -> np.ndarray:
        """Units by cluster and cohort, shape (clusters, G)."""
        of = [np.bincount(self.sample.unit_cluster[own], minlength=len(self.sample.clusters)) for own in self.units]
        return np.column_stack(of).astype(float)

    @property
    def kept(self) -> np.ndarray:
        """What is left of its cohort without a cluster, shape (clusters,); the root of it where clusters are units."""
        left = 1 - (self.counts / self.size).max(axis=1)
        return np.sqrt(left) if self.factor else left

    @property
    def products(self) -> np.ndarray:
        """Cross-products of periods, shape (T, T): the covariance of means of all cohorts times N."""
        return np.einsum("cgt,cgs->ts", self.sums, self.sums)

    @property
    def shrinkage(self) -> float:
        r"""Share :math:`\sum_c \|z_c z_c' - S\|^2 / n^2 \|S - \mu I\|^2` of Ledoit and Wolf (2004), at most one.

        With z the sums of n clusters less their mean over periods, S their covariance and :math:`\mu` its mean root.
        """
        z = self.sums[self.counts > 0]
        z = z - z.mean(axis=1, keepdims=True)
        n, free = len(z), z.shape[1] - 1
        S = z.T @ z / n
        square = np.sum(S**2)
        noise = np.sum(np.sum(z**2, axis=1) ** 2) / n**2 - square / n
        distance = square - np.trace(S) ** 2 / free
        return float(min(1.0, noise / distance)) if distance > 0 else 1.0

    def without(self, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""Leave out one cluster at a time: `products` (c, T, T), sizes (c, G) and means (c, G, T) of cohorts.

        Without cluster c the mean of a cohort moves by :math:`\delta = -e_c/(N - N_c)`, and every other sum of
        deviations :math:`e` by :math:`-N_{c'}\delta`. A cohort of one cluster keeps its size and mean.
        """
        e, k = self.sums[clusters], self.counts[clusters]
        left = self.size - k
        shift = -e / np.where(left > 0, left, np.inf)[:, :, None]
        crossed = np.einsum("cg,cgt->gt", self.counts, self.sums) - k[:, :, None] * e
        mixed = np.einsum("cgt,cgs->cts", crossed, shift)
        squares = (self.counts**2).sum(axis=0) - k**2
        products = self.products - np.einsum("cgt,cgs->cts", e, e) - mixed - mixed.transpose(0, 2, 1)
        products += np.einsum("cg,cgt,cgs->cts", squares, shift, shift)
        return products, np.where(left > 0, left, self.size), self.mean + shift / self.scale[:, None]

    def adjusted(self, psi: np.ndarray, start: np.ndarray) -> np.ndarray:
        r"""Take out what the outcomes before any treatment explain of the spread of effects.

        The influence :math:`a_g'\tilde Y_i/N_g` of a unit becomes :math:`a_g'\tilde Y_i/N_g - b'\tilde Z_i/N`, with Z
        its outcomes before any treatment: a sum over all units of b'Z is a constant under random timing. Its variance
        is conservative for any b. Where clusters are units each column is scaled to the error of Roth and Sant'Anna,
        which it has in large samples.
        """
        before = np.flatnonzero(self.times < self.cohorts[0])
        z = [deviation[:, before] for deviation in self.deviation]
        grams = [own.T @ own for own in z]
        slope = sum(
            np.linalg.lstsq(gram, own.T @ deviation @ start[:, g].T, rcond=None)[0]
            for g, (own, gram, deviation) in enumerate(zip(z, grams, self.deviation, strict=True))
        )
        n = self.size.sum()
        constant = np.zeros_like(psi)
        for units, own in zip(self.units, z, strict=True):
            np.add.at(constant, self.sample.unit_cluster[units], own @ slope / n)
        result = psi - constant
        if not self.factor:
            return result
        spread = sum(gram / size for gram, size in zip(grams, self.size, strict=True)) / len(self.size)
        square = np.einsum("ck,ck->k", result, result)
        target = np.einsum("ck,ck->k", psi, psi) - np.einsum("rk,rs,sk->k", slope, spread, slope) / n
        usable = (target > 0) & (square > 0)
        return result * np.sqrt(np.divide(target, square, out=np.ones_like(square), where=usable))


@dataclass(frozen=True)
class _Design:
    """Weights on means of cohorts: first estimates and contrasts that are zero, each of shape (k or r, G, T)."""

    means: _Means
    start: np.ndarray
    zero: np.ndarray
    cells: _CellWeights
    index: pd.Index
    zero_cells: _CellWeights


def _random_timing(means: _Means, estimand: Estimand, *, last_only: bool) -> _Design:
    """Cells of Roth and Sant'Anna, weighed to the estimand."""
    cohorts, times, size = means.cohorts, means.times, means.size
    finite = cohorts[np.isfinite(cohorts)]
    base = np.searchsorted(times, finite) - 1
    found: list[tuple[int, int]] = []
    stacks: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    for g in range(len(finite)):
        for t in range(len(times)):
            compared = cohorts > max(times[t], times[base[g]])
            compared[g] = False
            if last_only:
                compared &= np.arange(len(cohorts)) == len(cohorts) - 1
            if not compared.any():
                continue
            share = size * compared / (size * compared).sum()
            contrast = -share
            contrast[g] += 1
            for stack, at in zip(stacks, (t, base[g]), strict=True):
                one = np.zeros_like(means.mean)
                one[:, at] = contrast
                stack.append(one)
            found.append((g, t))
    cells = _CellWeights.each(found)
    start, zero = (np.array(stack) for stack in stacks)
    if not found or not (times[cells.time] >= cohorts[cells.group]).any():
        raise NoControlsError("no unit is untreated for longer than another: there is nothing to compare with")
    index = _cell_index(cells, means)
    if estimand != "group_time":
        weight, index = _average(cells, means, estimand)
        cells = _CellWeights(cells.group, cells.time, weight)
        start, zero = (np.einsum("ck,cgt->kgt", weight, stack) for stack in (start, zero))
    return _Design(means, start, zero, cells, index, cells)


def _average(cells: _CellWeights, means: _Means, estimand: Estimand) -> tuple[np.ndarray, pd.Index]:
    """Weights of the cells in averages, shape (cells, k), and the labels of these."""
    size, horizon = means.size[cells.group].astype(float), means.times[cells.time] - means.cohorts[cells.group]
    after = horizon >= 0
    if estimand == "event_study":
        labels, of = np.unique(horizon.astype(int), return_inverse=True)
        weight = np.zeros((len(size), len(labels)))
        weight[np.arange(len(size)), of] = size
        return weight / weight.sum(axis=0), pd.Index(labels, name=KEYS["event_study"])
    weight = np.where(after, size, 0.0)
    if estimand == "group":
        weight /= np.bincount(cells.group, after)[cells.group].clip(1)
    elif estimand == "calendar":
        weight /= np.bincount(cells.time, weight)[cells.time].clip(1)
    return (weight / weight.sum())[:, None], pd.Index(["ATT"], name="effect")


def _parallel(means: _Means) -> _Design:
    """Cells of Chen, Sant'Anna and Xie, and all contrasts that parallel trends make zero."""
    cohorts, times = means.cohorts, means.times
    reference = len(cohorts) - 1
    usable = np.flatnonzero(times < cohorts[reference]).tolist()
    after = [(g, t) for g in range(reference) for t in usable if times[t] >= cohorts[g]]
    before = [(g, t) for g in range(reference) for t in usable[1:] if times[t] < cohorts[g]]
    if not after:
        raise NoControlsError("no unit is untreated for longer than another: there is nothing to compare with")
    if not before:
        raise NoPrePeriodError("no cohort has two periods before its treatment: nothing to combine; use GroupTimeATT")
    start, zero = (np.array(list(_changes(cells, means.mean.shape, reference))) for cells in (after, before))
    cells = _CellWeights.each(after)
    # weights on the periods of a cohort sum to zero, so levels of units only add rounding
    means = replace(means, deviation=[own - own.mean(axis=1, keepdims=True) for own in means.deviation])
    return _Design(means, start, zero, cells, _cell_index(cells, means), _CellWeights.each(before))


def _changes(cells: list[tuple[int, int]], shape: tuple[int, int], reference: int) -> Iterator[np.ndarray]:
    """Weights of the change of a cohort since the first period less that of the reference, one cell after another."""
    for g, t in cells:
        one = np.zeros(shape)
        one[g, t], one[g, 0], one[reference, t], one[reference, 0] = 1, -1, -1, 1
        yield one


def _shrunk(products: np.ndarray, share: float | None) -> np.ndarray:
    """Take unit means out of cross-products, shape (..., T, T), and draw them to those of independent errors.

    None: neither, as for random timing, whose contrasts compare levels.
    """
    if share is None:
        return products
    centre = np.eye(products.shape[-1]) - 1 / products.shape[-1]
    within = centre @ products @ centre
    level = np.trace(within, axis1=-2, axis2=-1) / (len(centre) - 1)
    return (1 - share) * within + share * level[..., None, None] * centre


def _moments(
    products: np.ndarray, size: np.ndarray, zero: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Covariances of sums of means with weights `zero`, and of these with those of weights `start`, but for a factor.

    Parameters
    ----------
    products : shape (..., T, T);  size : shape (..., G);  zero : shape (r, G, T);  start : shape (k, G, T)

    Returns
    -------
    shapes (..., r, r) and (..., r, k)
    """
    half = np.einsum("rgt,...ts->...rgs", zero, products) / size[..., None, :, None]
    return np.einsum("...rgs,qgs->...rq", half, zero), np.einsum("...rgs,kgs->...rk", half, start)


def _slopes(gram: np.ndarray, cross: np.ndarray, means: _Means, covariance: Covariance) -> np.ndarray:
    """Slopes of first estimates on contrasts, shape (..., r, k), from covariances (..., r, r) and (..., r, k).

    A covariance by cohort needs more degrees of freedom than contrasts: with as many, their combination fits the first
    estimates exactly, and no error is left.
    """
    square = np.diagonal(gram, axis1=-2, axis2=-1)
    scale = np.sqrt(np.where(square > 0, square, 1.0))
    roots = np.linalg.eigvalsh(gram / (scale[..., :, None] * scale[..., None, :]))
    regular = (square > 0).all() and (roots[..., 0] > _SINGULAR * roots[..., -1]).all()
    clusters = [distinct(means.sample.unit_cluster[own]) for own in means.units]
    left = min(sum(clusters) - len(clusters), means.sample.n_clusters - 1)
    if not regular or (covariance == "by_cohort" and left <= gram.shape[-1]):
        raise EstimationError(
            f"{gram.shape[-1]:,} contrasts that parallel trends make zero, and cohorts of "
            f"{', '.join(str(n) for n in clusters[:SHOWN])}{', ...' if len(clusters) > SHOWN else ''} clusters leave "
            f"{left:,} degrees of freedom for their covariance, which is singular or fitted exactly; use "
            + ("GroupTimeATT" if covariance == "shrunk" else "covariance='shrunk', or GroupTimeATT")
        )
    return np.linalg.solve(gram, cross)


def _cell_index(cells: _CellWeights, means: _Means) -> pd.Index:
    cohort, time = means.cohorts[cells.group].astype(int), means.times[cells.time]
    return pd.MultiIndex.from_arrays([cohort, time], names=["cohort", "time"])
