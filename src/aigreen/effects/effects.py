"""Effects: estimates with their influence functions. The only way out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np
import pandas as pd
from scipy import special

from aigreen.effects.aggregation import Aggregation, Mass, covariance_of_sums, levels_kept, weighted_mean
from aigreen.effects.as_statsmodels import StatsmodelsResults
from aigreen.effects.averages import Average, averages_by, overall_averages
from aigreen.effects.maketables import Maketables
from aigreen.effects.multiplier import Band, Multipliers, sup_t_critical
from aigreen.effects.wald import Wald, wald_test
from aigreen.errors import EffectsError, IncompatibleEffectsError, NoInfluenceError, UnknownColumnError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NO_DROPS = pd.DataFrame(columns=["what", "reason", "count", "first"])


@dataclass(frozen=True, eq=False)
class Effects(Maketables, StatsmodelsResults):
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
    df : int, optional
        Degrees of freedom of t intervals; None for the normal distribution.
    n_rows, n_units, n_clusters : int
        Size of the estimation sample.
    method, outcome : str
    conventions : mapping of str to str
        Variance, small-sample factor, singleton rule, base period, ...
    dropped : DataFrame
        What was left out: what, reason, count, first.
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
    mass: Mass | None = None
    post: np.ndarray | None = None
    weights: pd.DataFrame | None = None
    covariance: np.ndarray | None = None
    df: int | None = None
    conventions: Mapping[str, str] = field(default_factory=dict)
    dropped: pd.DataFrame = field(default_factory=_NO_DROPS.copy)

    def __post_init__(self) -> None:
        k = len(self.values)
        if len(self.index) != k or (self.psi is not None and self.psi.shape != (len(self.clusters), k)):
            shape = () if self.psi is None else self.psi.shape
            raise EffectsError(f"{k} estimates, index of {len(self.index)}, influence of {shape}")
        if self.psi is None and self.covariance is None:
            raise EffectsError("a result needs influence functions or a covariance")
        object.__setattr__(self, "conventions", MappingProxyType(dict(self.conventions)))

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
    def std_errors(self) -> pd.Series:
        """Standard errors; zero for a reference period."""
        return pd.Series(self._std_errors(), index=self.index, name="std_error")

    def conf_int(
        self,
        level: float = 0.95,
        simultaneous: bool = False,
        *,
        n_draws: int = 999,
        multipliers: Multipliers = "rademacher",
        seed: int = 0,
    ) -> pd.DataFrame:
        """Confidence intervals, pointwise or as a simultaneous band.

        Parameters
        ----------
        level : float
            Coverage. A number below one half is read as what is left uncovered (`alpha` of statsmodels): 0.05 and 0.95
            give the same intervals.
        simultaneous : bool
            Cover all effects at once (sup-t multiplier bootstrap) rather than each alone.
        n_draws, multipliers, seed
            Of the bootstrap.

        Returns
        -------
        DataFrame
            Columns low and high.
        """
        if not 0 < level < 1:
            raise EffectsError(f"level={level}: a number between 0 and 1 is needed")
        level = max(level, 1 - level)
        errors = self._std_errors()
        if simultaneous:
            psi = self.require_influence("a simultaneous band")
            critical = sup_t_critical(psi, errors, level=level, n_draws=n_draws, kind=multipliers, seed=seed)
        else:
            critical = self._quantile((1 + level) / 2)
        return pd.DataFrame(
            {"low": self.values - critical * errors, "high": self.values + critical * errors}, index=self.index
        )

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Tidy frame: estimate, std_error, statistic, p_value, conf_low, conf_high."""
        errors = self._std_errors()
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(errors > 0, self.values / errors, np.nan)
        bounds = self.conf_int(level)
        return pd.DataFrame(
            {
                "estimate": self.values,
                "std_error": errors,
                "statistic": statistic,
                "p_value": 2 * self._tail(np.abs(statistic)),
                "conf_low": bounds["low"],
                "conf_high": bounds["high"],
            },
            index=self.index,
        )

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """`to_frame` with the index as columns and the method, outcome and sample sizes in every row."""
        facts = {"method": self.method, "outcome": self.outcome, "n_rows": self.n_rows, "n_clusters": self.n_clusters}
        return self.to_frame(level).reset_index().assign(**facts)

    # -- selection and arithmetic --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, label: Hashable) -> Effects:
        """Return the effects with this label in the first index level (or this full index tuple)."""
        first = self.index.get_level_values(0)
        if isinstance(label, tuple) and isinstance(self.index, pd.MultiIndex):
            found = np.asarray([tuple(row)[: len(label)] == label for row in self.index])
        else:
            found = np.asarray(first == label)
        if not found.any():
            raise UnknownColumnError(label, list(first.unique()), role="effects")
        part = self.select(found)
        if isinstance(self.index, pd.MultiIndex) and self.index.nlevels > 1 and not isinstance(label, tuple):
            return replace(part, index=part.index.droplevel(0))
        return part

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
            mass=None if self.mass is None else self.mass.take(rows),
            post=None if self.post is None else self.post[rows],
            weights=None if self.weights is None else self.weights.iloc[:, rows],
        )

    def combine(self, weights: pd.DataFrame | pd.Series | np.ndarray) -> Effects:
        """Return weighted sums of the effects, one for each column of `weights`, shape (k,) or (k, r)."""
        if isinstance(weights, pd.Series):
            weights = weights.to_frame(weights.name or "combination")
        complete = len(weights) == len(self)
        if isinstance(weights, pd.DataFrame):
            weights = weights.reindex(self.index)
            matrix, index = weights.to_numpy(dtype=float), weights.columns
        else:
            matrix = np.asarray(weights, dtype=float)
            matrix = matrix[:, None] if matrix.ndim == 1 else matrix
            index = pd.RangeIndex(matrix.shape[1])
        if not complete or np.isnan(matrix).any():
            raise EffectsError(f"weights must cover all {len(self)} effects and no others")
        return replace(
            self,
            values=matrix.T @ self.values,
            index=index if index.nlevels > 1 else index.rename(index.name or "effect"),
            psi=None if self.psi is None else self.psi @ matrix,
            covariance=covariance_of_sums(self.covariance, matrix, self.method),
            mass=None,
            post=None,
            weights=None,
        )

    def __neg__(self) -> Effects:
        return self * -1.0

    def __mul__(self, factor: float) -> Effects:
        return replace(
            self,
            values=self.values * factor,
            psi=None if self.psi is None else self.psi * factor,
            covariance=None if self.covariance is None else self.covariance * factor**2,
        )

    __rmul__ = __mul__

    def __add__(self, other: Effects) -> Effects:
        psi, other_values, other_psi = aligned(self, other)
        return replace(
            self,
            values=self.values + other_values,
            psi=psi + other_psi,
            mass=None,
            weights=None,
            **merged([self, other]),
        )

    def __sub__(self, other: Effects) -> Effects:
        return self + -other

    # -- aggregation ---------------------------------------------------------------------------------------------

    def aggregate(
        self, how: Aggregation | pd.DataFrame | pd.Series | np.ndarray, *, balanced: int | None = None
    ) -> Effects:
        """Average effects by cohort and time.

        Parameters
        ----------
        how : {"simple", "group", "event_study", "calendar"} or weights
            simple: all effects after treatment. group: by cohort. event_study: by horizon (time since treatment).
            calendar: by period. Or weights of shape (k,) or (k, r) as for `combine`.
        balanced : int, optional
            For event_study, keep only cohorts seen for at least this many periods after treatment, and horizons up to
            it, so that every horizon averages the same cohorts.

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
        averages = averages_by(self.index, self.post, cast("Aggregation", how), balanced)
        return self._averaged(averages, keep_mass=how == "group")

    def event_study(self, *, balanced: int | None = None, window: tuple[int, int] | None = None) -> Effects:
        """Average by horizon; an event study is returned as it is, or its horizons from `window[0]` to `window[1]`."""
        study = self if "horizon" in self.index.names else self.aggregate("event_study", balanced=balanced)
        if window is None:
            return study
        horizons = study.index.get_level_values("horizon")
        return study.select((horizons >= window[0]) & (horizons <= window[1]))

    def overall(self) -> Effects:
        """Average all effects after treatment, by their mass; one effect (for each part) is returned."""
        if self.mass is None:
            if len(self) == 1:
                return self
            raise EffectsError(f"{self.method} effects have no weights for an overall average; use combine(weights)")
        return self._averaged(overall_averages(self.index, self.post))

    # -- tests ---------------------------------------------------------------------------------------------------

    def test(self, R: np.ndarray | None = None, value: float | np.ndarray = 0.0) -> Wald:
        r"""Wald test of :math:`R\theta = r`; by default that all effects are zero.

        Effects without variance (reference periods) are left out of the default test.

        Raises
        ------
        EffectsError
            Where the covariance of the restrictions has not full rank (as with more restrictions than clusters).
        """
        covariance = self._covariance()
        if R is None:
            R = np.eye(len(self))[np.diag(covariance) > 0]
        R = np.atleast_2d(np.asarray(R, dtype=float))
        gap = R @ self.values - value
        middle = R @ covariance @ R.T
        if np.isnan(middle).any():
            raise NoInfluenceError(
                f"{self.method} has no influence functions, so no joint test; single errors are in std_errors"
            )
        return wald_test(gap, middle, self.n_clusters)

    def pretrend_test(self) -> Wald:
        """Joint Wald test that the effects before treatment are zero."""
        if self.post is None:
            raise EffectsError("only effects by cohort and time, or by horizon, have pre-trends")
        before = self.select(~self.post)
        try:
            return before.test()
        except EffectsError as error:
            hint = "; test the event study: event_study().pretrend_test()" if "cohort" in self.index.names else ""
            raise type(error)(f"{error}{hint}") from None

    def share(self, part: Hashable, whole: Hashable) -> Effects:
        """Return the effect labelled `part` as a share of the one labelled `whole`."""
        return share(self[part], self[whole])

    # -- looks ---------------------------------------------------------------------------------------------------

    def summary(self, level: float = 0.95) -> str:
        """Estimates, errors, sample sizes, conventions and what was left out, as text."""
        table = self.to_frame(level).to_string(float_format=lambda v: f"{v:.4f}", na_rep="")
        lines = [f"{self.method} on {self.outcome}", table, ""]
        lines.append(f"N = {self.n_rows:,} rows, {self.n_units:,} units, {self.n_clusters:,} clusters")
        lines += [f"{key}: {text}" for key, text in self.conventions.items()]
        for what, reason, count, _ in self.dropped.itertuples(index=False, name=None):
            lines.append(f"left out: {count:,} {what}: {reason}")
        return "\n".join(lines)

    def plot(
        self, ax: Axes | None = None, *, level: float = 0.95, simultaneous: bool = False, **band: Unpack[Band]
    ) -> Axes:
        """Draw the estimates with confidence intervals; by horizon where there is one.

        Further keywords (n_draws, multipliers, seed) go to the simultaneous intervals.
        """
        from aigreen.effects.plot import effects_plot

        wide = self.conf_int(level, simultaneous=True, **band) if simultaneous else None
        return effects_plot(self.estimates, self.conf_int(level), wide, ax, level=level)

    def save(self, path: str | Path) -> None:
        """Write `path`.parquet (influence functions) and `path`.json (all else); read back with `load`."""
        from aigreen.effects.storage import write

        write(Path(path), {item.name: getattr(self, item.name) for item in fields(self)})

    # -- helpers -------------------------------------------------------------------------------------------------

    def _averaged(self, average: Average, *, keep_mass: bool = False) -> Effects:
        """Average the effects of each group by their mass; the averages count equally unless they keep their mass."""
        part, n = self.select(average.chosen), len(average.labels)
        mass = cast("Mass", part.mass)  # the callers have looked for it
        values, psi, weights = weighted_mean(part.values, part.psi, mass, average.groups, n)
        source = pd.DataFrame(np.eye(len(part)), index=part.index) if part.weights is None else part.weights
        return replace(
            part,
            values=values,
            index=average.labels,
            psi=psi,
            covariance=covariance_of_sums(part.covariance, weights, part.method),
            mass=mass.average(average.groups, n) if keep_mass else Mass(np.ones(n), np.arange(n)),
            post=average.post,
            weights=pd.DataFrame(source.to_numpy() @ weights, index=source.index, columns=average.labels),
        )

    def require_influence(self, purpose: str) -> np.ndarray:
        """Return `psi`, or raise `NoInfluenceError` naming what needs it."""
        if self.psi is None:
            raise NoInfluenceError(f"{self.method} has no influence functions, which {purpose} needs")
        return self.psi

    def _covariance(self) -> np.ndarray:
        return cast("np.ndarray", self.covariance) if self.psi is None else self.psi.T @ self.psi

    def _std_errors(self) -> np.ndarray:
        if self.psi is None:
            return np.sqrt(np.diag(self._covariance()))
        return np.sqrt(np.einsum("ck,ck->k", self.psi, self.psi))

    def _quantile(self, probability: float) -> float:
        return float(special.ndtri(probability) if self.df is None else special.stdtrit(self.df, probability))

    def _tail(self, statistic: np.ndarray) -> np.ndarray:
        """Upper tail probability."""
        return special.ndtr(-statistic) if self.df is None else special.stdtr(self.df, -statistic)


def load(path: str | Path) -> Effects:
    """Read a result written by `Effects.save` (the weights of an aggregation are not kept).

    Raises
    ------
    SourceError
        Where a file is absent or was not written by `Effects.save`.
    """
    from aigreen.effects.storage import read

    return Effects(**read(Path(path)))


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
    return replace(
        part,
        values=ratio,
        psi=(psi - ratio * denominator_psi) / denominator,
        mass=None,
        weights=None,
        **merged([part, whole]),
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
            f"{b.clusters.name!r}): make one Panel and use its views"
        )
    return psi, other


def _smallest(parts: Sequence[Effects]) -> int | None:
    return min((part.df for part in parts if part.df is not None), default=None)


def merged(parts: Sequence[Effects]) -> dict[str, Any]:
    """Return the facts of a result made from several."""
    conventions: dict[str, str] = {}
    for part in parts:
        for key, text in part.conventions.items():
            known = conventions.setdefault(key, text)
            if f"; {text}; " not in f"; {known}; ":
                conventions[key] = f"{known}; {text}"
    return {
        "method": " / ".join(dict.fromkeys(part.method for part in parts)),
        "outcome": " / ".join(dict.fromkeys(part.outcome for part in parts)),
        "n_rows": max(part.n_rows for part in parts),
        "n_units": max(part.n_units for part in parts),
        "n_clusters": max(part.n_clusters for part in parts),
        "df": _smallest(parts),
        "conventions": conventions,
        "dropped": pd.concat([part.dropped for part in parts], ignore_index=True).drop_duplicates(ignore_index=True),
    }
