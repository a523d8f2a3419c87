r"""US listed firms, their patents and what AI does to them, with the truth: the drawn side of `us_patent_files`.

Firms work in technology fields. Firms of some fields file AI patents from a year of their own on, first in the year in
which their field begins. With D own adoption, S the share of adopters among close technological peers and
:math:`M_{it} = \ln((1+K^c_{it})/(1+K^f_{it}))` of the stocks of clean and fossil patents at the beginning of the year,

.. math:: \ln \mathrm{E} G_{it} = a_i + d_t + \delta D_{it} + \beta M_{it} + \sigma S_{it}

for green patents that are not AI; own adoption multiplies the means of clean and of fossil patents. Stocks without
adoption are those of the same draws, so that what runs through them is known firm by firm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd

from aigreen.data.assemble.proximity import adopters_share, proximity
from aigreen.data.assemble.us_listed_firms import Options
from aigreen.data.patents.us_counts import SUBCLASS, symbol_masks
from aigreen.simulate.draws import Streams, streams

FIRST_YEAR, LAST_DAY = 1995, np.datetime64("2022-12-31")
LAST_YEAR = 2022
FIELDS, SUBCLASSES = 40, 4
AI_FIELDS = 24  # fields whose firms may adopt
FIELD_START = (2007, 2016)
KINDS = ("green", "clean", "fossil", "ai", "other")
TAGS = ("Y02A90/10", "Y02B10/10", "Y02B20/40", "Y02E10/50", "Y02E10/72", "Y02E60/10", "Y02E60/50", "Y02P20/10",
        "Y02P70/50", "Y02T10/12", "Y02T10/70", "Y02W30/62", "Y04S10/50", "Y04S20/222")  # fmt: skip
CLEAN = ("B60L50/60", "B60L53/14", "B60L58/12", "B60K6/48", "H01M8/10", "F03D1/06", "F24S10/40", "H02S20/32")
FOSSIL = ("F02B23/00", "F02D41/04", "F02F1/24", "F02M61/18", "F02N11/08", "F02P5/15", "F01K23/10", "F02C7/22")
AI = ("G06N3/08", "G06N3/045", "G06N20/00", "G06N20/10", "G06N5/02", "G06N5/04", "G06N7/01", "G10L15/16")
OWN = {"green": TAGS, "clean": CLEAN, "fossil": FOSSIL, "ai": AI}
_SUBGROUPS = ("00", "02", "12")
_SUBCLASSES = """
A01B A23L A41D A43B A44B A45D A46B A47B A47G A47J A47L A61B A61C A61F A61G A61H A61J A61K A61L A61M A61N A61Q
A62C A63B A63F A63H B01D B01F B01J B03C B04B B05B B06B B07C B08B B21B B21C B21D B22D B22F B23B B23D B23K B23P
B24B B25B B25H B26B B26D B27B B28B B29C B30B B31B B32B B41F B41J B41M B42D B43K B60B B60C B65D B65G C01B C03B
C04B C07C C07D C08F C08L C09D C09K C10M C11D C22C C23C C25D D01F D03D D06M D21H E01C E02F E04B E05B E21D F01D
F04B F15B F16B F16D F16H F16K F16L F21V F25B F28D F41A G01B G01F G01J G01K G01L G01M G01N G01P G01R G01V G02B
G02F G03B G03F G03G G04B G05F G06F G06Q G06T G07D G08B G09F G09G G10H G11B G11C G21F H01B H01C H01F H01H H01J
H01K H01L H01P H01Q H01R H01S H02B H02G H02K H02P H03B H03F H03H H03K H03L H03M H04B H04H H04J H04L H04M H04N
H04Q H04R H04S H04W H05B H05F H05H H05K
"""


@dataclass(frozen=True, kw_only=True)
class UsEffects:
    """What AI does.

    Parameters
    ----------
    direct : float
        Own adoption on the log mean of green patents.
    slope : float
        One unit of `clean_odds` on it.
    spillover : float
        A share of one of adopters among technological peers on it.
    clean, fossil : float
        Own adoption on the log means of clean and of fossil patents; the second is not positive.
    cites, value : float
        Own adoption on the log mean of citations, and on the log value, of a green patent.
    """

    direct: float = 0.20
    slope: float = 0.25
    spillover: float = 0.30
    clean: float = 0.60
    fossil: float = -0.40
    cites: float = 0.10
    value: float = 0.05


@dataclass(frozen=True)
class UsPatents:
    """Patents of listed firms as they were granted, and the truth.

    Parameters
    ----------
    patents : DataFrame
        One row a granted patent, in the order of its number: ``patent, firm`` (position), ``filed, issued`` (days),
        ``kind`` (position in `KINDS`)``, cites, value``.
    symbols : DataFrame
        ``row`` (of patents) and ``symbol`` (position in `vocabulary`), in the order of the patent.
    truth : DataFrame
        ``firm, year, mean_without, mean_with, direct, clean_odds, spillover, ai_year``: means of green patents and
        the logs of the parts.
    """

    patents: pd.DataFrame
    symbols: pd.DataFrame
    truth: pd.DataFrame


@dataclass
class _Firms:
    """What a firm is born with; arrays over firms."""

    field: np.ndarray
    second: np.ndarray
    born: np.ndarray
    gone: np.ndarray
    ai_year: np.ndarray
    rates: dict[str, np.ndarray] = field(default_factory=dict)


def draw(
    *,
    seed: int,
    n_firms: int = 1200,
    patents_factor: float = 1.0,
    effects: UsEffects | None = None,
    options: Options | None = None,
) -> UsPatents:
    """Draw firms and patents.

    Parameters
    ----------
    seed : int
        Seed.
    n_firms : int
        Firms.
    patents_factor : float
        Factor on patents that are neither green, clean, fossil nor AI.
    effects : UsEffects, optional
        What AI does.
    options : Options, optional
        Base years, least patents, proximity and depreciation, as the panel takes them.
    """
    effects, options = effects or UsEffects(), options or Options()
    rng = streams(seed, ["firms", "counts", "symbols", "base_symbols", "days", "quality"])
    firms = _firms(rng["firms"], n_firms, patents_factor)
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    here = (years >= firms.born[:, None]) & (years <= firms.gone[:, None])
    adopted = (years >= firms.ai_year[:, None]).astype(float)
    counts = _counts(rng["counts"], firms, years, here, adopted, effects)
    in_base = years <= options.base[1]
    base_counts = {name: count * in_base for name, count in counts.items()}
    base_counts["green"] = rng["counts"].poisson(firms.rates["green"][:, None], here.shape) * here * in_base
    base = _listed(base_counts, years)
    base_symbols = _symbols(rng["base_symbols"], base, firms)
    exposure = _exposure(base, base_symbols, n_firms, adopted, options)
    odds, odds_without = (_odds(counts, options.depreciation, suffix) for suffix in ("", "_without"))
    trend = 0.02 * (years - years[0])
    log_mean = np.log(firms.rates["green"])[:, None] + trend + effects.slope * odds_without
    parts = {
        "direct": effects.direct * adopted,
        "clean_odds": effects.slope * (odds - odds_without),
        "spillover": effects.spillover * exposure,
    }
    without, with_ = np.exp(log_mean), np.exp(log_mean + sum(parts.values()))
    green = rng["counts"].poisson(with_) * here * ~in_base
    later = _listed({**{name: count * ~in_base for name, count in counts.items()}, "green": green}, years)
    later_symbols = _symbols(rng["symbols"], later, firms)
    patents = pd.concat([base, later], ignore_index=True)
    symbols = pd.concat([base_symbols, later_symbols.assign(row=later_symbols["row"] + len(base))], ignore_index=True)
    truth = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n_firms), len(years)),
            "year": np.tile(years, n_firms),
            "mean_without": without.ravel(),
            "mean_with": with_.ravel(),
            **{name: part.ravel() for name, part in parts.items()},
            "ai_year": np.repeat(firms.ai_year, len(years)),
        }
    )
    truth = truth[here.ravel() & (truth["year"] > options.base[1])].reset_index(drop=True)
    return _granted(rng, patents, symbols, firms, effects, truth)


def _firms(rng: np.random.Generator, n: int, factor: float) -> _Firms:
    home = rng.integers(FIELDS, size=n)
    start = rng.integers(FIELD_START[0], FIELD_START[1] + 1, size=FIELDS)
    wait = rng.geometric(0.09, size=n) - 1
    ai_year = np.where((home < AI_FIELDS) & (rng.random(n) < 0.8), start[home] + wait, np.inf)
    leader = pd.Series(rng.random(n)).groupby(home).rank(method="first").to_numpy() <= 2
    ai_year = np.where(leader & (home < AI_FIELDS), start[home], ai_year)
    late = rng.random(n) < 0.1
    born = np.where(late, rng.integers(FIRST_YEAR + 12, LAST_YEAR - 5, size=n), FIRST_YEAR)
    gone = np.where(rng.random(n) < 0.15, rng.integers(FIRST_YEAR + 14, LAST_YEAR, size=n), LAST_YEAR)
    energy = rng.random(n) < 0.6
    rates = {
        "green": rng.lognormal(0.2, 0.8, n),
        "clean": np.where(energy, rng.lognormal(-0.6, 0.7, n), 0.0),
        "fossil": np.where(energy, rng.lognormal(-0.3, 0.7, n), 0.0),
        "other": factor * rng.lognormal(1.0, 1.0, n),
    }
    return _Firms(
        home, rng.integers(FIELDS, size=n), born, np.maximum(gone, born + 3), np.maximum(ai_year, born), rates
    )


def _counts(
    rng: np.random.Generator,
    firms: _Firms,
    years: np.ndarray,
    here: np.ndarray,
    adopted: np.ndarray,
    effects: UsEffects,
) -> dict[str, np.ndarray]:
    """Draw all but green patents; clean and fossil ones also as they would be without adoption, of the same draws."""
    clean, fossil = (rng.poisson(firms.rates[name][:, None], here.shape) * here for name in ("clean", "fossil"))
    more = rng.poisson(np.expm1(effects.clean) * firms.rates["clean"][:, None] * adopted) * here
    left = rng.binomial(fossil, np.exp(effects.fossil * adopted))
    first = (years == firms.ai_year[:, None]).astype(int)
    ai = (1 + first + rng.poisson(0.6, here.shape)) * adopted.astype(int) * here
    other = rng.poisson(firms.rates["other"][:, None] * rng.gamma(5, 1 / 5, here.shape)) * here
    found = {"clean": clean + more, "fossil": left, "ai": ai, "other": other}
    return found | {"clean_without": clean, "fossil_without": fossil}


def _listed(counts: dict[str, np.ndarray], years: np.ndarray) -> pd.DataFrame:
    """One row a patent: firm, year of filing and kind."""
    parts = []
    for kind in KINDS:
        firm, at = np.nonzero(counts[kind])
        times = counts[kind][firm, at]
        mine = {"firm": np.repeat(firm, times), "year": np.repeat(years[at], times), "kind": KINDS.index(kind)}
        parts.append(pd.DataFrame(mine))
    return pd.concat(parts, ignore_index=True)


@cache
def vocabulary() -> tuple[np.ndarray, np.ndarray]:
    """Symbols: of the kinds, then those of the fields, which are of no class; where each of their subclasses begins."""
    names = [f"{name}{group}/{sub}" for name in _SUBCLASSES.split() for group in (1, 3, 5, 7, 11) for sub in _SUBGROUPS]
    fields = pd.Index(sorted(names), dtype="str")
    fields = fields[symbol_masks(fields) == 0]
    code, _ = pd.factorize(fields.str[:SUBCLASS])
    kinds = [symbol for listed in OWN.values() for symbol in listed]
    begins = np.searchsorted(code, np.arange(code.max() + 2)) + len(kinds)
    return np.concatenate([np.array(kinds, dtype=object), fields.to_numpy(dtype=object)]), begins


def _symbols(rng: np.random.Generator, patents: pd.DataFrame, firms: _Firms) -> pd.DataFrame:
    """Give a patent a symbol of its kind and one to four symbols of its firm's fields."""
    _, begins = vocabulary()
    firm, n, kind = patents["firm"].to_numpy(), len(patents), patents["kind"].to_numpy()
    rows, chosen, offset = [], [], 0
    for name, listed in OWN.items():
        mine = np.flatnonzero(kind == KINDS.index(name))
        rows.append(mine)
        chosen.append(offset + rng.integers(len(listed), size=len(mine)))
        offset += len(listed)
    row = np.repeat(np.arange(n), rng.integers(1, 5, size=n))
    place = np.where(rng.random(len(row)) < 0.8, firms.field[firm[row]], firms.second[firm[row]])
    subclass = place * SUBCLASSES + rng.integers(SUBCLASSES, size=len(row))
    width = begins[subclass + 1] - begins[subclass]
    rows.append(row)
    chosen.append(begins[subclass] + (rng.random(len(row)) * width).astype(int))
    together = pd.DataFrame({"row": np.concatenate(rows), "symbol": np.concatenate(chosen)}).drop_duplicates()
    return together.sort_values("row", kind="stable", ignore_index=True)


