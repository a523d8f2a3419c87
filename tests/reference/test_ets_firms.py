"""Headline numbers of the study ets-firms, again from the public file with pandas, numpy, scipy and pyfixest alone."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from scipy import sparse
from scipy.sparse.linalg import lsqr

# Firms seen once say nothing; pyfixest leaves them out and warns.
pytestmark = pytest.mark.filterwarnings("ignore:.*(separation|singleton):UserWarning")
ROOT = Path(__file__).parents[2]
TRIPLE, CONTROLS = ["triple", "ind_post", "region_post"], ["t_Revenue", "t_CurrentLiability", "t_EBIT"]


@pytest.fixture(scope="module")
def raw(shared):
    return pd.read_stata(shared / "data/cui2018_ets_firm_patents/AEA_P&P_table.dta")


@pytest.fixture(scope="module")
def frame(raw):
    kept = raw[raw["year"].notna() & (raw["Nindnme"] != "")].reset_index(drop=True)
    # Single precision makes demeaned outcomes differ in the seventh digit.
    frame = kept.astype({name: float for name in kept.select_dtypes("float32")} | {"year": int})
    frame["ind_post"], frame["region_post"] = frame["Ind"] * frame["post"], frame["region"] * frame["post"]
    frame["triple"] = frame["region"] * frame["ind_post"]
    by_place = frame.groupby(["province", "year"])["triple"]
    frame["near"] = (by_place.transform("sum") - frame["triple"]) > 0
    return frame


@pytest.fixture(scope="module")
def accepted():
    known = json.loads((ROOT / "paper/expected/ets-firms/numbers.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in known.items()}


def complete(frame):
    return frame.dropna(subset=["t_Assets", "t_ROA", *CONTROLS])


def fitted(frame, outcome, cluster, terms=(*TRIPLE, *CONTROLS), effects="id + year"):
    return pf.feols(f"{outcome} ~ {' + '.join(terms)} | {effects}", frame, vcov={"CRV1": cluster})


def test_the_sample(raw, frame, accepted):
    assert (accepted["n_units_raw"], accepted["n_rows"], accepted["n_units"]) == (raw["id"].nunique(), *map(int, (
        len(frame), frame["id"].nunique())))  # fmt: skip
    assert (len(raw), raw["year"].isna().sum(), (raw["Nindnme"] == "").sum()) == (18_937, 113, 1_427)
    used = complete(frame)
    assert len(used) == 14_378
    assert accepted["precision_published_n"] == len(used) - (used.groupby("id").size() == 1).sum() == 14_369


def test_three_outside_numbers(frame, accepted):
    """0.177 (0.091) as published, 0.153 clustered by province, other patents 0.128 (0.214)."""
    used = complete(frame)
    expected = {
        "published": ("logenvrAEW", "id", 0.177, 0.091),
        "province": ("logenvrAEW", "province", 0.177, 0.153),
        "other": ("logNon_envrAEW", "province", 0.128, 0.214),
    }
    for key, (outcome, cluster, value, error) in expected.items():
        fit = fitted(used, outcome, cluster)
        found = fit.coef()["triple"], fit.se()["triple"]
        assert found == pytest.approx((value, error), abs=5e-4)
        assert accepted[f"precision_{key}"] == pytest.approx(found[0], abs=1e-6)
        assert accepted[f"precision_{key}_se"] == pytest.approx(found[1], rel=0.01)


def test_triple_differences(frame, accepted):
    fit = fitted(frame, "logenvrAEW", "province", TRIPLE)
    assert accepted["precision_all"] == pytest.approx(fit.coef()["triple"], abs=1e-6)
    fit = fitted(frame, "logenvrAEW", "province", ["triple"], "id + Nnindcd^year + province^year")
    assert accepted["precision_triple"] == pytest.approx(fit.coef()["triple"], abs=1e-6)


def test_group_time_average_and_reassignment(frame, accepted):
    covered = frame[frame["Ind"] == 1]
    wide = covered.pivot(index="id", columns="year", values="logenvrAEW")
    pilot = covered.drop_duplicates("id").set_index("id")["region"].reindex(wide.index) == 1
    gaps = {t: (wide[t] - wide[2010])[pilot].mean() - (wide[t] - wide[2010])[~pilot].mean() for t in range(2011, 2016)}
    assert accepted["att_simple"] == pytest.approx(np.mean(list(gaps.values())), abs=1e-7)
    assert accepted["event_study_after_4"] == pytest.approx(gaps[2015], abs=1e-7)
    before = wide[2010] - wide[2009]
    assert accepted["event_study_before_1"] == pytest.approx(before[pilot].mean() - before[~pilot].mean(), abs=1e-7)
    # Six of 31 provinces at random, estimate and t statistic by demeaning twice.
    design = two_way(covered)
    left = covered["logenvrAEW"].to_numpy() - predicted(covered["logenvrAEW"].to_numpy(), design, slice(None))
    places, code = np.unique(covered["province"], return_inverse=True)
    rng = np.random.default_rng(0)
    chosen = [np.unique(code[covered["region"] == 1]), *(rng.permutation(len(places))[:6] for _ in range(400))]
    found, t = [], []
    for provinces in chosen:
        d = (np.isin(code, provinces) & (covered["post"] == 1)).to_numpy(float)
        d -= predicted(d, design, slice(None))
        found.append(d @ left / (d @ d))
        scores = np.bincount(code, d * (left - found[-1] * d))
        t.append(d @ left / np.sqrt(scores @ scores))
    assert accepted["randomisation_estimate"] == pytest.approx(found[0], abs=1e-6)
    p = np.mean(np.abs(t[1:]) >= abs(t[0]))
    three_errors = 3 * np.sqrt(p * (1 - p) * (1 / 400 + 1 / 500))  # of two shares of 400 and 500 draws
    assert accepted["randomisation_p"] == pytest.approx(p, abs=three_errors)


def two_way(frame):
    def dummies(codes):
        level = pd.factorize(codes)[0]
        return sparse.csr_array((np.ones(len(level)), (np.arange(len(level)), level)))

    return sparse.csr_array(sparse.hstack([dummies(frame["id"]), dummies(frame["year"])]))


def predicted(y, design, rows):
    """Fit y on the rows by least squares; predict all rows whose columns the fit reaches, else nan."""
    fitted = design[rows]
    coefficients = lsqr(fitted, y[rows], atol=1e-13, btol=1e-13, iter_lim=10_000)[0]
    reached = np.asarray(abs(fitted).sum(axis=0)).ravel() > 0
    return np.where(np.asarray(abs(design) @ ~reached).ravel() == 0, design @ coefficients, np.nan)


def test_the_decomposition(frame, accepted):
    used = frame[frame["t_Assets"].notna()].reset_index(drop=True)
    design, treated = two_way(used), (used["triple"] == 1).to_numpy()
    exposed = used["near"].to_numpy()
    clean = ~treated & ~exposed
    y, assets, other = (
        used[name].to_numpy() - predicted(used[name].to_numpy(), design, clean)
        for name in ("logenvrAEW", "t_Assets", "logNon_envrAEW")
    )
    slopes = np.linalg.lstsq(np.column_stack([assets, other])[clean], y[clean])[0]
    through = np.column_stack([assets, other]) * slopes
    spill = np.nanmean((y - through.sum(axis=1))[exposed & ~treated])
    on = treated & np.isfinite(y)
    parts = {"total": y[on].mean(), "spillover": spill * exposed[on].mean()}
    parts |= {"assets_log": through[on, 0].mean(), "other_patents_log": through[on, 1].mean()}
    parts["direct"] = parts["total"] - sum(value for name, value in parts.items() if name != "total")
    for part, value in parts.items():
        assert accepted[f"dec_{part}"] == pytest.approx(value, abs=1e-6), part
    listed = ("direct", "assets_log", "other_patents_log", "spillover")
    assert sum(accepted[f"dec_{part}"] for part in listed) == pytest.approx(accepted["dec_total"], abs=1e-12)
