"""Headline numbers of the study city-industries, again from the public file with pandas, numpy and pyfixest alone."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from scipy import optimize, sparse, stats
from scipy.sparse.linalg import lsqr

# Cells without a patent and cells seen once say nothing; pyfixest leaves them out and warns.
pytestmark = pytest.mark.filterwarnings("ignore:.*(separation|singleton):UserWarning")
ROOT = Path(__file__).parents[2]
ZONES = {  # first years by the letters of the ministry, as CSET and the Economic Information Daily list them
    2019: ["Beijing", "Shanghai", "Tianjin", "Shenzhen", "Hangzhou", "Hefei", "Huzhou"],
    2020: ["Chongqing", "Chengdu", "Xi'an", "Jinan", "Guangzhou", "Wuhan"],
    2021: ["Suzhou", "Changsha", "Zhengzhou", "Shenyang", "Harbin"],
}
FIRST = {city: year for year, cities in ZONES.items() for city in cities}


@pytest.fixture(scope="module")
def published(shared):
    path = shared / "data/cn_ai_pilot_zones_patents/industrial_ai_patents_city_industry_year.csv"
    raw = pd.read_csv(path, encoding="utf-8-sig").rename(columns={"industry_code": "ind", "industrial_ai_patents": "y"})
    return raw.query("year <= 2021")[["city", "ind", "year", "y"]]


@pytest.fixture(scope="module")
def frame(published):
    kept = published[~published["city"].isin(["Hong Kong", "Macau"])].replace({"ind": {"electronics": "C39"}})
    filled = completed(kept.groupby(["city", "ind", "year"], as_index=False)["y"].sum())
    return treated(filled, FIRST | {"Kunshan": 2021}).assign(cluster=filled["city"].replace("Kunshan", "Suzhou"))


@pytest.fixture(scope="module")
def accepted():
    known = json.loads((ROOT / "paper/expected/city-industries/numbers.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in known.items()}


def completed(cells):
    """Every city, industry and year; zero where there is no row."""
    levels = [cells[name].unique() for name in ("city", "ind", "year")]
    index = pd.MultiIndex.from_product(levels, names=["city", "ind", "year"])
    return cells.set_index(["city", "ind", "year"])["y"].reindex(index, fill_value=0).reset_index()


def treated(cells, first):
    start = cells["city"].map(first)
    return cells.assign(
        cell=cells["city"] + cells["ind"],
        first=start,
        d=(cells["year"] >= start).astype(int),
        log=np.log1p(cells["y"]),
        cluster=cells["city"],
    )


def test_the_sample(frame, accepted):
    assert accepted["n_rows"] == len(frame) == 8505
    assert accepted["n_units"] == frame["cell"].nunique() == 1215
    assert accepted["inference_cluster_city_code_clusters"] == frame["cluster"].nunique() == 80
    assert accepted["inference_cluster_city_code_treated"] == frame.loc[frame["d"] == 1, "cluster"].nunique() == 18


@pytest.mark.parametrize(("key", "effects"), [("poisson", "cell + year"), ("poisson_industry", "cell + ind^year")])
def test_counts(frame, accepted, key, effects):
    fit = pf.fepois(f"y ~ d | {effects}", frame, vcov={"CRV1": "cluster"}, iwls_tol=1e-12)
    assert accepted[f"first_stage_{key}"] == pytest.approx(fit.coef()["d"], abs=1e-6)
    assert accepted[f"first_stage_{key}_se"] == pytest.approx(fit.se()["d"], rel=0.02)
    assert accepted[f"first_stage_{key}_n"] == fit._N
    assert accepted[f"first_stage_{key}_percent"] == pytest.approx(100 * np.expm1(fit.coef()["d"]), abs=1e-4)


@pytest.mark.parametrize(("key", "effects"), [("ols", "cell + year"), ("ols_industry", "cell + ind^year")])
def test_logarithms(frame, accepted, key, effects):
    fit = pf.feols(f"log ~ d | {effects}", frame, vcov={"CRV1": "cluster"})
    assert accepted[f"first_stage_{key}"] == pytest.approx(fit.coef()["d"], abs=1e-7)
    assert accepted[f"first_stage_{key}_se"] == pytest.approx(fit.se()["d"], rel=0.02)


def test_group_time_average(frame, accepted):
    wide = frame.pivot(index="cell", columns="year", values="log")
    first = frame.drop_duplicates("cell").set_index("cell")["first"].reindex(wide.index).fillna(9999)
    found = [
        ((wide[t] - wide[g - 1])[first == g].mean() - (wide[t] - wide[g - 1])[first > t].mean(), (first == g).sum())
        for g in ZONES
        for t in range(g, 2022)
    ]
    effects, sizes = zip(*found, strict=True)
    assert accepted["att_simple"] == pytest.approx(np.average(effects, weights=sizes), abs=1e-9)


def test_imputation(frame, accepted):
    labels = [frame[name].astype(str).radd(f"{name} ") for name in ("cell", "year")]
    levels = pd.Index(pd.concat(labels).unique())
    columns = np.column_stack([levels.get_indexer(label) for label in labels])
    clean, rows = (frame["d"] == 0).to_numpy(), np.repeat(np.arange(len(frame)), 2)
    design = sparse.csr_array((np.ones(columns.size), (rows, columns.ravel())))
    beta = lsqr(design[clean], frame.loc[clean, "log"].to_numpy(), atol=1e-14, btol=1e-14, iter_lim=20_000)[0]
    gap = frame["log"] - design @ beta
    assert accepted["first_stage_imputation"] == pytest.approx(gap[~clean].mean(), abs=1e-8)


def test_what_could_have_been_found(accepted):
    """The quantiles are those of t with the degrees of freedom that the interval has."""
    key = "first_stage_poisson_industry"
    reach, found = accepted[f"{key}_high"] - accepted[key], accepted[f"{key}_detectable"]
    df = optimize.brentq(lambda v: stats.t.ppf(0.8, v) / stats.t.ppf(0.975, v) - (found / reach - 1), 1.5, 1e4)
    assert 5 < df < 80
    assert reach / stats.t.ppf(0.975, df) >= accepted[f"{key}_se"] - 1e-12


def test_an_outside_check_of_the_cells_with_a_patent(published):
    """Poisson 0.006 (0.041) and ln(1 + Y) 0.056 (0.051): all 83 cities, no zeros, 16 codes, industry by year."""
    cells = treated(published, FIRST)
    counts = pf.fepois("y ~ d | cell + ind^year", cells, vcov={"CRV1": "city"})
    logs = pf.feols("log ~ d | cell + ind^year", cells, vcov={"CRV1": "city"})
    assert cells["city"].nunique() == 83
    assert [round(float(fit.coef()["d"]), 3) for fit in (counts, logs)] == [0.006, 0.056]
    assert [round(float(fit.se()["d"]), 3) for fit in (counts, logs)] == [0.041, 0.051]
    # The cells without a row are zeros, and belong in: the coefficient on ln(1 + Y) more than doubles, counts stay.
    full = treated(completed(published), FIRST)
    counts = pf.fepois("y ~ d | cell + ind^year", full, vcov={"CRV1": "city"})
    logs = pf.feols("log ~ d | cell + ind^year", full, vcov={"CRV1": "city"})
    assert [round(float(fit.coef()["d"]), 3) for fit in (counts, logs)] == [0.003, 0.119]
