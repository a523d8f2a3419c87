import json
import math

import numpy as np
import pytest

from aigreen.errors import OptionError, ReportError
from aigreen_study.numbers.prose import Ledger
from aigreen_study.tables.formats import adaptive, count, decimal, p_value, percent, share, write_number, year


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (decimal(-0.04126), "\u22120.041"),
        (decimal(-0.0004), "0.000"),
        (decimal(1234.5, 1), "1,234.5"),
        (count(16800), "16,800"),
        (year(2023), "2023"),
        (percent(-4.03), "\u22124.0%"),
        (share(0.7512), "75.1%"),
        (p_value(0.0004), "<0.001"),
        (p_value(0.3124), "0.312"),
        (adaptive(0.3881), "0.388"),
        (adaptive(22.217), "22.22"),
        (adaptive(-1741.6), "\u22121,742"),
    ],
)
def test_formats(written, expected):
    assert written == expected


def test_unknown_format_and_non_finite():
    with pytest.raises(OptionError, match="did you mean 'percent'"):
        write_number(1.0, "percnt")
    for write in (adaptive, p_value, count, decimal):
        with pytest.raises(ReportError):
            write(math.inf)


def test_ledger_writes_sorted_entries(tmp_path):
    ledger = Ledger(rule="numbers")
    ledger.add("n_rows", np.int64(15403), fmt="count", unit="firm-years", exhibit="tables/sample_flow")
    ledger.add("att_simple", np.float64(-0.0412), exhibit="tables/overall", rule="event_study")
    ledger.add("att_simple_verdict", "includes zero")
    ledger.write(tmp_path / "numbers.json")
    read = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert list(read) == ["att_simple", "att_simple_verdict", "n_rows"]
    assert read["att_simple"] == {
        "value": -0.0412,
        "text": "\u22120.041",
        "unit": "",
        "exhibit": "tables/overall",
        "rule": "event_study",
    }
    assert read["n_rows"]["value"] == 15403
    assert read["n_rows"]["text"] == "15,403"
    assert read["att_simple_verdict"]["text"] == "includes zero"
    assert len(ledger) == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float64("nan"), None])
def test_ledger_refuses_what_is_no_number(value):
    with pytest.raises(ReportError, match="'att' is"):
        Ledger("numbers").add("att", value)


def test_ledger_refuses_a_key_twice_and_odd_keys():
    ledger = Ledger("numbers")
    ledger.add("att", 1.0)
    with pytest.raises(ReportError, match="'att' is entered twice"):
        ledger.add("att", 2.0)
    with pytest.raises(ReportError, match="lower-case identifier"):
        ledger.add("ATT 2", 2.0)
    with pytest.raises(OptionError, match="fmt"):
        ledger.add("other", 2.0, fmt="cofficient")
    assert len(ledger) == 1


def test_ledgers_of_other_rules_are_taken_over_once(tmp_path):
    one, all_ = Ledger(rule="one"), Ledger(rule="numbers")
    one.add("bacon_estimate", 0.25)
    one.write(tmp_path / "one.json")
    all_.include(tmp_path / "one.json")
    assert all_["bacon_estimate"]["rule"] == "one" and all_["bacon_estimate"]["text"] == "0.250"
    with pytest.raises(ReportError, match="1 numbers are entered twice: bacon_estimate"):
        all_.include(tmp_path / "one.json")
