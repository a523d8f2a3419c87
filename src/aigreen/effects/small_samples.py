r"""Errors, intervals and joint tests of effects that rest on few clusters.

With :math:`\psi_c` the influence functions and :math:`a_c` the share of cluster c in the mean at which it is centred,

.. math:: u_c = \psi_c / \sqrt{1 - a_c}, \qquad V = \sum_s V_s, \qquad V_s = \sum_{c \in s} u_c u_c',

where strata s are the treated clusters (or those of each cohort, where rows are centred by cohort) and the comparison
clusters. Results without a common treated cluster that stand together have strata of their own. :math:`V_s` is taken
to have :math:`n_s - 1` degrees of freedom, :math:`n_s` the effective number of clusters of the stratum, so a Wald
statistic with few treated clusters is Hotelling's T2, not chi-squared.

References
----------
Hotelling (1931), The Generalization of Student's Ratio, Annals of Mathematical Statistics 2.
Satterthwaite (1946), An Approximate Distribution of Estimates of Variance Components, Biometrics Bulletin 2.
Bell and McCaffrey (2002), Bias Reduction in Standard Errors for Linear Regression with Multi-Stage Samples.
Krishnamoorthy and Yu (2004), Modified Nel and Van der Merwe Test for the Multivariate Behrens-Fisher Problem.
Cameron, Gelbach and Miller (2008), Bootstrap-Based Improvements for Inference with Clustered Errors.
Sidak (1967), Rectangular Confidence Regions for the Means of Multivariate Normal Distributions, JASA 62.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from aigreen.effects.cluster_shares import ONE, ClusterShares, effective
from aigreen.effects.multiplier import multipliers
from aigreen.effects.wald import wald_statistic
from aigreen.errors import EffectsError
from aigreen.progress import progress

FEW = 4  # treated clusters
_SLACK = 1e-6
_LEAST, _MANY = 0.1, 1e6  # degrees of freedom of intervals
_LARGEST = 60  # shares; a cluster with less adds no variance
_NODES = np.exp(np.linspace(-20, 20, 1601))
_LONE = 1 - _SLACK  # share of a cluster that stands alone
_NEARLY = (1 + np.sqrt(2 / ONE - 1)) / 2  # the same of two clusters that are `ONE` effective ones
_BLOCK = 2**22


@dataclass(frozen=True, eq=False)
class Spread:
    r"""Small-sample errors of effects, each alone.

    Attributes
    ----------
    std_errors : ndarray, shape (k,)
        :math:`\sqrt{\sum_s v_s}`.
    df : ndarray, shape (k,)
        :math:`\nu = (\sum_s v_s)^2 / \sum_s v_s^2/(n_s - 1)` (Satterthwaite), at most `most_df`; nan where the error is
        zero, or where all treated or all comparison rows stand in one cluster, or nearly (`ONE`), which has no error of
        its own.
    treated : ndarray, shape (k,)
        Effective number of treated clusters.
    control : float or ndarray, shape (k,)
        Effective number of comparison clusters, of the samples behind each effect where there are several.
    """

    std_errors: np.ndarray
    df: np.ndarray
    treated: np.ndarray
    control: float | np.ndarray


@dataclass(frozen=True, eq=False)
class Strata:
    """Clusters that are centred together.

    Attributes
    ----------
    of : ndarray of int, shape (clusters,)
        Stratum of each cluster; 0 for comparison clusters.
    df : ndarray, shape (strata,)
    lone : bool
        Whether a treated group stands in one cluster.
    comparison : ndarray of int
        Which strata are comparison clusters: one a sample.
    """

    of: np.ndarray
    df: np.ndarray
    lone: bool = False
    comparison: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.intp))

    @classmethod
    def one(cls, n_clusters: int, df: float) -> Strata:
        """All clusters in one stratum."""
        return cls(np.zeros(n_clusters, dtype=np.intp), np.array([df]))


def spread(psi: np.ndarray, shares: ClusterShares, n_clusters: float) -> Spread:
    """Small-sample errors of each effect, from influence functions of shape (clusters, k).

    A cohort in one cluster is centred at itself and shows no spread: it is given that of the other treated clusters,
    by the square of its share; where there are none, the effect has no error of its own. Fewer than `ONE` effective
    clusters are one, as less than a tenth of a degree of freedom makes intervals of any length.
    """
    if shares.result is not None:
        return _by_effect(psi, shares, n_clusters)
    k = psi.shape[1]
    std_errors, df, treated = np.zeros(k), np.full(k, np.nan), np.zeros(k)
    for j in range(k):
        square = psi[:, j] ** 2 / (1 - leverage(shares, j))
        treated[j] = effective(shares.treated(j), shares.size)
        std_errors[j] = np.sqrt(square.sum())
        if not std_errors[j] > 0 or shares.alone[j] or 0 < treated[j] < ONE:
            continue
        if not treated[j]:
            df[j] = n_clusters - 1
            continue
        strata = strata_of(shares, [j])
        v = np.bincount(strata.of, square, len(strata.df))
        df[j] = min(satterthwaite(v, strata.df), most_df(shares, j, strata))
        if abs(strata.df[0]) < _SLACK or not df[j] > _LEAST:  # one comparison cluster, or nearly
            df[j] = np.nan
            continue
        if strata.lone and not shares.own_left_out[j]:
            H = shares.treated(j) ** 2
            known = strata.of > 0
            free = np.maximum(strata.df[1:], 0).sum()
            if not H[known].any():
                df[j] = np.nan
                continue
            variance = square[known].sum() / H[known].sum()
            std_errors[j] = np.sqrt(square.sum() + variance * H[~known].sum())
            df[j] = min(df[j], max(1.0, free))
    return Spread(std_errors, df, treated, effective(shares.control, shares.size))


def _by_effect(psi: np.ndarray, shares: ClusterShares, n_clusters: float) -> Spread:
    """Errors of effects of several results: of one result as they are alone, of several as sums over samples."""
    found = []
    for j in range(psi.shape[1]):
        one, own = psi[:, [j]], shares.take(np.array([j]))
        whole, parts = own.together([0]), own.by_sample([0])
        if len(parts) == 1:
            found.append(spread(one, whole, n_clusters))
        else:
            treated = np.array([effective(whole.treated(0))])
            found.append(Spread(*_added(one, whole, parts), treated, effective(whole.control)))
    control = np.concatenate([np.atleast_1d(part.control) for part in found])
    std_errors, df, treated = (
        np.concatenate([getattr(part, name) for part in found]) for name in ("std_errors", "df", "treated")
    )
    return Spread(std_errors, df, treated, control)


def _added(
    psi: np.ndarray, whole: ClusterShares, parts: list[tuple[np.ndarray, ClusterShares]]
) -> tuple[np.ndarray, np.ndarray]:
    """Error and degrees of freedom of an effect, psi of shape (clusters, 1), that is a sum over samples.

    As in one sample, an effect with a group in one cluster has at most the degrees of freedom of its other ones.
    """
    found = []
    for inside, own in parts:
        n = int(inside.sum()) if own.of.any() else max(1.0, effective(own.control))
        found.append(spread(psi * inside[:, None], own, n))
    v, df = (np.array([getattr(part, name)[0] for part in found]) for name in ("std_errors", "df"))
    v **= 2
    with np.errstate(invalid="ignore"):  # no error at all
        total = satterthwaite(v, df)
    strata = _strata_apart(parts, [0])
    total = min(total, _most_df_apart(whole, parts, 0))
    if strata.lone and not parts[0][1].own_left_out[0]:
        free = np.maximum(np.delete(strata.df, strata.comparison), 0).sum()
        total = min(total, max(1.0, free))
    return np.sqrt(v.sum(keepdims=True)), np.array([total if total > 0 else np.nan])


def fewest_treated(shares: ClusterShares, effect: int) -> float:
    """Effective number of treated clusters behind an effect; the least of those of the samples that it compares."""
    parts = [own for _, own in shares.by_sample([effect]) if own.of[:, effect].any()]
    return min(effective(own.treated(effect), own.size) for own in parts)


def satterthwaite(v: np.ndarray, df: np.ndarray) -> float:
    r"""Degrees of freedom of a sum of variances, :math:`(\sum v_s)^2 / \sum v_s^2/\nu_s`; zero where one has none."""
    real = v > _SLACK**2 * v.sum()
    with np.errstate(divide="ignore"):
        return float(v.sum() ** 2 / (v[real] ** 2 / np.maximum(df[real], 0)).sum())


def most_df(shares: ClusterShares, effect: int, strata: Strata) -> float:
    """Degrees of freedom that an effect of fewer than `FEW` treated or comparison clusters has at most, else infinite.

    The variance between two or three clusters varies much itself: where it happens to be small the error is small and
    Satterthwaite's estimate large, and a test of size 0.05 rejects in 0.12 and 0.07 of samples. At most are those with
    which its size is 0.05 where all clusters vary alike.
    """
    if shares.result is not None:
        parts = shares.by_sample([effect])
        if len(parts) > 1:
            return _most_df_apart(shares.together([effect]), parts, effect)
        return most_df(parts[0][1], effect, strata)
    share, never = shares.treated(effect), effective(shares.control, shares.size)
    number = np.ones(len(share)) if shares.size is None else shares.size
    if min(effective(share, shares.size), never or strata.df[0] + 1) >= FEW:
        return np.inf
    v = np.bincount(strata.of, number * share**2, len(strata.df))
    df = np.append(strata.df[:1], np.maximum(strata.df[1:], 1.0))
    few: tuple[float, ...] = ()
    if 0 < never < FEW:
        few = tuple(np.sort(np.repeat(shares.control, number.round().astype(int)))[::-1][:_LARGEST].round(6))
        v *= v.sum() / (v[1:].sum() or 1.0)  # lone cohorts are given the variance of the others
        v, df = v[1:], df[1:]
    elif strata.df[0] > 0:
        v[0] += (number * shares.control**2).sum() if never else 1 / (strata.df[0] + 1)
    return _df_of_quantile(tuple(v.round(6)), tuple(df.round(6)), few)


def _most_df_apart(whole: ClusterShares, parts: list[tuple[np.ndarray, ClusterShares]], effect: int) -> float:
    """As `most_df`, of a sum over samples, by the spread of their treated clusters alone."""
    live = [(inside, own) for inside, own in parts if own.of[:, effect].any()]
    if min(effective(own.treated(effect), own.size) for _, own in live) >= FEW:
        return np.inf
    v, df = [], []
    for inside, own in live:
        strata = strata_of(own, [effect])
        square = np.where(inside, whole.treated(effect), 0.0) ** 2
        known = np.bincount(strata.of, square, len(strata.df))[1:]
        v.append(known * square.sum() / (known.sum() or 1.0))  # lone cohorts are given the variance of the others
        df.append(np.maximum(strata.df[1:], 1.0).round(6))
    variance = np.concatenate(v)
    return _df_of_quantile(tuple((variance / variance.sum()).round(6)), tuple(np.concatenate(df)), ())


@lru_cache(maxsize=1024)
def _df_of_quantile(v: tuple[float, ...], df: tuple[float, ...], few: tuple[float, ...]) -> float:
    r"""Degrees of freedom of t with the quantile at 0.975 of a difference of means over its estimated error.

    .. math:: \Big(z\sqrt{\textstyle\sum_s v_s} + h'e\Big) \Big/
              \sqrt{\textstyle\sum_s v_s \chi^2_{\nu_s}/\nu_s + \sum_c h_c^2 (e_c - h'e)^2/(1 - h_c)},

    h the shares `few` of comparison clusters and z, e standard normal. Zero where there is none.
    """
    w, nu, h = np.array(v), np.array(df), np.array(few)
    w, nu = w[w > 0], nu[w > 0]
    if (nu <= 0).any() or not w.size:
        return 0.0
    less = np.eye(len(h)) - h
    square = (less.T * (h**2 / (1 - np.minimum(h, _LONE)))) @ less
    top = np.append(np.sqrt(w.sum()), h)
    whole = np.zeros((len(top), len(top)))
    whole[1:, 1:] = square

    def size(x: float) -> float:
        own = np.linalg.eigvalsh(np.outer(top, top) - np.exp(2 * x) * whole)
        return _positive(np.append(own, -np.exp(2 * x) * w / nu), np.append(np.ones(len(own)), nu)) - 0.05

    most, least = np.log(special.stdtrit(_LEAST, 0.975)), np.log(special.stdtrit(_MANY, 0.975))
    if size(least) < 0:
        return np.inf
    if size(most) > 0:
        return 0.0
    critical = np.exp(optimize.brentq(size, least, most, xtol=1e-10))
    return float(
        np.exp(optimize.brentq(lambda x: special.stdtrit(np.exp(x), 0.975) - critical, np.log(_LEAST), np.log(_MANY)))
    )


def _positive(weights: np.ndarray, df: np.ndarray) -> float:
    r"""Probability that :math:`\sum_i w_i \chi^2_{\nu_i} > 0`.

    .. math:: \frac12 + \frac1\pi\int_0^\infty \frac{\sin\theta(u)}{u\rho(u)} du, \qquad
              \theta = \sum_i \frac{\nu_i}2 \arctan(w_i u), \quad \rho = \prod_i (1 + w_i^2u^2)^{\nu_i/4}

    Source: Imhof (1961), Computing the Distribution of Quadratic Forms in Normal Variables, Biometrika 48.
    """
    x = np.multiply.outer(_NODES / np.abs(weights).max(), weights)
    angle = np.arctan(x) @ df / 2
    size = np.log1p(x**2) @ df / 4
    return float(0.5 + np.trapezoid(np.sin(angle) * np.exp(-size), np.log(_NODES)) / np.pi)


def leverage(shares: ClusterShares, effect: int) -> np.ndarray:
    """Share of each cluster in the mean at which it is centred, shape (clusters,).

    Zero for a cluster that stands alone, and where the centre leaves the own cluster out.
    """
    if shares.result is not None:
        return sum(leverage(own, effect) * inside for inside, own in shares.by_sample([effect]))
    if shares.own_left_out[effect]:
        return np.zeros(len(shares.share))
    own = shares.share * shares.weights([effect])[:, 0]
    treated = own.sum(axis=1)
    within = treated
    if shares.by_group[effect]:
        within = np.einsum("cm,cm->c", own, shares.share) / np.where(treated > 0, treated, 1.0)
    elif shares.lost is not None:
        fitted = ~np.isnan(shares.lost).any(axis=0)
        within = np.einsum("cm,cm->c", own[:, fitted], shares.lost[:, fitted]) + own[:, ~fitted].sum(axis=1) ** 2
        within /= np.where(treated > 0, treated, 1.0)
    a = np.where(treated > 0, within, shares.control)
    most = np.where((treated > 0) & shares.by_group[effect], _NEARLY, _LONE)
    return np.where(a < most, a, 0.0)


def strata_of(shares: ClusterShares, effects: list[int]) -> Strata:
    """Strata of some effects taken together: treated by label where one of the effects is centred by group.

    A label in one cluster has no spread of its own: the cluster counts among the comparison clusters. Where centres
    leave the own cluster out it is centred at all other treated ones: such clusters are one stratum.
    """
    if shares.result is not None:
        parts = shares.by_sample(effects)
        return _strata_apart(parts, effects) if len(parts) > 1 else strata_of(parts[0][1], effects)
    of = shares.weights(effects)
    behind = shares.share @ of
    treated = behind.any(axis=1)
    comparison = _comparison_clusters(shares, np.flatnonzero(of.any(axis=1)), treated)
    if not shares.by_group[effects].any():
        fewest = min((effective(column, shares.size) for column in behind.T if column.any()), default=0.0)
        return Strata(treated.astype(np.intp), np.array([comparison, fewest]) - 1)
    labels, group = np.unique(shares.labels, return_inverse=True)
    own = np.zeros((len(behind), len(labels)))
    np.add.at(own.T, group, (shares.share * of.sum(axis=1)).T)
    sizes = np.array([effective(column, shares.size) for column in own.T])
    lone = (sizes > 0) & (sizes < ONE)
    code, df = np.where(treated, 1 + own.argmax(axis=1), 0), np.append(comparison, sizes) - 1
    if lone.any() and shares.own_left_out[effects].all():
        together = effective(own[:, lone].sum(axis=1), shares.size)
        df = np.append(df, together - 1 if lone.sum() == (sizes > 0).sum() else together)
        code = np.where(np.append(False, lone)[code], len(df) - 1, code)
    code = np.where(np.append(np.append(False, lone), False)[code], 0, code)
    return Strata(code, df, bool(lone.any()))


def _strata_apart(parts: list[tuple[np.ndarray, ClusterShares]], effects: list[int]) -> Strata:
    """Strata of all samples behind some effects."""
    each = [strata_of(own, effects) for _, own in parts]
    ends = np.cumsum([len(strata.df) for strata in each])
    first = ends - [len(strata.df) for strata in each]
    code = np.select(
        [inside for inside, _ in parts], [own.of + start for own, start in zip(each, first, strict=True)], 0
    )
    df = np.concatenate([strata.df for strata in each])
    return Strata(code, df, any(strata.lone for strata in each), first)


def _comparison_clusters(shares: ClusterShares, groups: np.ndarray, treated: np.ndarray) -> float:
    """Effective number of clusters that treated ones of some groups are compared with.

    With one that is never treated, or none, those of later cohorts count, which are untreated for longer; where there
    are none, all others. Of later cohorts rows count, not the weights that regressions give them.
    """
    never = effective(shares.control, shares.size)
    if never > 1 + _SLACK:
        return max(never, 2.0)  # for fewer see most_df
    later = shares.labels > shares.labels[groups].min(initial=np.inf)
    if shares.lost is not None:
        later &= np.isnan(shares.lost).any(axis=0)
    cohorts = np.unique(shares.labels[later])
    found = never + sum(
        effective(shares.share[:, later & (shares.labels == cohort)].sum(axis=1), shares.size) for cohort in cohorts
    )
    others = shares.share.any(axis=1) & ~treated
    return found or float(np.count_nonzero(others) if shares.size is None else shares.size[others].sum())


def scaled(psi: np.ndarray, shares: ClusterShares) -> np.ndarray:
    r"""Influence functions :math:`u_c`, shape (clusters, k)."""
    return np.column_stack([psi[:, j] / np.sqrt(1 - leverage(shares, j)) for j in range(psi.shape[1])])


def hotelling(gap: np.ndarray, u: np.ndarray, strata: Strata, most: float = np.inf) -> tuple[float, float, float]:
    r"""Wald statistic, degrees of freedom of its covariance, and p-value.

    .. math:: \nu = \frac{q(q+1)}{\sum_s d(V_s V^{-1})/(n_s - 1)}, \quad d(M) = tr(M^2) + tr(M)^2, \qquad
              W\frac{\nu - q + 1}{\nu q} \sim F(q, \nu - q + 1) .

    Source: Krishnamoorthy and Yu (2004), for two strata. The p-value is nan where :math:`\nu \le q - 1`.

    Parameters
    ----------
    gap : shape (q,);  u : shape (clusters, q)
    most : float
        Largest degrees of freedom.
    """
    q = len(gap)
    scale = np.sqrt(np.einsum("ck,ck->k", u, u))
    u = u / scale
    parts = [u[strata.of == s].T @ u[strata.of == s] for s in range(len(strata.df))]
    inverse = np.linalg.inv(sum(parts))
    statistic = float(gap / scale @ inverse @ (gap / scale))
    spent = 0.0
    for part, df in zip(parts, strata.df, strict=True):
        M = part @ inverse
        amount = float(np.trace(M @ M) + np.trace(M) ** 2)
        if amount > 1e-12:
            spent += amount / df if df > 0 else np.inf
    nu = min(q * (q + 1) / spent, most)
    left = nu - q + 1
    p = float(special.fdtrc(q, left, statistic * left / (nu * q))) if left > 0 else float("nan")
    return statistic, nu, p


def wild_draws(
    gap: np.ndarray, psi: np.ndarray, shares: ClusterShares, *, n_draws: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    r"""Yield blocks of draws of effects under the null, and of their covariances.

    With Rademacher :math:`\xi_c`, :math:`base_c = \psi_c + H_c\theta` on treated clusters, which imposes the null, and
    s the sum of :math:`\xi base` over the treated clusters of a stratum,

    .. math:: \theta^* = \sum_c \xi_c base_c, \qquad \psi^*_c = (\xi_c base_c - a_c s)/\sqrt{1 - a_c};

    comparison clusters are many or have small shares, and are not centred anew.

    Yields
    ------
    draws : ndarray, shape (block, q);  covariances : ndarray, shape (block, q, q)
    """
    q = len(gap)
    H = np.column_stack([shares.treated(j) for j in range(q)])
    treated = H.any(axis=1)
    means = replace(shares, lost=None)  # draws are those of means with these shares
    every = np.column_stack([leverage(means, j) for j in range(q)])
    strata = [strata_of(shares, [j]) for j in range(q)]
    codes = np.column_stack([part.of for part in strata])[treated]
    a, base = every[treated], psi[treated] + H[treated] * gap
    rest = psi[~treated] / np.sqrt(1 - every[~treated])
    fixed = rest.T @ rest
    rng = np.random.default_rng(seed)
    block = max(1, min(n_draws, _BLOCK // max(1, len(psi), len(base) * q)))
    for start in range(0, n_draws, block):
        xi = multipliers(rng, (min(block, n_draws - start), len(psi)), "rademacher")
        signed = xi[:, treated, None] * base
        draws = signed.sum(axis=1) + xi[:, ~treated] @ psi[~treated]
        for j in range(q):
            for s in np.setdiff1d(codes[:, j], strata[j].comparison):
                inside = np.flatnonzero(codes[:, j] == s)
                total = signed[:, inside, j].sum(axis=1)
                signed[:, inside, j] -= total[:, None] * a[inside, j]
        signed /= np.sqrt(1 - a)
        yield draws, np.matmul(signed.transpose(0, 2, 1), signed) + fixed


def wild_p(gap: np.ndarray, psi: np.ndarray, shares: ClusterShares, *, n_draws: int, seed: int) -> tuple[float, float]:
    """Wald statistic and its p-value by the restricted wild bootstrap, both studentised."""
    u = scaled(psi, shares)
    statistic = float(wald_statistic(gap, u.T @ u))
    drawn = [wald_statistic(*block) for block in wild_draws(gap, psi, shares, n_draws=n_draws, seed=seed)]
    return statistic, _rank(np.concatenate(drawn), statistic)


def max_t_p(
    gap: np.ndarray, psi: np.ndarray, shares: ClusterShares, n_clusters: int, *, n_draws: int, seed: int
) -> tuple[float, float]:
    """Largest t statistic, and its p-value by wild draws of the smallest p-value: no covariance is inverted.

    Where samples without a common treated cluster are compared, by the inequality of Sidak (1967). Effects without an
    error of their own (one treated cluster) are left out; nan where none is left.
    """
    found = spread(psi, shares, n_clusters)
    known = np.isfinite(found.df)
    if not known.any():
        return float("nan"), float("nan")
    gap, psi, shares, df = gap[known], psi[:, known], shares.take(np.flatnonzero(known)), found.df[known]
    t = np.abs(gap) / found.std_errors[known]
    if len(shares.by_sample(range(len(gap)))) > 1:  # each has too few clusters for its own signs
        least = 2 * float(special.stdtr(df, -t).min())
        return float(t.max()), 1 - (1 - least) ** len(t)
    smallest = []
    for draws, covariances in wild_draws(gap, psi, shares, n_draws=n_draws, seed=seed):
        errors = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        with np.errstate(divide="ignore", invalid="ignore"):  # few clusters may all have one sign
            drawn = np.where(draws == 0, 0.0, np.abs(draws) / errors)
        smallest.append(special.stdtr(df, -drawn).min(axis=1))
    return float(t.max()), _rank(-np.concatenate(smallest), -float(special.stdtr(df, -t).min()))


def randomization_p(
    gap: np.ndarray, psi: np.ndarray, shares: ClusterShares, *, n_draws: int, seed: int
) -> tuple[float, float]:
    r"""Wald statistic and its p-value by reassigning clusters to treatment, studentised in every arrangement.

    Clusters are taken as exchangeable: a treated one has the deviation :math:`\psi_c/H_c + \theta`, a comparison one
    :math:`-\psi_c/h_c`, and an arrangement puts these in any order on the places of the treated and the others.

    Parameters
    ----------
    gap : shape (q,);  psi : shape (clusters, q)
        Every treated cluster is behind every effect.
    """
    H = np.column_stack([shares.treated(j) for j in range(len(gap))])
    treated, control = np.all(H, axis=1), shares.control > 0
    used = treated | control
    H, h = H[used], shares.control[used][:, None]
    inside = treated[used]
    x = np.where(inside[:, None], psi[used] / np.where(H > 0, H, 1) + gap, -psi[used] / np.where(h > 0, h, 1))
    rng = np.random.default_rng(seed)

    def statistic(values: np.ndarray) -> float:
        mean1, mean0 = (H * values).sum(axis=0), (h * values).sum(axis=0)
        u = np.where(
            inside[:, None], H * (values - mean1) / np.sqrt(1 - H), h * (values - mean0) / np.sqrt(1 - h)
        )  # fmt: skip
        return float(wald_statistic(mean1 - mean0, u.T @ u))

    observed = statistic(x)
    drawn = np.array([statistic(x[rng.permutation(len(x))]) for _ in progress(range(n_draws), "permutations")])
    return observed, _rank(drawn, observed)


def sidak(level: float, k: int) -> float:
    """Level of each of k intervals that cover all at once at `level`: their errors need not be independent."""
    return level ** (1 / k)


def slope_weights(horizon: np.ndarray, reference: np.ndarray, kind: str) -> np.ndarray:
    """Weights of effects before treatment in the least-squares slope of their path on time.

    Parameters
    ----------
    horizon : ndarray, shape (k,), ascending
        Of effects with an error.
    reference : ndarray
        Horizons at which the path is zero; if there are none, one period before the first.
    kind : {"path", "changes", "separate"}
        changes: each effect is a step of the path from the period before, which ends at zero. separate: the mean of the
        periods before the first effect is the reference.
    """
    k = len(horizon)
    if kind == "changes":
        if (np.diff(horizon) != 1).any():
            raise EffectsError("changes from period to period make a path where no horizon is left out or binned")
        before = np.append(horizon[0] - 1, horizon)
        x = before - before.mean()
        return (x / (x @ x)) @ _levels(k)
    points = np.concatenate([horizon, reference if len(reference) else [horizon[0] - 1]])
    x = points - points.mean()
    return (x / (x @ x))[:k]


def _levels(k: int) -> np.ndarray:
    """Levels of a path of k + 1 points that ends at zero, as sums of its k steps, shape (k + 1, k)."""
    return -(np.arange(k) >= np.arange(k + 1)[:, None]).astype(float)


def _rank(drawn: np.ndarray, observed: float) -> float:
    """Share of draws, the observed one among them, at least as large as the observed one."""
    return float((1 + np.count_nonzero(drawn >= observed - 1e-9 * abs(observed))) / (1 + len(drawn)))
