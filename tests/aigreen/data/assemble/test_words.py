import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen.data import facts
from aigreen.data.assemble.words import ai_dictionary, ai_words, fold, word_counts
from aigreen.errors import MissingValueError, UnknownColumnError

TYPES = ["data", "finance", "hardware", "language", "learning", "other", "robotics", "vision"]
REPORT = "公司以人工智能为核心，建设大数据平台，应用卷积神经网络、ＡＩ芯片与智能环保。"


def counted(text):
    counts = word_counts(pd.Series([text])).iloc[0].drop("length")
    return counts[counts > 0].to_dict()


def test_every_word_counts_itself_once():
    dictionary = ai_dictionary()
    assert len(dictionary) == 73
    assert [counted(word) for word in dictionary["word"]] == [{word: 1} for word in dictionary["word"]]


def test_words_inside_longer_words_are_not_counted():
    table = facts.table("ai_dictionary_zh")
    contained = {row.word: row.contained_in.split("|") for row in table.itertuples() if row.contained_in}
    assert contained == {"神经网络": ["卷积神经网络", "循环神经网络", "深度神经网络"]}
    assert counted("卷积神经网络") == {"卷积神经网络": 1}
    assert counted("卷积神经网络优于神经网络") == {"卷积神经网络": 1, "神经网络": 1}
    assert counted("循环神经网络神经网络深度神经网络") == {"循环神经网络": 1, "神经网络": 1, "深度神经网络": 1}


def test_longest_word_wins_where_words_overlap():
    assert counted("智能计算机视觉") == {"计算机视觉": 1}
    assert sum(counted("智能语音识别").values()) == 1


def test_taking_a_word_out_makes_no_new_one():
    assert counted("神经人工智能网络") == {"人工智能": 1}


def test_width_case_and_broken_lines():
    assert counted("ａｉ芯片") == counted("AI 芯片") == counted("Ai芯\n片") == {"AI芯片": 1}
    assert counted("人 工\r\n智　能") == {"人工智能": 1}
    assert counted("人工,智能") == {}
    assert fold("Ａ Ｂ\n ｃ") == "abc"


def test_types_core_and_length():
    done = ai_words(pd.Series([REPORT, ""], index=["x", "y"]))
    assert list(done.columns) == ["ai_words", "ai_words_core", *(f"ai_words_{kind}" for kind in TYPES), "length"]
    assert done.loc["x"].to_dict() == {
        "ai_words": 5, "ai_words_core": 3, "ai_words_data": 1, "ai_words_finance": 0, "ai_words_hardware": 1,
        "ai_words_language": 0, "ai_words_learning": 1, "ai_words_other": 2, "ai_words_robotics": 0,
        "ai_words_vision": 0, "length": 38,
    }  # fmt: skip
    assert (done.loc["y"] == 0).all()


def test_own_dictionary():
    own = pd.DataFrame({"word": ["机器", "机器人"], "core": [False, True], "ai_type": ["a", "b"]})
    done = ai_words(pd.Series(["机器人与机器"]), own)
    assert done.iloc[0].to_dict() == {"ai_words": 2, "ai_words_core": 1, "ai_words_a": 1, "ai_words_b": 1, "length": 6}
    with pytest.raises(UnknownColumnError, match="dictionary: no column 'core'"):
        ai_words(pd.Series(["x"]), own.drop(columns="core"))


def test_missing_report_is_no_zero():
    with pytest.raises(MissingValueError, match="1 reports have no text; first: b"):
        ai_words(pd.Series(["x", None], index=["a", "b"]))


pieces = st.lists(
    st.one_of(st.sampled_from(list(ai_dictionary()["word"])), st.text("公司年度报告的,。", max_size=4)), max_size=12
)


@settings(deadline=None)
@given(pieces)
def test_types_add_up_and_no_character_counts_twice(listed):
    text = "".join(listed)
    counts = word_counts(pd.Series([text])).iloc[0]
    done = ai_words(pd.Series([text])).iloc[0]
    words = counts.drop("length")
    assert sum(len(word) * count for word, count in words.items()) <= done["length"]
    assert done["ai_words"] == sum(done[f"ai_words_{kind}"] for kind in TYPES) == words.sum()
    assert done["ai_words_core"] <= done["ai_words"]


def test_words_on_data_cloud_things_and_smart_environment_are_counted_but_not_core():
    dictionary = ai_dictionary()
    loose = dictionary[dictionary["word"].str.contains("大数据|云计算|物联网|智能环保|智慧环保")]
    assert {"大数据分析", "云计算", "物联网", "智能环保"} <= set(loose["word"])
    assert not loose["core"].any()
    counts = ai_words(pd.Series(["".join(loose["word"]), "人工智能" + "智能环保"]))
    assert counts["ai_words"].tolist() == [len(loose), 2]
    assert counts["ai_words_core"].tolist() == [0, 1]


def in_the_whole_text(text, words):
    """Longest first, each taken out of all of the text."""
    rest, counts = fold(text), [0] * len(words)
    for place in sorted(range(len(words)), key=lambda place: -len(fold(words[place]))):
        counts[place] = rest.count(fold(words[place]))
        rest = rest.replace(fold(words[place]), "|")
    return [*counts, len(fold(text))]


def test_words_in_a_crowd_of_beginnings_are_counted_as_in_the_whole_text():
    words = ["ab", "bcd", "aab", "cdab", "d"]
    rng = np.random.default_rng(1)
    texts = ["".join(text) for text in rng.choice(list("abcde "), (500, 40), p=[0.2, 0.15, 0.15, 0.1, 0.2, 0.2])]
    for chosen in (words, words[:-1]):
        got = word_counts(pd.Series(texts), pd.DataFrame({"word": chosen}))
        assert got.to_numpy().tolist() == [in_the_whole_text(text, chosen) for text in texts]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.text("aA b*网络", min_size=1, max_size=4).filter(str.strip), min_size=1, max_size=6),
    st.text("aA b*网络。\n", max_size=60),
)
def test_any_words_are_counted_as_in_the_whole_text(words, text):
    assert word_counts(pd.Series([text]), pd.DataFrame({"word": words})).iloc[0].tolist() == in_the_whole_text(
        text, words
    )
