"""What a simulated economy says of the coefficients of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aigreen.errors import ConfigError, did_you_mean
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen_study.specification.results import Results
from aigreen_study.specification.specification import Exhibit

OPTION = "truth"


def known_truth(exhibit: Exhibit, simulation: Mapping[str, Any]) -> dict[str, float]:
    """Look up the effects that the rows of an exhibit name by ``truth=``, by id.

    Parameters
    ----------
    exhibit : Exhibit
    simulation : mapping
        Configuration of the economy.

    Raises
    ------
    ConfigError
        A name that is no single effect of the economy.
    """
    effects = asdict(EconomyEffects(**simulation.get("effects", {})))
    single = {name: float(value) for name, value in effects.items() if isinstance(value, int | float)}
    found = {}
    for part in exhibit.specifications:
        name = part.options.get(OPTION)
        if name is None:
            continue
        if name not in single:
            raise ConfigError(f"specification {part.name}: no effect {name!r}{did_you_mean(name, list(single))}")
        found[part.id] = single[name]
    return found


def covered(results: Results, truth: Mapping[str, float], level: float) -> dict[str, bool]:
    """Whether the interval of each estimate holds its truth, by id; those not estimated are left out."""
    held = {}
    for part in results.estimated:
        if part.id in truth:
            low, high = results.single[part.id].conf_int(level).iloc[0][["low", "high"]]
            held[part.id] = bool(low <= truth[part.id] <= high)
    return held
