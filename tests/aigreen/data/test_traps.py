"""Traps of the raw data, and where each is tested. Those without a test of their own elsewhere have it here.

========================================================  ==============================================================
trap                                                      test
========================================================  ==============================================================
CSMAR: codes in row 1, labels and units in rows 2 and 3   test_csmar: three_header_rows_parent_statements_quarters_...
zero-padded codes that a spreadsheet made numbers         test_csmar: codes_that_excel_made_numbers_get_their_zeros_back
parent statements (Typrep B), days other than 31 December test_csmar: three_header_rows_parent_statements_quarters_...
B shares (2*, 9*), but not Beijing's 92*                  here
firms that move: the annual firm file                     test_csmar: annual_firm_file_shows_...; test_build
patent table that mixes flows with cumulative stocks      test_csmar: patent_flows_not_stocks
customers with masked names                               test_csmar: customers_with_masked_names, masked, not_masked
equity-nature codes as comma lists                        test_csmar: equity_nature_lists
CNRDS: Chinese headers; independent and joint             test_patents: cnrds_independent_and_joint, cnrds_fraction_...
Google: integer days, 0 for none; nested arrays           test_patents: google_publications; here (0 for none)
municipalities as 1101, 110100 or 110000                  test_reading: city_codes; here (all four)
Deqing is a county of Huzhou                              test_facts, test_public_panels: zones_of_both_programmes
Qingdao and Nanjing: pioneer zones only                   test_public_panels: zones_of_both_programmes; test_build
G06Q, G08G, G01R, H02J: green by inventory, overlap AI    here
words that are not core AI                                here
========================================================  ==============================================================
"""

import pandas as pd
import pytest

from aigreen.data.assemble.words import ai_dictionary, ai_words
from aigreen.data.patents.classify import classify_patents
from aigreen.data.raw import values


def test_b_shares_are_told_from_beijing_shares():
    codes = pd.Series(["000001", "002594", "200012", "300750", "600000", "688981", "830799", "900901", "920002"])
    assert codes[values.is_b_share(codes)].tolist() == ["200012", "900901"]


def test_zero_is_no_day_only_where_the_source_says_so():
    days = values.dates(pd.Series(["0", "20190105"], dtype="str"), "f", zero_is_none=True)
    assert days.isna().tolist() == [True, False]
    with pytest.raises(values.SourceError, match="1 cells are not days"):
        values.dates(pd.Series(["0"], dtype="str"), "f")


def test_municipalities_in_all_their_codes():
    raw = [f"{head}{tail}" for head in ("11", "12", "31", "50") for tail in ("01", "0100", "0000")]
    codes = values.city_codes(pd.Series([*raw, "500200"], dtype="str"), "f")
    assert codes.tolist() == [f"{head}0000" for head in ("11", "12", "31", "50") for _ in range(3)] + ["500000"]


@pytest.mark.parametrize("subclass", ["G06Q", "G08G", "G01R", "H02J"])
def test_whole_subclasses_are_green_but_not_strict_and_not_green_without_ai(subclass):
    """The inventory takes the whole subclass: strict and non-AI counts leave such patents out."""
    listed = pd.DataFrame({"ipc": [f"{subclass}1/00", f"{subclass}1/00; G06N3/08", "F03D1/06"]})
    flags = classify_patents(listed).flags
    assert flags["green"].tolist() == [True, True, True]
    assert flags["green_strict"].tolist() == [False, False, True]
    assert flags["green_ai"].tolist() == [False, True, False]
    assert flags["green_non_ai"].tolist() == [True, False, True]


def test_words_on_data_cloud_things_and_smart_environment_are_counted_but_not_core():
    dictionary = ai_dictionary()
    loose = dictionary[dictionary["word"].str.contains("大数据|云计算|物联网|智能环保|智慧环保")]
    assert {"大数据分析", "云计算", "物联网", "智能环保"} <= set(loose["word"])
    assert not loose["core"].any()
    counts = ai_words(pd.Series(["".join(loose["word"]), "人工智能" + "智能环保"]))
    assert counts["ai_words"].tolist() == [len(loose), 2]
    assert counts["ai_words_core"].tolist() == [0, 1]
