"""Effects: estimates with their influence functions. The only way out."""

from __future__ import annotations

import html
import numbers
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast, get_args, overload

import numpy as np
import pandas as pd
from scipy import special

from aigreen.arguments import as_numbers, typed
from aigreen.effects.aggregation import (
    Aggregation,
    LogMeanMass,
    Mass,
    covariance_of_sums,
    group_index,
    levels_kept,
)
from aigreen.effects.as_statsmodels import StatsmodelsResults, called_by_statsmodels
from aigreen.effects.averages import Average, averages_by, overall_averages
from aigreen.effects.cluster_shares import ONE, ClusterShares, effective
from aigreen.effects.confidence_set import ConfidenceSet, ratio_set
from aigreen.effects.frames import Backend, in_kind
from aigreen.effects.hypotheses import restrictions
from aigreen.effects.maketables import Maketables
from aigreen.effects.multiplier import Band, Multipliers, sup_t_critical
from aigreen.effects.products import Factors, Products
from aigreen.effects.sample_sizes import SAMPLES, samples_of
from aigreen.effects.small_samples import (
    Spread,
    Strata,
    fewest_treated,
    hotelling,
    max_t_p,
    most_df,
    randomization_p,
    scaled,
    sidak,
    slope_weights,
    spread,
    strata_of,
    wild_p,
    with_lone_cohorts,
)
from aigreen.effects.tidy import Tidy
from aigreen.effects.wald import Method, Wald, check_rank, chi_squared
from aigreen.errors import (
    SHOWN,
    EffectsError,
    FewClustersError,
    FewClustersWarning,
    IncompatibleEffectsError,
    NoInfluenceError,
    NoVariationError,
    OptionError,
    UnknownColumnError,
    WrongTypeError,
    counted,
    number_of,
    warn,
)
from aigreen.options import check_choice, check_draws, check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Leads = Literal["path", "changes", "separate"]
Intervals = Literal["auto", "asymptotic"]
MANY = 100  # effective treated clusters from which asymptotic bands and covariances serve
PRINTED, _ENDS = 60, 20  # effects that are printed whole, and those shown of more
_ROUNDING = 1e-13
_NO_DROPS = pd.DataFrame(columns=["what", "reason", "count", "first"])


