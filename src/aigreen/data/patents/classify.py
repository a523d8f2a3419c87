"""Green, Y02 and AI classification of patents by their symbols and keywords.

Rules stand in the fact tables ``green_ipc``, ``cpc_y02`` and ``ai_classification``; how they match is said in
`rules` and `keywords` beside this file. Each distinct symbol is classified once: `green_symbols`,
`y02_symbols` and `ai_symbols` give these look-up tables, which heavy data can be joined with outside pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.data import facts
from aigreen.data.patents.keywords import Language, keyword_masks
from aigreen.data.patents.rules import Rules, symbol_keys
from aigreen.data.patents.symbols import Symbols, as_text, split_symbols
from aigreen.errors import OptionError, UnknownColumnError

GREEN_STATUS = ("inventory", "predecessor", "successor")
CORE = 1 << 62
NO_RULE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Classified:
    """Flags of patents with their record.

    Parameters
    ----------
    flags : DataFrame
        One row a row of the input, same index; see `classify_patents`.
    unparsed : DataFrame
        ``column, text, count``: pieces of the symbol columns that are no symbol.
    repaired : DataFrame
        ``column, text, symbol, count``: pieces read although they are not quite a symbol.
    summary : Series
        Counts of rows, symbols and flags.
    """

    flags: pd.DataFrame
    unparsed: pd.DataFrame
    repaired: pd.DataFrame
    summary: pd.Series


def green_symbols(symbols: Iterable[str]) -> pd.DataFrame:
    """Classify IPC symbols by the IPC Green Inventory.

    Parameters
    ----------
    symbols : iterable of str
        Canonical symbols (see `aigreen.data.patents.symbols`).

    Returns
    -------
    DataFrame
        Index ``symbol``. ``green``: at least one inventory rule holds. ``green_any_edition``: an inventory rule, or one
        for an older or newer place of the same matter. ``strict`` (bool), ``topic``, ``mechanism``, ``tags`` (parted by
        ``|``), ``status`` and ``rule`` are those of the most specific rule; empty where there is none.
    """
    index = pd.Index(list(symbols), dtype="str", name="symbol")
    keys, (rules, inventory, editions) = symbol_keys(index), _green()
    best = rules.best(keys)
    flags = {
        "green": rules.any(keys, inventory),
        "green_any_edition": rules.any(keys, editions),
        "strict": _take(rules.table["strict"], best) == "1",
        "topic": _take(rules.table["l1_topic"], best),
        "mechanism": _take(rules.table["mechanism"], best),
        "tags": _take(_ordered(rules.table["tags"]), best),
        "status": _take(rules.table["status"], best),
        "rule": _take(_rule_names(rules.table), best),
    }
    return pd.DataFrame(flags, index=index)


def y02_symbols(symbols: Iterable[str]) -> pd.DataFrame:
    """Classify CPC symbols by the climate tags Y02A to Y02W and Y04S.

    Returns
    -------
    DataFrame
        Index ``symbol``; ``y02`` (bool), and of the most specific rule ``strict`` (bool), ``sector``, ``mechanism``,
        ``tags``, ``rule``.
    """
    index = pd.Index(list(symbols), dtype="str", name="symbol")
    rules = _y02()
    best = rules.best(symbol_keys(index))
    flags = {
        "y02": best >= 0,
        "strict": _take(rules.table["strict"], best) == "1",
        "sector": _take(rules.table["sector"], best),
        "mechanism": _take(rules.table["mechanism"], best),
        "tags": _take(_ordered(rules.table["tags"]), best),
        "rule": _take(_rule_names(rules.table), best),
    }
    return pd.DataFrame(flags, index=index)


def ai_symbols(symbols: Iterable[str], scheme: Literal["ipc", "cpc"] = "ipc") -> pd.DataFrame:
    """Classify symbols by the AI codes of their scheme.

    Returns
    -------
    DataFrame
        Index ``symbol``; ``ai``, ``ai_core`` (bool; at least one rule, at least one core rule holds) and
        ``ai_categories`` (those of all rules that hold, parted by ``|``).
    """
    if scheme not in ("ipc", "cpc"):
        raise OptionError("scheme", scheme, ["ipc", "cpc"])
    index = pd.Index(list(symbols), dtype="str", name="symbol")
    mask = _ai_mask(index, scheme)
    return pd.DataFrame(
        {"ai": mask != 0, "ai_core": mask & CORE != 0, "ai_categories": _joined(mask, _ai_names())}, index=index
    )


def classify_patents(
    frame: pd.DataFrame,
    symbols: str = "ipc",
    *,
    cpc: str | None = None,
    title: str | None = None,
    abstract: str | None = None,
    language: Language | None = None,
) -> Classified:
    """Classify patents by their lists of symbols and, where text columns are named, by AI keywords.

    Parameters
    ----------
    frame : DataFrame
        One row a patent.
    symbols, cpc : str
        Columns with lists of IPC and of CPC symbols, in any spelling of `aigreen.data.patents.symbols`.
    title, abstract : str, optional
        Columns searched for AI keywords.
    language : "en" or "zh", optional
        Language of the texts; keywords of both by default.

    Returns
    -------
    Classified
        ``flags`` has

        ``n_symbols``
            distinct symbols of both columns; a patent without any is neither green nor AI by code
        ``green``, ``green_any_edition``
            at least one IPC symbol is (see `green_symbols`)
        ``green_strict``
            at least one green symbol has a strict most specific rule
        ``topic``, ``mechanism``
            of the most specific rule over all symbols; rules that only give tags do not count
        ``tags``
            of all symbols
        ``y02``, ``y02_strict``, ``y02_sectors``, ``y02_mechanism``, ``y02_tags``
            the same by Y02 and Y04S symbols, in whichever column they stand; sectors of all symbols
        ``ai_code``, ``ai_keyword``, ``ai``, ``ai_core``, ``ai_categories``
            by symbol, by keyword, by either; core rules; all categories
        ``green_ai``, ``green_non_ai``, ``green_strict_non_ai``
            green and AI, so that the mechanical overlap can be taken out

        Nothing depends on the order of symbols in a list.

    Raises
    ------
    UnknownColumnError
        A named column is not there.
    """
    for column in filter(None, (symbols, cpc, title, abstract)):
        if column not in frame:
            raise UnknownColumnError(column, list(frame.columns), role="patents")
    lists = {column: split_symbols(frame[column]) for column in dict.fromkeys(filter(None, (symbols, cpc)))}
    patents = _Patents(len(frame), lists)
    ipc, both = lists[symbols], list(lists.values())
    flags = {"n_symbols": patents.n_symbols(), **_green_flags(patents, ipc), **_y02_flags(patents, both)}
    by_code = patents.union(ipc, lambda distinct: _ai_mask(distinct, "ipc"))
    if cpc is not None:
        by_code |= patents.union(lists[cpc], lambda distinct: _ai_mask(distinct, "cpc"))
    by_word = _keywords(frame, [column for column in (title, abstract) if column], language)
    ai = by_code | by_word
    flags |= {
        "ai_code": by_code != 0,
        "ai_keyword": by_word != 0,
        "ai": ai != 0,
        "ai_core": ai & CORE != 0,
        "ai_categories": _joined(ai, _ai_names()),
    }
    flags |= {
        "green_ai": flags["green"] & flags["ai"],
        "green_non_ai": flags["green"] & ~flags["ai"],
        "green_strict_non_ai": flags["green_strict"] & ~flags["ai"],
    }
    done = pd.DataFrame(flags, index=frame.index)
    return Classified(done, patents.listed("unparsed"), patents.listed("repaired"), _summary(done, patents))


class _Patents:
    """Sums over the symbols of each patent."""

    def __init__(self, n_rows: int, lists: dict[str, Symbols]) -> None:
        self.n_rows, self.lists = n_rows, lists

    def union(self, symbols: Symbols, masks_of: Callable[[pd.Index], np.ndarray]) -> np.ndarray:
        """Union of bit masks over a patent's symbols; ``masks_of`` maps distinct symbols to masks."""
        union = np.zeros(self.n_rows, dtype=np.int64)
        codes, distinct = _coded(symbols)
        np.bitwise_or.at(union, symbols.pairs["row"].to_numpy(), masks_of(distinct)[codes])
        return union

    def least(self, symbols: Symbols, ranks_of: Callable[[pd.Index], np.ndarray]) -> np.ndarray:
        """Least rank over a patent's symbols, `NO_RULE` where there is none."""
        least = np.full(self.n_rows, NO_RULE)
        codes, distinct = _coded(symbols)
        np.minimum.at(least, symbols.pairs["row"].to_numpy(), ranks_of(distinct)[codes])
        return least

    def n_symbols(self) -> np.ndarray:
        """Distinct symbols of each patent over all columns."""
        pairs = pd.concat([s.pairs.astype({"symbol": "str"}) for s in self.lists.values()]).drop_duplicates()
        return np.bincount(pairs["row"], minlength=self.n_rows)

    def listed(self, what: str) -> pd.DataFrame:
        parts = [getattr(symbols, what).assign(column=column) for column, symbols in self.lists.items()]
        joined = pd.concat(parts, ignore_index=True)
        return joined[["column", *joined.columns.drop("column")]]


