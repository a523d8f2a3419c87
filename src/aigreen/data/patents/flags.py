"""Classes of patent symbols as one integer each: any database can classify patents by a join and a union of bits.

The distinct symbols of all patents are few (some 70,000 of the IPC) and are classified once, in Python
(`aigreen.data.patents.classify`); symbols of no class are left out of the table, so the join keeps few rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.patents.classify import GREEN_STATUS, ai_symbols, green_symbols, y02_symbols
from aigreen.data.patents.rules import Rules, symbol_keys

MECHANISMS = ("prevention", "end_of_pipe", "recycling", "ccs", "other")
SCHEMES = ("ipc", "cpc")
_OWN = ("green", "green_any_edition", "green_strict", "y02", "ai", "ai_core")
PLACES = 8  # more than there are mechanisms: rank and mechanism share one integer, which orders by rank


@cache
def flag_names() -> tuple[str, ...]:
    """List the classes in the order of their bits: green and AI classes, ``tag_...``, ``ai_...`` categories."""
    return (*_OWN, *(f"tag_{tag}" for tag in tags()), *(f"ai_{name.lower()}" for name in categories()))


@cache
def tags() -> tuple[str, ...]:
    """List the technology tags of the green rules."""
    cells = pd.concat([facts.table("green_ipc")["tags"], facts.table("cpc_y02")["tags"]])
    return tuple(sorted({tag for cell in cells.unique() for tag in cell.split("|") if tag}))


@cache
def categories() -> tuple[str, ...]:
    """List the categories of the AI rules."""
    return tuple(sorted(facts.table("ai_classification")["category"].unique()))


def bit(name: str) -> int:
    """Give the value of the bit of a class."""
    return 1 << flag_names().index(name)


def symbol_flags(symbols: Iterable[str], scheme: str) -> pd.DataFrame:
    """Classify the distinct symbols of one scheme.

    Parameters
    ----------
    symbols : iterable of str
        Canonical symbols, each once.
    scheme : {"ipc", "cpc"}
        Column they stand in: inventory rules hold for the IPC, Y02 for both, AI rules for their own scheme.

    Returns
    -------
    DataFrame
        ``symbol``; ``mask`` (int64, bits of `flag_names`; a strict symbol is green by its most specific rule);
        ``mechanism`` (Int64): rank of the most specific green rule times 8 plus the position in `MECHANISMS`, so that
        the least over a patent's symbols holds the mechanism of the patent. Symbols with neither are left out.
    """
    index = pd.Index(list(symbols), dtype="str")
    climate, ai = y02_symbols(index), ai_symbols(index, scheme)
    mask = _where(climate["y02"], "y02") | _where(ai["ai"], "ai") | _where(ai["ai_core"], "ai_core")
    mask |= _listed(ai["ai_categories"].str.lower(), "ai_") | _listed(climate["tags"], "tag_")
    mechanism = pd.Series(pd.NA, index=range(len(index)), dtype="Int64")
    if scheme == "ipc":
        green = green_symbols(index)
        mask |= _where(green["green"], "green") | _where(green["green_any_edition"], "green_any_edition")
        mask |= _where(green["green"] & green["strict"], "green_strict") | _listed(green["tags"], "tag_")
        mechanism = _mechanism(index)
    table = pd.DataFrame({"symbol": index, "mask": mask, "mechanism": mechanism})
    return table[(table["mask"] != 0) | table["mechanism"].notna()].reset_index(drop=True)


def ai_rule_bits(rules: pd.DataFrame) -> np.ndarray:
    """Give the bits of each AI rule: AI, core where it is, and its category."""
    return _listed(rules["category"].str.lower(), "ai_") | bit("ai") | _where(rules["core"] == "1", "ai_core")


def _mechanism(index: pd.Index) -> pd.Series:
    rules = _green()
    best = rules.best(symbol_keys(index))
    counts = rules.table["status"].isin(GREEN_STATUS).to_numpy()
    code = rules.table["mechanism"].map({name: place for place, name in enumerate(MECHANISMS)}).to_numpy(dtype=np.int64)
    return pd.Series(best * PLACES + code[best], dtype="Int64").where((best >= 0) & counts[best])


@cache
def _green() -> Rules:
    return Rules(facts.table("green_ipc"))


def _where(holds: pd.Series, name: str) -> np.ndarray:
    return np.where(holds.to_numpy(dtype=bool), bit(name), 0)


def _listed(cells: pd.Series, prefix: str) -> np.ndarray:
    """Bits of cells of names parted by ``|``."""
    codes, distinct = pd.factorize(cells)
    masks = [sum(bit(prefix + name) for name in cell.split("|") if name) for cell in distinct]
    return np.array(masks, dtype=np.int64)[codes]
