"""The whole configuration of a study of one's own panel, from the few keys that its file has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from aigreen.errors import ConfigError, did_you_mean
from aigreen_study.own.letters import rule, unprinted

KIND = "own"  # of its schema
EVENT_STUDY = {
    "control_group": "not_yet_treated",
    "method": "dr",
    "base_period": "varying",
    "anticipation": 0,
    "covariates": [],
    "horizons": [-5, 5],
}
SPLIT = {"response": "bins", "variance": "leave_one_out", "leads": 3}
INFERENCE = {"level": 0.95, "draws": 9999, "multipliers": "webb"}
TREATED = "treated"
NO_COLUMNS = ("unit_label", "freq")  # keys of panel


def is_own(config: Mapping[str, Any]) -> bool:
    """Whether a study reads a file of the user's."""
    return isinstance(config.get("source"), Mapping)


def is_own_file(path: Path) -> bool:
    """Whether a file is that of a study that reads a file of the user's, be it one with keys that stand twice."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (yaml.YAMLError, UnicodeDecodeError):
        return False
    return isinstance(found, Mapping) and is_own(found)


def own_studies(folder: Path) -> list[str]:
    """Names of the studies of users' data in a folder."""
    return sorted(path.stem for path in folder.glob("*.yaml") if is_own_file(path))


