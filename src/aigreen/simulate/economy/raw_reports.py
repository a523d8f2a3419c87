"""Annual reports: sentences without any dictionary word, and the AI words that were drawn, each as often as drawn.

How long a report is depends on the size of the firm. Sentences with AI words stand in place of others, so that a report
says nothing of adoption by its length, but for the few whose AI words alone are longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from aigreen.data import facts
from aigreen.simulate.draws import Streams
from aigreen.simulate.economy import writing

PARTS = ("words",)
MAIN_TYPE, MISSING = 0.6, 0.03
_SENTENCES = (
    "报告期内公司主营业务收入保持平稳。",
    "董事会及全体董事保证本报告内容真实、准确、完整。",
    "公司持续加强成本管理与质量控制。",
    "原材料价格波动可能影响公司盈利水平。",
    "公司严格按照企业会计准则编制财务报表。",
    "本年度利润分配预案已经董事会审议通过。",
    "公司坚持以客户需求为导向，提升服务水平。",
    "期末应收账款余额较期初有所变动。",
    "公司不存在控股股东占用资金的情况。",
    "未来公司将继续完善内部控制制度。",
    "公司积极履行社会责任，推进节能降耗。",
    "研发投入主要用于新产品开发。",
)
_AROUND = ("公司推进{}。", "围绕{}开展工作。", "在{}方面持续投入。", "应用{}。")
IN_ONE = 6  # AI words in a sentence
CHARACTERS, BY_SIZE, JITTER = 2_700, 0.12, 0.15  # of a report of average size; by log assets; spread around that


def draw_words(rng: np.random.Generator, totals: np.ndarray, ai_type: np.ndarray, *, core: bool = False) -> np.ndarray:
    """Split the number of AI words of each report over the dictionary, rows x words; mostly the firm's own type.

    With ``core`` only its core words occur.
    """
    dictionary = facts.table("ai_dictionary_zh")
    kinds = dictionary["ai_type"].to_numpy()
    general = np.full(len(dictionary), 1.0)
    general[(dictionary["word"] == "人工智能").to_numpy()] = 12.0
    allowed = (dictionary["core"] == "1").to_numpy() | (not core)
    result = np.zeros((len(totals), len(dictionary)), dtype=np.int64)
    for kind in np.unique(ai_type):
        own = (kinds == kind).astype(float)
        shares = MAIN_TYPE * own / own.sum() + (1 - MAIN_TYPE) * general / general.sum()
        shares = np.where(allowed, shares, 0.0)
        rows = np.flatnonzero(ai_type == kind)
        result[rows] = rng.multinomial(totals[rows], shares / shares.sum())
    return result


def texts(rng: Streams, keys: pd.DataFrame, counts: np.ndarray, log_assets: np.ndarray) -> pd.DataFrame:
    """Give ``code, year, text`` of the reports that exist.

    Parameters
    ----------
    rng : Streams
        With `PARTS`.
    keys : DataFrame
        firm_id and year.
    counts : int array, reports x dictionary
    log_assets : float array, reports
    """
    draw = rng["words"]
    words = facts.table("ai_dictionary_zh")["word"].to_numpy()
    there = np.flatnonzero(draw.random(len(keys)) >= MISSING)
    start, spread = draw.integers(0, len(_SENTENCES), len(keys)), draw.uniform(-JITTER, JITTER, len(keys))
    length = CHARACTERS * np.exp(BY_SIZE * (log_assets - 22.2) + spread)
    said = []
    for at in there:
        own = np.repeat(words, counts[at])
        groups = ["、".join(own[k : k + IN_ONE]) for k in range(0, len(own), IN_ONE)]
        said.append("".join(_AROUND[(at + k) % len(_AROUND)].format(group) for k, group in enumerate(groups)))
    sentences = _SENTENCES * (2 * int(length.max()) // sum(map(len, _SENTENCES)) + 2)
    ends = np.concatenate([[0], np.cumsum([len(sentence) for sentence in sentences])])
    # Whole sentences, up to the end that is nearest to the length.
    first = start[there]
    upto = ends[first] + length[there] - [len(text) for text in said]
    after = np.clip(np.searchsorted(ends, upto), 1, len(ends) - 1)
    last = np.maximum(np.where(upto - ends[after - 1] <= ends[after] - upto, after - 1, after), first)
    listed = keys.iloc[there].reset_index(drop=True)
    return listed.rename(columns={"firm_id": "code"}).assign(text=_joined(sentences, first, last, said))


def _joined(
    sentences: Sequence[str], first: np.ndarray, last: np.ndarray, said: Sequence[str]
) -> pd.api.extensions.ExtensionArray:
    """Texts of sentences ``first`` to before ``last`` and what is said after them, without a Python text of each."""
    written, after = [sentence.encode() for sentence in sentences], [text.encode() for text in said]
    ends = np.concatenate([[0], np.cumsum([len(sentence) for sentence in written])])
    sizes = ends[last] - ends[first] + [len(text) for text in after]
    circle = memoryview(b"".join(written))
    pieces = (piece for a, b, text in zip(ends[first], ends[last], after, strict=True) for piece in (circle[a:b], text))
    buffers = [None, pa.py_buffer(np.concatenate([[0], np.cumsum(sizes)])), pa.py_buffer(b"".join(pieces))]
    return pd.array(pa.Array.from_buffers(pa.large_string(), len(said), buffers), dtype="str")


def write_reports(folder: Path, frame: pd.DataFrame, form: Literal["table", "folder"]) -> list[Path]:
    """Write one table, or a folder of txt files (every third in GB18030)."""
    if form == "table":
        return [writing.parquet(folder / "reports.parquet", frame)]
    written = []
    for at, row in enumerate(frame.itertuples(index=False)):
        data = row.text.encode("gb18030" if at % 3 == 0 else "utf-8")
        written.append(writing.whole(folder / f"{row.code}_{row.year}.txt", lambda file, data=data: file.write(data)))
    return written
