"""Firm-year panel of low-carbon patents with the carbon-market pilots of provinces and industries."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish, merge_one
from aigreen.data.raw.flow import Read
from aigreen.data.sources.cui2018 import CONTROLS

ANNOUNCED = 2011  # of the pilots, October; the source's `post` begins in this year

_RAW, _DIVISIONS = "cui2018_ets_firm_patents", "divisions"
_LABELS = {
    "revenue_log": "ln revenue",
    "assets_log": "ln assets",
    "current_liabilities_log": "ln current liabilities",
    "roa_log": "ln return on assets",
    "ebit_log": "ln earnings before interest and taxes",
}
CODEBOOK = (
    Entry("firm", "Firm", coding="anonymous number, text", source=_RAW),
    Entry("year", "Year", "calendar year", source=_RAW),
    Entry("province_code", "Province", coding="of the firm, GB/T 2260, six digits, text", source=_DIVISIONS),
    Entry("region", "Region", coding="East, Central, West, Northeast", source=_DIVISIONS),
    Entry("industry_code", "Industry", coding="two digits, text", source=_RAW),
    Entry("ets_region", "Pilot province", "", "1 = yes, 0 = no", _RAW),
    Entry("ets_industry", "Covered industry", "", "1 = yes, 0 = no", _RAW),
    Entry("ets_year", "Year of announcement, for covered firms of pilot provinces", "calendar year",
          "missing = never", _RAW, f"{ANNOUNCED} where ets_region and ets_industry"),
    Entry("ets_year_launch", "First year with a carbon price, for covered firms of pilot provinces", "calendar year",
          "missing = never", _RAW),
    Entry("pilot_year", "Year of announcement, for all firms of pilot provinces", "calendar year", "missing = never",
          _RAW),
    Entry("covered_year", "Year of announcement, for covered industries of all provinces", "calendar year",
          "missing = never", _RAW),
    Entry("treated", "Covered by a carbon-market pilot", "", "1 = yes, 0 = no", _RAW, "year >= ets_year"),
    Entry("industry_post", "Covered industry, from the announcement", "", "1 = yes, 0 = no", _RAW),
    Entry("region_post", "Pilot province, from the announcement", "", "1 = yes, 0 = no", _RAW),
    Entry("near_pilot", "Covered firms in the province", "share", "0 before the announcement and in other provinces",
          _RAW, "share of the other firms of the province in the year that a pilot covers"),
    Entry("peers", "Covered firms in the industry, elsewhere", "share", "0 before the announcement", _RAW,
          "share of the firms of the industry in other provinces in the year that a pilot covers"),
    Entry("carbon_price", "Carbon price", "yuan a tonne", "yearly mean, 0 where there is none", _RAW),
    Entry("low_carbon_patents", "Low-carbon patents", "patents", "from the published logarithm", _RAW,
          "exp(low_carbon_patents_log) - 1, rounded"),
    Entry("low_carbon_patents_log", "ln(1 + low-carbon patents)", "log", "", _RAW),
    Entry("low_carbon_patents_narrow_log", "ln(1 + low-carbon patents), narrow", "log", "", _RAW),
    Entry("low_carbon_share", "Low-carbon share of patents", "share", "", _RAW),
    Entry("other_patents", "Other patents", "patents", "from the published logarithm", _RAW,
          "exp(other_patents_log) - 1, rounded"),
    Entry("other_patents_log", "ln(1 + other patents)", "log", "", _RAW),
    *(Entry(name, label, "log", "", _RAW) for name, label in _LABELS.items()),
    Entry("complete", "In the published sample", "", "1 = yes, 0 = no", _RAW, "all controls of the publication known"),
)  # fmt: skip


def ets_firms(read: Read) -> Assembled:
    """Build the firm-year panel.

    Firms without an industry are left out: whether a pilot covers them is not known.

    Parameters
    ----------
    read : Read
        As `aigreen.data.sources.cui2018.firm_panel` returns it; its record opens the sample flow.

    Returns
    -------
    Assembled
        Panel with the columns of `CODEBOOK`, its sample flow and the codebook.

    Raises
    ------
    DataError
        Provinces that are in no division table.
    """
    flow = SampleFlow("firm")
    flow.begin(read.flow)
    frame = flow.add("firm years with a year", read.table.assign(firm=read.table["firm"].astype("str")))
    frame = flow.add("industry not stated: left out", frame[frame["industry_name"].notna()])
    frame = flow.add("provinces merged", merge_one(frame, _provinces(), "province"))
    region, industry, post = (frame[name].astype("int64") for name in ("ets_region", "ets_industry", "post"))
    covered = region * industry
    launch = frame[frame["carbon_price"] > 0].groupby("province_code")["year"].min()
    since = {"ets_year": covered, "pilot_year": region, "covered_year": industry}
    frame = frame.assign(
        **{name: np.where(reached == 1, float(ANNOUNCED), np.nan) for name, reached in since.items()},
        ets_year_launch=frame["province_code"].map(launch).astype(float).where(covered == 1),
        ets_region=region,
        ets_industry=industry,
        treated=covered * post,
        industry_post=industry * post,
        region_post=region * post,
        complete=frame[list(CONTROLS)].notna().all(axis=1).astype("int64"),
    )
    for name in ("low_carbon_patents", "other_patents"):
        frame[name] = np.expm1(frame[f"{name}_log"]).round().astype("int64")
    frame = flow.add("exposure merged", _exposed(frame).sort_values(["firm", "year"], ignore_index=True))
    return finish(frame[[entry.column for entry in CODEBOOK]], flow, CODEBOOK)


def _provinces() -> pd.DataFrame:
    """Codes and regions by the name of a province; municipalities stand without their last character."""
    other, divisions = facts.table("divisions_other"), facts.table("divisions")
    municipal = divisions[divisions["unit_type"] == "municipality"]
    names = pd.concat([municipal, other[other["unit_type"] == "province"]])[["name_zh", "gb_code"]]
    region = divisions.drop_duplicates("province_code").set_index("province_code")["nbs_region"]
    return pd.DataFrame(
        {
            "province": names["name_zh"].str.removesuffix("市"),
            "province_code": names["gb_code"],
            "region": names["gb_code"].map(region),
        }
    )


def _exposed(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the shares of treated firms among the others of the province, and among those of the industry elsewhere."""
    of_place = frame.groupby(["province_code", "year"])["treated"]
    of_industry = frame.groupby(["industry_code", "year"])["treated"]
    of_both = frame.groupby(["industry_code", "province_code", "year"])["treated"]
    own = frame["treated"]
    near = (of_place.transform("sum") - own) / np.maximum(of_place.transform("size") - 1, 1)
    elsewhere = of_industry.transform("sum") - of_both.transform("sum")
    peers = elsewhere / np.maximum(of_industry.transform("size") - of_both.transform("size"), 1)
    return frame.assign(near_pilot=near.astype(float), peers=peers.astype(float))
