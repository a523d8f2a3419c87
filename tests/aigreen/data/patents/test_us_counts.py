"""Classes of CPC symbols as US counts take them, on real symbols; each rule once more in plain Python."""

import re

import ibis
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.patents.count_files import connect
from aigreen.data.patents.flags import bit
from aigreen.data.patents.symbols import split_symbols
from aigreen.data.patents.us_counts import CLEAN, FOSSIL, symbol_codes, symbol_masks
from aigreen.data.raw import bulk
from aigreen.data.raw.adapter import Expected
from aigreen.data.raw.flow import Flow
from aigreen.data.sources import us_patents

DRONES = "data/patents_wipo_manual/drones_fulltext_families_5884_raw.csv"
ENVTECH = "data/green_ipc_lists/ENVTECH_univoco.csv"
AUDIT = "data/green_ipc_lists/Y02T_manual_audit.csv"


@pytest.fixture
def real(shared):
    def path(name):
        if not (shared / name).is_file():
            pytest.skip(f"no {name} in the public test data")
        return shared / name

    return path


def plainly(symbol):
    """Y02, AI, clean and fossil of a symbol without blanks, by prefixes, rule by rule."""
    group, _, digits = symbol.partition("/")

    def held(rule):
        if rule["match"] in ("class", "subclass"):
            return symbol.startswith(rule["symbol"])
        if rule["match"] == "group":
            return group == rule["symbol"].partition("/")[0]
        if rule["match"] == "subgroup":
            return symbol.startswith(rule["symbol"])
        first, last = rule["symbol"].partition("/")[2], rule["symbol_to"].partition("/")[2]
        inside = f"{digits:0<6}" >= f"{first.rstrip('0'):0<6}" and (digits.startswith(last) or digits <= last)
        return group == rule["symbol"].partition("/")[0] and inside

    return (
        re.match("Y02[A-Z]|Y04S", symbol) is not None,
        any(held(rule) for rule in AI),
        any(held(rule) for rule in SIDES if rule["side"] == "clean"),
        any(held(rule) for rule in SIDES if rule["side"] == "fossil"),
    )


AI = (
    facts.table("ai_classification")
    .query("kind == 'cpc'")
    .rename(columns={"pattern": "symbol", "pattern_to": "symbol_to"})
)
AI = AI.to_dict("records")
SIDES = facts.table("clean_fossil_cpc").to_dict("records")


def test_real_cpc_lists_of_patents(real, tmp_path):
    cells = pd.read_csv(real(DRONES), dtype=str)["CPC Classifications"].dropna().reset_index(drop=True)
    backend = connect(tmp_path / "spill")
    rows = ibis.memtable(pd.DataFrame({"patent": cells.index, "text": cells.astype("str")}))
    table = backend.create_table("symbols", rows, temp=True)
    flow = Flow("drones")
    coded = backend.to_pandas(symbol_codes(backend, table, flow))
    backend.disconnect()
    assert flow.to_frame()["dropped"].sum() == 0  # every real symbol is read
    masks = coded.groupby("text")["mask"].agg(lambda found: pd.Series(found).astype("int64").pipe(union))
    found = {
        name: cells.map(masks).map(lambda mask, value=value: mask & value != 0).sum() for name, value in NAMES.items()
    }
    pieces = cells.str.replace(" ", "").str.split(";;|;", regex=True)
    by_hand = pd.DataFrame(
        [[any(x) for x in zip(*map(plainly, one), strict=True)] for one in pieces], columns=list(NAMES)
    )
    assert found == by_hand.sum().to_dict()
    assert len(cells) > 4_000 and found["y02"] > 50 and found["ai"] > 50


NAMES = {"y02": bit("y02"), "ai": bit("ai"), "clean": CLEAN, "fossil": FOSSIL}


def union(masks):
    whole = 0
    for mask in masks:
        whole |= int(mask)
    return whole


def test_real_list_of_environmental_symbols(real):
    """The OECD list writes F01K  17/02: blanks do not matter, and its Y02 places are green here."""
    cells = pd.read_csv(real(ENVTECH), dtype=str, encoding="utf-8-sig")["Code"]
    parsed = split_symbols(cells)
    symbols = pd.Index(parsed.pairs["symbol"].astype("str").unique())
    masks = pd.Series(symbol_masks(symbols), index=symbols)
    written = symbols[symbols.str.startswith(("Y02", "Y04S"))]
    assert len(symbols) > 1_000
    assert (masks[written] & bit("y02") != 0).all()
    assert (masks[symbols.difference(written)] & bit("y02") == 0).all()
    expected = pd.DataFrame([plainly(symbol) for symbol in symbols], index=symbols, columns=list(NAMES))
    for name, value in NAMES.items():
        assert ((masks & value != 0) == expected[name]).all(), name


def test_real_us_patents_in_a_file_of_another_encoding(real, tmp_path):
    backend = connect(tmp_path / "spill")
    loaded = bulk.load(backend, real(AUDIT), Expected("Y02T_manual_audit", ("patent_id", "label", "content")))
    found = backend.to_pandas(loaded.table)
    backend.disconnect()
    plain = pd.read_csv(real(AUDIT), dtype=str, encoding="cp1252")
    assert sorted(found["patent_id"]) == sorted(plain["patent_id"]) and len(found) > 50
    assert found["patent_id"].str.fullmatch(us_patents._UTILITY).all()
    assert loaded.flow.to_frame()["dropped"].iloc[0] > 0


def test_rules_of_the_ipc_alone_are_no_ai_here():
    """The CPC rules have no G06V and no G06F 40; a change of the fact table shows here, and in docs/open-us-data.md."""
    masks = symbol_masks(
        pd.Index(["G06V10/82", "G06F40/30", "G06N3/08", "Y02E10/50", "Y04S10/50", "F02B23/00", "H01M8/10"])
    )
    assert (masks & bit("ai") != 0).tolist() == [False, False, True, False, False, False, False]
    assert (masks & bit("y02") != 0).tolist() == [False, False, False, True, True, False, False]
    assert (masks & FOSSIL != 0).tolist() == [False] * 5 + [True, False]
    assert (masks & CLEAN != 0).tolist() == [False] * 6 + [True]