def _green_flags(patents: _Patents, ipc: Symbols) -> dict[str, np.ndarray]:
    rules, _, editions = _green()
    names = _tag_names("green_ipc")

    def masks(distinct: pd.Index) -> np.ndarray:
        table = green_symbols(distinct)
        flags = [table["green"], table["green_any_edition"], table["green"] & table["strict"]]
        own = sum(flag.to_numpy(dtype=np.int64) << bit for bit, flag in enumerate(flags))
        return own | _bits(table["tags"], names) << len(flags)

    def ranks(distinct: pd.Index) -> np.ndarray:
        best = rules.best(symbol_keys(distinct))
        return np.where((best >= 0) & editions[best], best, NO_RULE)

    mask, best = patents.union(ipc, masks), patents.least(ipc, ranks)
    best = np.where(best == NO_RULE, -1, best)
    return {
        "green": mask & 1 != 0,
        "green_any_edition": mask & 2 != 0,
        "green_strict": mask & 4 != 0,
        "topic": _take(rules.table["l1_topic"], best),
        "mechanism": _take(rules.table["mechanism"], best),
        "tags": _joined(mask >> 3, names),
    }


def _y02_flags(patents: _Patents, lists: list[Symbols]) -> dict[str, np.ndarray]:
    rules = _y02()
    sectors, names = sorted(rules.table["sector"].unique()), _tag_names("cpc_y02")

    def masks(distinct: pd.Index) -> np.ndarray:
        table = y02_symbols(distinct)
        own = table["y02"].to_numpy(dtype=np.int64) | table["strict"].to_numpy(dtype=np.int64) << 1
        return own | _bits(table["sector"], sectors) << 2 | _bits(table["tags"], names) << 2 + len(sectors)

    def ranks(distinct: pd.Index) -> np.ndarray:
        best = rules.best(symbol_keys(distinct))
        return np.where(best >= 0, best, NO_RULE)

    mask = np.bitwise_or.reduce([patents.union(symbols, masks) for symbols in lists])
    best = np.minimum.reduce([patents.least(symbols, ranks) for symbols in lists])
    best = np.where(best == NO_RULE, -1, best)
    return {
        "y02": mask & 1 != 0,
        "y02_strict": mask & 2 != 0,
        "y02_sectors": _joined(mask >> 2 & (1 << len(sectors)) - 1, sectors),
        "y02_mechanism": _take(rules.table["mechanism"], best),
        "y02_tags": _joined(mask >> 2 + len(sectors), names),
    }