def _exposure(base: pd.DataFrame, symbols: pd.DataFrame, n: int, adopted: np.ndarray, options: Options) -> np.ndarray:
    """Share of adopters among technological peers of the base years, as the panel measures it."""
    code, names = pd.factorize(pd.Index(vocabulary()[0], dtype="str").str[:SUBCLASS])
    pairs = pd.DataFrame({"row": symbols["row"], "subclass": code[symbols["symbol"]]}).drop_duplicates()
    pairs = pairs[~names.str.startswith("Y")[pairs["subclass"]]]
    pairs["firm_id"] = base["firm"].to_numpy()[pairs["row"]]
    profiles = pairs.groupby(["firm_id", "subclass"]).size().rename("patents").reset_index()
    filed = np.bincount(base["firm"], minlength=n)
    firms = pd.Index(np.flatnonzero(filed >= options.least))
    share = np.zeros(adopted.shape)
    share[firms] = adopters_share(proximity(profiles, firms, close=options.close), adopted[firms])
    return share


def _odds(counts: dict[str, np.ndarray], depreciation: float, suffix: str) -> np.ndarray:
    """Log odds of clean against fossil stocks at the beginning of each year."""
    stocks = []
    for name in ("clean", "fossil"):
        flow = counts[name + suffix]
        stock = np.zeros(flow.shape)
        for t in range(1, flow.shape[1]):
            stock[:, t] = (1 - depreciation) * (stock[:, t - 1] + flow[:, t - 1])
        stocks.append(np.log1p(stock))
    return stocks[0] - stocks[1]


