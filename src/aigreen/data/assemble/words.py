"""AI words in annual reports.

Longer words are counted first and taken out of the text, so that no piece of it is counted twice: the report that says
``卷积神经网络`` once has one learning word, not two. Width and compatibility forms are made one (NFKC), letters are
case-folded, and white space is removed before counting, because reports extracted from PDF break lines inside words.
Traditional characters stay what they are: the dictionary is in simplified ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.errors import MissingValueError, UnknownColumnError

TAKEN = "\x1f"
STRETCHES = 1 << 16  # held with their counts: reports repeat one another
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
    words = list((ai_dictionary() if dictionary is None else dictionary)["word"])
    return pd.DataFrame(_counts(texts, words), index=texts.index, columns=[*words, "length"])


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
    return by_type(_counts(texts, list(dictionary["word"])), dictionary).set_index(texts.index)


def by_type(counts: np.ndarray, dictionary: pd.DataFrame) -> pd.DataFrame:
    """Add up the counts of words by type.

    Parameters
    ----------
    counts : int array, texts x (words + 1)
        Rows of `count_words`.
    dictionary : DataFrame
        Columns ``core`` (bool) and ``ai_type``, a row a word.

    Returns
    -------
    DataFrame of int64
        The columns of `ai_words`, a row a text.
    """
    kinds = {
        f"ai_words_{kind}": (dictionary["ai_type"] == kind).to_numpy()
        for kind in sorted(dictionary["ai_type"].dropna().unique())
    }
    chosen = {"ai_words": np.ones(len(dictionary), dtype=bool), "ai_words_core": dictionary["core"].to_numpy(), **kinds}
    sums = {name: counts[:, :-1] @ words.astype("int64") for name, words in chosen.items()}
    return pd.DataFrame({**sums, "length": counts[:, -1]})


def _counts(texts: pd.Series, words: list[str]) -> np.ndarray:
    """Rows of texts; columns of words, and the length."""
    _require_texts(texts)
    rows = [count_words(text, tuple(words)) for text in texts]
    return np.array(rows, dtype=np.int64).reshape(len(texts), len(words) + 1)


def count_words(text: str, words: tuple[str, ...]) -> list[int]:
    """Count each word in a text, as `word_counts` does, and the characters without white space."""
    whole, (stretches, counts_in) = fold(text), _stretches(words)
    counts = [0] * len(words) + [len(whole)]
    for stretch, times in Counter(stretches.findall(whole)).items():
        for place, count in counts_in(stretch):
            counts[place] += times * count
    return counts


@cache
def _stretches(words: tuple[str, ...]) -> tuple[re.Pattern[str], Callable[[str], list[tuple[int, int]]]]:
    """Pattern of a word with all letters of words behind it, outside of which no word stands; and what counts in it."""
    folded = [(place, word) for place, word in _longest_first(words) if word]
    any_word = "|".join(re.escape(word) for _, word in folded)
    letters = "|".join(sorted({re.escape(letter) for _, word in folded for letter in word}))

    @lru_cache(STRETCHES)
    def counts_in(stretch: str) -> list[tuple[int, int]]:
        counts = []
        for place, word in folded:
            if word in stretch:
                counts.append((place, stretch.count(word)))
                stretch = stretch.replace(word, TAKEN)
        return counts

    return re.compile(f"(?:{any_word})(?:{letters})*+" if folded else r"(?!)"), counts_in


@cache
def _longest_first(words: tuple[str, ...]) -> list[tuple[int, str]]:
    folded = [(place, fold(word)) for place, word in enumerate(words)]
    return sorted(folded, key=lambda item: -len(item[1]))


def _require_texts(texts: pd.Series) -> None:
    missing = texts.index[texts.isna()]
    if len(missing):
        raise MissingValueError(f"{len(missing)} reports have no text", count=len(missing), first=missing)
