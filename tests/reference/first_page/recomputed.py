"""The numbers of page 1 from the panels alone: a function a study, an entry a key, tolerances of what is simulated."""

import numpy as np
import pandas as pd
import pytest

from . import clusters, event_time, fits, log_parts
from .panels import coded, truth

DRAWS, STUDY_DRAWS = 9_999, 999
LAST_YEARS = range(2019, 2024)
SIMULATED_CHANNELS = ["industry_structure", "polluting_share", "human_capital"]


def estimated(key, value, psi, ends):
    """Estimate, error and interval under their keys."""
    found = {"": value, "_se": np.sqrt(psi @ psi), "_low": ends[0], "_high": ends[1]}
    return {key + end: float(number) for end, number in found.items()}


def drawn(p):
    """A p-value by simulation, within four errors of the difference of two."""
    return pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) * (1 / DRAWS + 1 / STUDY_DRAWS)) + 1 / STUDY_DRAWS)


def sample(frame):
    """Sizes of a panel; all its rows, whether complete or not."""
    return {
        "n_rows": len(frame),
        "n_units": frame["unit"].nunique(),
        "n_clusters": frame["cluster"].nunique(),
        "n_treated_units": frame.loc[np.isfinite(frame["cohort"]), "unit"].nunique(),
    }


def poisson(frame, outcome, key, *, beside=(), time="year", sizes=()):
    """Poisson model of treatment with effects of unit and time, without units of one row and those without a count.

    Rows count by their means. Of `sizes`, "_clusters" is the number of clusters, "_treated" and "_effective" are the
    effective number of treated ones.
    """
    frame = frame[frame.groupby("unit")["unit"].transform("size") > 1]
    unit, time, cluster = (pd.factorize(frame[name])[0] for name in ("unit", time, "cluster"))
    y, x = frame[outcome].to_numpy(float), frame[["treated", *beside]].to_numpy(float)
    beta, mean, rows = fits.poisson(y, x, unit, time, np.ones(len(y), bool))
    psi = fits.poisson_errors(y, x, mean, rows, unit, time, cluster)
    cohort = frame["cohort"].where(frame["cohort"] <= frame["year"].max(), np.inf).to_numpy()[rows]
    mass = pd.Series(x[rows, 0] * mean[rows]).groupby(cohort).sum()
    behind = clusters.shares(cluster[rows], cohort, mean[rows], mass[np.isfinite(mass.index)])
    found = estimated(key, beta[0], psi, clusters.interval(beta[0], psi, behind))
    effective = clusters.effective(behind.treated)
    known = {"_clusters": len(np.unique(cluster[rows])), "_treated": effective, "_effective": effective}
    return found | {f"{key}_n": int(rows.sum())} | {key + end: known[end] for end in sizes}


def in_percent(found, key, ends=("", "_low", "_high")):
    """A coefficient on the log scale as a change in percent."""
    return {f"{key}_percent{end}": 100 * np.expm1(found[key + end]) for end in ends}


def imputed_total(frame, outcome, channels, exposure):
    """Total of the linear decomposition, and the rows and clusters behind it."""
    found = fits.total(frame, outcome, channels, exposure)
    cluster, cohort = frame["cluster"].to_numpy(), frame["cohort"].to_numpy()
    parts = 2 + len(channels), found.exposed
    behind = clusters.shares(cluster, cohort, np.ones(len(frame)), found.mass, parts=parts)
    rows = {"clean": found.clean, "exposed": found.exposed, "treated": found.treated}
    return (
        estimated("dec_total", found.value, found.psi, clusters.interval(found.value, found.psi, behind))
        | {f"dec_rows_{kind}": int(which.sum()) for kind, which in rows.items()}
        | {"dec_clusters": len(np.unique(cluster[found.clean | found.exposed | found.treated]))}
    )


def before_treatment(frame, outcome, furthest=-10):
    """Joint test of the group-time effects of ten years or fewer before treatment, and how many clusters are behind."""
    path = event_time.group_time(frame, outcome, furthest)
    units = frame.drop_duplicates("unit")
    p, few = tested(path, units, changes=True)
    return {"pretrend_p": drawn(p), "pretrend_treated": few}


def leads(frame, outcome, exposure):
    """Joint test of five leads of the imputation on rows that are treated or not exposed."""
    rows = frame[(frame["treated"] == 1) | (frame[exposure] == 0)]
    rows = rows.assign(unit=pd.factorize(rows["unit"])[0])
    p, _ = tested(event_time.imputation_leads(rows, outcome, exposure, 5), rows, changes=False)
    return {f"move_{outcome}_leads_p": drawn(p)}