def _granted(
    rng: Streams, patents: pd.DataFrame, symbols: pd.DataFrame, firms: _Firms, effects: UsEffects, truth: pd.DataFrame
) -> UsPatents:
    """Give days, numbers, citations and values, and leave out what is not granted by the end."""
    n, year = len(patents), patents["year"].to_numpy()
    start = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    filed = start + rng["days"].integers(365, size=n)
    issued = filed + (180 + rng["days"].gamma(6, 100, n)).astype(int)
    issued = issued + (5 - issued.astype(int)) % 7  # day 5 of the count from 1970-01-01 is a Tuesday
    order = np.lexsort((np.arange(n), filed, issued))
    order = order[issued[order] <= LAST_DAY]
    number = 5_375_000 + np.cumsum(rng["days"].integers(1, 3, size=len(order)))
    treated = (year >= firms.ai_year[patents["firm"]]) & (patents["kind"] == KINDS.index("green"))
    age = np.maximum((LAST_DAY - issued).astype(int) / 365, 0)
    cites = rng["quality"].poisson(np.exp(0.8 + effects.cites * treated) * -np.expm1(-age / 6))
    value = np.exp(1.0 + effects.value * treated + rng["quality"].standard_normal(n))
    done = patents.assign(filed=filed, issued=issued, cites=cites, value=value).iloc[order].reset_index(drop=True)
    done.insert(0, "patent", number)
    place = np.full(n, -1)
    place[order] = np.arange(len(order))
    kept = symbols.assign(row=place[symbols["row"]])
    kept = kept[kept["row"] >= 0].sort_values("row", kind="stable", ignore_index=True)
    return UsPatents(done.drop(columns="year"), kept, truth)
