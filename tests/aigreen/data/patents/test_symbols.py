import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigreen.data.patents.symbols import canonical_cells, normalise_symbol, split_symbols
from aigreen.data.raw.flow import Flow
from aigreen.errors import DataError

SPELLINGS = [
    "H01M10/0525",
    "H01M 10/0525",
    "H01M  10/0525",
    "H01M 10/0525 (2010.01)",
    "H01M10/0525(2010.01)I",
    "H01M 10/0525 [8]",
    "H01M 10/0525 [2010.01]",
    "h01m 10/0525",
    "Ｈ０１Ｍ　１０／０５２５",
    "H01M-010/0525",
    "H01M0010/0525",
    "H01M0010052500",
    "H 01 M 10/0525",
    "6 H 01 M 10/0525",
    "H01M 10/0525 A",
    "H01M 10/0525 -",
    "Int. Cl.7 H01M 10/0525",
    "Int.Cl. H01M10/0525",
    "IPC: H01M10/0525",
    "H01M  10/0525      20060101AFI20100101BHEP",
    "H01M 10:0525",
    "(H01M10/0525)",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_spellings_of_one_symbol(text):
    assert normalise_symbol(text) == "H01M10/0525"
    assert split_symbols([text]).repaired.empty


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("B61", "B61"),
        ("f03d", "F03D"),
        ("H01M0008000000", "H01M8/00"),
        ("H01M0000000000", "H01M"),
        ("A61K2039/55510", "A61K2039/55510"),
        ("Y10S 706/00", "Y10S706/00"),
        ("A01B001/00", "A01B1/00"),
    ],
)
def test_other_levels_and_widths(text, symbol):
    assert normalise_symbol(text) == symbol


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("A21D 8/2", "A21D8/02"),
        ("A21D 13/", "A21D13/00"),
        ("A21D 13", "A21D13/00"),
        ("A21D /", "A21D"),
        ("A23P 000/00000", "A23P"),
        ("G06F 17//30", "G06F17/30"),
    ],
)
def test_repairs_are_listed(text, symbol):
    found = split_symbols([text, text, "H01M10/05"])
    assert found.repaired.to_dict("records") == [{"text": text, "symbol": symbol, "count": 2}]
    assert list(found.pairs["symbol"]) == [symbol, symbol, "H01M10/05"]


@pytest.mark.parametrize(
    "text", ["19/08", "N/A", "H01M/0525", "H01M100525", "H01M1005", "X01B1/00", "A23P 000/1", "H01M10/0525123"]
)
def test_what_is_no_symbol_is_reported(text):
    assert normalise_symbol(text) is None
    assert split_symbols([text, text]).unparsed.to_dict("records") == [{"text": text, "count": 2}]


@pytest.mark.parametrize(
    "listed",
    [
        "A21D13/00;H01M10/05",
        "A21D 13/00;; H01M 10/05 ;",
        "A21D13/00|H01M10/05",
        "A21D13/00, H01M10/05",
        "A21D13/00；H01M10/05",
        "A21D13/00，H01M10/05",
        "A21D13/00、H01M10/05",
        "A21D13/00\nH01M10/05",
        "A21D13/00\r\nH01M10/05",
        "A21D13/00//H01M10/05",
        "A21D 13/00 H01M 10/05",
        "A21D13/00(2006.01)I H01M10/05(2010.01)N",
        "A21D13/00 (H01M10/05)",
        "A21D13/00&H01M10/05",
        "A21D 13/00(2006.01)I&H01M 10/05(2010.01)I",
        "A21D13/00#H01M10/05",
        "A21D13/00##H01M10/05",
        "A21D13/00%%H01M10/05",
        "A21D13/00＆H01M10/05",
        "['A21D13/00', 'H01M10/05']",
        '["A21D 13/00","H01M 10/05"]',
    ],
)
def test_lists(listed):
    found = split_symbols([None, listed, ""])
    assert list(found.pairs["symbol"]) == ["A21D13/00", "H01M10/05"]
    assert list(found.pairs["row"]) == [1, 1]
    assert found.unparsed.empty


def test_rest_of_a_list_survives_a_bad_piece():
    found = split_symbols(pd.Series(["G06F 3/01, 3/02; junk", "junk"], index=[7, 7]))
    assert list(found.pairs["symbol"]) == ["G06F3/01"]
    assert found.unparsed.to_dict("records") == [{"text": "JUNK", "count": 2}, {"text": "3/02", "count": 1}]


def test_nothing_but_missing():
    found = split_symbols(pd.Series([float("nan"), None]))
    assert found.pairs.empty
    assert found.unparsed.empty


def test_numbers_are_an_error():
    with pytest.raises(DataError, match=r"symbols: 1 cells are not text; first: 3\.5"):
        split_symbols(pd.Series(["A01B1/00", 3.5], dtype=object))


symbols = st.builds(
    "{}{:02d}{}{}/{:02d}{}".format,
    st.sampled_from("ABCDEFGHY"),
    st.integers(1, 99),
    st.sampled_from("ABCKMQZ"),
    st.integers(1, 9999),
    st.integers(0, 99),
    st.sampled_from(["", "5", "25", "0725"]),
)


@given(symbols)
def test_canonical_symbols_are_fixed_points(symbol):
    assert normalise_symbol(symbol) == symbol


@given(st.lists(symbols, max_size=6), st.sampled_from([";", ";;", "|", ", ", "\n"]))
def test_every_piece_is_counted(listed, separator):
    found = split_symbols([separator.join(listed)])
    assert list(found.pairs["symbol"]) == listed


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_reported(text):
    found = split_symbols([text])
    pieces = len(found.pairs) + found.unparsed["count"].sum()
    assert pieces > 0 or not any(letter.isalnum() for letter in text)


def test_symbol_cells_keep_the_main_symbol_first_and_each_once():
    cells = pd.Series(["C02F1/00(2006.01)I; H01M10/05；C02F1/00;无", None, ""], dtype="str")
    first = pd.Series(["H01M 10/05", "A01B1/00", None], dtype="str")
    flow = Flow("f")
    got = canonical_cells(cells, flow, "ipc", first=first)
    assert got.iloc[0] == "H01M10/05;C02F1/00"
    assert got.iloc[1] == "A01B1/00"
    assert pd.isna(got.iloc[2])
    assert flow.to_frame()[["dropped", "first"]].values.tolist() == [[1, "无"]]
