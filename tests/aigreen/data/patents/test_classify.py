import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen.data import facts
from aigreen.data.patents.classify import ai_symbols, classify_patents, green_symbols, y02_symbols
from aigreen.data.patents.rules import Rules, symbol_keys
from aigreen.errors import DataError, OptionError, UnknownColumnError


def holds(match, symbol, symbol_to, candidate):
    rules = Rules(pd.DataFrame({"symbol": [symbol], "match": [match], "symbol_to": [symbol_to]}))
    return rules.best(symbol_keys([candidate]))[0] == 0


@pytest.mark.parametrize(
    ("match", "symbol", "symbol_to", "inside", "outside"),
    [
        ("class", "B61", "", ["B61", "B61A", "B61Z99/99", "B61D17/02"], ["B60Z99/00", "B62A1/00", "B62"]),
        ("subclass", "F03D", "", ["F03D", "F03D1/00", "F03D9999/999999"], ["F03C7/00", "F03E", "F03"]),
        ("group", "H01M8/00", "",
         ["H01M8/00", "H01M8/0202", "H01M8/99"],
         ["H01M", "H01M80/00", "H01M7/99", "H01M9/00"]),
        ("subgroup", "H01M10/052", "", ["H01M10/052", "H01M10/0525"], ["H01M10/05", "H01M10/053", "H01M10/0519"]),
        ("subgroup", "H02J3/28", "", ["H02J3/28", "H02J3/281"], ["H02J3/02", "H02J3/29", "H02J13/28", "H02J3/00"]),
        (
            "range", "C12P7/06", "C12P7/14",
            ["C12P7/06", "C12P7/065", "C12P7/08", "C12P7/10", "C12P7/14", "C12P7/149"],
            ["C12P7/00", "C12P7/04", "C12P7/059", "C12P7/15", "C12P7/16", "C12P17/06"],
        ),
        ("range", "H01F1/053", "H01F1/059",
         ["H01F1/053", "H01F1/0536", "H01F1/0599"],
         ["H01F1/05", "H01F1/06", "H01F1/047"]),
        ("range", "G06N3/02", "G06N3/126",
         ["G06N3/12", "G06N3/126", "G06N3/1265", "G06N3/063"],
         ["G06N3/127", "G06N3/004"]),
        ("range", "H01M50/00", "H01M50/171",
         ["H01M50/00", "H01M50/10", "H01M50/171", "H01M50/1719"],
         ["H01M50/172", "H01M50/20"]),
        (
            "range", "A01N25/00", "A01N65/00",
            ["A01N25/00", "A01N25/34", "A01N43/90", "A01N65/00", "A01N65/08"],
            ["A01N24/99", "A01N66/00", "A01N1/00", "A01N3/00", "A01N"],
        ),
        ("range", "A01N25/10", "A01N27/04",
         ["A01N25/10", "A01N26/00", "A01N27/04", "A01N27/041"],
         ["A01N25/08", "A01N27/05"]),
    ],
)  # fmt: skip
def test_match_kinds_and_their_boundaries(match, symbol, symbol_to, inside, outside):
    assert [candidate for candidate in inside if not holds(match, symbol, symbol_to, candidate)] == []
    assert [candidate for candidate in outside if holds(match, symbol, symbol_to, candidate)] == []


def test_trailing_zeros_are_digits_for_prefixes_and_nothing_for_decimals():
    assert not holds("subgroup", "H01M10/050", "", "H01M10/05")
    assert holds("range", "H01M10/050", "H01M10/06", "H01M10/05")


def test_most_specific_rule_wins():
    ladder = pd.DataFrame(
        [
            ("B61", "class", ""),
            ("B61D", "subclass", ""),
            ("B61D1/00", "range", "B61D20/00"),
            ("B61D17/00", "group", ""),
            ("B61D17/02", "range", "B61D17/08"),
            ("B61D17/04", "subgroup", ""),
            ("B61D17/041", "subgroup", ""),
        ],
        columns=["symbol", "match", "symbol_to"],
    )
    rules = Rules(ladder.sample(frac=1, random_state=0))
    candidates = ["B61C1/00", "B61D21/00", "B61D19/00", "B61D17/10", "B61D17/06", "B61D17/0409", "B61D17/0412"]
    assert list(rules.table["symbol"][rules.best(symbol_keys(candidates))]) == list(ladder["symbol"])