def own_config(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read the head of a study's file of data and return its whole configuration.

    Parameters
    ----------
    given : mapping
        As ``analysis/config/schema-own.json`` describes it.
    name : str
        What the file of configuration is called, for messages.

    Raises
    ------
    ConfigError
        Naming the key of each column that the data do not have, of what does not go together, and of names in letters
        that the paper cannot print.
    SourceError
        No such file of data, or one that cannot be read.
    """
    from aigreen.data.sources.own_file import own_columns  # brings pandas

    source = given["source"]
    columns = own_columns(source["file"], source.get("sheet"))
    problems = [
        f"{key}: no column {column!r} in {source['file']}{did_you_mean(column, columns)}"
        for key, column in named_columns(given).items()
        if column not in columns
    ]
    problems += _problems(given)
    for key, file in files_of(given).items():
        if not Path(file).is_file():
            problems.append(f"{key}: no file {file} below {Path.cwd()}")
    if problems:
        raise ConfigError(f"{name}: " + "; ".join(problems))
    if foreign := list(unprinted(given, named_columns(given))):
        raise ConfigError(f"{name}: {rule()}; " + "; ".join(foreign))
    return completed(renamed(given, identifiers(columns)))


def _problems(given: Mapping[str, Any]) -> list[str]:
    """Keys that do not go together."""
    problems = []
    if "coordinates" not in given:
        far = [name for name, how in given.get("exposures", {}).items() if "within_km" in how]
        problems += [f"exposures.{name}: within_km needs coordinates" for name in far]
        problems += ["polygons: a map needs coordinates"] if "polygons" in given else []
    roles = {given["outcome"]: "outcome"} | {
        given["panel"][role]: f"panel.{role}" for role in ("unit", "time", "cohort")
    }
    for key in ("channels", "covariates"):
        problems += [
            f"{key}: {column!r} is {roles[column]} already" for column in given.get(key, []) if column in roles
        ]
    both = [column for column in given.get("channels", []) if column in given.get("covariates", [])]
    return problems + [f"channels: {column!r} is among the covariates, too" for column in both]


def identifiers(columns: Iterable[str]) -> dict[str, str]:
    """Give each column a name of lower-case letters, digits and _, as numbers and samples are called by it."""
    found: dict[str, str] = {}
    for column in columns:
        name = re.sub(r"\W+", "_", column.lower()).strip("_") or "column"
        name = f"c_{name}" if name[0].isdigit() else name
        taken, n = set(found.values()), 2
        while name in taken:
            name, n = f"{name}_{n}", n + 1
        found[column] = name
    return found


def renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a study's file with the names that its columns have in the panel."""
    panel = {role: value if role in NO_COLUMNS else names[value] for role, value in given["panel"].items()}
    new = {**given, "panel": panel, "columns": dict(names)}
    new |= {key: names[given[key]] for key in ("outcome", "counts", "dose") if key in given}
    new |= {key: [names[column] for column in given[key]] for key in ("covariates", "channels") if key in given}
    if "covariates" in given.get("event_study", {}):
        covariates = [names[column] for column in given["event_study"]["covariates"]]
        new["event_study"] = {**given["event_study"], "covariates": covariates}
    if "exposures" in given:
        new["exposures"] = {
            name: {"column": names[how["column"]]} if "column" in how else dict(how)
            for name, how in given["exposures"].items()
        }
    if "coordinates" in given:
        new["coordinates"] = {key: names[column] for key, column in given["coordinates"].items()}
    new["groups"] = {names[column]: dict(values) for column, values in given.get("groups", {}).items()}
    new["labels"] = {names.get(column, column): label for column, label in given.get("labels", {}).items()}
    return new


def files_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Files beside the data that a study names, by the key that names each."""
    found = {
        f"exposures.{name}.links": how["links"] for name, how in given.get("exposures", {}).items() if "links" in how
    }
    return found | ({"polygons": given["polygons"]} if "polygons" in given else {})


def completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what the rules of a study of a panel read; `given` is kept under ``own``."""
    panel, outcome = given["panel"], given["outcome"]
    exposures, channels = given.get("exposures", {}), given.get("channels", [])
    names = [column_of(name, how) for name, how in exposures.items()]
    counts = given.get("counts", outcome)
    dose = [given["dose"]] if "dose" in given else []
    split = SPLIT | given.get("decomposition", {})
    described = [counts, outcome, TREATED, *dose, *channels, *names, *given.get("covariates", [])]
    return {
        "study": given["study"],
        "title": given["title"],
        "authors": given.get("authors", []),
        "language": given.get("language", "en"),
        "date": given.get("date", ""),
        "simulated": given.get("simulated", False),
        "source": dict(given["source"]),
        "seed": given.get("seed", 1),
        "panel": {"cluster": panel["unit"], "unit_label": "Units", **panel, "places": "none"},
        "outcomes": {"level": counts, "log": outcome},
        "describe": list(dict.fromkeys(described)),
        "event_study": EVENT_STUDY | given.get("event_study", {}) | {"estimators_variance": split["variance"]},
        "decomposition": {
            "outcome": outcome,
            "channels": list(channels),
            "exposure": names[0] if names else None,
            "alternatives": names[1:],
            **split,
        },
        "inference": INFERENCE | given.get("inference", {}),
        "own": dict(given),
    }


def column_of(name: str, how: Mapping[str, Any]) -> str:
    """Column of the panel that holds an exposure: the file's own, or a new one under the exposure's name."""
    return str(how.get("column", name))


def exposure_label(name: str, given: Mapping[str, Any]) -> str:
    """Give the printed name of an exposure."""
    how = given["exposures"][name]
    text = "Links to treated units" if "links" in how else f"Treated units within {how.get('within_km', 0):g} km"
    return str(given["labels"].get(column_of(name, how), plain(how["column"]) if "column" in how else text))


def plain(column: str) -> str:
    """Name of a column as text: first.treat becomes First treat."""
    words = column.replace("_", " ").replace(".", " ").strip()
    return words[:1].upper() + words[1:]


def named_columns(given: Mapping[str, Any]) -> dict[str, str]:
    """Columns of the file that a study names, by the key that names each."""
    found = {f"panel.{role}": name for role, name in given["panel"].items() if role not in NO_COLUMNS}
    found |= {key: given[key] for key in ("outcome", "counts", "dose") if key in given}
    for key in ("covariates", "channels"):
        found |= {f"{key}[{i}]": name for i, name in enumerate(given.get(key, []))}
    covariates = given.get("event_study", {}).get("covariates", [])
    found |= {f"event_study.covariates[{i}]": name for i, name in enumerate(covariates)}
    for name, how in given.get("exposures", {}).items():
        if "column" in how:
            found[f"exposures.{name}.column"] = how["column"]
    found |= {f"coordinates.{key}": name for key, name in given.get("coordinates", {}).items()}
    return found | {f"groups.{name}": name for name in given.get("groups", {})}