def _keywords(frame: pd.DataFrame, columns: list[str], language: Language | None) -> np.ndarray:
    if not columns:
        return np.zeros(len(frame), dtype=np.int64)
    texts = [pc.fill_null(as_text(frame[column], column), "") for column in columns]
    joined = pc.binary_join_element_wise(*texts, pa.scalar(" . ", pa.large_string()))
    table = facts.table("ai_classification")
    return keyword_masks(joined, table, _ai_bits(table), language)


def _ai_mask(symbols: pd.Index, scheme: str) -> np.ndarray:
    rules = _ai(scheme)
    return rules.mask(symbol_keys(symbols), _ai_bits(rules.table))


def _ai_bits(table: pd.DataFrame) -> np.ndarray:
    return _bits(table["category"], _ai_names()) | np.where(table["core"] == "1", CORE, 0)


@cache
def _ai_names() -> tuple[str, ...]:
    return tuple(sorted(facts.table("ai_classification")["category"].unique()))


class _Green(NamedTuple):
    rules: Rules
    inventory: np.ndarray
    editions: np.ndarray


@cache
def _green() -> _Green:
    rules = Rules(facts.table("green_ipc"))
    table = rules.table
    return _Green(rules, (table["in_inventory"] == "1").to_numpy(), table["status"].isin(GREEN_STATUS).to_numpy())


