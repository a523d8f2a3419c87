"""Arguments of the wrong type: one line that names the argument, what came and what is expected."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import aigreen
from aigreen import (
    TWFE,
    ChaisemartinDHaultfoeuille,
    Decomposition,
    DoseResponse,
    Efficient,
    GroupTimeATT,
    Imputation,
    LocalProjections,
    Mediation,
    Panel,
    ShiftShare,
    Spillover,
    StackedDiD,
    SunAbraham,
    Switchers,
    SyntheticDiD,
    TripleDifference,
    bacon_weights,
    concat,
    load,
    ring_curve,
    share,
)
from aigreen import exposure as room_of_exposure
from aigreen import inference as room_of_inference
from aigreen.arguments import as_numbers, check_fields, expected, typed
from aigreen.did.balance import entropy_balance, match
from aigreen.errors import AigreenError, EffectsError, NotAPanelError, OptionError, UnknownColumnError, WrongTypeError
from aigreen.inference.clusters import effective_clusters
from aigreen.regression.counts import NegativeBinomial
from aigreen.regression.diagnostics import iv_diagnostics, panel_ols


def make() -> Panel:
    rng = np.random.default_rng(0)
    df = pd.DataFrame([(i, t, i // 2) for i in range(24) for t in range(1, 7)], columns=["u", "t", "c"])
    df["g"] = np.where(df["u"] < 12, 4, 0)
    return Panel(
        df.assign(y=rng.normal(size=len(df)), x=rng.normal(size=len(df))), unit="u", time="t", cohort="g", cluster="c"
    )


PANEL = make()
EFFECTS = TWFE().fit(PANEL, "y")
PARTS = Decomposition(channels="x").fit(PANEL, "y").overall()
SHARES = pd.DataFrame(np.full((24, 2), 0.5))
SHIFT = ShiftShare(shares=SHARES, shocks=pd.Series([1.0, 2.0]))


# -- what the check knows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "good", "bad", "words"),
    [
        (str, ["a"], [5, None, ["a"], b"a"], "text"),
        (int, [5, np.int64(5), -1], [5.0, True, "5", np.timedelta64(5), 2**63], "a whole number"),
        (float, [5, 0.5, np.float32(1), np.nan, np.inf], ["a", None, True, 1j, [0.5]], "a number"),
        (bool, [True, np.bool_(False)], [1, 0.0, "True", None], "True or False"),
        (int | None, [5, None], ["5"], "a whole number or None"),
        (Literal["a", "b"], ["a", "other"], [5, None], "'a' or 'b'"),
        (Sequence[str], [[], ["a"], ("a",), np.array(["a"]), pd.Index(["a"]), "a", {"a": 1}.keys()],
         [5, [None], ["a", 5], {"a": 1}, b"a", pd.DataFrame({"a": [1]})], "a sequence of text"),
        (Sequence[float], [[1, 0.5], np.ones(2)],
         ["a", [None], 0.5, [0.5, None, 0.5], [2**63, 1], [True, 0.5]], "a sequence of numbers"),
        (tuple[int, int], [(-3, 3), [-3, 3]], [3, (1,), (1, 2.0), (1, 2, 3), "ab"], "(a whole number, a whole number)"),
        (Mapping[str, int], [{"a": 1}], [{"a": "b"}, [1], 5], "a mapping to whole numbers"),
        (np.ndarray, [np.ones(2), [1.0], pd.Series([1])], [5, "a", {"a": 1}, None], "an array"),
        (pd.DataFrame, [pd.DataFrame()], [np.ones(2), {"a": [1]}], "a DataFrame"),
        (Callable[[int], int], [abs], ["abs", 5], "a function"),
        (Any, [5, None], [], "Any"),
    ],
)  # fmt: skip
def test_values_fit_their_annotation(hint, good, bad, words):
    @typed
    def function(value):
        return value

    function.__wrapped__.__annotations__["value"] = hint
    for value in good:
        assert function(value) is value
    for value in bad:
        with pytest.raises(WrongTypeError) as told:
            function(value)
        kind = type(value).__name__
        article = "an" if kind[0] in "aeioAEIO" else "a"
        assert str(told.value).endswith(f": {words} is expected, got {article} {kind}")
    assert hint is Any or expected(hint) == words


def test_a_message_is_one_short_line():
    @typed
    def function(value: int) -> None: ...

    for value in ("long " * 99, "two\nlines", pd.DataFrame({"a": range(99)})):
        with pytest.raises(WrongTypeError) as told:
            function(value)
        assert "\n" not in str(told.value) and len(str(told.value)) < 130
        assert isinstance(told.value, OptionError | TypeError)


def test_what_is_missing_is_said_by_the_call_itself():
    with pytest.raises(TypeError, match=r"fit\(\) missing 1 required positional argument: 'outcome'"):
        TWFE().fit(PANEL)


def test_annotations_of_inherited_fields_and_of_the_type_checker():
    @dataclass
    class Base:
        a: int

    @dataclass
    class Child(Base):
        b: NotThere  # noqa: F821

    check_fields(Child(1, None))
    with pytest.raises(WrongTypeError, match=r"^a='x': a whole number is expected, got a str$"):
        check_fields(Child("x", None))
    with pytest.raises(WrongTypeError, match=r"^R='a': an array of numbers is expected, got a str$"):
        as_numbers("R", "a")


# -- every public callable ---------------------------------------------------------------------------------------------


def callables() -> dict[str, Callable[..., Any]]:
    """Public functions, classes and methods of the estimators, of results and of inference."""
    found: dict[str, Callable[..., Any]] = {}
    estimators = [
        TWFE(), GroupTimeATT(), Imputation(), SunAbraham(), StackedDiD(), LocalProjections(),
        ChaisemartinDHaultfoeuille(), SyntheticDiD(), Efficient(kind="roth_santanna"), Mediation(channels="x"),
        Decomposition(channels="x"), Spillover(exposure="x"), SHIFT, NegativeBinomial(), DoseResponse(), Switchers(),
        TripleDifference(third="x"),
    ]  # fmt: skip
    skipped = {"columns", "layout", "exposures", "instrument", "counts", "leave_one_out", "positions", "shocks_by_row"}
    for estimator in estimators:
        name = type(estimator).__name__
        found[name] = type(estimator)
        for method in dir(estimator):
            if not method.startswith("_") and method not in skipped and callable(getattr(estimator, method)):
                found[f"{name}.{method}"] = getattr(estimator, method)
    for method in ("conf_int", "to_frame", "tidy", "select", "combine", "aggregate", "event_study", "test",
                   "pretrend_test", "share_set", "summary", "plot", "save"):  # fmt: skip
        found[f"Effects.{method}"] = getattr(EFFECTS, method)
    whole = Decomposition(channels="x").fit(PANEL, "y")
    found |= {f"Parts.{method}": getattr(PARTS, method) for method in ("share_sets", "plot")}
    found |= {"Parts.by": whole.by, "Parts.slope": whole.slope, "Panel": Panel}
    found |= {f"Panel.{m}": getattr(PANEL, m) for m in ("column", "matrix", "codes", "split", "clean", "reassign")}
    functions = [
        bacon_weights, concat, load, ring_curve, share, entropy_balance, match, effective_clusters, iv_diagnostics,
        panel_ols,
    ]  # fmt: skip
    for room in (room_of_exposure, room_of_inference):
        functions += [f for name in room.__all__ if inspect.isfunction(f := getattr(room, name))]
    return found | {f.__name__: f for f in functions}


CALLABLES = callables()
# Whatever may be given: the frame of a Panel, matrices of links.
ANY = {("Panel", "df"), ("exposures", "maps"), ("recentred", "W"), ("expected_exposure", "W"), ("matrix_map", "W")}


@pytest.mark.parametrize("name", CALLABLES)
def test_no_wrong_type_passes(name):
    function = CALLABLES[name]
    for argument, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or (name, argument) in ANY:
            continue
        for wrong in (object(), b"x", np.timedelta64(1)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises(AigreenError) as told:
                    call(function, argument, wrong)
            text = str(told.value)
            assert "\n" not in text and (text.startswith(f"{argument}=") or isinstance(told.value, NotAPanelError)), (
                text
            )


def call(function: Callable[..., Any], argument: str, value: object) -> None:
    """Call with one wrong argument and, for the others without a default, right ones."""
    right = {
        "panel": PANEL, "outcome": "y", "effects": EFFECTS, "part": PARTS["x"], "whole": PARTS["total"],
        "channels": "x", "exposure": "x",
        "kind": "roth_santanna", "shares": SHARES, "shocks": pd.Series([1.0, 2.0]), "treatment": "x",
        "name": "y", "names": ["y"], "unit_cohort": PANEL.unit_cohort, "df": PANEL.frame, "time": "t", "unit": "u",
        "which": np.ones(1, bool), "weights": np.ones(1), "how": "simple", "path": "there", "results": [EFFECTS],
        "estimator": Decomposition(channels="x"), "exposures": ["x"], "covariates": "x", "period": 1,
        "endogenous": "x", "instruments": "x", "W": room_of_exposure.matrix_map(np.eye(24), range(24)),
        "coordinates": pd.DataFrame({"lat": np.arange(24.0), "lon": 0.0}), "edges_km": [0, 9], "cutoff_km": 9.0,
        "pairs": [(0, 1)], "units": range(24), "codes": pd.Series(["a"] * 24), "columns": "x", "seed": 0,
        "links": pd.DataFrame(columns=["firm_id", "partner_id", "year", "share"]), "statistic": 2.0,
        "estimate": 1.0, "std_error": 1.0, "r2_treatment": 0.1, "r2_outcome": 0.1, "short": (1.0, 0.1),
        "full": (1.0, 0.2), "variance_treatment": 1.0, "variance_residual": 0.5, "variance_outcome": 1.0,
        "cohorts": pd.Series([1.0]), "n_draws": 9, "maps": {}, "dose": "x", "third": "x", "column": "x",
    }  # fmt: skip
    parameters = inspect.signature(function).parameters
    needed = {key: right[key] for key, p in parameters.items() if key in right and p.default is inspect.Parameter.empty}
    if function.__name__ in ("partial_r2", "robustness", "adjusted_estimate"):
        needed["df"] = 9.0
    if function.__name__ == "share_set":
        needed |= {"part": 0, "whole": 0}
    if function.__name__ in ("channel_sensitivity", "rho_sensitivity"):
        needed |= {key: np.ones(2) for key, p in parameters.items() if p.default is inspect.Parameter.empty}
    if function.__name__ == "channel_sensitivity":
        needed |= {"effect_on_channel": 1.0, "coefficient": 1.0}
    function(**needed | {argument: value})


# -- values that types do not tell -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: EFFECTS.conf_int("a"), WrongTypeError, "level='a': a number is expected, got a str"),
        (lambda: TWFE().fit(PANEL, "y", covariates=[None]), WrongTypeError,
         "covariates=[None]: text or a sequence of text or None is expected, got a list"),
        (lambda: TWFE(event_study=(1.5, 2)), WrongTypeError,
         "event_study=(1.5, 2): True or False or (a whole number, a whole number) is expected, got a tuple"),
        (lambda: EFFECTS[{}], WrongTypeError, "label={}: a label of the first index level is expected, got a dict"),
        (lambda: EFFECTS[1, 2], UnknownColumnError, "effects: no term (1, 2); there are treated"),
        (lambda: PARTS.share_set(0, 9), EffectsError, "whole=9: a position from 0 to 2 is needed"),
        (lambda: EFFECTS.test(R=["a"]), WrongTypeError, "R=['a']: an array of numbers is expected, got a list"),
        (lambda: EFFECTS.test(value=[1.0, 2.0]), EffectsError,
         "value has 2 numbers for 1 restrictions: one, or one for each, finite"),
        (lambda: EFFECTS.conf_int(n_draws=10**9), EffectsError,
         "n_draws=1000000000, seed=0: 1 to 10,000,000 draws, and a seed of zero or more, are needed"),
        (lambda: EFFECTS.conf_int(seed=-1), EffectsError,
         "n_draws=999, seed=-1: 1 to 10,000,000 draws, and a seed of zero or more, are needed"),
        (lambda: EFFECTS.plot("axes"), WrongTypeError, "ax='axes': axes of matplotlib or None is expected, got a str"),
        (lambda: entropy_balance(PANEL, [], period=1), OptionError, "covariates=[]: use one of 'one column at least'"),
        (lambda: concat({"a": 5}), WrongTypeError,
         "results={'a': 5}: a sequence of Effects or a mapping to Effects is expected, got a dict"),
        (lambda: Efficient(kind="roth_santanna").fit(5, "y"), NotAPanelError,
         "a Panel is needed, got a int: make one, Panel(df, unit=..., time=..., cohort=...)"),
    ],
)  # fmt: skip
def test_the_words(call, error, text):
    with pytest.raises(error) as told:
        call()
    assert str(told.value) == text


def test_results_go_with_results_and_numbers():
    for wrong in (lambda: EFFECTS - 5, lambda: 5 - EFFECTS, lambda: EFFECTS + "a", lambda: EFFECTS * None):
        with pytest.raises(TypeError, match="unsupported operand type"):
            wrong()
    assert (EFFECTS * np.float64(2)).values[0] == 2 * EFFECTS.values[0]
    assert aigreen.Effects is type(EFFECTS)
