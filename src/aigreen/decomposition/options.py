"""Options of a decomposition, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aigreen.arguments import check_fields
from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL, Layout
from aigreen.errors import OptionError
from aigreen.exposure.basis import Response, check_cuts
from aigreen.options import as_columns, check_choice, check_columns, check_fixed_effects, check_periods

Variance = Literal["conservative", "leave_one_out"]
Family = Literal["gaussian", "poisson"]
Scale = Literal["level", "log", "count"]
Movement = Literal["counterfactual", "rows"]
SCALES: dict[str, list[str]] = {"gaussian": ["level"], "poisson": ["log", "count"]}


@dataclass(frozen=True, kw_only=True)
class PartOptions:
    """What to split and how; `aigreen.Decomposition` says what each option means."""

    channels: str | Sequence[str]
    exposure: str | Sequence[str] | None = None
    fixed_effects: Sequence[str] | None = None
    response: Response = "bins"
    bins: int | Sequence[float] | None = None
    anticipation: int = 0
    leads: int = 0
    ordered: bool = False
    interaction: bool = False
    variance: Variance = "leave_one_out"
    family: Family = "gaussian"
    scale: Scale | None = None
    movement: Movement = "counterfactual"
    lags: int = 0
    origins: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "channels", as_columns(self.channels))
        check_choice("response", self.response, Response)
        check_choice("variance", self.variance, Variance)
        check_choice("family", self.family, Family)
        check_choice("movement", self.movement, Movement)
        if self.scale is None:
            object.__setattr__(self, "scale", SCALES[self.family][0])
        elif self.scale not in SCALES[self.family]:
            raise OptionError("scale", self.scale, [f"{name} (family={self.family!r})" for name in SCALES[self.family]])
        check_cuts(self.response, self.bins)
        check_periods("anticipation", self.anticipation)
        check_periods("leads", self.leads)
        check_periods("lags", self.lags)
        check_fixed_effects(self.fixed_effects)
        reserved = {TOTAL, DIRECT, SPILLOVER}
        check_columns("channels", self.channels, reserved)
        check_columns("exposure", self.exposures, reserved)
        both = [name for name in self.channels if name in self.exposures]
        if both:
            raise OptionError("exposure", both[0], ["columns that are no channel"])
        if self.origins and not self.exposures:
            raise OptionError("origins", self.origins, [False, "True with exposure="])

    @property
    def exposures(self) -> list[str]:
        """Columns of exposure."""
        return as_columns(self.exposure)

    @property
    def layout(self) -> Layout:
        """Parts of the result."""
        return Layout(list(self.channels), self.exposures, self.interaction, self.origins)

    @property
    def counts(self) -> bool:
        """Whether the outcome is a count, modelled by Poisson pseudo-likelihood."""
        return self.family == "poisson"

    @property
    def leave_one_out(self) -> bool:
        """Whether centres leave the own cluster out."""
        return self.variance == "leave_one_out"
