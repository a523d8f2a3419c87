"""Terms of the response to exposure by hand."""

from __future__ import annotations

import numpy as np
import pytest

from aigreen.errors import OptionError
from aigreen.exposure.basis import Basis, check_cuts


def test_bins_by_hand() -> None:
    basis = Basis.choose(["a", "b"], "bins", [1, 2], np.zeros((0, 2)))
    assert basis.terms == ["a (0, 1]", "a (1, 2]", "a > 2", "b (0, 1]", "b (1, 2]", "b > 2"]
    rows = basis(np.array([[0, 1], [1.5, 9]]))
    assert rows.tolist() == [[0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 1]]
    thirds = Basis.choose(["a"], "bins", 3, np.array([[0.0, 1, 2, 3, 4, 5, 6]]).T)
    assert thirds.cuts == ((0, 2, 4),)


def test_one_bin_is_a_bin_and_none_is_refused() -> None:
    check_cuts("bins", 1)
    assert Basis.choose(["a"], "bins", 1, np.array([[0.0, 1, 2]]).T).cuts == ((0,),)
    for kind, cuts in (("bins", 0), ("spline", 2), ("spline", 6), ("linear", 1), ("bins", [2, 1]), ("bins", [0, 1])):
        with pytest.raises(OptionError):
            check_cuts(kind, cuts)
    for kind, cuts in (("spline", 3), ("spline", [0, 1, 2]), ("bins", [0.5])):
        check_cuts(kind, cuts)


def test_splines_vanish_at_zero_and_are_linear_beyond_the_outer_knots() -> None:
    basis = Basis.choose(["a"], "spline", [1, 2, 3, 5], np.zeros((0, 1)))
    s = np.linspace(0, 10, 101)
    values = basis(s[:, None])
    assert basis.terms == ["a, spline term 1", "a, spline term 2", "a, spline term 3"]
    assert not values[0].any()
    assert not values[s <= 1][:, 1:].any()
    bend = np.diff(values, 2, axis=0)
    assert bend[s[2:] > 5.2] == pytest.approx(0, abs=1e-10)
    assert np.abs(bend[(s[2:] > 1.3) & (s[2:] < 3)][:, 1]).min() > 1e-5