@dataclass(frozen=True, eq=False)
class Effects(Maketables, StatsmodelsResults, Tidy):
    r"""A labelled vector of estimates with its influence functions.

    The rows of the influence matrix are clusters, scaled such that

    .. math:: \hat\theta - \theta \approx \sum_c \psi_c, \qquad \hat V = \sum_c \psi_c \psi_c' ;

    any small-sample factor is inside, named in `conventions`. Whatever is linear in the estimates is linear in the
    influence functions, so results on the same panel can be subtracted, stacked and tested together.

    Attributes
    ----------
    values : ndarray, shape (k,)
    index : Index, length k
        Levels among effect, term, cohort, time, horizon, part, channel, group.
    psi : ndarray, shape (clusters, k), or None
        Influence functions; None for results of other packages that only report variances.
    clusters : Index
        Labels of the rows of `psi`.
    mass : Mass, optional
        Weights of the effects in averages; without it the effects cannot be aggregated.
    post : ndarray of bool, shape (k,), optional
        Effects that enter overall averages (those after treatment).
    weights : DataFrame, optional
        How each average is made of the effects first estimated (by cohort and time), shape (first effects, k).
    covariance : ndarray, shape (k, k), optional
        Used where `psi` is None; entries may be nan where unknown.
    root : ndarray, shape (r, k), optional
        In place of `psi` where clusters are too many to keep: rows with the same sums of products, over all and within
        each cohort, so that :math:`\hat V = \sum_r x_r x_r'`. `mass` and `cluster_shares` then have these rows.
    df : float, optional
        Degrees of freedom of t intervals where `cluster_shares` is None; None for the normal distribution.
    cluster_shares : ClusterShares, optional
        How treated and comparison rows are spread over clusters: intervals and tests then use the degrees of freedom
        that few treated clusters leave.
    products : Products, optional
        Which effects are a slope times something else: their intervals are quantiles of the product.
    leads : {"path", "changes", "separate"}
        What effects before treatment are relative to: one reference period, as those after treatment are; each to the
        period before it; or, from a regression of their own, to all periods before the first lead.
    anticipation : int
        Periods before treatment whose effects are no test of what precedes it.
    step : str
        What periods and horizons count, as "quarter", where they are steps of the calendar.
    n_rows, n_units, n_clusters : int
        Size of the estimation sample; of a result made from several the smallest, with all of them in
        ``conventions["samples"]`` where they differ.
    method, outcome : str
    conventions : mapping of str to str
        Variance, small-sample factor, singleton rule, base period, ...
    dropped : DataFrame
        What was left out: what, reason, count, first.
    resolution : float or ndarray, shape (k,), optional
        Of a fit: what is nothing but rounding in the units of the effects. Errors up to it, and estimates up to it that
        have such errors, are set to zero.

    Raises
    ------
    NoVariationError
        All estimates and errors are rounding.
    """

    values: np.ndarray
    index: pd.Index
    psi: np.ndarray | None
    clusters: pd.Index
    n_rows: int
    n_units: int
    n_clusters: int
    method: str
    outcome: str
    mass: Mass | LogMeanMass | None = None
    post: np.ndarray | None = None
    weights: pd.DataFrame | None = None
    covariance: np.ndarray | None = None
    root: np.ndarray | None = None
    df: float | None = None
    cluster_shares: ClusterShares | None = None
    products: Products | None = None
    leads: Leads = "path"
    anticipation: int = 0
    step: str = ""
    conventions: Mapping[str, str] = field(default_factory=dict)
    dropped: pd.DataFrame = field(default_factory=_NO_DROPS.copy)
    resolution: InitVar[float | np.ndarray | None] = None

    def __post_init__(self, resolution: float | np.ndarray | None) -> None:
        k = len(self.values)
        if len(self.index) != k or (self.psi is not None and self.psi.shape != (len(self.clusters), k)):
            shape = () if self.psi is None else self.psi.shape
            raise EffectsError(f"{k} estimates, index of {len(self.index)}, influence of {shape}")
        if self.psi is None and self.covariance is None and self.root is None:
            raise EffectsError("a result needs influence functions or a covariance")
        object.__setattr__(self, "conventions", MappingProxyType(dict(self.conventions)))
        if resolution is not None:
            self._round(np.broadcast_to(resolution, k))

    # -- estimates and errors ------------------------------------------------------------------------------------

    @property
    def estimates(self) -> pd.Series:
        """Point estimates."""
        return pd.Series(self.values, index=self.index, name="estimate")

    @property
    def influence(self) -> pd.DataFrame:
        """Influence functions, clusters x effects.

        Raises
        ------
        NoInfluenceError
        """
        psi = self.require_influence("`influence`")
        return pd.DataFrame(psi, index=self.clusters, columns=self.index, copy=False)

    @property
    def vcov(self) -> pd.DataFrame:
        """Covariance matrix of the estimates."""
        return pd.DataFrame(self._covariance(), index=self.index, columns=self.index)

    @property
    def small_sample_vcov(self) -> pd.DataFrame:
        r"""Covariance matrix of :math:`\psi_c/\sqrt{1 - a_c}`, see `effective_clusters`; `vcov` without shares."""
        if self._rows is None or self.cluster_shares is None:
            return self.vcov
        u = self._scaled_rows()
        return pd.DataFrame(u.T @ u, index=self.index, columns=self.index)

    @property
    def std_errors(self) -> pd.Series:
        """Standard errors; zero for a reference period."""
        return pd.Series(self._std_errors(), index=self.index, name="std_error")

    @typed
    def conf_int(
        self,
        level: float = 0.95,
        simultaneous: bool = False,
        *,
        method: Intervals = "auto",
        n_draws: int = 999,
        multipliers: Multipliers = "rademacher",
        seed: int = 0,
        alpha: float | None = None,
    ) -> pd.DataFrame:
        r"""Confidence intervals, pointwise or as a simultaneous band.

        Parameters
        ----------
        level : float
            Coverage, one half or more.
        simultaneous : bool
            Cover all effects at once rather than each alone.
        method : {"auto", "asymptotic"}
            auto: where `cluster_shares` are known, :math:`\hat\theta_j \pm t_{\nu_j} s_j` with small-sample errors and
            Satterthwaite's degrees of freedom (see `effective_clusters`); a band takes Sidak's level for each effect,
            with `MANY` treated clusters the sup-t bootstrap's. Products (`products`: what goes through a channel, of
            counts) take the quantiles of a product of two normal factors with such errors, which are skewed.
            asymptotic: `std_errors` with `df`, and a sup-t band.
        n_draws, multipliers, seed
            Of the sup-t multiplier bootstrap; without influence functions draws are normal with the covariance.
        alpha : float, optional
            What is left uncovered, in place of `level`: 0.05 is a level of 0.95. Code of statsmodels, which sets these
            results in its tables, means it by the first argument.

        Returns
        -------
        DataFrame
            Columns low and high; nan where an effect has no error of its own (one treated cluster; an error of zero
            where the estimate is not, as for counts that are all zero).
        """
        if alpha is None and level < 0.5 and called_by_statsmodels():
            alpha = level
        level = level if alpha is None else 1 - alpha
        check_level(level)
        check_draws(n_draws, seed)
        check_choice("method", method, Intervals)
        check_choice("multipliers", multipliers, Multipliers)
        errors = self._std_errors()
        small = self._spread if method == "auto" else None
        if small is not None and (alone := ((errors > 0) | self._stand_alone) & np.isnan(small.df)).any():
            message = (
                f"{counted(alone.sum(), 'effect rests', 'effects rest')} on one treated cluster, or on one comparison "
                "cluster, which shows no spread: no interval"
            )
            warn(FewClustersWarning(message, count=int(alone.sum()), first=self.index[alone][:5]))
        many = small is None or not self.few_treated
        if not simultaneous:
            tail = (1 - level) / 2
        elif many:
            rows = self.require_influence("a simultaneous band") if self.root is None else self.root
            kind = multipliers if self.root is None else "normal"
            sup = sup_t_critical(rows, errors, level=level, n_draws=n_draws, kind=kind, seed=seed)
            tail = special.ndtr(-sup)
        else:
            tail = (1 - sidak(level, max(1, int(np.count_nonzero(errors > 0))))) / 2
        if small is not None:
            critical, errors = -special.stdtrit(small.df, tail), small.std_errors
        else:
            critical = sup if simultaneous else self._quantile(1 - tail)
        reach = np.where(self._without_error(), np.nan, np.where(errors == 0, 0.0, critical * errors))
        bounds = np.column_stack([self.values - reach, self.values + reach])
        if method == "auto":
            at, unit, factors = self._factors()
            bounds[at] = unit[:, None] * np.column_stack(factors.bounds(tail))
        return pd.DataFrame(bounds, index=self.index, columns=["low", "high"])

    @overload
    def to_frame(self, level: float = 0.95, *, backend: Literal["pandas"] = "pandas") -> pd.DataFrame: ...

    @overload
    def to_frame(self, level: float = 0.95, *, backend: Backend) -> Any: ...

    @typed
    def to_frame(self, level: float = 0.95, *, backend: Backend = "pandas") -> Any:
        """Tidy frame: estimate, std_error, statistic, p_value, conf_low, conf_high.

        std_error is that of `std_errors`. Statistic, p-value and interval take the small-sample error and the degrees
        of freedom of `effective_clusters`, which are larger and fewer with few treated clusters. Products (what goes
        through a channel, of counts) have the skewed interval of a product, and as p-value what is left uncovered by
        that which ends at zero: neither follows from the statistic.

        Parameters
        ----------
        level : float
        backend : {"pandas", "polars", "pyarrow"}
            Kind of frame; for the last two the levels of the index are its first columns.
        """
        errors = np.where(self._without_error(), np.nan, self._std_errors())
        low, high = self.conf_int(level).to_numpy().T
        small = self._spread
        used = errors if small is None else np.where(np.isnan(errors), np.nan, small.std_errors)
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(used > 0, self.values / used, np.nan)
        tail = self._tail(np.abs(statistic)) if small is None else special.stdtr(small.df, -np.abs(statistic))
        p_value = 2 * tail
        at, _, factors = self._factors()
        p_value[at] = factors.p_values()
        table = pd.DataFrame(
            {
                "estimate": self.values,
                "std_error": errors,
                "statistic": statistic,
                "p_value": p_value,
                "conf_low": low,
                "conf_high": high,
            },
            index=self.index,
        )
        return in_kind(table, backend)

    @property
    def few_treated(self) -> bool:
        """Whether an effect is known to rest on fewer than `MANY` treated clusters."""
        small = self._spread
        return small is not None and bool(((small.treated > 0) & (small.treated < MANY)).any())

    def effective_clusters(self) -> pd.DataFrame:
        r"""Count the clusters that intervals and tests rest on.

        Returns
        -------
        DataFrame
            treated, control : effective numbers of clusters; df : degrees of freedom :math:`\nu_j` of t;
            small_sample_error : the error with each :math:`\psi_c` divided by :math:`\sqrt{1 - a_c}`, :math:`a_c` the
            share of the cluster in the mean at which it is centred. Without `cluster_shares` the numbers of clusters
            are nan, error and df those that intervals use.
        """
        small = self._spread
        if small is None:
            df = np.inf if self.df is None else self.df
            small = Spread(self._std_errors(), np.full(len(self), float(df)), np.full(len(self), np.nan), np.nan)
        columns = {"treated": small.treated, "control": small.control, "df": small.df}
        return pd.DataFrame(columns | {"small_sample_error": small.std_errors}, index=self.index)

    # -- selection and arithmetic --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, label: Hashable) -> Effects:
        """Return the effects with this label in the first index level (or this full index tuple)."""
        first = self.index.get_level_values(0)
        if not isinstance(label, Hashable):
            raise WrongTypeError("label", label, "a label of the first index level")
        if isinstance(label, tuple) and isinstance(self.index, pd.MultiIndex):
            found = np.asarray([tuple(row)[: len(label)] == label for row in self.index])
        else:
            found = np.array([one == label for one in first], dtype=bool)
        if not found.any():
            raise UnknownColumnError(label, list(first.unique()), role="effects", what=first.name or "label")
        part = self.select(found)
        if isinstance(self.index, pd.MultiIndex) and self.index.nlevels > 1 and not isinstance(label, tuple):
            return replace(part, index=part.index.droplevel(0))
        return part

    @typed
    def select(self, which: np.ndarray | pd.Series) -> Effects:
        """Return the effects where the boolean mask `which` is true."""
        mask = np.asarray(which)
        if mask.dtype != bool or mask.shape != (len(self),):
            raise EffectsError(
                f"a mask is a boolean array of length {len(self)}, got {mask.dtype} of shape {mask.shape}"
            )
        if mask.all():
            return self
        rows = np.flatnonzero(mask)
        return replace(
            self,
            values=self.values[rows],
            index=self.index[rows],
            psi=None if self.psi is None else self.psi[:, rows],
            covariance=None if self.covariance is None else self.covariance[np.ix_(rows, rows)],
            root=None if self.root is None else self.root[:, rows],
            mass=None if self.mass is None else self.mass.take(rows),
            post=None if self.post is None else self.post[rows],
            weights=None if self.weights is None else self.weights.iloc[:, rows],
            cluster_shares=None if self.cluster_shares is None else self.cluster_shares.take(rows),
            products=None if self.products is None else self.products.take(rows),
        )

    @typed
    def combine(self, weights: pd.DataFrame | pd.Series | np.ndarray) -> Effects:
        """Return weighted sums of the effects, one for each column of `weights`, shape (k,) or (k, r)."""
        if isinstance(weights, pd.Series):
            weights = weights.to_frame(weights.name or "combination")
        complete = len(weights) == len(self)
        if isinstance(weights, pd.DataFrame):
            weights = weights.reindex(self.index)
            matrix, index = as_numbers("weights", weights), weights.columns
        else:
            matrix = as_numbers("weights", weights)
            matrix = matrix[:, None] if matrix.ndim == 1 else matrix
            index = pd.RangeIndex(matrix.shape[1])
        if not complete or not np.isfinite(matrix).all():
            raise EffectsError(f"weights must cover all {len(self)} effects and no others, and be finite")
        return replace(
            self,
            values=matrix.T @ self.values,
            index=index if index.nlevels > 1 else index.rename(index.name or "effect"),
            psi=None if self.psi is None else self.psi @ matrix,
            covariance=covariance_of_sums(self.covariance, matrix, self.method),
            root=None if self.root is None else self.root @ matrix,
            mass=None,
            post=None,
            weights=None,
            cluster_shares=None if self.cluster_shares is None else self.cluster_shares.mix(matrix),
            products=None,
        )

    def __neg__(self) -> Effects:
        return self * -1.0

    def __mul__(self, factor: float) -> Effects:
        if not isinstance(factor, numbers.Real):
            return NotImplemented
        return replace(
            self,
            values=self.values * factor,
            psi=None if self.psi is None else self.psi * factor,
            covariance=None if self.covariance is None else self.covariance * factor**2,
            root=None if self.root is None else self.root * factor,
            cluster_shares=None if self.cluster_shares is None else self.cluster_shares.times(abs(factor)),
        )

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Effects:
        return self * (1 / divisor) if isinstance(divisor, numbers.Real) else NotImplemented

    def __add__(self, other: Effects) -> Effects:
        if not isinstance(other, Effects):
            return NotImplemented
        psi, other_values, other_psi = aligned(self, other)
        return replace(
            self,
            values=self.values + other_values,
            psi=psi + other_psi,
            mass=None,
            weights=None,
            cluster_shares=_of_sums(self, other),
            products=None,
            **merged([self, other]),
        )

    def __radd__(self, nothing: int) -> Effects:
        """Let `sum`, which begins with 0, add results."""
        return self if isinstance(nothing, numbers.Real) and nothing == 0 else NotImplemented

    def __sub__(self, other: Effects) -> Effects:
        return self + -other if isinstance(other, Effects) else NotImplemented

    # -- aggregation ---------------------------------------------------------------------------------------------

    @typed
    def aggregate(
        self,
        how: Aggregation | pd.DataFrame | pd.Series | np.ndarray,
        *,
        balanced: int | None = None,
        bins: tuple[int, int] | None = None,
    ) -> Effects:
        """Average effects by cohort and time.

        Parameters
        ----------
        how : {"simple", "group", "event_study", "calendar"} or weights
            simple: all effects after treatment. group: by cohort. event_study: by horizon (time since treatment).
            calendar: by period. Or weights of shape (k,) or (k, r) as for `combine`.
        balanced : int, optional
            For event_study, keep only cohorts with an effect this many periods after treatment or later, and horizons
            up to it. Horizons from zero on then average the same cohorts where no effect between is missing; those
            before treatment average the cohorts seen then, which may be fewer.
        bins : (int, int), optional
            For event_study, the first and last horizon, each the average of the effects at and beyond it.

        Notes
        -----
        Within an average effects count by their mass (cohort share, or number of treated rows). Source: Callaway and
        Sant'Anna (2021), table 1.
        """
        if not isinstance(how, str):
            return self.combine(how)
        levels_kept(self.index, how)
        if self.mass is None or not {"cohort", "time"} <= set(self.index.names):
            levels = ", ".join(map(str, self.index.names))
            raise EffectsError(f"{self.method} effects by {levels} cannot be aggregated by cohort and time")
        averages = averages_by(self.index, self.post, cast("Aggregation", how), balanced, bins)
        if bins is not None:
            self._check_bins(averages, bins)
        return self._averaged(averages, keep_mass=how == "group")

    @typed
    def event_study(
        self,
        *,
        balanced: int | None = None,
        window: tuple[int, int] | None = None,
        bins: tuple[int, int] | None = None,
    ) -> Effects:
        """Average by horizon; an event study is returned as it is, or its horizons from `window[0]` to `window[1]`.

        Parameters
        ----------
        balanced : int, optional
            As for `aggregate`.
        window : (int, int), optional
            First and last horizon to keep; effects beyond them are left out.
        bins : (int, int), optional
            First and last horizon, each the average by mass of the effects by cohort and time at and beyond it.
            `trend` and HonestDiD read a binned end point as one period.

        Raises
        ------
        EffectsError
            Where effects by horizon are to be binned: they no longer know what each cohort counts. Bin effects by
            cohort and time, or fit ``TWFE(event_study=(-5, 5))``, whose outer horizons share the dummies at its ends.
        """
        if "horizon" in self.index.names:
            if bins is not None:
                raise EffectsError(
                    f"{self.method} effects are by horizon already: bin effects by cohort and time, or fit "
                    f"TWFE(event_study={bins})"
                )
            study = self
        else:
            study = self.aggregate("event_study", balanced=balanced, bins=bins)
        if window is None:
            return study
        horizons = study.index.get_level_values("horizon")
        if len(window) != 2 or window[0] > window[1]:
            raise EffectsError(f"window={window}: write the first and the last horizon, as (-3, 5)")
        return study.select((horizons >= window[0]) & (horizons <= window[1]))

    def overall(self) -> Effects:
        """Average all effects after treatment, by their mass; one effect (for each part) is returned."""
        if self.mass is None:
            if len(self) == 1:
                return self
            raise EffectsError(f"{self.method} effects have no weights for an overall average; use combine(weights)")
        return self._averaged(overall_averages(self.index, self.post))

    # -- tests ---------------------------------------------------------------------------------------------------

    @typed
    def test(
        self,
        R: np.ndarray | str | None = None,
        value: float | np.ndarray = 0.0,
        *,
        method: Method = "auto",
        n_draws: int = 999,
        seed: int = 0,
    ) -> Wald:
        r"""Test :math:`R\theta = r` jointly; by default that all effects are zero.

        With few treated clusters the Wald statistic is not chi-squared but Hotelling's T2 with about :math:`n_1 - 1`
        degrees of freedom. Effects without variance (reference periods) are left out of the default test.

        Parameters
        ----------
        R : ndarray, shape (q, k), or str, optional
            Or an equation of labels, ``"direct = m"``, ``"2*a - b = 0.1"``, several between commas; labels that are no
            plain words stand between backticks, ``"`direct, 3` = `direct, 4`"``. One of several
            levels is enough where it names one effect, ``"south = north"``.
        value : float or ndarray, shape (q,)
            With an equation nothing: it says its own.
        method : {"auto", "chi2", "hotelling", "wild", "randomization", "max_t"}
            hotelling: F by Krishnamoorthy and Yu (2004). wild: restricted wild cluster bootstrap, treated clusters
            recentred and the statistic studentised in every draw. randomization: clusters exchanged between treated and
            comparison, studentised; valid where they are exchangeable. max_t: the smallest p-value of the single t
            tests, by wild draws, which needs no inverse. chi2: the covariance taken as known. auto: wild where
            effects are centred at the mean of all treated clusters and these are effectively fewer than `MANY`, else
            hotelling; chi2 for results without influence functions, hotelling for those with a `root`.
        n_draws, seed
            Of wild, randomization and max_t. Their p-value has a simulation error of :math:`\sqrt{p(1 - p)/n}`, at .05
            .007 with 999 draws and .002 with 9,999: take more where it is near the size of the test.

        Raises
        ------
        FewClustersError
            More restrictions than treated clusters less two: their joint covariance cannot be estimated. A restriction
            that rests on one treated cluster, or on one comparison cluster.
        EffectsError
            Where the covariance of the restrictions has not full rank, or an equation cannot be read.
        UnknownColumnError
            Where an equation names no effect.

        Warns
        -----
        FewClustersWarning
            More than a third as many restrictions as degrees of freedom: the test has little power.
        """
        if method not in get_args(Method):
            raise OptionError("method", method, get_args(Method))
        if isinstance(R, str):
            if np.any(value):
                raise EffectsError(f"value={value} beside the hypothesis {R!r}: write it into the equation")
            R, value = restrictions(R, self.index)
        if R is None:
            R = np.eye(len(self))[self._std_errors() > 0]
        R, value = np.atleast_2d(as_numbers("R", R)), as_numbers("value", value)
        if R.ndim > 2 or R.shape[1] != len(self):
            raise EffectsError(f"R has {R.shape[-1]} columns for {len(self)} effects")
        if not np.isfinite(R).all():
            raise EffectsError(f"R has {np.count_nonzero(~np.isfinite(R))} entries that are not finite")
        if value.size not in (1, len(R)) or not np.isfinite(value).all():
            raise EffectsError(
                f"value has {value.size} numbers for {len(R)} restrictions: one, or one for each, finite"
            )
        check_draws(n_draws, seed)
        finite = np.isfinite(self.values)
        if R[:, ~finite].any():
            infinite = [str(label) for label in self.index[~finite][:SHOWN]]
            raise EffectsError(f"{(~finite).sum()} effects are not finite and cannot be tested: {', '.join(infinite)}")
        gap = R[:, finite] @ self.values[finite] - value
        if method not in ("auto", "chi2", "hotelling") and self._rows is not None:
            self.require_influence(f"method={method!r}")
        if self._rows is None or method == "chi2":
            covariance = R @ self._covariance() @ R.T
            if np.isnan(covariance).any():
                raise NoInfluenceError(
                    f"{self.method} has no influence functions, so no joint test; single errors are in std_errors"
                )
            check_rank(covariance, self.n_clusters)
            return chi_squared(gap, covariance)
        return self._tested(gap, R, method, n_draws, seed)

    @typed
    def pretrend_test(self, *, method: Method = "auto", n_draws: int = 999, seed: int = 0) -> PretrendTest:
        """Test that the effects before treatment are zero: jointly, as `test` does, and by the slope of their path.

        The joint test has power against any departure but little against each, and with few treated clusters hardly
        any; the slope (see `trend`) is one contrast with nearly the power that a test can have against a trend.
        ``method="max_t"`` combines both: the largest t statistic of path and slope.
        """
        if self.post is None:
            raise EffectsError("only effects by cohort and time, or by horizon, have pre-trends")
        early = self._before(self.post)
        if not early.any():
            raise EffectsError(
                "no effect before treatment"
                + (f" and its {self.anticipation} periods of anticipation" if self.anticipation else "")
                + " is among the results: there is no pre-trend to test (some estimators take leads=)"
            )
        before = self.select(early)
        R = np.eye(len(before))[before._std_errors() > 0]
        leads = len(R)
        trend = None if "horizon" not in self.index.names else self.trend()
        if method == "max_t" and trend is not None:
            R = np.vstack([R, before._trend_weights()[0].T])
        try:
            joint = before.test(R, method=method, n_draws=n_draws, seed=seed)
        except EffectsError as error:
            hint = "; test the event study: event_study().pretrend_test()" if "cohort" in self.index.names else ""
            if not hint and isinstance(error, FewClustersError) and "window=" not in str(error):
                hint = before._window_of_many(self)
            raise type(error)(f"{error}{hint}") from None
        try:
            p = np.nan if trend is None else trend.test().p_value
        except FewClustersError:  # a path that rests on one treated cluster
            p = np.nan
        return PretrendTest(**vars(joint), leads=leads, trend=trend, trend_p_value=p)

    def trend(self) -> Effects:
        r"""Slope of the effects before treatment on time, per period, the reference (zero) among the points.

        .. math:: \hat\beta = \sum_h (h - \bar h)\hat\theta_h / \sum_h (h - \bar h)^2

        over the horizons before treatment. Effects that are changes from the period before are summed to a path first.
        Leads relative to all earlier periods have their reference one period before the first lead.

        Returns
        -------
        Effects
            One for each path (each part, group, ...), with its own error and degrees of freedom.
        """
        if self.post is None or "horizon" not in self.index.names:
            raise EffectsError("a trend before treatment needs effects by horizon: take event_study() first")
        before = self._before(self.post)
        weights, labels = self.select(before)._trend_weights() if before.any() else (np.zeros((0, 0)), self.index)
        if not weights.size:
            raise EffectsError("a trend needs two periods before treatment, the reference among them")
        matrix = np.zeros((len(self), weights.shape[1]))
        matrix[before] = weights
        return replace(self.combine(matrix), index=labels)

    def share(self, part: Hashable, whole: Hashable) -> Effects:
        """Return the effect labelled `part` as a share of the one labelled `whole`."""
        return share(self[part], self[whole])

    @typed
    def share_set(self, part: int, whole: int, level: float = 0.95) -> ConfidenceSet:
        """Invert the tests of the share of one effect in another (Fieller), each given by its position.

        Errors and degrees of freedom are those that the clusters behind the two effects leave.
        """
        for name, position in (("part", part), ("whole", whole)):
            if not 0 <= position < len(self):
                raise EffectsError(f"{name}={position}: a position from 0 to {len(self) - 1} is needed")
        psi, df = self._scaled_rows(), self.effective_clusters()["df"].to_numpy()
        numerator, denominator = ((self.values[j], psi[:, j]) for j in (part, whole))
        return ratio_set(numerator, denominator, level, min(df[part], df[whole]))

    # -- looks ---------------------------------------------------------------------------------------------------

    @typed
    def summary(self, level: float = 0.95) -> str:
        """Estimates, errors, sample sizes, conventions and what was left out, as text."""
        table = self.to_frame(level).to_string(float_format=_four, na_rep="")
        return "\n".join([f"{self.method} on {self.outcome}", table, "", *self._notes()])

    def _notes(self) -> list[str]:
        """Sizes, intervals, conventions and what was left out, a line each."""
        lines = [f"N = {self.n_rows:,} rows, {self.n_units:,} units, {self.n_clusters:,} clusters"]
        if self.step not in ("", "year") and {"cohort", "time"} & set(self.index.names):
            lines.append(f"cohort, time: {self.step}s since 1970; those of Panel.times, whose names are Panel.periods")
        lines += [f"intervals: {text}" for text in self._intervals()]
        lines += [f"intervals of products: {text}" for text in self._skewed()]
        lines += [f"{key}: {text}" for key, text in self.conventions.items()]
        for what, reason, count, _ in self.dropped.itertuples(index=False, name=None):
            lines.append(f"left out: {number_of(count, what)}: {reason}")
        return lines

    def __repr__(self) -> str:
        if len(self) <= PRINTED:
            return self.summary()
        table = self.to_frame().to_string(float_format=_four, na_rep="", max_rows=_ENDS, show_dimensions=False)
        return "\n".join([f"{self.method} on {self.outcome}", table, "", self._shortened(), *self._notes()])

    def _repr_html_(self) -> str:
        long = len(self) > PRINTED
        rows = {"max_rows": _ENDS if long else None, "show_dimensions": False}
        table = self.to_frame().to_html(float_format=_four, na_rep="", **rows)
        told = [*([self._shortened()] if long else []), *self._notes()]
        head, notes = html.escape(f"{self.method} on {self.outcome}"), "<br>".join(map(html.escape, told))
        return f"<p><b>{head}</b></p>{table}<p>{notes}</p>"

    def _shortened(self) -> str:
        """Say where the effects are that a long print leaves out."""
        average = self.mass is not None and {"cohort", "time"} <= set(self.index.names)
        averages = "; overall() and event_study() average them" if average else ""
        return f"{_ENDS} of {len(self):,} effects shown: to_frame() and summary() have all{averages}"

    @typed
    def plot(
        self, ax: Axes | None = None, *, level: float = 0.95, simultaneous: bool = False, **band: Unpack[Band]
    ) -> Axes:
        """Draw the estimates with confidence intervals; by horizon where there is one.

        Further keywords (n_draws, multipliers, seed) go to the simultaneous intervals.
        """
        from aigreen.effects.plot import effects_plot

        wide = self.conf_int(level, simultaneous=True, **band) if simultaneous else None
        return effects_plot(self.estimates, self.conf_int(level), wide, ax, level=level, step=self.step)

    @typed
    def save(self, path: str | Path) -> None:
        """Write `path`.parquet (influence functions) and `path`.json (all else); read back with `load`."""
        from aigreen.effects.storage import write

        write(Path(path), {item.name: getattr(self, item.name) for item in fields(self)})

    # -- helpers -------------------------------------------------------------------------------------------------

    def _tested(self, gap: np.ndarray, R: np.ndarray, method: Method, n_draws: int, seed: int) -> Wald:
        """Test restrictions with influence functions."""
        rows = cast("np.ndarray", self._rows)
        q, psi = len(gap), rows @ R.T
        known = self.cluster_shares or ClusterShares.unknown(len(rows), len(self))
        shares = known.mix(R.T)
        live = np.flatnonzero(shares.of.any(axis=0))
        fewest = min((fewest_treated(shares, j) for j in live.tolist()), default=None)
        if method == "auto":
            centred_at_all = len(live) == q and not (shares.by_group.any() or shares.own_left_out.any())
            few = fewest is not None and fewest < MANY and self.root is None
            method = "wild" if q > 1 and centred_at_all and few else "hotelling"
        if method == "max_t":
            statistic, p = max_t_p(gap, psi, shares, self.n_clusters, n_draws=n_draws, seed=seed)
            return Wald(statistic=statistic, df=q, p_value=p, method=method, treated_clusters=fewest)
        check_rank(psi.T @ psi, self.n_clusters)
        found = spread(psi, shares, self.n_clusters)
        lone = np.flatnonzero(np.isnan(found.df))
        if lone.size:
            behind = [
                str(label) for label, used in zip(self.index, np.atleast_1d(R[lone].any(axis=0)), strict=True) if used
            ]
            raise FewClustersError(
                f"{lone.size} of {q} restrictions rest on one treated cluster, or on one comparison cluster, and have "
                f"no error of their own: {', '.join(behind[:SHOWN])}; test the others, or see method='max_t'"
            )
        u = scaled(psi, shares)
        if fewest is not None and (q > max(fewest - 2, 1) or fewest < ONE or shares.alone.any()):
            raise FewClustersError(
                f"{q} restrictions but {fewest:.3g} effective treated clusters behind one of them, which bear "
                f"{max(0, int(fewest - 2))}: their joint covariance cannot be estimated; test fewer, as by "
                "event_study(window=...), or see trend(), the band of conf_int(simultaneous=True), or method='max_t'"
            )
        if q == 1 and fewest is not None:
            statistic, nu = float((gap[0] / found.std_errors[0]) ** 2), float(found.df[0])
            p = float(special.fdtrc(1, nu, statistic))
        elif fewest is None:
            statistic, nu, p = hotelling(gap, u, Strata.one(len(psi), self._clusters_df()))
        else:
            strata = strata_of(shares, list(range(q)))
            most = min((most_df(shares, j, strata) for j in live.tolist()), default=np.inf)
            u, free = with_lone_cohorts(u, shares)
            statistic, nu, p = hotelling(gap, u, strata, min(most, free))
        if method == "wild":
            statistic, p = wild_p(gap, psi, shares, n_draws=n_draws, seed=seed)
        elif method == "randomization":
            statistic, p = self._randomized(gap, psi, shares, n_draws, seed)
        elif not nu > q - 1:
            raise FewClustersError(
                f"{q} restrictions but {nu:.3g} degrees of freedom of their covariance, which cannot be estimated; see "
                "trend(), the band of conf_int(simultaneous=True), or method='max_t'"
            )
        if q > 1 and q > nu / 3:
            message = (
                f"{q} restrictions with {nu:.3g} degrees of freedom of their covariance: the joint test has little "
                "power; see trend() and the band"
            )
            warn(FewClustersWarning(message, count=q))
        return Wald(
            statistic=statistic, df=q, p_value=p, method=method, df_denominator=float(nu), treated_clusters=fewest
        )

    def _randomized(
        self, gap: np.ndarray, psi: np.ndarray, shares: ClusterShares, n_draws: int, seed: int
    ) -> tuple[float, float]:
        H = np.column_stack([shares.treated(j) for j in range(len(gap))])
        partly = int((H.any(axis=1) & ~H.all(axis=1)).sum())
        if len(shares.by_sample(range(len(gap)))) > 1:
            raise EffectsError("method='randomization' exchanges clusters of one sample; these effects are of several")
        if partly or not H.any() or not shares.control.any():
            raise EffectsError(
                f"method='randomization' exchanges clusters between treated and never treated ones: {partly} treated "
                "clusters are behind some of the effects only; test horizons that all cohorts reach"
            )
        return randomization_p(gap, psi, shares, n_draws=n_draws, seed=seed)

    def _intervals(self) -> list[str]:
        """Degrees of freedom of intervals in words; nothing where they are normal."""
        small = self._spread
        if small is None:
            return [] if self.df is None else [f"t with {round(self.df, 1):,} degrees of freedom"]
        known = small.df[np.isfinite(small.df)]
        if not known.size:
            return ["none: all treated rows, or all comparison rows, stand in one cluster"]
        low, high = known.min(), known.max()
        df = f"{low:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f}"
        treated = small.treated[small.treated > 0]
        if not treated.size:
            return [f"t with {df} degrees of freedom"]
        errors = self._std_errors()
        ratio = (small.std_errors[errors > 0] / errors[errors > 0]).max(initial=1.0)
        few = f"{treated.min():.1f} effective treated clusters" + (" at least" if treated.size > 1 else "")
        larger = f", errors up to {ratio:.3g} times std_error" if ratio > 1.005 else ""
        return [f"t with {df} degrees of freedom{larger}; {few}"]

    def _skewed(self) -> list[str]:
        """Name the effects whose intervals are those of a product; nothing where there are none."""
        at = self._factors()[0]
        if not at.size:
            return []
        labels = self.index[at].get_level_values("part") if "part" in self.index.names else self.index[at]
        named = "all effects" if len(at) == len(self) else ", ".join(map(str, labels.unique()))
        return [f"quantiles of a slope times a movement, skewed, not estimate plus and minus; p-values too: {named}"]

    def _clusters_df(self) -> float:
        return float(self.n_clusters - 1 if self.df is None else self.df)

    @cached_property
    def _spread(self) -> Spread | None:
        """Small-sample errors; None where nothing is known of the clusters."""
        if self._rows is None or self.cluster_shares is None:
            return None
        return spread(self._rows, self.cluster_shares, self.n_clusters)

    def _factors(self) -> tuple[np.ndarray, np.ndarray, Factors]:
        """Positions of the products that have an interval, the units of their factors, and the factors in them."""
        if self.products is None or self.psi is None:
            return np.zeros(0, dtype=np.intp), np.zeros(0), Factors(*[np.zeros(0)] * 5)
        alone = self._without_error() if self._spread is None else self._without_error() | np.isnan(self._spread.df)
        at, slope, moved = replace(self.products, of=np.where(alone, -1, self.products.of)).split(self.values, self.psi)
        s, t = (np.sqrt((factor.psi**2).sum(axis=0)) for factor in (slope, moved))
        rho = np.clip((slope.psi * moved.psi).sum(axis=0) / (s * t), -1, 1)
        df = np.full(len(at), self._clusters_df())
        if self.cluster_shares is None:
            return at, s * t, Factors(slope.value / s, moved.value / t, rho, df, df)
        small = spread(moved.psi, self.cluster_shares.take(at), self.n_clusters)
        t = small.std_errors
        return at, s * t, Factors(slope.value / s, moved.value / t, rho, df, small.df)

    def _before(self, post: np.ndarray) -> np.ndarray:
        """Mark effects before treatment and before it can be anticipated."""
        if "horizon" in self.index.names:
            horizon = self.index.get_level_values("horizon")
        elif not {"cohort", "time"} <= set(self.index.names):
            raise EffectsError("only effects by cohort and time, or by horizon, have pre-trends")
        else:
            horizon = self.index.get_level_values("time") - self.index.get_level_values("cohort")
        return ~post & np.asarray(horizon < -self.anticipation)

    def _window_of_many(self, whole: Effects) -> str:
        """Name the window of the horizons before treatment, of `whole`, behind which there is more than one cluster."""
        horizon = self.index.get_level_values("horizon")
        lone = np.zeros(len(self), dtype=bool) if self._spread is None else np.isnan(self._spread.df)
        lone &= self._std_errors() > 0
        if not lone.any() or horizon[lone].max() >= horizon[self._std_errors() > 0].max():
            return ""
        window = (int(horizon[lone].max()) + 1, int(whole.index.get_level_values("horizon").max()))
        return f"; event_study(window={window}) leaves them out"

    def _trend_weights(self) -> tuple[np.ndarray, pd.Index]:
        """Weights of each path's slope, shape (k, paths), and the labels of the paths."""
        live = self._std_errors() > 0
        horizon = self.index.get_level_values("horizon").to_numpy(dtype=float)
        others = [name for name in self.index.names if name != "horizon"]
        groups, labels = group_index({name: self.index.get_level_values(name) for name in others}, len(self))
        if not others:
            labels = pd.Index(["trend"], name="effect")
        weights = np.zeros((len(self), len(labels)))
        for g in range(len(labels)):
            mine = np.flatnonzero((groups == g) & live)
            mine = mine[np.argsort(horizon[mine])]
            if not mine.size:
                continue
            weights[mine, g] = slope_weights(horizon[mine], horizon[(groups == g) & ~live], self.leads)
        return weights, labels

    @property
    def _stand_alone(self) -> np.ndarray:
        """Effects, but for those of reference periods, of rows in one cluster among others, shape (k,)."""
        return (self.values != 0) & (self.cluster_shares is not None and self.cluster_shares.alone)

    def small_sample_influence(self) -> np.ndarray:
        """Influence functions whose sum of squares is the small-sample variance, shape (clusters, k)."""
        self.require_influence("a small-sample variance")
        return self._scaled_rows()

    @property
    def _rows(self) -> np.ndarray | None:
        """What sums of squares are taken of, `psi` or `root`."""
        return self.root if self.psi is None else self.psi

    def _scaled_rows(self) -> np.ndarray:
        rows = self.require_influence("a small-sample variance") if self._rows is None else self._rows
        return rows if self.cluster_shares is None else scaled(rows, self.cluster_shares)

    def _averaged(self, average: Average, *, keep_mass: bool = False) -> Effects:
        """Average the effects of each group by their mass; the averages count equally unless they keep their mass."""
        part, n = self.select(average.chosen), len(average.labels)
        mass = cast("Mass | LogMeanMass", part.mass)  # the callers have looked for it
        values, rows, weights = mass.weighted_mean(part.values, part._rows, average.groups, n)
        source = pd.DataFrame(np.eye(len(part)), index=part.index) if part.weights is None else part.weights
        return replace(
            part,
            values=values,
            index=average.labels,
            psi=None if part.psi is None else rows,
            root=None if part.root is None else rows,
            covariance=covariance_of_sums(part.covariance, weights, part.method),
            mass=mass.average(average.groups, n) if keep_mass else Mass(np.ones(n), np.arange(n)),
            post=average.post,
            cluster_shares=None if part.cluster_shares is None else part.cluster_shares.mix(weights),
            products=None if part.products is None else part.products.average(average.groups, n),
            weights=pd.DataFrame(source.to_numpy() @ weights, index=source.index, columns=average.labels),
        )

    def _check_bins(self, average: Average, bins: tuple[int, int]) -> None:
        """Refuse a bin that averages effects with a reference period, zero by construction."""
        fixed = ((self._std_errors() == 0) & (self.values == 0))[average.chosen]
        n = len(average.labels)
        size, references = np.bincount(average.groups, minlength=n), np.bincount(average.groups, fixed, n)
        mixed = average.labels[(references > 0) & (references < size)].get_level_values("horizon")
        binned = [int(h) for h in mixed.unique() if h in bins]
        if binned:
            raise EffectsError(f"bins={bins}: the bin at {binned[0]} holds the reference period; take a wider one")

    def _round(self, resolution: np.ndarray) -> None:
        """Set to zero the errors, and the estimates that have such errors, below the resolution, shape (k,)."""
        exact = self._std_errors() <= resolution
        nothing = exact & (np.abs(self.values) <= resolution)
        if len(self) and nothing.all():
            raise NoVariationError(self.outcome)
        if nothing.any():
            self.values[nothing] = 0.0
        exact &= self._std_errors() > 0  # what is zero already, as in reference periods, needs no copy
        if not exact.any():
            return
        for name in ("psi", "root"):
            if (rows := getattr(self, name)) is not None:
                object.__setattr__(self, name, np.where(exact, 0.0, rows))
        if self.covariance is not None:
            object.__setattr__(self, "covariance", np.where(exact | exact[:, None], 0.0, self.covariance))

    def require_influence(self, purpose: str) -> np.ndarray:
        """Return `psi`, or raise `NoInfluenceError` naming what needs it."""
        if self.psi is None:
            less = "" if self.root is None else f": {self.n_clusters:,} clusters are too many, name cluster= with fewer"
            raise NoInfluenceError(f"{self.method} has no influence functions, which {purpose} needs{less}")
        return self.psi

    def _covariance(self) -> np.ndarray:
        rows = self._rows
        return cast("np.ndarray", self.covariance) if rows is None else rows.T @ rows

    def _std_errors(self) -> np.ndarray:
        rows = self._rows
        if rows is None:
            return np.sqrt(np.diag(self._covariance()))
        return np.sqrt(np.einsum("ck,ck->k", rows, rows))

    def _without_error(self) -> np.ndarray:
        """Mark effects other than zero whose error is nothing but rounding."""
        return self._std_errors() < _ROUNDING * np.abs(self.values)

    def _quantile(self, probability: float) -> float:
        return float(special.ndtri(probability) if self.df is None else special.stdtrit(self.df, probability))

    def _tail(self, statistic: np.ndarray) -> np.ndarray:
        """Upper tail probability."""
        return special.ndtr(-statistic) if self.df is None else special.stdtr(self.df, -statistic)


