"""The estimators that a specification can name, each with the fields and options that it reads.

Options of all: ``cohort=2019`` keeps one cohort and the never treated; ``controls=all`` keeps all never treated units,
so that the sample chooses among the treated only; ``balanced=yes`` keeps units seen in every period of the sample;
``units=100`` multiplies the outcome, ``outcome_as=log1p`` (``ihs``, ``any``) then puts it on another scale, and
``dose_as`` does so with a dose.
Options of those that take weights: ``weights=column``; ``balance=size,age@2018`` weighs never treated units to the
means of the treated in that year (entropy balancing), and ``match=size,age@2018`` matches them by propensity score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aigreen.decomposition import Decomposition
from aigreen.did.diagnostics import ChaisemartinDHaultfoeuille, LocalProjections, SyntheticDiD
from aigreen.did.group_time import GroupTimeATT
from aigreen.did.imputation import Imputation
from aigreen.did.stacked import StackedDiD
from aigreen.did.sun_abraham import SunAbraham
from aigreen.did.twfe import TWFE
from aigreen.errors import ConfigError, did_you_mean
from aigreen.mediation import Mediation
from aigreen.spillover import Spillover

if TYPE_CHECKING:
    from aigreen.effects import Effects
    from aigreen.panel import Panel
    from aigreen.specification.rows import Specification

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
    """What a specification may say to an estimator, and how it is fitted.

    Attributes
    ----------
    label : str
        Printed name.
    fit : function of (Specification, Panel)
        Returns Effects; the panel is the view of the sample.
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
    fit: Callable[[Specification, Panel], Effects]
    options: Mapping[str, Reader]
    reads: frozenset[str]
    counts: bool = False
    cohorts: bool = True
    influence: bool = True
    two_way: bool = False

    def settings(self, specification: Specification, *wanted: str) -> dict[str, Any]:
        """Options of a specification among `wanted`, read."""
        return {key: self.options[key](text) for key, text in specification.options.items() if key in wanted}


_WEIGHTS = {"weights": word, "balance": at_year, "match": at_year}
_SCALE = one_of("log1p", "ihs", "any")
_SAMPLE = {
    "cohort": whole, "balanced": flag, "controls": one_of("sample", "all"), "units": positive, "outcome_as": _SCALE,
}  # fmt: skip
_MEAN = _SAMPLE | {"average": one_of("simple", "group", "event_study", "calendar")} | _WEIGHTS
_FE = "fixed_effects"


def _effects_of(specification: Specification) -> list[str] | None:
    return list(specification.fixed_effects) or None


def _regression(family: str) -> Callable[[Specification, Panel], Effects]:
    def fit(specification: Specification, panel: Panel) -> Effects:
        settings = specification.method.settings(specification, "instruments")
        vcov = specification.cluster if len(specification.cluster) == 2 else "cluster"
        model = TWFE(family=family, fixed_effects=_effects_of(specification), vcov=vcov)
        treatment = dose_column(specification) or None
        return model.fit(
            panel, specification.outcome, treatment=treatment, covariates=specification.covariates, **settings
        )

    return fit


def dose_column(specification: Specification) -> str:
    """Name of the dose in the frame: lagged ones are called ``lag1_column``."""
    lag = specification.options.get("lag", "0")
    return f"lag{lag}_{specification.dose}" if specification.dose and lag != "0" else specification.dose


def _cohort_time(model: type, *wanted: str, **fixed: Any) -> Callable[[Specification, Panel], Effects]:
    """Fit an estimator of effects by cohort and time, with covariates and, where it has them, fixed effects."""

    def fit(specification: Specification, panel: Panel) -> Effects:
        reads = specification.method.reads
        settings = fixed | specification.method.settings(specification, *wanted)
        if _FE in reads:
            settings[_FE] = _effects_of(specification)
        for role in ("exposure", "channels"):
            if role in reads:
                settings[role] = list(getattr(specification, role))
        covariates = {"covariates": list(specification.covariates)} if "covariates" in reads else {}
        return model(**settings).fit(panel, specification.outcome, **covariates)

    return fit


def _mediation(specification: Specification, panel: Panel) -> Effects:
    wanted = ("design", "ordered", "interaction", "anticipation", "control_group")
    settings = specification.method.settings(specification, *wanted)
    model = Mediation(channels=list(specification.channels), fixed_effects=_effects_of(specification), **settings)
    treatment = dose_column(specification) or None
    return model.fit(panel, specification.outcome, treatment=treatment, covariates=list(specification.covariates))