def tested(path, counted, *, changes):
    """Joint test of a path whose clusters count by the lines of `counted`."""
    cluster, cohort = counted["cluster"].to_numpy(), counted["cohort"].to_numpy()
    behind = [clusters.shares(cluster, cohort, np.ones(len(cluster)), mass) for mass in path.mass]
    slope = event_time.slope_weights(len(path.values), changes=changes)
    return clusters.joint_test(path.values, path.psi, behind, slope, draws=DRAWS, seed=2026)


def provinces(panel):
    """Green inventions of provinces, by the last year that is used."""
    roles = {"unit": "province_code", "cohort": "zone_year", "cluster": "province_code"}
    frame = coded(panel, **roles)
    found = sample(frame) | before_treatment(frame, "green_invention_patents_log")
    for last in LAST_YEARS:
        key = f"last_years_inventions_{last}"
        found |= poisson(
            frame[frame["year"] <= last], "green_invention_patents", key, sizes=["_clusters", "_effective"]
        )
        found |= in_percent(found, key, ends=("",))
    return found


def city_industries(panel):
    """Industrial AI patents of industries in cities: zones against others of the industry and year."""
    frame = coded(panel, unit="cell", cohort="zone_year", cluster="city_code")
    frame["industry_year"] = frame["industry_code"] + frame["year"].astype(str)
    key = "first_stage_poisson_industry"
    found = sample(frame) | before_treatment(frame, "ai_patents_log", -4)
    found |= poisson(frame, "ai_patents", key, time="industry_year", sizes=["_clusters", "_treated"])
    of_zones = frame.loc[frame["treated"] == 1, "city_code"].nunique()
    return found | in_percent(found, key) | {"inference_cluster_city_code_treated": of_zones}


def ets_firms(panel):
    """Low-carbon patents of firms: covered industries of pilot provinces, beside those of either."""
    frame = coded(panel, unit="firm", cohort="ets_year", cluster="province_code")
    covered = coded(panel[panel["ets_industry"] == 1], unit="firm", cohort="ets_year", cluster="province_code")
    beside, sizes = ["industry_post", "region_post"], ["_clusters", "_treated"]
    return (
        sample(frame)
        | poisson(frame, "low_carbon_patents", "precision_poisson", beside=beside, sizes=sizes)
        | before_treatment(covered, "low_carbon_patents_log", -7)
    )


def cities(panel):
    """Carbon intensity of cities."""
    roles = {"unit": "city_code", "cohort": "zone_year", "cluster": "city_code"}
    outcome, channels, exposure = "ln_carbon_intensity", ["industrial_upgrading"], "ring_100km"
    whole = coded(panel, **roles, complete=[outcome, *channels, exposure])
    seen = coded(panel, **roles, complete=[outcome])
    return (
        sample(coded(panel, **roles))
        | imputed_total(whole, outcome, channels, exposure)
        | before_treatment(seen, outcome)
        | leads(seen, outcome, exposure)
    )


def us_facilities(panel):
    """Emissions of facilities; clusters are firms."""
    frame = coded(panel, unit="facility_id", cohort="words_year", cluster="firm")
    return (
        sample(frame)
        | imputed_total(frame, "ln_emissions", ["ln_facilities", "concentration"], "near_25km")
        | poisson(frame, "emissions", "twfe_poisson_treated", sizes=["_effective"])
        | before_treatment(frame, "ln_emissions")
        | leads(frame, "ln_emissions", "near_25km")
    )


def parts_of_counts(frame, channels, exposure, true):
    """Parts on the log of the mean of green patents, their intervals, their truth, and which intervals miss it."""
    parts = log_parts.log_parts(frame, "green_patents", channels, exposure)
    cluster, cohort, n = frame["cluster"].to_numpy(), frame["cohort"].to_numpy(), frame["cluster"].nunique()
    behind = clusters.shares(cluster, cohort, parts.size, parts.mass, parts=(2 + len(channels), parts.exposed))
    found, missed = {"level_percent": 95}, []
    for part, value in parts.values.items():
        psi = parts.psi[part]
        if part in channels:
            slope = parts.slopes[channels.index(part)], parts.slopes_psi[:, channels.index(part)]
            low, high = clusters.product_interval(value, psi, *slope, behind, n)
        else:
            exposed = clusters.shares_of_exposed(cluster, parts.size, parts.exposed, behind.control)
            low, high = clusters.interval(value, psi, exposed if part == "spillover" else behind)
        found |= estimated(f"dec_{part}", value, psi, (low, high)) | {f"dec_{part}_truth": true[part]}
        if part in channels:  # both ends by numerical integration
            found |= {f"dec_{part}_{end}": pytest.approx(x, abs=2e-6) for end, x in (("low", low), ("high", high))}
        if not low <= true[part] <= high:
            missed.append({"total": "the total", "direct": "the direct part"}.get(part, f"the part {part}"))
    return found | {"dec_missed_pointwise": " and ".join(missed) or "none of them"}


