r"""The two channels, industry structure and human capital, from raw quantities.

========================  ==================================================================
column                    formula
========================  ==================================================================
industry_structure        :math:`Y_3 / Y_2`, tertiary over secondary value added of the city
structure_level           :math:`\sum_{k=1}^{3} k \, Y_k / Y`
nonfarm_share             :math:`1 - L_1 / L`, workers of the city outside agriculture
rationalisation           :math:`\sum_k (Y_k / Y) \ln[(Y_k / L_k) / (Y / L)]` (Theil; 0 = balanced)
polluting_share           revenue from heavily polluting segments over revenue of the firm
human_capital             staff with a bachelor's degree or more over staff
rd_staff_share            R&D staff over staff
capital_per_worker        :math:`\ln(\text{fixed assets} / \text{staff})`
labour_share              cash paid to and for staff over revenue
========================  ==================================================================
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.errors import DataError

EMPLOYMENT = ["employment_primary", "employment_secondary", "employment_tertiary"]
DEGREE = ("doctor", "postgraduate", "bachelor")
KEY = ["firm_id", "year"]
_BELOW_COLLEGE = r"^(?:大专|专科)以下"  # without those of a college, unlike 大专及以下
_WHOLE = ("total", "profession", "age")
BELOW = ("college", "secondary_or_below")


def structure_level(value_added: np.ndarray) -> np.ndarray:
    """Give the sum of k times the share of sector k, from 1 (all primary) to 3 (all tertiary).

    Parameters
    ----------
    value_added : array, shape (n, 3)
        Primary, secondary, tertiary; in any one unit.
    """
    parts = _positive_total(value_added, "value added")
    return parts / parts.sum(axis=1, keepdims=True) @ np.array([1.0, 2.0, 3.0])


def rationalisation(value_added: np.ndarray, employment: np.ndarray) -> np.ndarray:
    """Give the Theil index of the mismatch of output and employment over sectors; a sector without output adds zero.

    Parameters
    ----------
    value_added, employment : array, shape (n, sectors)
        A sector with output and no employment gives infinity, which is returned as missing.
    """
    output, labour = _positive_total(value_added, "value added"), _positive_total(employment, "employment")
    share = output / output.sum(axis=1, keepdims=True)
    staffed = labour / labour.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(share > 0, share * np.log(share / staffed), 0.0)
    index = terms.sum(axis=1)
    return np.where(np.isfinite(index), index, np.nan)


def city_structure(city_years: pd.DataFrame) -> pd.DataFrame:
    """Give the industry structure of cities from tertiary share and tertiary over secondary value added.

    Parameters
    ----------
    city_years : DataFrame
        Canonical ``city_years``: ``tertiary_share``, ``industrial_upgrading``, and employment by sector where known.

    Returns
    -------
    DataFrame
        ``city_code, year, industry_structure, structure_level, rationalisation, nonfarm_share``; the level is missing
        where the shares contradict each other (secondary and tertiary above one), and rationalisation also where
        employment of a sector is; the share outside agriculture only there.
    """
    tertiary, ratio = city_years["tertiary_share"], city_years["industrial_upgrading"]
    secondary = tertiary / ratio.where(ratio > 0)
    level = (1 - secondary - tertiary) + 2 * secondary + 3 * tertiary
    possible = secondary + tertiary <= 1
    output = pd.concat([1 - secondary - tertiary, secondary, tertiary], axis=1).where(possible)
    staffed = city_years.reindex(columns=EMPLOYMENT).astype(float)
    workers = staffed.sum(axis=1, skipna=False)
    known = (output.notna().all(axis=1) & staffed.notna().all(axis=1) & (workers > 0)).to_numpy()
    theil = np.full(len(city_years), np.nan)
    theil[known] = rationalisation(output[known].to_numpy(), staffed[known].to_numpy())
    return city_years[["city_code", "year"]].assign(
        industry_structure=ratio,
        structure_level=level.where(possible),
        rationalisation=theil,
        nonfarm_share=1 - staffed[EMPLOYMENT[0]] / workers.where(workers > 0),
    )


def staff_structure(staff: pd.DataFrame) -> pd.DataFrame:
    """Give staff and its education by firm and year.

    Firms report classes that overlap ("bachelor or above" beside "master"): the degree holders are the larger of the
    one class and the sum of its parts, and so are those below. Staff is the total where it is reported, else the
    largest sum over one classification.

    Parameters
    ----------
    staff : DataFrame
        Canonical ``staff``.

    Returns
    -------
    DataFrame
        ``firm_id, year, employees, human_capital, production_share``; missing where the firm does not say.
    """
    lowest = (staff["category"] == "below_bachelor") & staff["detail"].str.contains(_BELOW_COLLEGE).fillna(False)
    staff = staff.assign(category=staff["category"].mask(lowest, "secondary_or_below"))
    school = _classes(staff, "education", (*DEGREE, "bachelor_or_above", *BELOW, "below_bachelor", "unclear"))
    degree = _larger(school["bachelor_or_above"], school[list(DEGREE)])
    below = _larger(school["below_bachelor"], school[list(BELOW)])
    by_school = (degree + below.fillna(0) + school["unclear"].fillna(0)).rename("education")
    sums = {kind: staff[staff["structure"] == kind].groupby(KEY)["persons"].sum(min_count=1) for kind in _WHOLE}
    wholes = pd.DataFrame(sums).join(by_school, how="outer")
    employees = wholes["total"].where(wholes["total"] > 0, wholes.drop(columns="total").max(axis=1))
    production = _classes(staff, "profession", ("production",))["production"]
    frame = pd.DataFrame(
        {
            "employees": employees.where(employees > 0),
            "human_capital": degree / by_school.where(by_school > 0),
            "production_share": production / wholes["profession"].where(wholes["profession"] > 0),
        },
        index=wholes.index,
    )
    return frame.reset_index()


def polluting_share(segments: pd.DataFrame) -> pd.DataFrame:
    """Give the share of revenue that comes from heavily polluting segments.

    Parameters
    ----------
    segments : DataFrame
        ``firm_id, year, industry_code`` (CSRC 2012, two digits), ``revenue``; negative revenue (set-offs) is left out.

    Returns
    -------
    DataFrame
        ``firm_id, year, polluting_share``.
    """
    table = facts.table("industries")
    dirty = table.loc[table["heavy_polluting"] == "1", "code"]
    sold = segments[segments["revenue"] > 0]
    sold = sold.assign(dirty=sold["revenue"].where(sold["industry_code"].isin(dirty), 0.0))
    sums = sold.groupby(KEY, as_index=False)[["revenue", "dirty"]].sum()
    return sums[KEY].assign(polluting_share=sums["dirty"] / sums["revenue"])


def capital_per_worker(fixed_assets: pd.Series, employees: pd.Series) -> pd.Series:
    """Give the log of fixed assets (yuan) over staff; missing where either is not positive."""
    return np.log(fixed_assets.where(fixed_assets > 0) / employees.where(employees > 0))


def labour_share(pay: pd.Series, revenue: pd.Series) -> pd.Series:
    """Give cash paid to and for staff over revenue; missing where revenue is not positive or pay is negative."""
    return pay.where(pay >= 0) / revenue.where(revenue > 0)


def _classes(staff: pd.DataFrame, structure: str, classes: tuple[str, ...]) -> pd.DataFrame:
    """Persons by firm and year, a column a class."""
    part = staff[staff["structure"] == structure]
    names = part["category"].fillna("unclear").rename("class")
    return part.groupby([*KEY, names])["persons"].sum(min_count=1).unstack("class").reindex(columns=list(classes))


def _larger(whole: pd.Series, parts: pd.DataFrame) -> pd.Series:
    return pd.concat([whole, parts.sum(axis=1, min_count=1)], axis=1).max(axis=1)


def _positive_total(values: np.ndarray, what: str) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    bad = (values < 0).any(axis=1) | (values.sum(axis=1) == 0)
    if bad.any():
        raise DataError(
            f"{what}: {int(bad.sum())} rows are negative or all zero", count=int(bad.sum()), first=np.flatnonzero(bad)
        )
    return values
