"""The estimators that a specification can name, each with the fields and options that it reads.

Options of all: ``cohort=2019`` keeps one cohort and the never treated; ``controls=all`` keeps all never treated units,
so that the sample chooses among the treated only; ``balanced=yes`` keeps units seen in every period of the sample;
``units=100`` multiplies the outcome, ``outcome_as=log1p`` (``ihs``, ``any``) then puts it on another scale, and
``dose_as`` does so with a dose.
``truth=peers`` says which of `aigreen.simulate.economy.effects.EconomyEffects` an estimate is of, ``truth=0`` that a
simulated study has no such effect; what `aigreen_study.specification.known` works out by itself needs no such option.
Options of those that take weights: ``weights=column``; ``balance=size,age@2018`` weighs never treated units to the
means of the treated in that year (entropy balancing), and ``match=size,age@2018`` matches them by propensity score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aigreen.errors import did_you_mean

Reader = Callable[[str], Any]


def one_of(*allowed: str) -> Reader:
    """Reader of a word out of a list."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"use one of {', '.join(allowed)}{did_you_mean(text, allowed)}")
        return text

    return read


def whole(text: str) -> int:
    """Read a number of zero or more."""
    if not text.isdigit():
        raise ValueError("a whole number of zero or more is needed")
    return int(text)


def factors(text: str) -> int | str:
    """Read a number of factors, or cv for cross-validation."""
    if text != "cv" and not text.isdigit():
        raise ValueError("a whole number of zero or more is needed, or cv")
    return text if text == "cv" else int(text)


def horizon(text: str) -> int:
    """Read a number of periods, negative before treatment."""
    return -whole(text[1:]) if text.startswith("-") else whole(text)


def window(text: str) -> tuple[int, int]:
    """Read the first and last horizon, as ``-3,3``."""
    low, _, high = text.partition(",")
    try:
        return horizon(low), horizon(high)
    except ValueError:
        raise ValueError("write the first and last horizon as -3,3") from None


def flag(text: str) -> bool:
    """Read yes or no."""
    return one_of("yes", "no")(text) == "yes"


def edges(text: str) -> int | list[float]:
    """Read a number of bins, or their inner edges, as ``1,2``."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError("write a number of bins, or edges as 1,2") from None
    return int(values[0]) if len(values) == 1 and values[0].is_integer() else values


def names(text: str) -> list[str]:
    """Read columns, as ``a,b``."""
    found = [part for part in text.split(",") if part]
    if not found:
        raise ValueError("write columns as a,b")
    return found


def at_year(text: str) -> tuple[list[str], int]:
    """Read columns and a year, as ``size,age@2018``."""
    columns, _, year = text.partition("@")
    try:
        return names(columns), whole(year)
    except ValueError:
        raise ValueError("write columns and a year before treatment as size,age@2018") from None


def positive(text: str) -> float:
    """Read a positive number."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError("a positive number is needed")
    return value


def word(text: str) -> str:
    """Read a name."""
    if not text:
        raise ValueError("a name is needed")
    return text


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """What a specification may say to an estimator.

    Attributes
    ----------
    label : str
        Printed name.
    options : mapping of str to reader
    reads : frozenset of str
        Fields that it reads, among treatment, exposure, channels, covariates, fixed_effects.
    counts : bool
        It takes an outcome in levels by default.
    cohorts : bool
        It works with first treated periods and takes no dose.
    influence : bool
        Its results have influence functions, so that they can be differenced and tested jointly.
    two_way : bool
        It can cluster two ways.
    """

    label: str
    options: Mapping[str, Reader]
    reads: frozenset[str]
    counts: bool = False
    cohorts: bool = True
    influence: bool = True
    two_way: bool = False


_WEIGHTS = {"weights": word, "balance": at_year, "match": at_year}
_SCALE = one_of("log1p", "ihs", "any")
_SAMPLE = {
    "cohort": whole, "balanced": flag, "controls": one_of("sample", "all"), "units": positive, "outcome_as": _SCALE,
    "truth": word,
}  # fmt: skip
_MEAN = _SAMPLE | {"average": one_of("simple", "group", "event_study", "calendar")} | _WEIGHTS
FIXED_EFFECTS = "fixed_effects"