@dataclass(frozen=True, kw_only=True, repr=False)
class PretrendTest(Wald):
    """A joint test of effects before treatment, beside the one contrast that has most power against a trend.

    Attributes
    ----------
    leads : int
        Number of effects tested; ``df`` counts their slope, too, where ``method`` is max_t.
    trend : Effects
        Slope of the effects before treatment on time, per period (one for each path); None for effects that are not by
        horizon.
    trend_p_value : float
        Of the hypothesis that it is zero.
    """

    leads: int
    trend: Effects | None
    trend_p_value: float

    def __repr__(self) -> str:
        if self.trend is None:
            return super().__repr__()
        slopes = ", ".join(f"{v:.4g} ({e:.4g})" for v, e in zip(self.trend.values, self.trend.std_errors, strict=True))
        return f"{super().__repr__()}\ntrend a period: {slopes}, p = {self.trend_p_value:.4f}"


@typed
def load(path: str | Path) -> Effects:
    """Read a result written by `Effects.save` (the weights of an aggregation are not kept).

    Raises
    ------
    SourceError
        Where a file is absent or was not written by `Effects.save`.
    """
    from aigreen.effects.storage import read

    return Effects(**read(Path(path)))


@typed
def share(part: Effects, whole: Effects) -> Effects:
    r"""Ratio of two effects by the delta method, :math:`\psi = (\psi_a - (a/b)\,\psi_b)/b`.

    Raises
    ------
    EffectsError
        Where the whole is exactly zero.
    """
    psi, denominator, denominator_psi = aligned(part, whole, one_for_all=True)
    if (denominator == 0).any():
        raise EffectsError("a share of an effect that is exactly zero")
    ratio = part.values / denominator
    facts = merged([part, whole])
    name = whole.index[0] if len(whole) == 1 and isinstance(whole.index[0], str) else "another effect"
    facts["conventions"] = {"estimates": f"shares of {name}, errors by the delta method"} | facts["conventions"]
    return replace(
        part,
        values=ratio,
        psi=(psi - ratio * denominator_psi) / denominator,
        mass=None,
        weights=None,
        cluster_shares=_of_sums(part, whole),
        products=None,
        **facts,
    )


