"""What the paper of a study of one's own panel prints beside its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aigreen_study.config import CONFIG, read_config
from aigreen_study.own.registry import own_registry
from aigreen_study.own.study import exposure_label, is_own, plain
from aigreen_study.run.periods import WORDS
from aigreen_study.specification.specification import Exhibit
from aigreen_study.specification.split import RESPONSES
from aigreen_study.words import in_sentence

SECTIONS = Path("paper/sections")
TEMPLATE = "own"


def paper_config(study: str, papers: Path) -> dict[str, Any]:
    """Read a study's configuration with all that its paper prints.

    Parameters
    ----------
    study : str
    papers : Path
        With analysis/config.

    Raises
    ------
    ConfigError, SourceError
        Of `aigreen_study.config.read_config`.
    """
    config = read_config({"study": study}, papers / CONFIG)
    return config | (printed_facts(config, own_registry(papers / CONFIG, config)) if is_own(config) else {})


def printed_facts(config: Mapping[str, Any], exhibits: Mapping[str, Exhibit]) -> dict[str, Any]:
    """Return what the template `own` reads: authors, language, names, which exhibits there are.

    A file ``paper/sections/<study>.typ`` of the user's takes the place of the template.
    """
    own, study = config["own"], config["study"]
    return {
        "template": study if (SECTIONS / f"{study}.typ").is_file() else TEMPLATE,
        "authors": config["authors"],
        "language": config["language"],
        "keywords": own.get("keywords", []),
        "jel": own.get("jel", []),
        "own": {
            "file": own["source"]["file"].rpartition("/")[2],
            "citation": own["source"].get("citation", ""),
            "units": in_sentence(config["panel"]["unit_label"]),
            "period": WORDS[config["panel"].get("freq", "Y")],
            "cluster": _name(config, config["panel"]["cluster"]),
            "outcome": _name(config, config["outcomes"]["log"]),
            "counts": _name(config, own["counts"]) if "counts" in own else "",
            "covariates": [_name(config, name) for name in own.get("covariates", [])],
            "channels": {name: _name(config, name) for name in config["decomposition"]["channels"]},
            "exposures": {
                how.get("column", name): exposure_label(name, own) for name, how in own.get("exposures", {}).items()
            },
            "response": RESPONSES[config["decomposition"]["response"]],
            "moved": [config["outcomes"]["log"], *config["decomposition"]["channels"]],
            "groups": {f"heterogeneity_{name}": _name(config, name) for name in own["groups"]},
            "names": {f"heterogeneity_{name}": list(values) for name, values in own["groups"].items()},
            "dose": _name(config, own["dose"]) if "dose" in own else "",
            "map": "coordinates" in own,
            "exhibits": {name: shown.kind for name, shown in exhibits.items()},
            "control_group": config["event_study"]["control_group"].replace("_", " "),
        },
    }


def _name(config: Mapping[str, Any], column: str) -> str:
    """Give the printed name of a column of the file."""
    own = config["own"]
    original = {name: column for column, name in own["columns"].items()}
    return str(own["labels"].get(column, plain(original[column])))
