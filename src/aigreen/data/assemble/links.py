r"""Exposure of firms to zones of others: by distance, industry, customers and suppliers.

.. math:: S_{it} = \sum_{j \neq i} W_{ij,t} D_{jt}

Here links change over time (moves, changes of industry, lagged shares), and an exposure is made on all listed firms,
before any are left out of the sample. For links that are fixed over time `aigreen.exposure` has more kinds of maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.data import facts
from aigreen.data.assemble.rings import EDGES_KM, NEAR_KM, ring_column
from aigreen.data.schemas import DIRECTIONS
from aigreen.errors import DataError, OptionError

KEY = ["firm_id", "year"]


def ring_counts(
    city_code: Sequence[str], year: Sequence[int], cohorts: pd.Series, edges: Sequence[float] = EDGES_KM
) -> pd.DataFrame:
    """Count the other cities with a zone in force by ring of distance.

    Parameters
    ----------
    city_code, year : sequences of equal length
        Rows.
    cohorts : Series
        First zone year by city (`aigreen.data.assemble.zones.cohorts`).
    edges : sequence of float
        Kilometres between seats, ascending; a ring holds distances above its lower edge up to its upper one.

    Returns
    -------
    DataFrame of int64
        ``ring_0_50, ring_50_100, ...`` in the order of the rows.
    """
    rows, cities = pd.factorize(pd.Index(city_code))
    distance = facts.distances_km(list(cities), list(cohorts.index))
    other = np.asarray(cities)[:, None] != cohorts.index.to_numpy()
    in_force = np.asarray(year)[:, None] >= cohorts.to_numpy()
    counts = {}
    for low, high in pairwise(edges):
        near = other & (distance <= high) & ((distance > low) | (low == 0))
        counts[ring_column(low, high)] = (near[rows] & in_force).sum(axis=1, dtype="int64")
    return pd.DataFrame(counts)


def peer_share(frame: pd.DataFrame, *, treated: str = "treated") -> pd.Series:
    """Give the share of treated firms among those of the same industry and year in other cities.

    Parameters
    ----------
    frame : DataFrame
        One row a firm and year: ``year, industry_code, city_code`` and the treatment (0 or 1).
    treated : str
        Treatment.

    Returns
    -------
    Series
        Aligned to ``frame``; zero where there is no peer, missing where industry or city is.
    """
    group, own = ["industry_code", "year"], ["industry_code", "year", "city_code"]
    value = frame[treated].astype(float)
    size = value.groupby([frame[c] for c in group]).transform("size")
    total = value.groupby([frame[c] for c in group]).transform("sum")
    inner_size = value.groupby([frame[c] for c in own]).transform("size")
    inner = value.groupby([frame[c] for c in own]).transform("sum")
    peers = size - inner_size
    share = ((total - inner) / peers.where(peers > 0)).fillna(0.0)
    return share.where(frame[own].notna().all(axis=1)).rename("industry_peers")


def neighbour_share(frame: pd.DataFrame, *, treated: str = "treated", radius_km: float = NEAR_KM) -> pd.Series:
    """Give the share of treated firms among those of other cities within a distance.

    Parameters
    ----------
    frame : DataFrame
        One row a firm and year: ``year, city_code`` and the treatment (0 or 1).
    treated : str
        Treatment.
    radius_km : float
        Between seats of cities.

    Returns
    -------
    Series
        Aligned to ``frame``; zero where there is no neighbour.
    """
    rows, cities = pd.factorize(pd.Index(frame["city_code"]))
    when, years = pd.factorize(frame["year"])
    distance = facts.distances_km(list(cities), list(cities))
    near = sparse.csr_array((distance <= radius_km) & ~np.eye(len(cities), dtype=bool), dtype=float)
    around = []
    for values in (frame[treated].to_numpy(dtype=float), np.ones(len(frame))):
        here = np.zeros((len(cities), len(years)))
        np.add.at(here, (rows, when), values)
        around.append((near @ here)[rows, when])
    share = np.divide(*around, out=np.zeros(len(frame)), where=around[1] > 0)
    return pd.Series(share, index=frame.index, name="neighbours")


def name_partners(links: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Fill the codes of partners that are listed firms or their subsidiaries, by matched names.

    Parameters
    ----------
    links : DataFrame
        Canonical ``links``.
    names : DataFrame
        ``name, firm_id, year``: each matched name and year of the link once; a missing year stands for all. Codes that
        the source gives stay.
    """
    always = names[names["year"].isna()].set_index("name")["firm_id"]
    dated = names.dropna(subset=["year"]).rename(columns={"name": "partner_name", "firm_id": "dated"})
    own = links[["partner_name", "year"]].merge(
        dated.astype({"year": "int64"}), on=["partner_name", "year"], how="left", validate="many_to_one"
    )
    found = links["partner_name"].map(always).astype("str").fillna(own["dated"].astype("str").set_axis(links.index))
    return links.assign(partner_id=links["partner_id"].fillna(found))


