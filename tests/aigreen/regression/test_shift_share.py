"""ShiftShare: against regressions written out by hand, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel, load
from aigreen.errors import CollinearError, DataError, IncompatibleEffectsError, MissingRowsWarning, OptionError
from aigreen.regression.shift_share import ShiftShare

FIRMS, YEARS, SECTORS = 120, 4, 7


def economy(seed: int = 0, *, complete: bool = True):
    """Firms with shares of sectors whose shocks differ by year; robots follow the shocks."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(SECTORS, 0.4), FIRMS)
    if not complete:
        shares *= rng.uniform(0.3, 0.9, (FIRMS, 1))
    names = [f"k{j}" for j in range(SECTORS)]
    firms = [f"f{i:03d}" for i in range(FIRMS)]
    shares = pd.DataFrame(shares, index=firms, columns=names)
    shocks = pd.DataFrame(rng.normal(size=(SECTORS, YEARS)), index=names, columns=range(2001, 2001 + YEARS))
    firm, year = np.repeat(np.arange(FIRMS), YEARS), np.tile(np.arange(2001, 2001 + YEARS), FIRMS)
    z = np.einsum("ik,ik->i", shares.to_numpy()[firm], shocks.to_numpy().T[year - 2001])
    e = rng.normal(size=len(firm))
    x = rng.normal(size=len(firm))
    robots = 0.8 * z + 0.5 * e + 0.3 * x + rng.normal(size=len(firm))
    frame = pd.DataFrame({"firm": np.take(firms, firm), "year": year, "robots": robots, "x": x})
    frame["y"] = 1.5 * robots + x + 2 * e + rng.normal(size=FIRMS)[firm] + 0.2 * year
    frame["w"], frame["city"] = rng.uniform(0.5, 2, len(firm)), firm // 4
    return frame.sample(frac=1, random_state=seed, ignore_index=True), shares, shocks


def panel_of(frame: pd.DataFrame, **keys: str) -> Panel:
    return Panel(frame, unit="firm", time="year", cluster="city", **keys)


def residuals(columns: np.ndarray, X: np.ndarray, w: np.ndarray) -> np.ndarray:
    root = np.sqrt(w)[:, None]
    return columns - X @ np.linalg.lstsq(X * root, columns * root, rcond=None)[0]


@pytest.mark.parametrize("weights", [None, "w"])
def test_coefficient_and_clustered_errors_are_those_of_two_stage_least_squares(weights):
    frame, shares, shocks = economy()
    iv = ShiftShare(shares=shares, shocks=shocks, errors="cluster")
    panel = panel_of(frame, weights=weights)
    with_instrument = panel_of(frame.assign(z=iv.instrument(panel)), weights=weights)
    twfe = TWFE().fit(with_instrument, "y", treatment="robots", covariates=["x"], instruments=["z"])
    ours = iv.fit(panel, "y", treatment="robots", covariates=["x"])
    assert ours.values[0] == pytest.approx(twfe.values[0], abs=1e-9)
    assert ours.std_errors.iloc[0] == pytest.approx(twfe.std_errors.iloc[0], rel=1e-8)
    np.testing.assert_allclose(ours.psi[:, 0], twfe.psi[:, 0], atol=1e-9)
    assert ours.df == twfe.df


