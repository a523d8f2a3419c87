"""Names of firms, subsidiaries, partners and co-applicants, in Chinese and English, and how files misspell them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.simulate.draws import Streams, pick

PARTS = ("names",)
_SOUNDS = {
    "华": "hua", "中": "zhong", "金": "jin", "天": "tian", "新": "xin", "海": "hai", "东": "dong", "瑞": "rui",
    "康": "kang", "宏": "hong", "泰": "tai", "盛": "sheng", "兴": "xing", "恒": "heng", "达": "da", "远": "yuan",
    "通": "tong", "联": "lian", "科": "ke", "创": "chuang", "德": "de", "信": "xin", "诚": "cheng", "力": "li",
    "凯": "kai", "博": "bo", "嘉": "jia", "佳": "jia", "美": "mei", "亚": "ya", "欧": "ou", "龙": "long",
    "飞": "fei", "腾": "teng", "鹏": "peng", "翔": "xiang", "宇": "yu", "星": "xing", "光": "guang", "明": "ming",
    "晶": "jing", "微": "wei", "思": "si", "睿": "rui", "智": "zhi", "云": "yun", "数": "shu", "润": "run",
    "丰": "feng", "禾": "he", "绿": "lv", "源": "yuan", "能": "neng", "电": "dian", "力帆": "lifan", "正": "zheng",
    "大": "da", "立": "li", "成": "cheng", "安": "an", "国": "guo", "民": "min", "和": "he", "利": "li",
    "富": "fu", "贵": "gui", "宝": "bao", "钢": "gang", "铁": "tie", "山": "shan", "河": "he", "江": "jiang",
    "湖": "hu", "洋": "yang", "春": "chun", "秋": "qiu", "松": "song", "柏": "bai", "梅": "mei", "兰": "lan",
    "竹": "zhu", "菊": "ju", "玉": "yu", "珠": "zhu", "银": "yin", "鼎": "ding", "尚": "shang", "品": "pin",
    "卓": "zhuo", "越": "yue", "超": "chao", "迈": "mai", "赛": "sai", "格": "ge", "英": "ying", "杰": "jie",
}  # fmt: skip
_TRADES = {"食品": "FOODS", "纺织": "TEXTILE", "家居": "HOME", "化工": "CHEM", "药业": "PHARM", "建材": "MATERIALS",
           "金属": "METAL", "机械": "MACHINERY", "汽车部件": "AUTO PARTS", "电气": "ELECTRIC", "电子": "ELECTRONICS",
           "软件": "SOFTWARE", "仪器": "INSTRUMENTS", "建设": "CONSTRUCTION", "矿业": "MINING"}  # fmt: skip
SECOND = ("新材料", "环保科技", "新能源", "智能装备", "精密制造", "信息技术", "研究院", "动力", "生物", "供应链")
_SECOND_EN = ("NEW MAT", "ENV TECH", "NEW ENERGY", "INTELLIGENT EQUIP", "PREC MFG", "INFORMATION TECH",
              "RES INST", "POWER", "BIO", "SUPPLY CHAIN")  # fmt: skip
_LETTERS = "ABCDEFGHJKLMNPQRUVWXYZ"  # no S: a short name with ST is under special treatment
LETTERS = 0.04  # firms whose brand is in Latin letters
MOST_SUBSIDIARIES = 4
NOISE = ("clean", "spaced", "legal form", "no place", "full width", "English", "misspelt")
NOISE_SHARES = (0.82, 0.05, 0.04, 0.03, 0.02, 0.03, 0.01)
ALIKE = 0.03  # unlisted firms with a name like that of a listed one, by number of listed firms
UNLISTED_WORDS = ("商贸", "实业", "投资管理", "配套", "物流", "工程技术")


@dataclass(frozen=True)
class Names:
    """Everything that has a name.

    Parameters
    ----------
    full, short : ndarray of str
        By firm: the registered name and the short name of the exchange.
    entities : DataFrame
        ``firm`` (position), ``name``, ``kind`` (firm, subsidiary): the bodies that file patents, firms first.
    registry : DataFrame
        ``firm_id, name, kind`` as `aigreen.data.patents.match.match_names` takes it: firms, subsidiaries, aliases.
    spellings : ndarray of str, entities x `NOISE`
        Every entity as files write it.
    unlisted, institutes : ndarray of str
        Partners that are not listed; universities and institutes that file together with firms.
    """

    full: np.ndarray
    short: np.ndarray
    entities: pd.DataFrame
    registry: pd.DataFrame
    spellings: np.ndarray
    unlisted: np.ndarray
    institutes: np.ndarray


def draw_names(rng: Streams, firms: pd.DataFrame, field: np.ndarray, n_unlisted: int) -> Names:
    """Draw names; brands (two or three syllables, or letters) are unique, so no firm is called like another."""
    own = rng["names"]
    divisions = facts.table("divisions").set_index("gb_code")
    city_zh = divisions["name_zh"].str.removesuffix("市")
    n, trades = len(firms), list(_TRADES)
    brands, sounds = _brands(own, n + n_unlisted)
    latin = np.flatnonzero(own.random(n) < LETTERS)
    for rank, at in enumerate(latin):
        word = "".join(_LETTERS[(rank // len(_LETTERS) ** k + 7 * k) % len(_LETTERS)] for k in range(3))
        brands[at], sounds[at] = word, word
    where = firms["city_code"].to_numpy(dtype=str)
    places, trade = city_zh.reindex(where).to_numpy(dtype=str), np.array(trades)[field]
    english_place = divisions["name_en"].reindex(where).str.upper().to_numpy(dtype=str)
    full = [f"{p}{b}{t}股份有限公司" for p, b, t in zip(places, brands, trade, strict=False)]
    short = [f"{b}{t[:2]}" for b, t in zip(brands, trade, strict=False)]
    count = own.integers(0, MOST_SUBSIDIARIES + 1, n)
    second = np.argsort(own.random((n, len(SECOND))), axis=1)
    cities = own.integers(0, len(city_zh), (n, MOST_SUBSIDIARIES))
    firm, nth = np.nonzero(np.arange(MOST_SUBSIDIARIES) < count[:, None])
    towns, english_towns = city_zh.to_numpy(dtype=str), divisions["name_en"].str.upper().to_numpy(dtype=str)
    city, word = cities[firm, nth], second[firm, nth]
    rows = [(i, places[i], brands[i], trade[i], "股份有限公司", "firm") for i in range(n)]
    rows += [
        (i, place, brands[i], SECOND[k], "有限公司", "subsidiary")
        for i, place, k in zip(firm.tolist(), towns[city], word, strict=True)
    ]
    english = [f"{english_place[i]} {sounds[i]} {_TRADES[trade[i]]} CO LTD" for i in range(n)]
    english += [
        f"{place} {sounds[i]} {_SECOND_EN[k]} CO LTD"
        for i, place, k in zip(firm.tolist(), english_towns[city], word, strict=True)
    ]
    parts = pd.DataFrame(rows, columns=["firm", "place", "brand", "trade", "form", "kind"])
    parts["name"] = parts["place"] + parts["brand"] + parts["trade"] + parts["form"]
    firm_id = firms["firm_id"].to_numpy()[parts["firm"]]
    known = pd.DataFrame({"firm_id": firm_id, "name": parts["name"], "kind": parts["kind"]})
    alias = pd.DataFrame({"firm_id": firm_id, "name": english, "kind": "alias"})
    brief = pd.DataFrame({"firm_id": firms["firm_id"], "name": short, "kind": "alias"})
    registry = pd.concat([known, alias, brief], ignore_index=True)
    unlisted = [
        f"{towns[k % len(towns)]}{brand}{UNLISTED_WORDS[k % len(UNLISTED_WORDS)]}有限公司"
        for k, brand in enumerate(brands[n:])
    ]
    for k in np.flatnonzero(
        own.random(n_unlisted) < ALIKE * n / n_unlisted
    ):  # a stranger with the brand and trade of a listed firm
        unlisted[k] = f"{towns[k % len(towns)]}{brands[k % n]}{trade[k % n]}有限公司"
    institutes = [f"{name}{word}" for name in city_zh[:120] for word in ("大学", "理工学院", "电力科学研究所")]
    return Names(
        np.array(full),
        np.array(short),
        parts[["firm", "name", "kind"]],
        registry.sort_values(["firm_id", "kind", "name"], ignore_index=True),
        _spellings(own, parts, english),
        np.array(unlisted),
        np.array(institutes),
    )


def draw_spelling(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw positions in `NOISE`."""
    return pick(rng, NOISE_SHARES, size)


