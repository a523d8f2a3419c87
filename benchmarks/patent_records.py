"""Patent records as real files have them, drawn with a seed: canonical tables in Parquet, and a registry of firms.

Names in Chinese, English and full-width characters, some of which differ in width alone; up to 40 applicants, of whom
several may be one firm; names that two firms carried in turn; missing kinds, days and symbols; days of three centuries;
symbols that stand twice in a list; families over offices; citations of later, earlier and unknown applications.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.patents.symbols import split_symbols

PLACES = ("", "深圳市", "广东省", "北京", "江苏省苏州市", "上海", "内蒙古自治区", "重庆市")
BRANDS = ("华", "科", "新", "宏", "达", "远", "信", "安", "瑞", "东", "恒", "泰", "龙", "源", "𠮷", "ABC", "ＡＢＣ")
TRADES = ("新能源", "电子科技", "生物医药", "汽车", "钢铁", "环保（集团）", "环保(集团)", "智能装备")
FORMS = ("股份有限公司", "有限公司", "有限责任公司", "　股份有限公司", " Co., Ltd.", "Ｃｏ．，Ｌｔｄ．", "大学", "")
PLAIN = [f"{s}{c}B{g}/{n}" for s in "ABCDEFGH" for c in ("01", "21", "65") for g in (1, 7, 13) for n in ("00", "14")]
KINDS = np.array(["invention", "utility_model", "design", None], dtype=object)
OFFICES = np.array(["CN", "US", "EP", "WO"], dtype=object)
WORDS = ("一种神经网络训练方法", "太阳能电池", "Method of machine learning", "桌子", "ＡＩ 芯片", "", None)


def write(folder: Path, rows: int, seed: int = 1) -> pd.DataFrame:
    """Write ``patents``, ``patent_applicants`` and ``citations`` and give the registry of firms."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    names = _names(rng, max(200, rows // 20))
    number = np.arange(rows)
    patent_id = np.char.add("CN", np.char.zfill(number.astype("str"), 12)).astype(object)
    filed = np.datetime64("1985-04-01") + rng.integers(0, 14_600, rows)
    filed[rng.random(rows) < 0.2] = np.datetime64("2015-01-01")  # ends of years, where a shifted clock would show
    filed[rng.random(rows) < 0.1] = np.datetime64("2014-12-31")
    filed[rng.random(rows) < 0.001] = np.datetime64("1899-06-01")
    family = rng.integers(0, rows, rows).astype("str").astype(object)
    patents = pd.DataFrame(
        {
            "patent_id": patent_id,
            "office": OFFICES[rng.choice(4, rows, p=[0.9, 0.05, 0.03, 0.02])],
            "patent_type": KINDS[rng.choice(4, rows, p=[0.45, 0.4, 0.1, 0.05])],
            "filing_date": _missing(rng, filed, 0.03),
            "publication_date": _missing(rng, filed + rng.integers(-40, 900, rows), 0.2),
            "grant_date": _missing(rng, filed + rng.integers(30, 2_500, rows), 0.5),
            "priority_date": _missing(rng, filed - rng.integers(0, 365, rows), 0.7),
            "family_id": np.where(rng.random(rows) < 0.3, None, family),
            "title": np.array(WORDS, dtype=object)[rng.integers(0, len(WORDS), rows)],
            "abstract": np.array(WORDS, dtype=object)[rng.integers(0, len(WORDS), rows)],
            "ipc": _lists(rng, rows, _vocabulary("green_ipc", "ipc") + PLAIN * 2, 5, 0.04),
            "cpc": _lists(rng, rows, _vocabulary("cpc_y02", "cpc") + PLAIN, 3, 0.8),
        }
    )  # fmt: skip
    patents.to_parquet(folder / "patents.parquet", index=False)
    size = rng.choice([1, 2, 3, 8, 40], rows, p=[0.8, 0.12, 0.05, 0.0299, 0.0001])
    at = np.repeat(number, size)
    people = pd.DataFrame(
        {
            "patent_id": patent_id[at],
            "position": np.arange(len(at)) - np.repeat(np.cumsum(size) - size, size) + 1,
            "name": names[(len(names) * rng.random(len(at)) ** 3).astype(int)],  # a few file most
            "country": np.where(rng.random(len(at)) < 0.5, "CN", None),
            "address": None,
        }
    )
    people.astype({"address": "str"}).to_parquet(folder / "patent_applicants.parquet", index=False)
    citing, cited = rng.integers(0, rows, rows), rng.integers(0, rows, rows)
    links = pd.DataFrame({"patent_id": patent_id[citing], "cited_publication": np.char.add("P", cited.astype("str"))})
    links["cited_id"] = np.where(rng.random(rows) < 0.3, None, patent_id[cited])
    links.drop_duplicates(["patent_id", "cited_publication"]).to_parquet(folder / "citations.parquet", index=False)
    return _registry(rng, names)


def _names(rng: np.random.Generator, count: int) -> np.ndarray:
    parts = [np.array(part, dtype=object) for part in (PLACES, BRANDS, BRANDS, TRADES, FORMS)]
    drawn = [part[rng.integers(0, len(part), 2 * count)] for part in parts]
    return pd.unique(pd.Series(sum(drawn[1:], drawn[0])))[:count].astype(object)


def _registry(rng: np.random.Generator, names: np.ndarray) -> pd.DataFrame:
    """Every fifth name is one of a firm, three names a firm; every hundredth was carried by two in turn."""
    own = pd.DataFrame({"name": names[::5], "kind": "firm"})
    own["firm_id"] = [f"{600_000 + number:06d}" for number in rng.integers(0, -(-len(own) // 3), len(own))]
    own["first_year"], own["last_year"] = pd.array([None, None], "Int64")
    passed_on = own.iloc[::20].assign(first_year=2015, last_year=None)
    own.loc[own.index[::20], "last_year"] = 2014
    other = passed_on.assign(firm_id=[f"{int(firm) + 1:06d}" for firm in passed_on["firm_id"]])
    return pd.concat([own, other], ignore_index=True)


def _missing(rng: np.random.Generator, days: np.ndarray, share: float) -> pd.Series:
    cells = pd.Series(days.astype("datetime64[us]"))
    return cells.mask(rng.random(len(days)) < share)


def _vocabulary(table: str, scheme: str) -> list[str]:
    rules = facts.table("ai_classification").query("kind == @scheme")["pattern"]
    listed = [symbol for symbol in (*facts.table(table)["symbol"], *rules) if "/" in symbol]
    return sorted(split_symbols(listed).pairs["symbol"].astype("str").unique())


def _lists(rng: np.random.Generator, rows: int, words: list[str], most: int, missing: float) -> np.ndarray:
    """Lists of symbols, drawn with replacement."""
    words = np.array(words, dtype=object)
    cells = words[rng.integers(0, len(words), rows)]
    size = rng.integers(1, most + 1, rows)
    for place in range(2, most + 1):
        more = size >= place
        cells[more] = cells[more] + ";" + words[rng.integers(0, len(words), more.sum())]
    cells[rng.random(rows) < missing] = None
    return cells