@pytest.mark.parametrize("clustered", [False, True])
def test_bhj_is_the_regression_between_shocks(clustered):
    """Sector-years, weighted by their shares: outcome and treatment less controls, instrumented by shocks."""
    frame, shares, shocks = economy()
    labels = {name: name if clustered else j for j, name in enumerate(shares.columns)}
    iv = ShiftShare(shares=shares, shocks=shocks, errors="bhj", shock_clusters=labels)
    result = iv.fit(panel_of(frame, weights="w"), "y", treatment="robots", covariates=["x"])

    dummies = pd.get_dummies(frame["firm"]).join(pd.get_dummies(frame["year"])).to_numpy(float)
    w, year = frame["w"].to_numpy(), frame["year"].to_numpy()
    y, x = residuals(frame[["y", "robots"]].to_numpy(), np.column_stack([dummies, frame["x"]]), w).T
    S = shares.loc[frame["firm"]].to_numpy()
    lines = []
    for t in shocks:
        rows = year == t
        size = S[rows].T @ w[rows]
        of_y, of_x = S[rows].T @ (w * y)[rows] / size, S[rows].T @ (w * x)[rows] / size
        lines.append(pd.DataFrame({"t": t, "k": shares.columns, "s": size, "y": of_y, "x": of_x, "g": shocks[t].array}))
    table = pd.concat(lines, ignore_index=True)
    years = pd.get_dummies(table["t"]).to_numpy(float)
    s = table["s"].to_numpy()
    g, y, x = residuals(table[["g", "y", "x"]].to_numpy(), years, s).T
    beta = (s * g) @ y / ((s * g) @ x)
    scores = pd.Series(s * g * (y - beta * x)).groupby(table["k"]).sum()
    assert result.values[0] == pytest.approx(beta, abs=1e-9)
    assert result.std_errors.iloc[0] == pytest.approx(np.sqrt(scores @ scores) / abs((s * g) @ x), rel=1e-8)


def test_akm_by_hand():
    frame, shares, shocks = economy(complete=False)
    constant = shocks[2002]
    iv = ShiftShare(shares=shares, shocks=constant, fixed_effects=["year"])
    result = iv.fit(panel_of(frame), "y", treatment="robots", covariates=["x"])
    S, controls = shares.loc[frame["firm"]].to_numpy(), pd.get_dummies(frame["year"]).to_numpy(float)
    controls = np.column_stack([controls, frame["x"]])
    columns = np.column_stack([frame["y"], frame["robots"], S @ constant.to_numpy()])
    y, x, z = residuals(columns, controls, np.ones(len(frame))).T
    h = np.linalg.lstsq(S, z, rcond=None)[0]
    beta = z @ y / (z @ x)
    psi = h * (S.T @ (y - beta * x)) / (z @ x)
    assert result.values[0] == pytest.approx(beta, abs=1e-10)
    np.testing.assert_allclose(result.psi[:, 0], psi, atol=1e-10)
    assert list(result.clusters) == list(shares.columns)
    weak = iv.confidence_set(panel_of(frame), "y", treatment="robots", covariates=["x"])
    assert beta in weak


def test_confidence_set_ends_where_the_test_with_the_null_imposed_is_critical():
    frame, shares, shocks = economy()
    iv, panel = ShiftShare(shares=shares, shocks=shocks), panel_of(frame)
    ends = finite_ends(iv.confidence_set(panel, "y", treatment="robots"))
    assert len(ends) == 2
    for end in ends:
        moved = panel_of(frame.assign(gap=frame["y"] - end * frame["robots"]))
        for treatment in ("robots", None):
            assert min(map(abs, finite_ends(iv.confidence_set(moved, "gap", treatment=treatment)))) < 1e-9


def finite_ends(found) -> list[float]:
    return [end for interval in found.intervals for end in interval if np.isfinite(end)]


def test_results_add_up_on_shocks_and_not_across_clusters(tmp_path):
    frame, shares, shocks = economy()
    panel = panel_of(frame.assign(twice=2 * frame["y"]))
    iv = ShiftShare(shares=shares, shocks=shocks)
    once, twice = (iv.fit(panel, name, treatment="robots") for name in ("y", "twice"))
    gap = twice - once * 2
    assert gap.values[0] == pytest.approx(0, abs=1e-10) and gap.std_errors.iloc[0] < 1e-9
    by_city = ShiftShare(shares=shares, shocks=shocks, errors="cluster").fit(panel, "y", treatment="robots")
    with pytest.raises(IncompatibleEffectsError):
        once - by_city
    once.save(tmp_path / "iv")
    again = load(tmp_path / "iv")
    np.testing.assert_array_equal(again.psi, once.psi)
    assert again.conventions == once.conventions