def _brands(rng: np.random.Generator, size: int) -> tuple[list[str], list[str]]:
    letters = [c for c in _SOUNDS if len(c) == 1]
    base = len(letters)
    numbers = rng.permutation(base * base)[:size]
    if size > base * base:
        more = rng.choice(base**3, size - base * base, replace=False) + base * base
        numbers = np.concatenate([numbers, more])
    brands, sounds = [], []
    for number in numbers.tolist():
        value = number if number < base * base else number - base * base
        chosen = [letters[value // base**k % base] for k in range(2 if number < base * base else 3)]
        brands.append("".join(chosen))
        sounds.append("".join(_SOUNDS[c] for c in chosen).upper())
    return brands, sounds


def _spellings(rng: np.random.Generator, parts: pd.DataFrame, english: list[str]) -> np.ndarray:
    swap = {"技": "枝", "料": "科", "源": "原", "子": "予", "品": "晶", "装": "裝", "气": "汽"}
    wide = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})
    rows = []
    for row, other in zip(parts.itertuples(), english, strict=True):
        core = row.brand + row.trade
        changed = next((core.replace(a, b) for a, b in swap.items() if a in row.trade), core[:-1])
        rows.append(
            (
                row.name,
                f"{row.place} {core}{row.form} ",
                f"{row.place}{core}{'有限责任公司' if row.kind == 'subsidiary' else '有限公司'}",
                f"{core}{row.form}",
                f"{row.place}（{core}）{row.form}".translate(wide),
                other,
                f"{row.place}{changed}{row.form}",
            )
        )
    return np.array(rows)
