"""Small-sample intervals and joint tests from influence functions by cluster (docs/conventions.md)."""

from dataclasses import dataclass

import numpy as np
from scipy import integrate, optimize, special, stats

FEW, ONE = 4, 1.1  # effective clusters: below, degrees of freedom are bounded; below, one is alone


@dataclass
class Shares:
    """Shares of clusters in the treated rows of an effect and in those of units never treated; strata of clusters."""

    treated: np.ndarray
    control: np.ndarray
    strata: list  # of (clusters of the stratum, their effective number), comparison clusters first
    own_left_out: bool

    @property
    def leverage(self):
        if self.own_left_out:
            return np.zeros(len(self.treated))
        share = np.where(self.treated > 0, self.treated, self.control)
        return np.where(share < 1 - 1e-6, share, 0.0)


def effective(share):
    """Effective number of clusters: mean of (sum a)^2 / sum a^2 for a the shares and their squares."""
    a = share[share > 0]
    return float(np.mean([x.sum() ** 2 / (x**2).sum() for x in (a, a**2)])) if a.size else 0.0


def shares(cluster, cohort, size, mass, *, parts=None):
    """Shares behind an effect that averages cohorts by mass; each cluster counts by the size of its rows.

    Rows are centred at the mean of all treated clusters; where `parts` are given, those of a decomposition, within
    their cohort and without the own cluster.

    Parameters
    ----------
    mass : Series by cohort
    parts : (int, ndarray of bool), optional
        How many parts rest on treated rows, and the exposed rows that the spillover rests on. Comparison clusters are
        averaged over all parts: those never treated, and for the spillover those without exposed rows.
    """
    n = cluster.max() + 1
    of_cohort = np.column_stack([np.bincount(cluster, size * (cohort == g), n) for g in mass.index])
    control = share_of_others(of_cohort.any(axis=1), np.bincount(cluster, size * np.isinf(cohort), n))
    of_cohort = of_cohort / of_cohort.sum(axis=0)
    treated = of_cohort @ (mass / mass.sum()).to_numpy()
    others = np.flatnonzero(treated == 0)
    if parts is None:
        n_control = max(effective(control), 2.0)
        return Shares(treated, control, [(others, n_control), (np.flatnonzero(treated), effective(treated))], False)
    n_treated_parts, exposed = parts
    has_exposed = np.bincount(cluster, exposed, n) > 0
    control = (n_treated_parts * control + share_of_others(has_exposed, np.bincount(cluster, size, n))) / (
        n_treated_parts + 1
    )
    own = of_cohort * mass.to_numpy()
    home = np.where(treated > 0, own.argmax(axis=1), -1)
    sizes = np.array([effective(column) for column in of_cohort.T])
    strata = [(others, max(effective(control), 2.0))]
    strata += [(np.flatnonzero(home == j), sizes[j]) for j in np.flatnonzero(sizes >= ONE)]
    if (lone := sizes < ONE).any():  # cohorts of one cluster each are centred at all other treated ones: one stratum
        together = effective(own[:, lone].sum(axis=1)) + (not lone.all())
        strata.append((np.flatnonzero(np.isin(home, np.flatnonzero(lone))), together))
    return Shares(treated, control, strata, True)


def shares_of_exposed(cluster, size, exposed, control):
    """Shares behind the spillover: exposed clusters centred without the own one, comparison as for the other parts."""
    treated = np.bincount(cluster, size * exposed, len(control))
    treated = treated / treated.sum()
    strata = [(np.flatnonzero(treated == 0), effective(control)), (np.flatnonzero(treated), effective(treated))]
    return Shares(treated, control, strata, True)


def share_of_others(left_out, size):
    """Share of each cluster in the rows of those not left out."""
    size = np.where(left_out, 0.0, size)
    return size / size.sum()


def small_sample(psi, behind):
    """Small-sample error and Satterthwaite's degrees of freedom, bounded where few treated clusters are behind it."""
    square = psi**2 / (1 - behind.leverage)
    v = np.array([square[at].sum() for at, _ in behind.strata])
    df = np.array([n for _, n in behind.strata]) - 1
    most = np.inf
    if behind.strata[0][1] < FEW:
        most = most_df_few_compared(behind, df)
    elif effective(behind.treated) < FEW:
        most = most_df(behind, df)
    return np.sqrt(square.sum()), min(v.sum() ** 2 / (v**2 / df).sum(), most)


def most_df(behind, df):
    """Degrees of freedom of t with the quantile at 0.975 that the t statistic has where all clusters vary alike.

    The size of a test at a critical value is averaged over the two chi-squared variables of the estimated variances,
    by trapezoids in their logarithms.
    """
    assert len(df) == 2, "one stratum of comparison clusters, one of treated ones"
    v = [(behind.control**2).sum(), (behind.treated**2).sum()]
    x = np.linspace(-30, 8, 401)  # log of a chi-squared variable over its degrees of freedom
    weight = [stats.chi2.pdf(nu * np.exp(x), nu) * nu * np.exp(x) for nu in df]
    ratio = np.sqrt((v[0] * np.exp(x)[:, None] + v[1] * np.exp(x)) / sum(v))

    def size(critical):
        beyond = 2 * special.ndtr(-critical * ratio)
        return np.trapezoid(np.trapezoid(beyond * weight[1], x, axis=1) * weight[0], x)

    critical = optimize.brentq(lambda c: size(c) - 0.05, 1.9, 100, xtol=1e-12)
    return optimize.brentq(lambda nu: stats.t.ppf(0.975, nu) - critical, 0.5, 1e4, xtol=1e-12)