@cache
def _y02() -> Rules:
    return Rules(facts.table("cpc_y02"))


@cache
def _ai(scheme: str) -> Rules:
    table = facts.table("ai_classification").query("kind == @scheme")
    return Rules(table.rename(columns={"pattern": "symbol", "pattern_to": "symbol_to"}))


@cache
def _tag_names(table: str) -> tuple[str, ...]:
    return tuple(sorted({tag for tags in facts.table(table)["tags"] for tag in tags.split("|") if tag}))


def _coded(symbols: Symbols) -> tuple[np.ndarray, pd.Index]:
    column = symbols.pairs["symbol"].cat
    return column.codes.to_numpy(), column.categories


def _rule_names(table: pd.DataFrame) -> pd.Series:
    if "symbol_to" not in table:
        return table["symbol"]
    return table["symbol"] + ("-" + table["symbol_to"]).where(table["symbol_to"] != "", "")


def _ordered(tags: pd.Series) -> pd.Series:
    return tags.map(lambda listed: "|".join(sorted(listed.split("|"))))


def _take(column: pd.Series, rule: np.ndarray) -> np.ndarray:
    """Cell of each rule, empty text where there is no rule (-1)."""
    return np.append(column.to_numpy(dtype=object), "")[rule]


def _bits(listed: pd.Series, names: tuple[str, ...] | list[str]) -> np.ndarray:
    """Bit mask of each cell of names parted by ``|``."""
    codes, distinct = pd.factorize(listed)
    masks = [sum(1 << names.index(name) for name in cell.split("|") if name) for cell in distinct]
    return np.array(masks, dtype=np.int64)[codes]


def _joined(masks: np.ndarray, names: tuple[str, ...] | list[str]) -> np.ndarray:
    """Names of the bits that are set, parted by ``|``."""
    codes, distinct = pd.factorize(masks & (1 << len(names)) - 1)
    labels = ["|".join(name for bit, name in enumerate(names) if mask >> bit & 1) for mask in distinct.tolist()]
    return np.array(labels, dtype=object)[codes]


def _summary(flags: pd.DataFrame, patents: _Patents) -> pd.Series:
    counts = {"rows": len(flags), "rows_without_symbols": int((flags["n_symbols"] == 0).sum())}
    for column, symbols in patents.lists.items():
        counts[f"{column}_pieces"] = len(symbols.pairs) + int(symbols.unparsed["count"].sum())
        counts[f"{column}_distinct"] = len(symbols.pairs["symbol"].cat.categories)
        counts[f"{column}_repaired"] = int(symbols.repaired["count"].sum())
        counts[f"{column}_unparsed"] = int(symbols.unparsed["count"].sum())
    sums = flags.select_dtypes(bool).sum()
    return pd.concat([pd.Series(counts, dtype="int64"), sums.astype("int64")]).rename("count")
