"""Names of broom, and hypotheses as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aigreen import Effects, GroupTimeATT, Panel
from aigreen.errors import EffectsError, OptionError, UnknownColumnError

CLUSTERS = pd.RangeIndex(40, name="city")
NAMES = ["direct", "m", "spillover", "n_2"]


def make(index: pd.Index, seed: int = 0) -> Effects:
    rng = np.random.default_rng(seed)
    psi = rng.normal(size=(40, len(index))) / 6
    return Effects(rng.normal(size=len(index)), index, psi, CLUSTERS, 400, 80, 40, "m", "y", df=39)


E = make(pd.Index(NAMES, name="part"))
BY_HORIZON = make(pd.MultiIndex.from_product([["direct", "m"], [-1, 0]], names=["part", "horizon"]))


def test_a_level_that_names_one_effect_is_enough_in_a_hypothesis() -> None:
    both = make(pd.MultiIndex.from_tuples([("other", "ATT"), ("south", "ATT")], names=["model", "effect"]))
    for text, R, r in (("other = south", [1, -1], 0), ("2*south - `other, ATT` = 0.1", [-1, 2], 0.1)):
        psi = both.psi @ R
        found = both.test(text, method="chi2")
        np.testing.assert_allclose(found.statistic, (both.values @ R - r) ** 2 / (psi @ psi), rtol=1e-10)
    with pytest.raises(UnknownColumnError, match=r"other, ATT, south, ATT"):
        both.test("ATT = 0")


def test_tidy_has_the_columns_of_broom() -> None:
    table = E.tidy(0.9)
    numbers = ["estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high"]
    assert table.columns.tolist() == ["term", "part", *numbers]
    assert table["term"].tolist() == NAMES
    errors = np.sqrt((E.psi**2).sum(axis=0))
    t = E.values / errors
    reach = stats.t(39).ppf(0.95) * errors
    expected = [E.values, errors, t, 2 * stats.t(39).sf(np.abs(t)), E.values - reach, E.values + reach]
    np.testing.assert_allclose(table[numbers].to_numpy().T, expected, rtol=1e-10)
    assert BY_HORIZON.tidy()["term"].tolist() == ["direct, -1", "direct, 0", "m, -1", "m, 0"]
    assert BY_HORIZON.tidy()["horizon"].tolist() == [-1, 0, -1, 0]
    assert make(pd.Index(["x"], name="term")).tidy().columns.tolist() == ["term", *numbers]
    assert make(pd.Index([0.1 + 0.2], name="dose")).tidy()["term"].tolist() == ["0.3"]


def test_glance_is_one_row() -> None:
    row = E.glance()
    assert row.columns[:4].tolist() == ["nobs", "n.units", "n.clusters", "df.residual"]
    assert row.to_numpy().tolist() == [[400, 80, 40, 39.0, "m", "y"]]


def test_with_few_treated_clusters_glance_has_the_degrees_of_the_intervals() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"unit": np.repeat(range(40), 6), "time": np.tile(range(6), 40), "y": rng.normal(size=240)})
    frame["first"] = np.where(frame["unit"] < 6, 3.0, np.where(frame["unit"] < 11, 4.0, np.inf))
    fit = GroupTimeATT().fit(Panel(frame, unit="unit", time="time", cohort="first"), "y")
    one = fit.overall()
    df = one.glance()["df.residual"].item()
    assert df == one.effective_clusters()["df"].item() < 40
    row = one.tidy().iloc[0]
    assert row["conf.high"] - row["estimate"] == pytest.approx(
        stats.t(df).ppf(0.975) * row["estimate"] / row["statistic"], rel=1e-9
    )
    assert abs(row["statistic"]) < abs(row["estimate"] / row["std.error"])
    assert "df.residual" not in fit.event_study().glance()


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
def test_frames_of_other_kinds_hold_the_same(backend: str) -> None:
    mixed = make(pd.MultiIndex.from_tuples([("direct", 1), (2, 3)], names=["part", "horizon"]))
    table, tidy = mixed.to_frame(0.9, backend=backend), mixed.tidy(0.9, backend=backend)
    assert type(table).__module__.startswith(backend)
    expected = mixed.to_frame(0.9)
    back = table.to_pandas()
    assert back.columns.tolist() == ["part", "horizon", *expected.columns]
    assert back["part"].tolist() == ["direct", "2"] and back["horizon"].tolist() == [1, 3]
    np.testing.assert_array_equal(back[expected.columns].to_numpy(), expected.to_numpy())
    assert tidy.to_pandas()["term"].tolist() == ["direct, 1", "2, 3"]
    assert tidy.to_pandas()["conf.high"].tolist() == expected["conf_high"].tolist()


def test_kinds_of_frames_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="backend='dask': use one of 'pandas', 'polars', 'pyarrow'"):
        E.to_frame(backend="dask")  # type: ignore[call-overload]
    monkeypatch.setattr("aigreen.effects.frames.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="backend='polars': use one of 'pandas', 'pyarrow', 'polars once it is inst"):
        E.to_frame(backend="polars")


@pytest.mark.parametrize(
    ("text", "R", "r"),
    [
        ("direct = m", [[1, -1, 0, 0]], [0]),
        ("direct - m", [[1, -1, 0, 0]], [0]),
        ("direct + m = 0", [[1, 1, 0, 0]], [0]),
        ("2*direct - m = 0.1", [[2, -1, 0, 0]], [0.1]),
        ("direct = -0.1", [[1, 0, 0, 0]], [-0.1]),
        ("n_2 / 2 + 1 = spillover", [[0, 0, -1, 0.5]], [-1]),
        ("direct = m, spillover = 3", [[1, -1, 0, 0], [0, 0, 1, 0]], [0, 3]),
        ("`direct` = 0", [[1, 0, 0, 0]], [0]),
    ],
)
def test_a_hypothesis_is_its_matrix(text: str, R: list[list[float]], r: list[float]) -> None:
    found, expected = E.test(text), E.test(np.array(R), np.array(r))
    assert vars(found) == vars(expected)
    gap = np.array(R) @ E.values - r
    covariance = np.array(R) @ E.psi.T @ E.psi @ np.array(R).T
    np.testing.assert_allclose(found.statistic, gap @ np.linalg.solve(covariance, gap), rtol=1e-10)


_WEIGHTS = st.lists(st.integers(-400, 400).map(lambda v: v / 8), min_size=4, max_size=4).filter(any)


@given(_WEIGHTS, st.integers(-40, 40).map(lambda v: v / 8))
def test_any_linear_equation_reads_back(weights: list[float], value: float) -> None:
    text = " + ".join(f"{w} * {name}" for w, name in zip(weights, NAMES, strict=True)).replace("+ -", "- ")
    found = E.test(f"{text} = {value}", method="chi2")
    gap = np.dot(weights, E.values) - value
    np.testing.assert_allclose(found.statistic, gap**2 / ((E.psi @ weights) ** 2).sum(), rtol=1e-9)


def test_labels_that_are_no_words_stand_between_backticks() -> None:
    assert make(pd.Index(["a =-", "b"], name="part")).test("`a =-` = - b").df == 1
    found = BY_HORIZON.test("`direct, 0` = `m, -1`")
    assert vars(found) == vars(BY_HORIZON.test(np.array([0, 1, -1, 0])))


def test_a_name_that_is_no_effect_is_named() -> None:
    with pytest.raises(UnknownColumnError, match=r"^hypothesis 'direct = spilover' among 4 effects \(direct, m, ") as e:
        E.test("direct = spilover")
    assert str(e.value).endswith("no effect 'spilover' (did you mean 'spillover'?)")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("direct * m = 0", "no linear equation"),
        ("direct ** 2 = 1", "no linear equation"),
        ("direct == m", "no linear equation"),
        ("direct = ", "no linear equation"),
        ("", "in which no effect is left"),
        ("direct = direct", "in which no effect is left"),
        ("1 = 1, direct = 0", "in which no effect is left"),
    ],
)
def test_what_is_no_hypothesis_is_refused(text: str, what: str) -> None:
    with pytest.raises(EffectsError, match=what):
        E.test(text)


def test_a_value_beside_an_equation_and_a_name_of_two_effects_are_refused() -> None:
    with pytest.raises(EffectsError, match="value=1"):
        E.test("direct = m", 1)
    with pytest.raises(EffectsError, match="2 effects are called 'a'"):
        make(pd.Index(["a", "a"], name="effect")).test("a = 0")


@pytest.mark.parametrize("text", ["direct / 0", "direct/0 = 1", "direct = m and m = 0", "direct == m", "a`b = 0"])
def test_what_is_no_equation_is_told_in_one_line(text: str) -> None:
    with pytest.raises(EffectsError, match="is no linear equation") as told:
        E.test(text)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["a b", "x[1]", "C(z)[T.2]", "a=b", "p, q", "own: m", "\u00fc", "1"])
def test_awkward_names_stand_between_backticks(name: str) -> None:
    effects = make(pd.Index(["direct", name], name="part"))
    expected = effects.test(np.array([[1.0, -1.0]]))
    assert effects.test(f"direct = `{name}`").p_value == pytest.approx(expected.p_value, rel=1e-12)
