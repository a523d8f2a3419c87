"""What a study's configuration says of its decompositions: their names, exposures and outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RESPONSES = {
    "bins": "the same for any exposure above zero (one bin)",
    "linear": "in proportion to exposure (linear)",
}


def exposures(options: Mapping[str, Any]) -> list[str]:
    """Columns of exposure under the key `decomposition`: the main one first; none where a study has channels alone."""
    return [name for name in (options["exposure"], *options.get("alternatives", [])) if name]


def decompositions(options: Mapping[str, Any]) -> dict[str, str | None]:
    """Exposure of each decomposition of a study, by the name of its file; the main one first."""
    return {name: name for name in exposures(options)} or {"no_exposure": None}


def headline_outcome(options: Mapping[str, Any]) -> str:
    """Outcome of the decomposition that the paper leads with: counts where a study has them."""
    return str(options.get("counts", options["outcome"]))


def response_note(options: Mapping[str, Any]) -> str:
    """Say how the effect of exposure grows with it; nothing where a study has no exposure."""
    return f"Response to exposure: {RESPONSES[options['response']]}." if options["exposure"] else ""