def most_df_few_compared(behind, df):
    """The same with few comparison clusters, whose shares h are known one by one.

    The t statistic is beyond a critical value where a quadratic form in independent normal and chi-squared variables is
    positive, the probability of which is an integral of its characteristic function (Gil-Pelaez).
    """
    assert len(df) == 2, "one stratum of comparison clusters, one of treated ones"
    v, nu, h = (behind.treated**2).sum(), max(df[1], 1.0), behind.control[behind.control > 0]
    deviations = np.eye(len(h)) - h
    error = deviations.T @ np.diag(h**2 / (1 - h)) @ deviations
    mean = np.append(np.sqrt(v), h)

    def size(critical):
        form = np.outer(mean, mean)
        form[1:, 1:] -= critical**2 * error
        weights = np.append(np.linalg.eigvalsh(form), -(critical**2) * v / nu)
        halves = np.append(np.full(len(mean), 0.5), nu / 2)
        real = np.abs(weights) > 1e-14
        weights, halves = weights[real], halves[real]

        def integrand(log_u):
            return np.prod((1 - 2j * weights * np.exp(log_u)) ** -halves).imag

        return 0.5 + integrate.quad(integrand, -30, 40, limit=2_000, epsabs=1e-11, epsrel=1e-11)[0] / np.pi

    critical = optimize.brentq(lambda c: size(c) - 0.05, 1.9, 100, xtol=1e-10)
    return optimize.brentq(lambda nu: stats.t.ppf(0.975, nu) - critical, 0.5, 1e4, xtol=1e-12)


def interval(value, psi, behind, level=0.95):
    """Interval of t with Satterthwaite's degrees of freedom."""
    error, df = small_sample(psi, behind)
    reach = stats.t.ppf((1 + level) / 2, df) * error
    return value - reach, value + reach


def product_interval(value, psi, slope, slope_psi, behind, n_clusters, level=0.95):
    """Interval of a slope times a movement: from the lower to the upper quantile of a product of two normal factors.

    Factors are correlated as their influence functions are; the error of each is wider by the ratio of the quantile of
    its t distribution to that of the normal.
    """
    tail = (1 - level) / 2
    moved, moved_psi = value / slope, (psi - slope_psi * value / slope) / slope
    s, (t, df) = np.sqrt(slope_psi @ slope_psi), small_sample(moved_psi, behind)
    rho = slope_psi @ moved_psi / (s * t)
    sx, sy = (error * stats.t.ppf(tail, nu) / stats.norm.ppf(tail) for error, nu in ((s, n_clusters - 1), (t, df)))

    z = np.linspace(-8.5, 8.5, 100_001)
    x = slope + sx * z
    normal, centre, spread = stats.norm.pdf(z), moved + sy * rho * z, sy * np.sqrt(1 - rho**2)

    def below(q):
        return np.trapezoid(normal * special.ndtr(np.sign(x) * (q / x - centre) / spread), z)

    far = (abs(slope) + 9 * sx) * (abs(moved) + 9 * sy)
    return tuple(optimize.brentq(lambda q, p=p: below(q) - p, -far, far, xtol=1e-12) for p in (tail, 1 - tail))


def joint_test(values, psi, behind, slope, *, draws, seed):
    """P-value that all effects before treatment are zero, and the least effective number of treated clusters.

    By the restricted wild bootstrap of the Wald statistic, treated clusters recentred in every draw; where effects are
    more than effective treated clusters less two, by the smallest p-value of the single effects and of the slope.

    Parameters
    ----------
    behind : list of Shares
    slope : ndarray
        Weights of the effects in the slope.
    """
    few = min(effective(one.treated) for one in behind)
    wald = len(values) <= max(few - 2, 1)
    if not wald:
        size = np.abs(slope) / np.abs(slope).sum()
        mixed = sum(weight * one.treated for weight, one in zip(size, behind, strict=True))
        n_control = behind[0].strata[0][1]
        strata = [(np.flatnonzero(mixed == 0), n_control), (np.flatnonzero(mixed), effective(mixed))]
        behind = [*behind, Shares(mixed, behind[0].control, strata, False)]
        values, psi = np.append(values, slope @ values), np.column_stack([psi, psi @ slope])
    a = np.column_stack([one.leverage for one in behind])
    H = np.column_stack([one.treated for one in behind])
    treated = H.any(axis=1)
    base = psi[treated] + H[treated] * values
    u = psi / np.sqrt(1 - a)
    rest = u[~treated].T @ u[~treated]
    sign = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, len(psi)))
    signed = sign[:, treated, None] * base
    drawn = signed.sum(axis=1) + sign[:, ~treated] @ psi[~treated]
    signed = (signed - signed.sum(axis=1, keepdims=True) * a[treated]) / np.sqrt(1 - a[treated])
    covariance = np.einsum("dci,dcj->dij", signed, signed) + rest
    if wald:
        statistic = values @ np.linalg.solve(u.T @ u, values)
        under_null = np.einsum("di,di->d", drawn, np.linalg.solve(covariance, drawn[:, :, None])[:, :, 0])
    else:
        df = np.array([small_sample(column, one)[1] for column, one in zip(psi.T, behind, strict=True)])
        statistic = -stats.t.sf(np.abs(values) / np.sqrt((u**2).sum(axis=0)), df).min()
        errors = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        under_null = -stats.t.sf(np.abs(drawn) / errors, df).min(axis=1)
    beyond = np.count_nonzero(under_null >= statistic - 1e-9 * abs(statistic))
    return (1 + beyond) / (1 + draws), few