def partner_shares(
    frame: pd.DataFrame, links: pd.DataFrame, direction: str, *, lag: int = 1, treated: str = "treated"
) -> pd.DataFrame:
    r"""Give the share of sales (or purchases) with partners that are treated now, by the shares of before.

    .. math:: S_{it} = \sum_j w_{ij,t-\ell} D_{jt}

    Lagged shares are not themselves changed by the treatment of the year.

    Parameters
    ----------
    frame : DataFrame
        All listed firms: ``firm_id, year`` (unique) and the treatment.
    links : DataFrame
        Canonical ``links``; a firm's own subsidiaries and rows without a share carry nothing.
    direction : {"customer", "supplier"}
        Which partners.
    lag : int
        Years.
    treated : str
        Treatment.

    Returns
    -------
    DataFrame
        In the order of ``frame``: ``<direction>_exposure`` (zero where nothing is known), ``<direction>_reported``
        (share of sales or purchases with the partners that the report lists) and ``<direction>_known`` (with those of
        them that are listed firms with a row in the year: masked and unlisted partners are not).
    """
    if direction not in DIRECTIONS:
        raise OptionError("direction", direction, DIRECTIONS)
    rows = links[(links["direction"] == direction) & links["share"].notna()]
    rows = rows.assign(year=rows["year"] + lag)
    reported = rows.groupby(KEY)["share"].sum()
    partner = frame[[*KEY, treated]].dropna().rename(columns={"firm_id": "partner_id", treated: "partner_treated"})
    known = rows[rows["partner_id"] != rows["firm_id"]].merge(partner, on=["partner_id", "year"])
    known = known.assign(carried=known["share"] * known["partner_treated"])
    sums = known.groupby(KEY)[["carried", "share"]].sum()
    at = pd.MultiIndex.from_frame(frame[KEY])
    columns = {
        f"{direction}_exposure": sums["carried"],
        f"{direction}_known": sums["share"],
        f"{direction}_reported": reported,
    }
    filled = {name: values.reindex(at, fill_value=0.0).to_numpy(dtype=float) for name, values in columns.items()}
    return pd.DataFrame(filled, index=frame.index)


def input_output(frame: pd.DataFrame, coefficients: pd.DataFrame, *, treated: str = "treated") -> pd.Series:
    r"""Give exposure through industries, for firms that do not report partners.

    .. math:: S_{it} = \sum_s a_{s(i) s} \, \bar D_{st}, \qquad a_{s(i)s} \text{ rescaled to sum to one over } s

    with the mean over listed firms of industry s in other cities than that of i.

    Parameters
    ----------
    frame : DataFrame
        All listed firms: ``year, industry_code, city_code`` and the treatment.
    coefficients : DataFrame
        ``industry_code, partner_industry, coefficient`` (zero or more); the own industry is left out.
    treated : str
        Treatment.

    Returns
    -------
    Series
        Aligned to ``frame``; missing where no coefficient or the city is unknown.
    """
    if (coefficients["coefficient"] < 0).any():
        raise DataError(
            "negative input-output coefficients",
            column="coefficient",
            count=int((coefficients["coefficient"] < 0).sum()),
        )
    table = coefficients[coefficients["industry_code"] != coefficients["partner_industry"]]
    table = table.assign(weight=table["coefficient"] / table.groupby("industry_code")["coefficient"].transform("sum"))
    value = frame[treated].astype(float)
    whole = value.groupby([frame["industry_code"], frame["year"]]).agg(["sum", "size"])
    local = value.groupby([frame["industry_code"], frame["year"], frame["city_code"]]).agg(["sum", "size"])
    cells = frame[["industry_code", "year", "city_code"]].dropna().drop_duplicates()
    pairs = cells.merge(table[["industry_code", "partner_industry", "weight"]], on="industry_code")
    there = whole.reindex(pd.MultiIndex.from_frame(pairs[["partner_industry", "year"]])).fillna(0).to_numpy()
    here = (
        local.reindex(pd.MultiIndex.from_frame(pairs[["partner_industry", "year", "city_code"]])).fillna(0).to_numpy()
    )
    total, size = (there - here).T
    pairs["carried"] = pairs["weight"] * np.divide(total, size, out=np.zeros_like(total), where=size > 0)
    sums = pairs.groupby(["industry_code", "year", "city_code"])["carried"].sum()
    at = pd.MultiIndex.from_frame(frame[["industry_code", "year", "city_code"]])
    return pd.Series(sums.reindex(at).to_numpy(), index=frame.index, name="input_output")