_DOSE = {"lag": whole, "dose_as": _SCALE}
_REGRESSION = _SAMPLE | _DOSE | {"term": word} | _WEIGHTS
_CONTROL = one_of("not_yet_treated", "never_treated")
_VARIANCE = one_of("conservative", "leave_one_out")
_IMPUTATION = {"variance": _VARIANCE, "anticipation": whole, "leads": whole} | _MEAN
_PART = {"part": word}
_RESPONSE = {"response": one_of("bins", "linear", "spline"), "bins": edges}
_ALL = frozenset({"treatment", "covariates", FIXED_EFFECTS})
_SIMPLE = frozenset({"treatment", "covariates"})

ESTIMATORS: dict[str, Estimator] = {
    "ols": Estimator(label="OLS", options=_REGRESSION, reads=_ALL, cohorts=False, two_way=True),
    "poisson": Estimator(
        label="Poisson",
        options=_REGRESSION,
        reads=_ALL,
        counts=True,
        cohorts=False,
        two_way=True,
    ),
    "negative_binomial": Estimator(
        label="Negative binomial",
        options=_SAMPLE | _DOSE | {"term": word},
        reads=_ALL,
        counts=True,
        cohorts=False,
    ),
    "panel_ols": Estimator(
        label="OLS (linearmodels)",
        options=_SAMPLE | _DOSE | {"term": word},
        reads=_ALL,
        cohorts=False,
        influence=False,
    ),
    "iv": Estimator(
        label="IV",
        options=_REGRESSION | {"instruments": names},
        reads=_ALL,
        cohorts=False,
        two_way=True,
    ),
    "group_time": Estimator(
        label="Group-time",
        options={
            "control_group": _CONTROL,
            "method": one_of("dr", "ipw", "reg"),
            "base_period": one_of("varying", "universal"),
            "anticipation": whole,
            "sampling": one_of("panel", "balanced", "repeated_cross_sections"),
        }
        | _MEAN,
        reads=_SIMPLE,
    ),
    "imputation": Estimator(
        label="Imputation",
        options=_IMPUTATION | {"factors": factors},
        reads=_ALL,
    ),
    "poisson_imputation": Estimator(
        label="Poisson imputation",
        options=_IMPUTATION | {"separated": one_of("zero", "drop")},
        reads=_ALL,
        counts=True,
    ),
    "sun_abraham": Estimator(
        label="Sun-Abraham",
        options={"control_group": one_of("never_treated", "last_treated"), "reference": horizon} | _MEAN,
        reads=_SIMPLE,
    ),
    "stacked": Estimator(
        label="Stacked",
        options={
            "window": window, "cohorts": one_of("within", "all"),
            "control_group": _CONTROL, "weighting": one_of("treated", "variance"),
        }
        | _MEAN,
        reads=_SIMPLE,
    ),
    "de_chaisemartin": Estimator(
        label="de Chaisemartin-D'Haultfoeuille",
        options={"horizons": whole, "horizon": whole} | _SAMPLE,
        reads=frozenset({"treatment"}),
        influence=False,
    ),
    "local_projection": Estimator(
        label="Local projections",
        options={"window": window, "control_group": _CONTROL, "reweight": flag, "horizon": whole} | _SAMPLE,
        reads=_SIMPLE,
        influence=False,
    ),
    "synthetic_did": Estimator(
        label="Synthetic DiD",
        options={
            "variance": one_of("placebo", "jackknife", "bootstrap"),
            "n_draws": whole,
            "seed": whole,
        }
        | _SAMPLE,
        reads=_SIMPLE,
        influence=False,
    ),
    "decomposition": Estimator(
        label="Decomposition",
        options=_RESPONSE
        | {"family": one_of("gaussian", "poisson"), "anticipation": whole,
           "ordered": flag, "interaction": flag, "variance": _VARIANCE}
        | _PART
        | _MEAN,
        reads=_ALL | {"exposure", "channels"},
    ),
    "spillover": Estimator(
        label="Spillover",
        options=_RESPONSE
        | {"anticipation": whole, "leads": whole, "variance": _VARIANCE, "family": one_of("gaussian", "poisson")}
        | _PART
        | _MEAN,
        reads=_ALL | {"exposure"},
    ),
    "mediation": Estimator(
        label="Mediation",
        options={
            "design": one_of("regression", "staggered", "doubly_robust"),
            "ordered": flag,
            "interaction": flag,
            "anticipation": whole,
            "control_group": _CONTROL,
        }
        | _DOSE
        | _PART
        | _MEAN,
        reads=_ALL | {"channels"},
        cohorts=False,
    ),
}  # fmt: skip