def simulated_firms(panel):
    """Firms of the synthetic economy: parts of the effect of zones."""
    channels, exposure = SIMULATED_CHANNELS, "ring_100km"
    roles = {"unit": "firm_id", "cohort": "zone_year", "cluster": "home_city"}
    frame = coded(panel, **roles, complete=["green_patents", exposure, *channels])
    others = ["spillover_peers", "spillover_chain", "spillover_adopters"]
    true = log_parts.true_parts(frame, truth("simulated-firms"), channels, exposure, "spillover_ring", others)
    return sample(coded(panel, **roles)) | parts_of_counts(frame, channels, exposure, true)


def us_listed_firms(panel):
    """Firms of generated open files, each its own cluster: parts, and group-time effects after a first AI patent."""
    channels, exposure = ["clean_odds"], "near_technology"
    whole = coded(panel, unit="firm_id", cohort="ai_year", cluster="firm_id")
    frame = whole.assign(cohort=whole["cohort"].where(whole["cohort"] <= whole["year"].max(), np.inf))
    true = log_parts.true_parts(frame, truth("us-listed-firms"), channels, exposure, "spillover")
    path = event_time.group_time(frame, "green_patents_log", 0, 14, together=True)
    units = frame.drop_duplicates("unit")
    behind = clusters.shares(
        *(units[name].to_numpy() for name in ("cluster", "cohort")), np.ones(len(units)), *path.mass
    )
    average, psi = path.values[0], path.psi[:, 0]
    return (
        sample(whole)
        | parts_of_counts(frame, channels, exposure, true)
        | estimated("att_simple", average, psi, clusters.interval(average, psi, behind))
    )


STUDIES = {
    "provinces": provinces,
    "city-industries": city_industries,
    "ets-firms": ets_firms,
    "cities": cities,
    "us-facilities": us_facilities,
    "simulated-firms": simulated_firms,
    "us-listed-firms": us_listed_firms,
}


def names(*estimates, ends=("", "_se", "_low", "_high")):
    """Keys of estimates."""
    return {key + end for key in estimates for end in ends}


SAMPLE = {"n_rows", "n_units", "n_clusters", "n_treated_units"}
BEFORE = {"pretrend_p", "pretrend_treated"}
BEHIND = {"dec_rows_clean", "dec_rows_exposed", "dec_rows_treated", "dec_clusters"}
POISSON = ("", "_se", "_low", "_high", "_n")
MISSED = {"level_percent", "dec_missed_pointwise"}


def part_keys(*channels):
    """Keys of parts of counts."""
    listed = [f"dec_{part}" for part in ("total", "direct", *channels, "spillover")]
    return names(*listed, ends=("", "_se", "_low", "_high", "_truth")) | MISSED


KEYS = {  # of each study: what its function finds, held against page 1 where there is no panel, too
    "provinces": SAMPLE
    | BEFORE
    | names(
        *(f"last_years_inventions_{last}" for last in LAST_YEARS),
        ends=(*POISSON, "_clusters", "_effective", "_percent"),
    ),
    "city-industries": SAMPLE
    | BEFORE
    | names("first_stage_poisson_industry", ends=(*POISSON, "_clusters", "_treated"))
    | names("first_stage_poisson_industry_percent", ends=("", "_low", "_high"))
    | {"inference_cluster_city_code_treated"},
    "ets-firms": SAMPLE | BEFORE | names("precision_poisson", ends=(*POISSON, "_clusters", "_treated")),
    "cities": SAMPLE | BEFORE | BEHIND | names("dec_total") | {"move_ln_carbon_intensity_leads_p"},
    "us-facilities": SAMPLE
    | BEFORE
    | BEHIND
    | names("dec_total")
    | names("twfe_poisson_treated", ends=(*POISSON, "_effective"))
    | {"move_ln_emissions_leads_p"},
    "simulated-firms": SAMPLE | part_keys(*SIMULATED_CHANNELS),
    "us-listed-firms": SAMPLE | part_keys("clean_odds") | names("att_simple"),  # its own page 1
}