def aligned(a: Effects, b: Effects, *, one_for_all: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the influence functions of `a`, and the values and influence functions of `b` in the order of `a`.

    Two results of one effect each go together whatever their labels; with `one_for_all`, so does one with many.
    """
    psi, other_psi = on_same_clusters(a, b)
    if len(b) == 1 and (len(a) == 1 or one_for_all):
        return psi, b.values, other_psi
    position = b.index.get_indexer(a.index)
    if len(a) != len(b) or (position < 0).any():
        raise IncompatibleEffectsError("the two results have different effects; select the common ones first")
    return psi, b.values[position], other_psi[:, position]


def on_same_clusters(a: Effects, b: Effects) -> tuple[np.ndarray, np.ndarray]:
    """Return the influence functions of both; the clusters must be those of one panel."""
    psi, other = a.require_influence("a joint covariance"), b.require_influence("a joint covariance")
    if a.clusters is not b.clusters and not (a.clusters.name == b.clusters.name and a.clusters.equals(b.clusters)):
        raise IncompatibleEffectsError(
            f"the results stand on different clusters ({len(a.clusters)} by {a.clusters.name!r}, {len(b.clusters)} by "
            f"{b.clusters.name!r}): make one Panel and use its views, as panel.split('column') gives them"
        )
    return psi, other


def _four(value: float) -> str:
    return f"{value:.4f}"


def _smallest(parts: Sequence[Effects]) -> float | None:
    return min((part.df for part in parts if part.df is not None), default=None)


def merged(parts: Sequence[Effects]) -> dict[str, Any]:
    """Return the facts of a result made from several; where samples differ, the smallest sizes, and all in words."""
    samples = dict.fromkeys(text for part in parts for text in samples_of(part))
    conventions: dict[str, str] = {}
    for part in parts:
        for key, text in part.conventions.items():
            known = conventions.setdefault(key, text)
            if f"; {text}; " not in f"; {known}; ":
                conventions[key] = f"{known}; {text}"
    if len(samples) > 1:
        conventions[SAMPLES] = "; ".join(samples)
    return {
        "method": " / ".join(dict.fromkeys(part.method for part in parts)),
        "outcome": " / ".join(dict.fromkeys(part.outcome for part in parts)),
        "n_rows": min(part.n_rows for part in parts),
        "n_units": min(part.n_units for part in parts),
        "n_clusters": min(part.n_clusters for part in parts),
        "df": _smallest(parts),
        "step": parts[0].step if len({part.step for part in parts}) == 1 else "",
        "conventions": conventions,
        "dropped": pd.concat([part.dropped for part in parts], ignore_index=True).drop_duplicates(ignore_index=True),
    }


def _of_sums(a: Effects, b: Effects) -> ClusterShares | None:
    """Shares behind the sums of two results, effect by effect in the order of the first."""
    if a.cluster_shares is None or b.cluster_shares is None:
        return None
    position = b.index.get_indexer(a.index)
    if (position < 0).any():
        position = np.zeros(len(a), dtype=int)
    parts = [a.cluster_shares, b.cluster_shares.take(position)]
    lone = [[0 < effective(part.treated(j)) < ONE for j in range(len(a))] for part in parts]
    mixed = ClusterShares.beside(parts, apart=True).mix(np.vstack([np.eye(len(a))] * 2))
    return replace(mixed, alone=mixed.alone | np.any(lone, axis=0))