def _synthetic(specification: Specification, panel: Panel) -> Effects:
    settings = specification.method.settings(specification, "variance", "n_draws", "seed")
    if "cohort" not in specification.options:
        raise ConfigError(f"specification {specification.name}: synthetic_did needs the option cohort=YEAR")
    return SyntheticDiD(**settings).fit(panel, specification.outcome, covariates=list(specification.covariates))


_DOSE = {"lag": whole, "dose_as": _SCALE}
_REGRESSION = _SAMPLE | _DOSE | {"term": word} | _WEIGHTS
_CONTROL = one_of("not_yet_treated", "never_treated")
_VARIANCE = one_of("conservative", "leave_one_out")
_IMPUTATION = {"variance": _VARIANCE, "anticipation": whole, "leads": whole} | _MEAN
_PART = {"part": word}
_RESPONSE = {"response": one_of("bins", "linear", "spline"), "bins": edges}
_ALL = frozenset({"treatment", "covariates", _FE})
_SIMPLE = frozenset({"treatment", "covariates"})

ESTIMATORS: dict[str, Estimator] = {
    "ols": Estimator(
        label="OLS", fit=_regression("gaussian"), options=_REGRESSION, reads=_ALL, cohorts=False, two_way=True
    ),
    "poisson": Estimator(
        label="Poisson",
        fit=_regression("poisson"),
        options=_REGRESSION,
        reads=_ALL,
        counts=True,
        cohorts=False,
        two_way=True,
    ),
    "iv": Estimator(
        label="IV",
        fit=_regression("gaussian"),
        options=_REGRESSION | {"instruments": names},
        reads=_ALL,
        cohorts=False,
        two_way=True,
    ),
    "group_time": Estimator(
        label="Group-time",
        fit=_cohort_time(GroupTimeATT, "control_group", "method", "base_period", "anticipation", "sampling"),
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
        fit=_cohort_time(Imputation, "variance", "anticipation", "leads"),
        options=_IMPUTATION,
        reads=_ALL,
    ),
    "poisson_imputation": Estimator(
        label="Poisson imputation",
        fit=_cohort_time(
            Imputation, "variance", "anticipation", "leads", "separated", family="poisson", scale="percent"
        ),
        options=_IMPUTATION | {"separated": one_of("zero", "drop")},
        reads=_ALL,
        counts=True,
    ),
    "sun_abraham": Estimator(
        label="Sun-Abraham",
        fit=_cohort_time(SunAbraham, "control_group", "reference"),
        options={"control_group": one_of("never_treated", "last_treated"), "reference": horizon} | _MEAN,
        reads=_SIMPLE,
    ),
    "stacked": Estimator(
        label="Stacked",
        fit=_cohort_time(StackedDiD, "window", "control_group", "weighting"),
        options={"window": window, "control_group": _CONTROL, "weighting": one_of("treated", "variance")} | _MEAN,
        reads=_SIMPLE,
    ),
    "de_chaisemartin": Estimator(
        label="de Chaisemartin-D'Haultfoeuille",
        fit=_cohort_time(ChaisemartinDHaultfoeuille, "horizons"),
        options={"horizons": whole, "horizon": whole} | _SAMPLE,
        reads=frozenset({"treatment"}),
        influence=False,
    ),
    "local_projection": Estimator(
        label="Local projections",
        fit=_cohort_time(LocalProjections, "window", "control_group", "reweight"),
        options={"window": window, "control_group": _CONTROL, "reweight": flag, "horizon": whole} | _SAMPLE,
        reads=_SIMPLE,
        influence=False,
    ),
    "synthetic_did": Estimator(
        label="Synthetic DiD",
        fit=_synthetic,
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
        fit=_cohort_time(
            Decomposition, "response", "bins", "anticipation", "ordered", "interaction", "variance"
        ),
        options=_RESPONSE
        | {"anticipation": whole, "ordered": flag, "interaction": flag, "variance": _VARIANCE}
        | _PART
        | _MEAN,
        reads=_ALL | {"exposure", "channels"},
    ),
    "spillover": Estimator(
        label="Spillover",
        fit=_cohort_time(Spillover, "response", "bins", "anticipation", "leads", "variance", "family"),
        options=_RESPONSE
        | {"anticipation": whole, "leads": whole, "variance": _VARIANCE, "family": one_of("gaussian", "poisson")}
        | _PART
        | _MEAN,
        reads=_ALL | {"exposure"},
    ),
    "mediation": Estimator(
        label="Mediation",
        fit=_mediation,
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