def test_unknown_match_kind_and_uncanonical_symbol():
    with pytest.raises(OptionError, match="match='prefix'"):
        holds("prefix", "B61D17/02", "", "B61D17/02")
    with pytest.raises(DataError, match="1 symbols are not in canonical form; first: H01M 10/05"):
        green_symbols(["H01M 10/05"])


def reference(rule, symbol):
    """The rules of facts/README.md word for word, on text."""
    head, _, digits = symbol.partition("/")
    rule_head, _, rule_digits = rule.symbol.partition("/")
    if rule.match in ("class", "subclass"):
        return symbol.startswith(rule.symbol)
    if rule.match == "group":
        return head == rule_head
    if rule.match == "subgroup":
        return head == rule_head and digits.startswith(rule_digits)
    to_head, _, to_digits = rule.symbol_to.partition("/")
    if head[:4] != rule_head[:4] or not digits:
        return False
    at = (int(head[4:]), float(f"0.{digits}"))
    low, high = (int(rule_head[4:]), float(f"0.{rule_digits}")), (int(to_head[4:]), float(f"0.{to_digits}"))
    whole = to_head != rule_head and to_digits == "00" and head == to_head
    return low <= at and (at <= high or whole or (head == to_head and digits.startswith(to_digits)))


RULES = facts.table("green_ipc")
NEAR = sorted({symbol[:4] for symbol in RULES["symbol"] if len(symbol) > 3})
near_symbols = st.one_of(
    st.builds(
        "{}{}".format,
        st.sampled_from(sorted(symbol for symbol in RULES["symbol"] if "/" in symbol)),
        st.sampled_from(["", "1", "05"]),
    ),
    st.builds(
        "{}{}/{}".format, st.sampled_from(NEAR), st.integers(1, 120), st.from_regex(r"[0-9]{2,5}", fullmatch=True)
    ),
)


@settings(max_examples=200, deadline=None)
@given(near_symbols)
def test_inventory_agrees_with_the_written_rules(symbol):
    hits = [rule for rule in RULES.itertuples() if reference(rule, symbol)]
    row = green_symbols([symbol]).iloc[0]
    assert row["green"] == any(rule.in_inventory == "1" for rule in hits)
    assert (row["rule"] == "") == (not hits)


def test_inventory_examples():
    table = green_symbols(["H02J7/35", "H02J7/00", "H02J1/00", "H01M10/0525", "B60L11/18", "G21", "A21D13/00"])
    assert table["green"].tolist() == [True, True, True, False, False, True, False]
    assert table["green_any_edition"].tolist() == [True, True, True, False, True, True, False]
    assert table["strict"].tolist() == [True, False, False, False, True, False, False]
    assert table["rule"].tolist() == ["H02J7/35", "H02J7/00", "H02J", "H01M10/0525", "B60L11/00", "G21", ""]
    assert table["tags"].tolist() == [
        "energy_storage|solar", "energy_storage|ev", "", "energy_storage|ev|lithium", "energy_storage|ev", "", "",
    ]  # fmt: skip
    assert table.loc["H02J7/35", ["topic", "mechanism", "status"]].tolist() == [
        "Alternative Energy Production", "prevention", "inventory",
    ]  # fmt: skip


def test_y02_examples():
    table = y02_symbols(["Y02T10/7072", "Y02T10/12", "Y02E", "Y04S10/14", "H01M10/05"])
    assert table["sector"].tolist() == ["Transport", "Transport", "Energy", "Smart grids", ""]
    assert table["y02"].tolist() == [True, True, True, True, False]
    assert table["strict"].tolist() == [True, False, True, True, False]
    assert table["tags"].tolist() == ["energy_storage|ev", "", "", "energy_storage", ""]


