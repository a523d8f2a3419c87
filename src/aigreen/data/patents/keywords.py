"""AI keywords of `facts/ai_classification` in patent titles and abstracts, English and Chinese."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.errors import OptionError

Language = Literal["en", "zh"]

ONE_APART = "words may be one apart"  # as the notes of the rules put it
TURNED = "machine* learn*"


def keyword_masks(texts: pa.Array, rules: pd.DataFrame, bits: np.ndarray, language: Language | None) -> np.ndarray:
    """Give for each text the union of the bit masks of the keywords in it.

    English: whole words in any case, ``*`` is any ending, words of a pattern are parted by spaces or hyphens; where the
    rule's note says so, one other word may stand between two, and machine learning may be turned round. Chinese: the
    longest keywords first, each piece of text counted once. Width and compatibility forms are made one (NFKC).

    Parameters
    ----------
    texts : Array of text
        Titles, abstracts; null is no text.
    rules : DataFrame
        Columns ``kind`` (keyword_en, keyword_zh; others are skipped), ``pattern``, ``note``.
    bits : ndarray of int64
        Mask of each rule.
    language : {"en", "zh"} or None
        Which keywords to look for; None is both.
    """
    if language not in (None, "en", "zh"):
        raise OptionError("language", language, ["en", "zh", None])
    folded = pc.fill_null(pc.utf8_normalize(texts, "NFKC"), "")
    masks = np.zeros(len(folded), dtype=np.int64)
    if language != "zh":
        masks |= _english(folded, rules, bits)
    if language != "en":
        masks |= _chinese(folded, rules, bits)
    return masks


def english_pattern(pattern: str, *, one_apart: bool = False, turned: bool = False) -> str:
    """Regular expression (RE2 and Python) of an English keyword."""
    gap = r"[\s-]+(?:\w+[\s-]+)?" if one_apart else r"[\s-]+"
    words = [re.escape(word).replace(r"\*", r"\w*").replace(r"\-", r"[\s-]?") for word in pattern.split()]
    orders = [words, words[::-1]] if turned else [words]
    return r"\b(?:" + "|".join(gap.join(order) for order in orders) + r")\b"


def _english(texts: pa.Array, rules: pd.DataFrame, bits: np.ndarray) -> np.ndarray:
    chosen = (rules["kind"] == "keyword_en").to_numpy()
    expressions = [
        english_pattern(pattern, one_apart=ONE_APART in note, turned=ONE_APART in note and pattern == TURNED)
        for pattern, note in zip(rules["pattern"][chosen], rules["note"][chosen], strict=True)
    ]
    return _masks(texts, expressions, bits[chosen])


def _masks(texts: pa.Array, expressions: list[str], bits: np.ndarray) -> np.ndarray:
    """One pass finds the texts with any hit; only these are searched for each group of equal bits."""
    masks = np.zeros(len(texts), dtype=np.int64)
    hits = np.flatnonzero(_found(texts, expressions))
    subset = texts.take(hits)
    for mask in np.unique(bits):
        alike = [expression for expression, own in zip(expressions, bits, strict=True) if own == mask]
        masks[hits[_found(subset, alike)]] |= mask
    return masks


def _found(texts: pa.Array, expressions: list[str]) -> np.ndarray:
    found = pc.match_substring_regex(texts, "|".join(expressions), ignore_case=True)
    return found.to_numpy(zero_copy_only=False)


def _chinese(texts: pa.Array, rules: pd.DataFrame, bits: np.ndarray) -> np.ndarray:
    chosen = (rules["kind"] == "keyword_zh").to_numpy()
    words = sorted(zip(rules["pattern"][chosen], bits[chosen], strict=True), key=lambda word: -len(word[0]))
    masks = np.zeros(len(texts), dtype=np.int64)
    hits = np.flatnonzero(_found(texts, [re.escape(word) for word, _ in words]))
    rest = texts.take(hits)
    for word, mask in words:
        here = pc.match_substring(rest, word).to_numpy(zero_copy_only=False)
        masks[hits[here]] |= mask
        rest = pc.replace_substring(rest, word, "\x1f")
    return masks
