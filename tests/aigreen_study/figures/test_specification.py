"""The specification curve."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from aigreen.effects.effects import Effects
from aigreen.errors import ReportError
from aigreen.inference.specification_curve import specification_tests
from aigreen_study.figures import (
    specification_curve,
)

from .drawn import BAND


def test_curve_orders_specifications_and_marks_choices(specifications):
    results = dict(reversed(specifications.results.items()))
    figure = specification_curve(results, specifications.choices, preferred="s4", ylabel="Effect on y", **BAND)
    top, bottom = figure.axes
    shown = {line.get_label(): line for line in top.lines}
    outside = [effects.conf_int()["low"].iloc[0] > 0 for effects in specifications.results.values()]
    assert shown["Zero outside"].get_xdata().tolist() == np.flatnonzero(outside).tolist()
    assert_allclose(shown["Zero inside"].get_ydata(), 0.3 + 0.02 * np.flatnonzero(~np.array(outside)))
    assert 0 < sum(outside) < 12
    preferred = next(line for line in top.lines if line.get_label() == "Preferred")
    assert preferred.get_xdata() == [4]
    rows = [label.get_text() for label in bottom.get_yticklabels()]
    assert rows == ["Controls", "Sample", "None", "Size", "All", "Late", "Early"]
    chosen = {
        line.get_ydata()[0]: line.get_xdata().tolist()
        for line in bottom.lines
        if 0 < len(line.get_xdata()) < 12 and line.get_marker() == "o"
    }
    assert chosen[1] == [0, 2, 4, 6, 8, 10]
    assert chosen[5] == [1, 4, 7, 10]
    tests = specification_tests(results, **BAND).tests
    p = [f"p = {value:.3f}" for value in tests["p_value"]]
    share = f"{sum(outside) / 12:.0%} significant at 5% and positive ({p[1]})"
    assert figure.get_supxlabel() == f"Median 0.41 ({p[0]}); {share}; tests of no effect in any specification"


def test_curve_marks_and_counts_what_has_no_interval(specifications, monkeypatch):
    results, refused = specifications.results, ("s2", "s7")
    bounds = Effects.conf_int

    def conf_int(effects, *given, **named):
        found = bounds(effects, *given, **named)
        return found * np.nan if any(effects is results[key] for key in refused) else found

    monkeypatch.setattr(Effects, "conf_int", conf_int)
    figure = specification_curve(results, specifications.choices, **BAND)
    shown = {line.get_label(): list(line.get_xdata()) for line in figure.axes[0].lines}
    assert shown["No interval"] == [2, 7]
    assert sorted(shown["Zero inside"] + shown["Zero outside"]) == [0, 1, 3, 4, 5, 6, 8, 9, 10, 11]
    outside = len(shown["Zero outside"])
    assert f"{outside / 10:.0%} significant" in figure.get_supxlabel()
    assert figure.get_supxlabel().endswith("\nof the 10 that have an interval; 2 of 12 have none")
    only = {key: results[key] for key in refused}
    alone = specification_curve(only, specifications.choices.loc[list(refused)], **BAND)
    assert alone.get_supxlabel().startswith("No specification has an interval")


def test_curve_refuses_choices_that_do_not_match(specifications):
    results, choices = specifications.results, specifications.choices
    with pytest.raises(ReportError, match=r"1 specifications have none \(s0\), 0 rows"):
        specification_curve(results, choices.iloc[1:])
    with pytest.raises(ReportError, match=r"1 rows have no result \(s11\)"):
        specification_curve({k: v for k, v in results.items() if k != "s11"}, choices)
    with pytest.raises(ReportError, match="column 'Sample' misses 4"):
        specification_curve(results, choices.mask(choices == "Late"))
    with pytest.raises(ReportError, match="preferred specification 'main'"):
        specification_curve(results, choices, preferred="main")
