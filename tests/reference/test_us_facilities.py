"""Headline numbers of the study us-facilities, again from its panel with numpy, scipy and statsmodels alone."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import sparse
from scipy.sparse.linalg import lsqr

from aigreen.data import facts
from aigreen.data.assemble.facilities import facilities

ROOT = Path(__file__).parents[2]
TABLES = ("us_facility_emissions", "us_report_words", "us_ai_patents")


@pytest.fixture(scope="module")
def frame():
    frame = facilities(*(facts.table(name) for name in TABLES)).frame
    return frame.assign(cohort=frame["words_year"].fillna(9999).astype(int))


@pytest.fixture(scope="module")
def accepted():
    known = json.loads((ROOT / "paper/expected/us-facilities/numbers.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in known.items()}


def dummies(codes):
    """One column a level."""
    level = pd.factorize(codes)[0]
    return sparse.csr_array((np.ones(len(level)), (np.arange(len(level)), level)))


def two_way(frame, unit="facility_id", time="year"):
    return sparse.hstack([dummies(frame[unit]), dummies(frame[time])]).tocsr()


def predicted(y, design, rows, weight=None):
    """Fit y on the rows by (weighted) least squares; predict all rows whose columns the fit reaches, else nan."""
    root = np.ones(rows.sum()) if weight is None else np.sqrt(weight[rows])
    fitted = sparse.csr_array(design[rows] * root[:, None])
    coefficients = lsqr(fitted, y[rows] * root, atol=1e-14, btol=1e-14, iter_lim=20_000)[0]
    reached = np.asarray(abs(design[rows]).sum(axis=0)).ravel() > 0
    inside = np.asarray(abs(design) @ ~reached).ravel() == 0
    return np.where(inside, design @ coefficients, np.nan)


def cells(frame, post):
    """Cohort, year, effect and units of every comparison of two groups in two years, with the influence of firms."""
    wide = frame.pivot(index="facility_id", columns="year", values="ln_emissions")
    about = frame.drop_duplicates("facility_id").set_index("facility_id").loc[wide.index]
    cohort, firm = about["cohort"].to_numpy(), pd.factorize(about["firm"])[0]
    years, found = list(wide.columns), []
    for g in sorted(set(cohort) - {9999}):
        for t in years[1:]:
            if (t >= g) != post:
                continue
            base = g - 1 if post else t - 1
            change = (wide[t] - wide[base]).to_numpy()
            seen = ~np.isnan(change)
            treated, control = seen & (cohort == g), seen & (cohort > t) & (cohort != g)
            if treated.any() and control.any():
                means = change[treated].mean(), change[control].mean()
                psi = np.zeros(firm.max() + 1)
                np.add.at(psi, firm[treated], (change[treated] - means[0]) / treated.sum())
                np.add.at(psi, firm[control], -(change[control] - means[1]) / control.sum())
                found.append((g, t, means[0] - means[1], treated.sum(), psi))
    return found, pd.Series(cohort).value_counts(), cohort, firm


def test_two_way_regression(frame, accepted):
    def within(column):
        v = frame[column].astype(float).to_numpy()
        return v - predicted(v, two_way(frame), np.ones(len(v), bool))

    codes = pd.factorize(frame["firm"])[0]
    fit = sm.OLS(within("ln_emissions"), within("treated")).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
    )
    assert accepted["twfe_ols_treated"] == pytest.approx(fit.params[0], abs=1e-8)
    alone = frame.groupby("facility_id")["year"].transform("size") == 1
    n, firms, k = (~alone).sum(), frame["firm"].nunique(), 1 + frame["year"].nunique()
    factor = firms / (firms - 1) * (n - 1) / (n - k)
    assert accepted["twfe_ols_treated_se"] == pytest.approx(fit.bse[0] * np.sqrt(factor), rel=1e-6)


def test_group_time_average(frame, accepted):
    found, size, *_ = cells(frame, post=True)
    average = np.average([c[2] for c in found], weights=[size[c[0]] for c in found])
    assert accepted["att_simple"] == pytest.approx(average, abs=1e-9)


def test_the_effect_of_the_year_before(frame, accepted):
    found, size, cohort, firm = cells(frame, post=False)
    one = [c for c in found if c[1] == c[0] - 1]
    weight = np.array([size[c[0]] for c in one], float)
    effects = np.array([c[2] for c in one])
    average = np.average(effects, weights=weight)
    assert accepted["event_study_before_1"] == pytest.approx(average, abs=1e-9)
    psi = np.average([c[4] for c in one], axis=0, weights=weight)
    for g, effect in zip([c[0] for c in one], effects, strict=True):  # cohort shares are estimated as well
        psi += np.bincount(firm, cohort == g, minlength=len(psi)) * (effect - average) / weight.sum()
    assert accepted["event_study_before_1_se"] == pytest.approx(np.sqrt(psi @ psi), rel=1e-6)


def test_imputation(frame, accepted):
    y, treated = frame["ln_emissions"].to_numpy(), (frame["treated"] == 1).to_numpy()
    gap = (y - predicted(y, two_way(frame), ~treated))[treated]
    assert accepted["robust_estimators_imputation"] == pytest.approx(np.nanmean(gap), abs=1e-8)
    by_industry = frame.assign(time=frame["industry"] + frame["year"].astype(str))
    gap = (y - predicted(y, two_way(by_industry, time="time"), ~treated))[treated]
    assert accepted["coincidences_imputation_industry_year"] == pytest.approx(np.nanmean(gap), abs=1e-8)


def test_the_parts_of_a_firm(frame, accepted):
    kept = frame[frame["firm_within"].notna()]
    design = two_way(kept, unit="firm")
    clean, weight = (kept["treated"] == 0).to_numpy(), kept["firm_weight"].to_numpy()
    total = 0.0
    for part in ("within", "turnover", "industries", "sites", "ln_emissions"):
        y = kept[f"firm_{part}"].to_numpy()
        gap = y - predicted(y, design, clean, weight)
        counted = ~clean & np.isfinite(gap)
        effect = np.average(gap[counted], weights=weight[counted])
        assert accepted[f"firm_parts_{part}"] == pytest.approx(effect, abs=1e-8), part
        total += effect if part != "ln_emissions" else -effect
    assert total == pytest.approx(0, abs=1e-8)


def test_the_decomposition(frame, accepted):
    treated, exposed = frame["treated"] == 1, frame["near_25km"] > 0
    clean = (~treated & ~exposed).to_numpy()
    fixed = two_way(frame)
    channels = ["ln_facilities", "concentration"]

    def left(column):
        v = frame[column].to_numpy(float)
        return v - predicted(v, fixed, clean)

    moved = np.column_stack([left(channel) for channel in channels])
    outcome = left("ln_emissions")
    slopes = np.linalg.lstsq(moved[clean], outcome[clean])[0]
    through = moved * slopes
    rest = outcome - through.sum(axis=1)
    spill = np.nanmean(rest[(exposed & ~treated).to_numpy()])
    on = treated.to_numpy() & np.isfinite(outcome)
    parts = {"total": outcome[on].mean(), "spillover": spill * exposed.to_numpy()[on].mean()}
    parts |= {channel: through[on, k].mean() for k, channel in enumerate(channels)}
    parts["direct"] = parts["total"] - sum(value for name, value in parts.items() if name != "total")
    for part, value in parts.items():
        assert accepted[f"dec_{part}"] == pytest.approx(value, abs=1e-7), part
