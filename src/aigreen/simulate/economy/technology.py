"""Symbols of patents: pools drawn from the fact tables whose intended flags are known without the classifier.

A symbol goes into a pool only if a plain reading of all rules, written here anew, gives one answer for it. So a
difference between intended and recovered flags is a fault of the classifier or of an adapter, not of this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.simulate.economy.outcomes import MECHANISMS

Rules = dict[str, list[Any]]

OTHER = ("recycling", "ccs", "other")  # mechanisms of the inventory behind "other"
_EDITIONS = ("inventory", "predecessor", "successor")
_ORDER = ("subgroup", "inside", "group", "over", "subclass", "class")

# Symbols without any green or AI rule, by what a firm makes; the first of a trade's fields is its own.
FIELDS = {
    "food": ("A23L33/10", "A23L2/52", "A23C9/12", "A21D13/06", "A23F3/16", "C12G3/04"),
    "textile": ("D03D15/00", "D04B1/14", "D06M15/643", "A41D13/00", "D02G3/04", "D06P1/38"),
    "wood": ("A47B96/00", "B27M1/08", "A47C7/40", "B31B50/26", "B41F33/00", "A63H33/00"),
    "chemistry": ("C08L23/12", "C08G18/48", "C09D163/00", "C07C253/30", "B01J23/75", "C08K3/04"),
    "pharma": ("A61K31/506", "A61K9/20", "C07D401/12", "A61K36/28", "A61P35/00", "A61K47/10"),
    "minerals": ("C04B35/10", "C03C3/087", "B28B1/08", "C04B28/00", "C03B33/02", "E04F13/14"),
    "metals": ("C22C38/02", "B22D11/16", "C21D8/02", "B21B37/16", "B23K26/38", "C22C21/10"),
    "machinery": ("B23Q3/06", "F16C33/10", "B65G47/91", "F04D29/28", "B23B41/00", "F15B15/14"),
    "vehicles": ("B60R21/02", "B62D25/08", "F02F1/24", "B60N2/02", "B60T13/74", "F16D65/18"),
    "electrical": ("H01H71/10", "H02G3/04", "H01B7/17", "H01F27/24", "H01R13/52", "H02B1/20"),
    "electronics": ("H01L21/027", "H05K1/02", "H04N5/225", "H01Q1/24", "G02F1/1335", "H03K17/687"),
    "software": ("G06F9/445", "H04L29/08", "G06F21/62", "H04L9/32", "G06F3/0481", "H04W72/04"),
    "instruments": ("G01N21/88", "G01B11/24", "A61B17/34", "G02B6/42", "G01L1/22", "A61M5/315"),
    "building": ("E01D19/04", "E02D17/02", "E21D9/06", "E01C7/18", "E04G21/14", "B66C23/16"),
    "mining": ("E21C35/18", "E21B17/10", "B03D1/018", "E21D11/10", "E21B10/46", "B02C17/18"),
}  # fmt: skip
_TRADES = {
    "food": "A01 A02 A03 A04 A05 C13 C14 C15 C16", "textile": "C17 C18 C19 C28",
    "wood": "C20 C21 C22 C23 C24 C41 R85 R86", "chemistry": "C25 C26 C29", "pharma": "C27 Q83 M73",
    "minerals": "C30", "metals": "C31 C32 C33 C42", "machinery": "C34 C35 C43", "vehicles": "C36 C37 G54 G55 G56",
    "electrical": "C38 D44 D45 D46", "electronics": "C39", "instruments": "C40 M74 M75",
    "building": "E47 E48 E49 E50 K70 N77 N78", "mining": "B06 B07 B08 B09 B10 B11 B12",
}  # fmt: skip
AI_SYMBOLS = (
    *("G06N3/08", "G06N3/04", "G06N5/04", "G06N20/00", "G06V10/82", "G06V20/52", "G06V40/16", "G10L15/16"),
    *("G06K9/62", "G06T7/13", "G10L15/26", "G06F16/35", "G06F40/30", "B25J9/16", "G05D1/02", "G05B13/04"),
)
# Lithium cells and their electrodes; phosphates among them.
BATTERY = (("H01M10/0525", "H01M4/13", "H01M10/052", "C01D15/08", "C22B26/12"),
           ("H01M4/58", "H01M4/136", "H01M4/1397", "C01B25/45"))  # fmt: skip
BATTERY_TRADES = ("chemistry", "electrical", "vehicles", "electronics", "metals")


@dataclass(frozen=True)
class Technology:
    """All symbols with their pools.

    Parameters
    ----------
    symbols : ndarray of str
        The vocabulary; pools hold positions in it.
    green : dict of str to int array
        By mechanism (prevention, end_of_pipe, recycling, ccs, other).
    strict, core : bool arrays over the vocabulary
        Green by a specific rule; AI by a core rule.
    fields : list of int arrays
        Symbols neither green nor AI, one array a field of `FIELDS`.
    ai : int array
        AI, not green.
    y02 : dict of str to int array
        Climate tags by mechanism.
    battery : list of int arrays
        Symbols of lithium batteries and of iron phosphate, which the inventory does not list.
    tags : dict of str to bool array over the vocabulary
        Fields of technology that a symbol belongs to.
    """

    symbols: np.ndarray
    green: dict[str, np.ndarray]
    strict: np.ndarray
    core: np.ndarray
    fields: list[np.ndarray]
    ai: np.ndarray
    y02: dict[str, np.ndarray]
    battery: list[np.ndarray]
    tags: dict[str, np.ndarray]


@cache
def technology() -> Technology:
    """Read the fact tables and build the pools."""
    table = facts.table("green_ipc")
    rules = _by_class(table[table["status"].isin(_EDITIONS) | (table["in_inventory"] == "1")])
    ai_table = facts.table("ai_classification").rename(columns={"pattern": "symbol", "pattern_to": "symbol_to"})
    ipc, cpc = (_by_class(ai_table[ai_table["kind"] == kind]) for kind in ("ipc", "cpc"))
    climate = facts.table("cpc_y02").query("match != 'subclass'").assign(symbol_to="")
    y02 = _by_class(climate)

    def is_ai(symbol: str) -> bool:
        return bool(_holding(ipc, symbol) or _holding(cpc, symbol))

    green: dict[str, list[str]] = {name: [] for name in (*MECHANISMS[:2], *OTHER)}
    strict = set()
    for symbol in dict.fromkeys(map(_example, table[table["in_inventory"] == "1"].itertuples())):
        best = _best(rules, symbol)
        if best.in_inventory == "1" and not is_ai(symbol):
            green[best.mechanism].append(symbol)
            strict |= {symbol} if best.strict == "1" else set()
    tags: dict[str, list[str]] = {name: [] for name in green}
    for symbol in dict.fromkeys(map(_example, climate.itertuples())):
        tags[_best(y02, symbol).mechanism].append(symbol)
    fields = [[s for s in listed if not _holding(rules, s) and not is_ai(s)] for listed in FIELDS.values()]
    ai = [s for s in AI_SYMBOLS if not _holding(rules, s) and _holding(ipc, s)]
    core = [s for s in ai if any(rule.core == "1" for scheme in (ipc, cpc) for rule in _holding(scheme, s))]
    battery = [[symbol for symbol in listed if not is_ai(symbol)] for listed in BATTERY]
    words = [*chain(*green.values(), *fields, ai, *tags.values(), *battery)]
    place = {symbol: at for at, symbol in enumerate(dict.fromkeys(words))}

    def at(listed: list[str]) -> np.ndarray:
        return np.array([place[symbol] for symbol in listed], dtype=np.int32)

    vocabulary = np.array(list(place))
    every = _by_class(table)
    told = [{tag for rules in (every, y02) for tag in _tags(rules, symbol)} for symbol in vocabulary]
    return Technology(
        vocabulary,
        {name: at(listed) for name, listed in green.items()},
        np.isin(vocabulary, list(strict)),
        np.isin(vocabulary, core),
        [at(listed) for listed in fields],
        at(ai),
        {name: at(listed) for name, listed in tags.items()},
        [at(listed) for listed in battery],
        {tag: np.array([tag in own for own in told]) for tag in sorted(set().union(*told))},
    )


def field_of_trades(codes: pd.Series) -> np.ndarray:
    """Give the position in `FIELDS` of each industry code; services are software."""
    names = list(FIELDS)
    by = {code: names.index(name) for name, listed in _TRADES.items() for code in listed.split()}
    return codes.map(by).fillna(names.index("software")).to_numpy(dtype=np.int64)


def _tags(rules: Rules, symbol: str) -> list[str]:
    """Give the tags of the most specific rule."""
    best = _best(rules, symbol)
    return [] if best is None else [tag for tag in best.tags.split("|") if tag]


def _example(rule: Any) -> str:
    """Give a complete symbol that the rule holds for."""
    if rule.match in ("class", "subclass"):
        return f"{rule.symbol}1/06" if len(rule.symbol) == 4 else f"{rule.symbol}B1/06"
    return rule.symbol


def _by_class(rules: pd.DataFrame) -> Rules:
    grouped: Rules = {}
    for row in rules.itertuples():
        grouped.setdefault(row.symbol[:3], []).append(row)
    return grouped


def _best(rules: Rules, symbol: str) -> Any | None:
    """Give the most specific rule, by the order of the notes on the fact tables."""

    def rank(rule: Any) -> tuple[int, int]:
        return _ORDER.index(_kind(rule.symbol, rule.match, rule.symbol_to)), -len(rule.symbol)

    return min(_holding(rules, symbol), key=rank, default=None)


def _holding(rules: Rules, symbol: str) -> list[Any]:
    near = rules.get(symbol[:3], [])
    return [rule for rule in near if _holds(symbol, rule.symbol, rule.match, rule.symbol_to)]


def _kind(first: str, match: str, last: str) -> str:
    if match != "range":
        return match
    return "inside" if first.split("/")[0] == last.split("/")[0] else "over"


def _holds(symbol: str, first: str, match: str, last: str) -> bool:
    if match in ("class", "subclass"):
        return symbol.startswith(first)
    group, digits = symbol.split("/")
    if match == "group":
        return group == first.split("/")[0]
    if match == "subgroup":
        return symbol.startswith(first)
    if symbol[:4] != first[:4]:
        return False
    low, high = ((int(end[4:].split("/")[0]), end.split("/")[1]) for end in (first, last))
    here = (int(group[4:]), digits)
    whole = high[1] == "00" and low[0] != high[0]
    return (low[0], low[1].rstrip("0")) <= here <= (high[0], "~" if whole else high[1] + "~")
