"""Firms in cities with two channels and two exposures, and the decomposition written out in dense form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen import Panel

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}
CITY = {**KEYS, "cluster": "city"}
FULL = {"channels": ["m1", "m2"], "exposure": ["ring", "peers"]}


def economy(
    seed: int = 0,
    periods: int = 8,
    missing: float = 0.1,
    cohorts: tuple[int, int] = (4, 6),
    onsets: tuple[int, int] = (5, 6),
) -> pd.DataFrame:
    """Cities treated in two cohorts or never, some exposed from either onset on; firms with two channels, exposures."""
    rng = np.random.default_rng(seed)
    n_cities, per_city = 24, 5
    n = n_cities * per_city
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    city = firm // per_city
    first = rng.permutation(np.resize([0, *cohorts, 0], n_cities))[city]
    treated = (first > 0) & (year >= first)
    near = rng.permutation(np.resize([onsets[0], 99, 99, onsets[1]], n_cities))[city]
    ring = 1.0 * (year >= near)
    peers = np.where((year >= 6) & (city % 3 == 1), 0.2 + rng.random(n)[firm], 0.0)

    def noise() -> np.ndarray:
        return rng.standard_normal(n * periods) + 0.4 * rng.standard_normal((n_cities, periods))[city, year - 1]

    m1 = rng.standard_normal(n)[firm] + 0.1 * year + 0.8 * treated + 0.3 * ring + noise()
    m2 = rng.standard_normal(n)[firm] + 0.3 * m1 - 0.4 * treated + noise()
    x = rng.standard_normal(n * periods) + 0.2 * year
    y = rng.standard_normal(n)[firm] + 0.2 * year + 0.5 * m1 + 0.3 * m2 + treated + 0.25 * ring + 0.4 * x + noise()
    df = pd.DataFrame(
        {"firm": firm, "year": year, "first": first, "city": city, "m1": m1, "m2": m2, "ring": ring, "peers": peers}
        | {"x": x, "y": y, "w": rng.uniform(0.5, 1.5, n * periods), "big": city % 2, "industry": firm % 3}
    )
    return df[rng.random(len(df)) >= missing].reset_index(drop=True)


def crossed(seed: int = 0, *, extra: float = 0.0) -> pd.DataFrame:
    """Cities treated in 4, 6 or never, exposed apart from that; exposure does `extra` more to treated rows."""
    rng = np.random.default_rng(seed)
    n_cities, per_city, periods = 30, 4, 8
    n = n_cities * per_city
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    city = firm // per_city
    first = np.resize([0, 4, 6, 0], n_cities)[city]
    treated = (first > 0) & (year >= first)
    near = rng.permutation(np.resize([5, 99], n_cities))[city]
    ring = 1.0 * (year >= near)
    wide = 1.0 * (year >= np.minimum(near, rng.permutation(np.resize([6, 99, 99], n_cities))[city]))

    def shock() -> np.ndarray:
        return rng.standard_normal(n * periods) + 0.4 * rng.standard_normal((n_cities, periods))[city, year - 1]

    m1 = rng.standard_normal(n)[firm] + 0.8 * treated + shock()
    m2 = rng.standard_normal(n)[firm] + 0.5 * m1 - 0.4 * treated + shock()
    y = 0.2 * year + 0.5 * m1 + 0.3 * m2 + treated + 0.4 * ring + extra * ring * treated + shock()
    df = pd.DataFrame({"firm": firm, "year": year, "first": first, "city": city, "m1": m1, "m2": m2, "y": y})
    df = df.assign(ring=ring, wide=wide, peers=ring * (0.2 + rng.random(n)[firm]), w=rng.uniform(0.5, 1.5, len(df)))
    return df[rng.random(len(df)) >= 0.1].reset_index(drop=True)


class Dense:
    """The decomposition written out with dummy matrices, for one response column an exposure."""

    def __init__(self, panel: Panel, channels: list[str], exposures: list[str], covariates: list[str]) -> None:
        frame = panel.frame
        F = [pd.get_dummies(frame[name].astype(str)).to_numpy(float) for name in ("firm", "year")]
        self.F = np.hstack([*F, frame[covariates].to_numpy(float)])
        self.y, self.M = panel.column("y"), panel.matrix(channels)
        self.w = np.ones(len(self.y)) if panel.weights is None else panel.weights
        self.B = panel.matrix(exposures)
        hit = (self.B > 0).any(axis=1)
        self.clean, self.exposed, self.treated = ~panel.treated & ~hit, ~panel.treated & hit, panel.treated
        self.cluster, self.n_clusters = panel.cluster_codes, len(panel.clusters)

    def fit(self, columns: np.ndarray, y: np.ndarray) -> np.ndarray:
        c = self.clean
        root = np.sqrt(self.w[c])[:, None]
        return np.linalg.lstsq(columns[c] * root, y[c] * root[:, 0], rcond=None)[0]

    def solve(self) -> Dense:
        k = self.M.shape[1]
        both = np.hstack([self.F, self.M])
        self.b = self.fit(both, self.y)[len(self.F.T) :]
        self.deviation = self.M - np.column_stack([self.F @ self.fit(self.F, m) for m in self.M.T]) if k else self.M
        self.within = self.y - self.F @ self.fit(self.F, self.y)
        rest = self.within - self.deviation @ self.b
        e = self.exposed
        root = np.sqrt(self.w[e])[:, None]
        self.theta = np.linalg.lstsq(self.B[e] * root, rest[e] * root[:, 0], rcond=None)[0]
        self.spill = self.B @ self.theta
        self.net = rest - self.spill
        return self

    def shares(self, target: np.ndarray) -> np.ndarray:
        """Weights of rows: those given, or of the mean over marked rows."""
        return self.w * target / (self.w @ target) if target.dtype == bool else target

    def values(self, target: np.ndarray) -> dict[str, float]:
        share = self.shares(target)
        through = {f"m{j + 1}": self.b[j] * (share @ self.deviation[:, j]) for j in range(len(self.b))}
        return {"total": share @ self.within, "direct": share @ self.net, **through, "spillover": share @ self.spill}

    def psi(self, target: np.ndarray, centre: np.ndarray) -> dict[str, np.ndarray]:
        """Influence by cluster, equations of docs/decomposition.md in dense form."""
        share, c, e = self.shares(target), self.clean, self.exposed
        inverse = np.linalg.pinv((self.F[c] * self.w[c, None]).T @ self.F[c])

        def through_clean(weights: np.ndarray) -> np.ndarray:
            v = np.zeros(len(self.y))
            v[c] = -self.w[c] * (self.F[c] @ (inverse @ (self.F.T @ weights)))
            return v

        def sums(values: np.ndarray) -> np.ndarray:
            return np.bincount(self.cluster, values, self.n_clusters)

        def own(values: np.ndarray) -> np.ndarray:
            return sums(share * (values - centre @ values))

        resid = np.where(c, self.within - self.deviation @ self.b, 0.0)
        u = np.where(c[:, None], self.deviation, 0.0)
        bread = np.linalg.inv((u * self.w[:, None]).T @ u)
        slope = np.array([sums(self.w * u[:, j] * resid) for j in range(len(self.b))]).T @ bread
        v = through_clean(share)
        out = {}
        for j in range(len(self.b)):
            moved = share @ self.deviation[:, j]
            out[f"m{j + 1}"] = self.b[j] * (sums(v * u[:, j]) + own(self.deviation[:, j])) + moved * slope[:, j]
        dose, wB = share @ self.B, self.B * (self.w * e)[:, None]
        on_exposed = wB @ np.linalg.solve(wB.T @ self.B, dose)
        out["spillover"] = sums(through_clean(on_exposed) * resid + on_exposed * self.net) - slope @ (
            on_exposed @ self.deviation
        )
        out["direct"] = sums(v * resid) + own(self.net) - slope @ (share @ self.deviation) - out["spillover"]
        out["total"] = sum(out.values())
        return out


def paper_centre(panel: Panel, w: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Matrix that maps values to the centre of each target row: squared cluster weights inside its cohort-period."""
    n = len(w)
    A = np.zeros((n, n))
    for g, t in {(g, t) for g, t in zip(panel.cohort[target], panel.time[target], strict=True)}:
        rows = np.flatnonzero(target & (panel.cohort == g) & (panel.time == t))
        by = pd.Series(w[rows]).groupby(panel.cluster_codes[rows]).transform("sum").to_numpy()
        clusters = pd.Series(w[rows]).groupby(panel.cluster_codes[rows]).sum()
        A[np.ix_(rows, rows)] = w[rows] * by / (clusters**2).sum()
    return A
