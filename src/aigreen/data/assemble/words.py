"""AI words in annual reports.

Longer words are counted first and taken out of the text, so that no piece of it is counted twice: the report that says
``卷积神经网络`` once has one learning word, not two. Width and compatibility forms are made one (NFKC), letters are
case-folded, and white space is removed before counting, because reports extracted from PDF break lines inside words.
Traditional characters stay what they are: the dictionary is in simplified ones.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import pandas as pd

from aigreen.data import facts
from aigreen.errors import MissingValueError, UnknownColumnError

TAKEN = "\x1f"
# What NFKC makes of the commonest characters that it changes. It is slow on a text that has one, and fast without.
_COMMON = {wide: unicodedata.normalize("NFKC", wide) for wide in "，（）：；％！？０１２３４５６７８９"}


def ai_dictionary() -> pd.DataFrame:
    """Give the annual-report dictionary: ``word``, ``core`` (bool), ``ai_type``."""
    table = facts.table("ai_dictionary_zh")[["word", "core", "ai_type"]]
    return table.assign(core=table["core"] == "1")


def fold(text: str) -> str:
    """Make width, compatibility forms and letter case one, and remove white space."""
    for wide, narrow in _COMMON.items():
        text = text.replace(wide, narrow)
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def word_counts(texts: pd.Series, dictionary: pd.DataFrame | None = None) -> pd.DataFrame:
    """Count each word in each text, longest first; words of equal length in the order of the dictionary.

    Parameters
    ----------
    texts : Series of str
        One text a report.
    dictionary : DataFrame, optional
        Column ``word``; `ai_dictionary` by default.

    Returns
    -------
    DataFrame of int64
        Index of ``texts``, one column a word, and ``length``: characters without white space.

    Raises
    ------
    MissingValueError
        Texts that are missing: a report that is not there has no count of zero.
    """
    _require_texts(texts)
    words = list((ai_dictionary() if dictionary is None else dictionary)["word"])
    rows = [_count(text, tuple(words)) for text in texts]
    return pd.DataFrame(rows, index=texts.index, columns=[*words, "length"], dtype="int64")


def ai_words(texts: pd.Series, dictionary: pd.DataFrame | None = None) -> pd.DataFrame:
    """Count AI words in each text by type.

    Parameters
    ----------
    texts : Series of str
        One text a report.
    dictionary : DataFrame, optional
        Columns ``word``, ``core`` (bool), ``ai_type``; `ai_dictionary` by default.

    Returns
    -------
    DataFrame of int64
        Index of ``texts``; ``ai_words``, ``ai_words_core``, ``ai_words_<type>`` for each type (sorted; these add up to
        ``ai_words``) and ``length``.

    Raises
    ------
    MissingValueError
        Texts that are missing.
    UnknownColumnError
        A column of the dictionary is not there.
    """
    dictionary = ai_dictionary() if dictionary is None else dictionary
    for column in ("word", "core", "ai_type"):
        if column not in dictionary:
            raise UnknownColumnError(column, list(dictionary.columns), role="dictionary")
    counts = word_counts(texts, dictionary)
    sums = {"ai_words": counts[list(dictionary["word"])].sum(axis=1)}
    sums["ai_words_core"] = counts[list(dictionary.loc[dictionary["core"], "word"])].sum(axis=1)
    for kind, words in dictionary.groupby("ai_type")["word"]:
        sums[f"ai_words_{kind}"] = counts[list(words)].sum(axis=1)
    return pd.DataFrame(sums).assign(length=counts["length"])


def _count(text: str, words: tuple[str, ...]) -> list[int]:
    rest = fold(text)
    counts = [0] * len(words) + [len(rest)]
    for place, word in _longest_first(words):
        counts[place] = rest.count(word)
        if counts[place]:
            rest = rest.replace(word, TAKEN)
    return counts


@cache
def _longest_first(words: tuple[str, ...]) -> list[tuple[int, str]]:
    folded = [(place, fold(word)) for place, word in enumerate(words)]
    return sorted(folded, key=lambda item: -len(item[1]))


def _require_texts(texts: pd.Series) -> None:
    missing = texts.index[texts.isna()]
    if len(missing):
        raise MissingValueError(f"{len(missing)} reports have no text", count=len(missing), first=missing)