def test_ai_symbols_join_all_rules_of_their_scheme():
    ipc = ai_symbols(["G06N3/08", "G06N3/063", "G06N3/12", "G06T7/11", "H01M8/04992", "A01B1/00"])
    assert ipc["ai_categories"].tolist() == ["ML", "Hardware|ML", "Evolutionary|ML", "Vision", "", ""]
    assert ipc["ai_core"].tolist() == [True, True, True, False, False, False]
    cpc = ai_symbols(["H01M8/04992", "G06N3/08"], "cpc")
    assert cpc["ai_categories"].tolist() == ["Control", "ML"]
    with pytest.raises(OptionError, match="scheme='uspc'"):
        ai_symbols([], "uspc")


PATENTS = pd.DataFrame(
    {
        "ipc": ["F03D1/06; G06Q10/00", "G06Q10/06", "H01M10/0525;H01M8/04", "A21D13/00", None, "G06N3/08; H02J3/28"],
        "cpc": ["Y02E10/72", None, "Y02E60/10; H01M8/04992", "A21D13/00", "Y04S10/50", None],
        "title": ["Wind", "Trading", "Cell", "Pizza by deep learning", "基于神经网络处理器的电网", "Grid"],
    },
    index=list("abcdef"),
)


def test_patents():
    done = classify_patents(PATENTS, cpc="cpc", title="title")
    flags = done.flags
    assert flags.index.equals(PATENTS.index)
    assert flags["n_symbols"].tolist() == [3, 1, 4, 1, 1, 2]
    assert flags["green"].tolist() == [True, True, True, False, False, True]
    assert flags["green_strict"].tolist() == [True, False, True, False, False, True]
    assert flags["topic"].tolist() == [
        "Alternative Energy Production", "Administrative, Regulatory or Design Aspects",
        "Alternative Energy Production", "", "", "Energy Conservation",
    ]  # fmt: skip
    assert flags["mechanism"].tolist() == ["prevention", "other", "prevention", "", "", "prevention"]
    assert flags["tags"].tolist() == ["wind", "", "energy_storage|ev|lithium", "", "", "energy_storage"]
    assert flags["y02_sectors"].tolist() == ["Energy", "", "Energy", "", "Smart grids", ""]
    assert flags["ai_code"].tolist() == [False, False, True, False, False, True]
    assert flags["ai_keyword"].tolist() == [False, False, False, True, True, False]
    assert flags["ai_categories"].tolist() == ["", "", "Control", "ML", "Hardware", "ML"]
    assert flags["green_non_ai"].tolist() == [True, True, False, False, False, False]
    assert flags["green_ai"].tolist() == [False, False, True, False, False, True]
    assert done.summary["rows_without_symbols"] == 0
    assert done.summary["ipc_pieces"] == 8
    assert done.unparsed.empty


def test_unparsed_and_repaired_name_their_column():
    done = classify_patents(pd.DataFrame({"ipc": ["A21D 8/2;x"], "cpc": ["y"]}), cpc="cpc")
    assert done.unparsed.to_dict("records") == [
        {"column": "ipc", "text": "X", "count": 1},
        {"column": "cpc", "text": "Y", "count": 1},
    ]
    assert done.repaired["symbol"].tolist() == ["A21D8/02"]
    assert done.summary[["ipc_unparsed", "cpc_unparsed", "ipc_repaired"]].tolist() == [1, 1, 1]


def test_y02_symbols_in_the_ipc_column_count():
    assert classify_patents(pd.DataFrame({"ipc": ["Y02W30/62"]})).flags["y02_mechanism"].tolist() == ["recycling"]


def test_unknown_column_offers_the_nearest():
    with pytest.raises(UnknownColumnError, match="patents: no column 'ipcs' \\(did you mean 'ipc'\\?\\)"):
        classify_patents(PATENTS, "ipcs")