def test_the_order_of_rows_sectors_and_units_does_not_matter():
    frame, shares, shocks = economy()
    one = ShiftShare(shares=shares, shocks=shocks).fit(panel_of(frame), "y", treatment="robots")
    other = ShiftShare(shares=shares.iloc[::-1, ::-1], shocks=shocks.iloc[:, ::-1])
    two = other.fit(panel_of(frame.iloc[::-1]), "y", treatment="robots")
    assert two.values[0] == pytest.approx(one.values[0], abs=1e-12)
    assert two.std_errors.iloc[0] == pytest.approx(one.std_errors.iloc[0], rel=1e-9)


def test_rows_without_shares_are_counted():
    frame, shares, shocks = economy()
    iv = ShiftShare(shares=shares.iloc[:-2], shocks=shocks)
    with pytest.warns(MissingRowsWarning, match="8 rows left out: no shares"):
        result = iv.fit(panel_of(frame), "y", treatment="robots")
    assert result.n_rows == (FIRMS - 2) * YEARS
    assert iv.instrument(panel_of(frame)).isna().sum() == 2 * YEARS
    strange = ShiftShare(shares=shares.set_axis(range(FIRMS)), shocks=shocks)
    with pytest.raises(DataError, match="no row of the panel has shares"):
        strange.fit(panel_of(frame), "y", treatment="robots")


def test_what_is_refused():
    frame, shares, shocks = economy()
    panel = panel_of(frame.assign(z=1.0))
    with pytest.raises(OptionError, match="errors='amk'"):
        ShiftShare(shares=shares, shocks=shocks, errors="amk")
    with pytest.raises(OptionError, match="errors='bhj'"):
        ShiftShare(shares=shares, shocks="z", errors="bhj")
    with pytest.raises(DataError, match="shocks: 1 sectors of the shares have none; first: k3"):
        ShiftShare(shares=shares, shocks=shocks.drop("k3"))
    with pytest.raises(DataError, match="1 are missing, infinite or negative; first: f004"):
        ShiftShare(shares=shares.assign(k0=np.where(shares.index == "f004", -0.1, shares["k0"])), shocks=shocks)
    with pytest.raises(DataError, match="labels stand more than once"):
        ShiftShare(shares=pd.concat([shares, shares.iloc[:1]]), shocks=shocks)
    with pytest.raises(DataError, match="no column of a period; first: 2003"):
        ShiftShare(shares=shares, shocks=shocks.drop(columns=2003)).fit(panel, "y", treatment="robots")
    with pytest.raises(DataError, match="shocks are missing or infinite; first: k1"):
        ShiftShare(shares=shares, shocks=shocks.drop("k1").reindex(shocks.index)).fit(panel, "y", treatment="robots")
    with pytest.raises(CollinearError, match="determine it"):
        ShiftShare(shares=shares, shocks=shocks[2001]).fit(panel, "y", treatment="robots")  # constant within firms
    double = shares.assign(k7=shares["k0"])
    with pytest.raises(CollinearError, match="8 sectors in 120 rows have rank 7"):
        ShiftShare(shares=double, shocks=pd.concat([shocks, shocks.loc[["k0"]].set_axis(["k7"])])).fit(panel, "y")


def test_bhj_wants_the_sums_of_shares_held():
    frame, shares, shocks = economy(complete=False)
    iv = ShiftShare(shares=shares, shocks=shocks, errors="bhj")
    with pytest.raises(DataError, match=r"shares sum to between 0\.3\d+ and 0\.\d+"):
        iv.fit(panel_of(frame), "y", treatment="robots")
    total = shares.sum(axis=1)[frame["firm"]].to_numpy()
    by_year = {f"sum_{t}": total * (frame["year"] == t) for t in shocks}
    held = panel_of(frame.assign(**by_year))
    with pytest.warns(UserWarning, match="1 covariate left out"):
        result = iv.fit(held, "y", treatment="robots", covariates=list(by_year))
    assert result.n_clusters == SECTORS and result.df is None
