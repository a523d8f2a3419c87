"""Classification rules on symbols, as closed intervals on one integer line.

A symbol's key orders symbols by section, class, subclass, main group and then by the digits after the slash read as
text ("05" before "050" before "06"), so that every kind of rule is one interval: everything below a class, subclass or
main group; digits with a given beginning; a range with its last symbol's extensions. The ends of all rules cut the line
into segments on which the same rules hold, and a symbol is classified by one binary search.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from aigreen.errors import DataError, OptionError

DIGITS, BASE = 6, 11
SUBGROUPS = BASE**DIGITS
GROUPS = 10_000
LETTERS = 27
MATCHES = ("subgroup", "range inside one group", "group", "range over groups", "subclass", "class")

_CANONICAL = re.compile(r"([A-HY])(\d\d)(?:([A-Z])(?:([1-9]\d{0,3})/(\d{2,6}))?)?", re.ASCII)


class Rules:
    """Rules of a fact table, ready for look-ups.

    The most specific of the rules that hold for a symbol is the first in this order: subgroup, range inside one group,
    group, range over groups, subclass, class; then the longer rule symbol; then the order of the table.

    Parameters
    ----------
    table : DataFrame
        Columns ``symbol``, ``match`` (class, subclass, group, subgroup, range) and, where there are ranges,
        ``symbol_to``; text.

    Attributes
    ----------
    table : DataFrame
        The rules, most specific first: the number of a rule below is its row here.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        ends = table["symbol_to"] if "symbol_to" in table else [""] * len(table)
        spans = [_span(*rule) for rule in zip(table["symbol"], table["match"], ends, strict=True)]
        low, high, kind = (np.array(part, dtype=np.int64) for part in zip(*spans, strict=True))
        order = np.lexsort((np.arange(len(table)), -table["symbol"].str.len().to_numpy(), kind))
        self.table = table.iloc[order].reset_index(drop=True)
        low, high = low[order], high[order]
        self._starts = np.unique(np.concatenate([[0], low, high + 1]))
        self._holds = (low <= self._starts[:, None]) & (self._starts[:, None] <= high)
        self._best = np.where(self._holds.any(axis=1), self._holds.argmax(axis=1), -1)

    def best(self, keys: np.ndarray) -> np.ndarray:
        """Give the number of the most specific rule for each key, -1 where none holds."""
        return self._best[self._segment(keys)]

    def any(self, keys: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Tell for each key whether at least one of the rules marked in ``among`` (bool, per rule) holds."""
        return self._holds[:, among].any(axis=1)[self._segment(keys)]

    def mask(self, keys: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """Give for each key the union of the bit masks (int64, per rule) of all rules that hold."""
        return np.bitwise_or.reduce(np.where(self._holds, bits, 0), axis=1)[self._segment(keys)]

    def _segment(self, keys: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._starts, keys, side="right") - 1


def symbol_keys(symbols: Iterable[str]) -> np.ndarray:
    """Place canonical symbols on the line.

    Raises
    ------
    DataError
        Symbols that are not canonical (see `aigreen.data.patents.symbols`).
    """
    symbols = list(symbols)
    matches = [_CANONICAL.fullmatch(symbol) for symbol in symbols]
    if wrong := [symbol for symbol, match in zip(symbols, matches, strict=True) if match is None]:
        raise DataError(f"{len(wrong)} symbols are not in canonical form", count=len(wrong), first=wrong)
    return np.fromiter((_key(match) for match in matches), dtype=np.int64, count=len(symbols))


def _key(match: re.Match[str]) -> int:
    section, class_, letter, group, digits = match.groups()
    head = ((ord(section) - ord("A")) * 100 + int(class_)) * LETTERS + (ord(letter) - ord("A") + 1 if letter else 0)
    return (head * GROUPS + int(group or 0)) * SUBGROUPS + _decimals(digits or "", "first")


def _decimals(digits: str, which: str) -> int:
    """Give the number of the first or last of all digit strings that begin with ``digits``."""
    padding = 0 if which == "first" else BASE - 1
    value = 0
    for place in range(DIGITS):
        value = value * BASE + (int(digits[place]) + 1 if place < len(digits) else padding)
    return value


def _span(symbol: str, match: str, symbol_to: str) -> tuple[int, int, int]:
    """Give first key, last key and specificity of a rule."""
    first = int(symbol_keys([symbol])[0])
    group = first - first % SUBGROUPS
    if match == "class":
        return first, first + LETTERS * GROUPS * SUBGROUPS - 1, MATCHES.index("class")
    if match == "subclass":
        return first, first + GROUPS * SUBGROUPS - 1, MATCHES.index("subclass")
    if match == "group":
        return group, group + SUBGROUPS - 1, MATCHES.index("group")
    digits = symbol.partition("/")[2]
    if match == "subgroup":
        return group + _decimals(digits, "first"), group + _decimals(digits, "last"), MATCHES.index("subgroup")
    if match != "range":
        raise OptionError("match", match, ["class", "subclass", "group", "subgroup", "range"])
    last = int(symbol_keys([symbol_to])[0])
    last_group, last_digits = last - last % SUBGROUPS, symbol_to.partition("/")[2]
    over_groups = group != last_group
    whole = (
        over_groups and last_digits == "00"
    )  # "A01N25/00 to A01N65/00" is main groups 25 to 65, as everywhere for /00
    return (
        group + _decimals(digits.rstrip("0"), "first"),
        last_group + _decimals("" if whole else last_digits, "last"),
        MATCHES.index("range over groups" if over_groups else "range inside one group"),
    )
