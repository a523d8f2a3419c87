"""Patent classification symbols (IPC and CPC): from the spellings of real files to one canonical form.

Canonical: class ``B61``, subclass ``F03D``, main group ``H01M8/00``, subgroup ``H01M10/0525``; no space, no leading
zero in the main group, at least two digits after the slash. Understood, in any letter case and width:

- ``H01M 10/0525 (2010.01)``, ``H01M10/0525(2010.01)I``, ``H01M 10/0525 [8]``, ``Int. Cl.7 H01M 10/0525``
- ``6 A 21 D 13/02`` (edition before, spaces inside), ``A21D 13/02 A`` (level or facet letter behind)
- ``H01M-010/0525`` (hyphen, padded main group), ``C12R 1:01`` (old indexing code)
- ``H01M0010052500`` (fixed width: four digits, then six padded with zeros on the right, so that a last digit zero
  after the second cannot be told from padding)
- ``H01M  10/0525      20060101AFI20100101BHEP`` (office exchange form with edition date and office codes)
- lists parted by ``;`` ``;;`` ``|`` ``,`` ``、`` ``&`` ``#`` ``%`` line ends, quotes (``['H01M10/05', 'C02F1/00']``),
  ``//``, brackets, or a space before the next symbol.

A lone digit after the slash has lost its leading zero (``A21D 8/2`` is 8/02), a main group without subgroup
(``A21D 13/``) stands for its /00, nothing but zeros (``A23P 000/00000``) for the subclass, a double slash between
digits for one: these are read so and listed as repaired. What is no symbol is listed as unparsed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.data.canonical import SEPARATOR
from aigreen.data.raw.flow import Flow
from aigreen.errors import DataError

_SEPARATORS = r"""[;；|｜,，、&＆#＃%％'"\r\n\t]+"""
_HEAD = r"([A-HY])\s*(\d\d)\s*([A-Z])"
_FULL = re.compile(_HEAD + r"[\s-]*0*([1-9]\d{0,3})\s*(//?|:)\s*(\d{0,6})", re.ASCII)
_FIXED = re.compile(_HEAD + r"(\d{4})(\d{6})", re.ASCII)
_ZERO = re.compile(_HEAD + r"[\s-]*0+\s*/\s*0*", re.ASCII)
_GROUP = re.compile(_HEAD + r"[\s-]*0{0,3}([1-9]\d{0,2})", re.ASCII)
_COARSE = re.compile(r"([A-HY])\s*(\d\d)\s*([A-Z]?)\s*(/?)", re.ASCII)
_EDITION = re.compile(r"[(\[<]\s*(?:\d{1,2}|\d{4}(?:[.-]?\d\d){0,2}|[AIN])\s*[)\]>](?:\s*[A-Z]{1,3}\b)?")
_EXCHANGE = re.compile(r"([/:]\d{2,6})\s+(?:19|20)\d{6}(?:\s*[A-Z]{3}\d{8}[A-Z]{3,4})?")
_LABEL = re.compile(r"^(?:INT\.?\s*CL\.?\s*\d*\s*[.:]?|(?:IPC|CPC)\s*\d*\s*:|\d\s)\s*(?=[A-HY])")
_LEVEL = re.compile(r"(?<=\d)\s+[A-Z-]$")
_INNER = re.compile(r"[()\[\]<>{}]|//+(?!\s*\d)|\s+(?=[A-HY]\d\d)")


class Parsed(NamedTuple):
    """One piece of a list: its text, the symbol (None where it is none), and whether it had to be repaired."""

    text: str
    symbol: str | None
    repaired: bool


@dataclass(frozen=True)
class Symbols:
    """Symbols of many lists.

    Parameters
    ----------
    pairs : DataFrame
        ``row`` (position of the list in the input, ascending) and ``symbol`` (categorical, canonical), in list order;
        a symbol that stands twice in a list is there twice.
    unparsed : DataFrame
        ``text``, ``count``: pieces that are no symbol, most frequent first.
    repaired : DataFrame
        ``text``, ``symbol``, ``count``: pieces read although they are not quite a symbol, most frequent first.
    """

    pairs: pd.DataFrame
    unparsed: pd.DataFrame
    repaired: pd.DataFrame


def split_symbols(lists: pd.Series | Iterable[str | None]) -> Symbols:
    """Split and normalise lists of symbols; each distinct piece is parsed once.

    Parameters
    ----------
    lists : Series or iterable of str
        One list of symbols a patent (or one symbol a row); missing and empty cells have no symbol.

    Raises
    ------
    DataError
        Cells that are not text.
    """
    parts = pc.split_pattern_regex(as_text(lists, "symbols"), _SEPARATORS)
    rows = pc.list_parent_indices(parts).to_numpy()
    pieces = pc.list_flatten(parts).dictionary_encode()
    codes = pieces.indices.to_numpy()

    parsed = [_parse(text) for text in pieces.dictionary.to_pylist()]
    found = [item for items in parsed for item in items]
    sizes = np.array([len(items) for items in parsed], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    repeats = sizes[codes]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    items = np.repeat(starts[codes], repeats) + within

    symbol_codes, symbols = pd.factorize(np.array([item.symbol for item in found], dtype=object), sort=True)
    kept = symbol_codes[items] >= 0
    pairs = pd.DataFrame(
        {
            "row": np.repeat(rows, repeats)[kept],
            "symbol": pd.Categorical.from_codes(symbol_codes[items][kept], pd.Index(symbols, dtype="str")),
        }
    )
    counted = pd.DataFrame(found, columns=list(Parsed._fields)).assign(count=np.bincount(items, minlength=len(found)))
    return Symbols(
        pairs,
        _tally(counted[counted["symbol"].isna()], ["text"]),
        _tally(counted[counted["repaired"].astype(bool)], ["text", "symbol"]),
    )


def normalise_symbol(text: str) -> str | None:
    """Give the canonical form of one symbol, or None where the text is not exactly one symbol."""
    parsed = _parse(text)
    return parsed[0].symbol if len(parsed) == 1 else None


def as_text(cells: pd.Series | Iterable[str | None], what: str) -> pa.Array:
    """Arrow text array of a column, or a `DataError` with ``what``, the count and the first offenders."""
    series = cells if isinstance(cells, pd.Series) else pd.Series(list(cells), dtype=object)
    objects = series.astype(object).where(series.notna(), None)
    try:
        return pa.array(objects, type=pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowTypeError) as reason:
        wrong = [cell for cell in series.dropna() if not isinstance(cell, str)]
        raise DataError(
            f"{what}: {len(wrong)} cells are not text", column=what, count=len(wrong), first=wrong
        ) from reason


def _parse(text: str) -> list[Parsed]:
    clean = unicodedata.normalize("NFKC", text).upper().strip()
    if "/" in clean and (plain := _FULL.fullmatch(clean)):
        return [_full(clean, plain)]
    clean = _EXCHANGE.sub(r"\1 ", _EDITION.sub(" ", _LABEL.sub("", clean)))
    pieces = (_LEVEL.sub("", piece.strip()) for piece in _INNER.split(clean))
    return [_parse_one(piece) for piece in pieces if piece]


def _parse_one(text: str) -> Parsed:
    if match := _FULL.fullmatch(text):
        return _full(text, match)
    if match := _FIXED.fullmatch(text):
        *head, group, digits = match.groups()
        if int(group) == 0:
            return Parsed(text, "".join(head) if int(digits) == 0 else None, False)
        return Parsed(text, f"{''.join(head)}{int(group)}/{digits[:2]}{digits[2:].rstrip('0')}", False)
    if match := _ZERO.fullmatch(text):
        return Parsed(text, "".join(match.groups()), True)
    if match := _GROUP.fullmatch(text):
        return Parsed(text, "".join(match.groups()) + "/00", True)
    if match := _COARSE.fullmatch(text):
        return Parsed(text, match[1] + match[2] + match[3], match[4] == "/")
    return Parsed(text, None, False)


def _full(text: str, match: re.Match[str]) -> Parsed:
    *head, slash, digits = match.groups()
    return Parsed(text, f"{''.join(head)}/{digits.rjust(2, '0')}", len(digits) < 2 or slash == "//")


def _tally(counted: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    sums = counted.groupby(keys, as_index=False)["count"].sum()
    return sums.sort_values(["count", "text"], ascending=[False, True], ignore_index=True)


def canonical_cells(cells: pd.Series, flow: Flow, name: str, *, first: pd.Series | None = None) -> pd.Series:
    """Write lists of symbols in canonical form.

    Parameters
    ----------
    cells : Series of str
        Lists in any spelling and with any separator that `aigreen.data.patents.symbols` reads.
    flow : Flow
        Where pieces that are no symbol are counted.
    name : str
        Name of the column there.
    first : Series of str, optional
        Main symbol of each row, put first.

    Returns
    -------
    Series of str
        Each symbol once, in order, joined by `SEPARATOR`; missing where there is none.
    """
    lists = cells if first is None else first.fillna("").astype("str") + SEPARATOR + cells.fillna("").astype("str")
    found = split_symbols(lists)
    pairs = found.pairs.drop_duplicates()
    sizes = np.bincount(pairs["row"], minlength=len(cells))
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    rows = pa.ListArray.from_arrays(offsets, pa.array(pairs["symbol"]).cast(pa.string()))
    joined = pc.binary_join(rows, SEPARATOR).to_pandas().astype("str").set_axis(cells.index)
    lost = found.unparsed
    flow.note(f"{name}: pieces that are no symbol", cells.to_frame(), int(lost["count"].sum()), list(lost["text"][:5]))
    return joined.where(sizes > 0)
