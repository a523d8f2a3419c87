"""Company names in Chinese and English: one form, without legal suffix, without the place in front.

=======  ===========================================================  ==========================
form     what is taken away                                           广东省深圳市华科（集团）股份有限公司
=======  ===========================================================  ==========================
full     width, letter case, brackets, punctuation, spaces (Chinese)  广东省深圳市华科集团股份有限公司
core     legal form at the end                                        广东省深圳市华科集团
bare     provinces and prefectures in front                           华科集团
=======  ===========================================================  ==========================

A group (集团, 总公司) is another body than the firm of the same name that is listed, so it keeps that word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import groupby

import pandas as pd

from aigreen.data import facts

SHORTEST = 2
_CJK = re.compile(r"[\u3400-\u9fff]")
_MARKS = re.compile(r"[\W_]+")
_DOTS = re.compile(r"[.'’]")
_LEGAL_ZH = re.compile(r"(?:股份有限公司|有限责任公司|股份公司|有限公司|(?<!总)公司|股份)$")
_LEGAL_EN = frozenset(
    {
        "co", "company", "corp", "corporation", "holding", "holdings", "inc", "incorporated", "limited",
        "llc", "ltd", "plc", "gmbh", "ag", "sa", "nv", "bv", "kk", "joint", "stock", "stk", "jsc", "and",
    }
)  # fmt: skip
_GROUP_EN = re.compile(r"\bgrp\b")
_SHORT_PROVINCE = re.compile(r"(?:省|(?:壮族|回族|维吾尔)?自治区)$")


def name_forms(names: Iterable[str]) -> pd.DataFrame:
    """Give the forms of names.

    Returns
    -------
    DataFrame of text
        Index ``names``; ``full``, ``core``, ``bare`` (see the module) and ``region``: GB/T 2260 code of the last place
        in front (six digits), empty where there is none.
    """
    names = list(names)
    rows = []
    for name in names:
        full = _full(name)
        core = _core(full)
        rows.append((full, core, *_bare(core)))
    return pd.DataFrame(
        rows, index=pd.Index(names, dtype="str"), columns=["full", "core", "bare", "region"], dtype="str"
    )


def is_chinese(name: str) -> bool:
    """Tell whether a name has Chinese characters."""
    return _CJK.search(name) is not None


def _full(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    if is_chinese(folded):
        return _MARKS.sub("", folded)
    return _GROUP_EN.sub("group", " ".join(_MARKS.sub(" ", _DOTS.sub("", folded.replace("&", " and "))).split()))


def _core(full: str) -> str:
    if not is_chinese(full):
        words = full.removeprefix("the ").split()
        while len(words) > 1 and words[-1] in _LEGAL_EN:
            words.pop()
        return " ".join(words)
    while len(shorter := _LEGAL_ZH.sub("", full)) >= SHORTEST and shorter != full:
        full = shorter
    return full


def _bare(core: str) -> tuple[str, str]:
    places, pattern = _places()
    region = ""
    while (match := pattern.match(core)) and len(core) - match.end() >= SHORTEST:
        region, core = places[match[0].strip()], core[match.end() :]
    return core, region


@cache
def _places() -> tuple[dict[str, str], re.Pattern[str]]:
    """Names of provinces and prefectures, long and short, Chinese and English, with their codes."""
    divisions, other = facts.table("divisions"), facts.table("divisions_other")
    provinces = other[other["unit_type"] == "province"]
    places: dict[str, str] = {}
    for unit in pd.concat([provinces, divisions]).itertuples():
        chinese, english = unit.name_zh, unit.name_en.casefold()
        short = _SHORT_PROVINCE.sub("", chinese) if unit.unit_type == "province" else chinese.removesuffix("市")
        for name in (chinese, short, english):
            if len(name) >= SHORTEST:
                places.setdefault(name, unit.gb_code)
    longest = sorted(places, key=lambda name: (name[0], -len(name)))
    names = [re.escape(name) + ("" if is_chinese(name) else r"\s+") for name in longest]
    groups = ["|".join(group) for _, group in groupby(names, key=lambda name: name[0])]  # by first letter: fast
    return places, re.compile("|".join(f"(?:{group})" for group in groups))