def test_empty_frame():
    done = classify_patents(PATENTS.iloc[:0], cpc="cpc", title="title")
    assert len(done.flags) == 0
    assert done.summary["rows"] == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(near_symbols, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_order_of_symbols_does_not_matter(listed, random):
    shuffled = random.sample(listed, len(listed))
    one, other = (classify_patents(pd.DataFrame({"ipc": [";".join(each)]})).flags for each in (listed, shuffled))
    pd.testing.assert_frame_equal(one, other)


@settings(max_examples=25, deadline=None)
@given(st.lists(near_symbols, min_size=1, max_size=6), near_symbols)
def test_one_more_symbol_takes_no_flag_away(listed, more):
    both = pd.DataFrame({"ipc": [";".join(listed), ";".join([*listed, more])]})
    before, after = classify_patents(both).flags[["green", "green_strict", "green_any_edition", "y02", "ai"]].to_numpy()
    assert not np.any(before & ~after)


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("Neural-network control", "ML"),
        ("NEURAL networks", "ML"),
        ("neural spiking network", "ML"),
        ("neural spiking deep network", ""),
        ("aneural network", ""),
        ("network of neural cells", ""),
        ("extreme learning machine", "ML"),
        ("learning of a machine tool", ""),
        ("Deep reinforcement learning", "ML"),
        ("fuzzy logics", ""),
        ("multi agent and multiagent systems", "Distributed"),
        ("speech recognizer", "Speech"),
        ("speech based recognition", ""),
        ("用ＡＩ的遗传算法", "Evolutionary"),
        ("卷积神经网络", "ML"),
        ("神经网络处理器", "Hardware"),
        ("神经网络与神经网络处理器", "Hardware|ML"),
        ("采用deep learning方法", "ML"),
    ],
)
def test_keywords(text, categories):
    frame = pd.DataFrame({"ipc": [None], "text": [text]})
    assert classify_patents(frame, abstract="text").flags["ai_categories"].tolist() == [categories]


def test_language_limits_keywords():
    frame = pd.DataFrame({"ipc": [None, None], "title": ["deep learning", "深度学习"]})
    assert classify_patents(frame, title="title", language="en").flags["ai"].tolist() == [True, False]
    assert classify_patents(frame, title="title", language="zh").flags["ai"].tolist() == [False, True]
    with pytest.raises(OptionError, match="language='de'"):
        classify_patents(frame, title="title", language="de")


def test_core_keywords():
    frame = pd.DataFrame({"ipc": [None, None], "title": ["particle swarm", "swarm intelligence"]})
    assert classify_patents(frame, title="title").flags["ai_core"].tolist() == [False, True]


@pytest.mark.parametrize("subclass", ["G06Q", "G08G", "G01R", "H02J"])
def test_whole_subclasses_are_green_but_not_strict_and_not_green_without_ai(subclass):
    """The inventory takes the whole subclass: strict and non-AI counts leave such patents out."""
    listed = pd.DataFrame({"ipc": [f"{subclass}1/00", f"{subclass}1/00; G06N3/08", "F03D1/06"]})
    flags = classify_patents(listed).flags
    assert flags["green"].tolist() == [True, True, True]
    assert flags["green_strict"].tolist() == [False, False, True]
    assert flags["green_ai"].tolist() == [False, True, False]
    assert flags["green_non_ai"].tolist() == [True, False, True]


def test_lithium_and_iron_phosphate_are_told_apart():
    """Symbols as they stand on patents; the CPC divides H01M4/58 further (H01M4/5825: phosphates)."""
    told = {
        "H01M4/5825": "battery_lfp|energy_storage|ev",
        "H01M4/58": "battery_lfp|energy_storage|ev",
        "C01B25/45": "battery_lfp|energy_storage|ev",
        "H01M4/136": "battery_lfp|energy_storage|ev|lithium",
        "H01M4/1397": "battery_lfp|energy_storage|ev|lithium",
        "H01M4/131": "energy_storage|ev|lithium",
        "H01M10/0525": "energy_storage|ev|lithium",
        "H01M10/0567": "",
        "C01D15/08": "energy_storage|lithium",
        "C22B26/12": "energy_storage|lithium",
        "C22B26/22": "",
        "H01M4/38": "",
        "H01M10/613": "",
    }
    table = green_symbols(told)
    assert table["tags"].to_dict() == told
    assert not table["green"].any()  # fields that the inventory does not list
    listed = pd.DataFrame({"ipc": ["H01M 10/0525; H01M 4/58", "H01M10/44;H01M10/0525", "B60L 50/60"]})
    flags = classify_patents(listed).flags
    assert flags["tags"].tolist() == [
        "battery_lfp|energy_storage|ev|lithium",
        "energy_storage|ev|lithium",
        "energy_storage|ev",
    ]
    assert flags["green"].tolist() == [False, True, True]
