"""A study's configuration: read, checked against the schema, with the nearest name for a typo."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from aigreen.data.raw.yaml_file import read_yaml
from aigreen.errors import ConfigError, SourceError, did_you_mean
from aigreen_study.own.study import KIND, is_own, own_config, own_studies
from aigreen_study.schema_faults import explain

DEFAULT = "simulated-firms"
CONFIG = Path("analysis/config")
MEANT = f"(default: the only study of your data in this folder, or the only one of these with results; else {DEFAULT})"


def read_config(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the full configuration of a study.

    Parameters
    ----------
    given : mapping
        What the user set; `study` names the file, in the folder at hand or in `folder`, and other keys override it. A
        study without a file must be complete in `given`.
    folder : Path
        Holds one YAML file a study, schema.json, and schema-KIND.json for studies with a key `kind`.

    Raises
    ------
    ConfigError
        For an unknown study or key, a missing key, a value of the wrong kind, or a file of column names that does not
        lie below the folder at hand; for a column of one's own panel that its file does not have.
    SourceError
        For a file of one's own data that cannot be read.
    """
    name = str(given.get("study", DEFAULT))
    path = study_file(name, folder)
    known = studies(folder)
    if path.is_file():
        base = _read_yaml(path)
    elif set(given) - {"study"}:
        base = {}
    else:
        there = ", ".join(known) or f"none in {folder}, and no {name}.yaml in {Path.cwd()}"
        raise ConfigError(f"no study {name!r}{did_you_mean(name, known)}; there are {there}")
    own = is_own({**base, **given})
    if own:
        base.setdefault("study", name)
    schema = _schema(folder, KIND if own else base.get("kind", given.get("kind")))
    config = _read(_overlaid(base, _typed(given, schema)), schema)
    problems = sorted({explain(error) for error in Draft202012Validator(schema).iter_errors(config)})
    problems = problems or list(_contradictions(config))
    if problems:
        raise ConfigError(f"study {name!r}: " + "; ".join(problems))
    if own:
        return own_config(config, path.name)
    for key in ("build", "us_build"):
        mapping = config.get(key, {}).get("mapping")
        if mapping is not None and not Path(mapping).resolve().is_relative_to(Path.cwd().resolve()):
            raise ConfigError(f"study {name!r}: {key}.mapping: {mapping} is not below {Path.cwd()}")
    return config


def default_study() -> str:
    """Name of the study that is meant where none is named.

    The only one of users' data in this folder, or the only one of these with results; in a checkout, else the default.

    Raises
    ------
    SourceError
        There is none, or there are several, and the folder is no checkout.
    """
    here = own_studies(Path())
    for found in (here, [name for name in here if (Path("results") / name).is_dir()]):
        if len(found) == 1:
            return found[0]
    if CONFIG.is_dir():
        return DEFAULT
    if here:
        raise SourceError(f"{len(here)} studies in {Path.cwd()}; say which is meant by --study: {', '.join(here)}")
    raise SourceError(f"no study in {Path.cwd()}: a study is a YAML file that names a file of data as its source")


def study_file(name: str, folder: Path) -> Path:
    """File of a study: among those of the project, or in the folder at hand."""
    here = Path(f"{name}.yaml")
    return here if here.is_file() else folder / here


def _read_yaml(path: Path) -> dict[str, Any]:
    base = read_yaml(path, ConfigError)
    if not isinstance(base, dict):
        raise ConfigError(f"{path.name}: expected keys with values, the file is empty or holds something else")
    return base


def studies(folder: Path) -> list[str]:
    """Names of the studies that have a file."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _schema(folder: Path, kind: str | None) -> dict[str, Any]:
    path = folder / ("schema.json" if kind is None else f"schema-{kind}.json")
    if not path.is_file():
        kinds = sorted(path.stem.removeprefix("schema-") for path in folder.glob("schema-*.json"))
        raise ConfigError(f"no kind of study {kind!r}{did_you_mean(str(kind), kinds)}; there are {', '.join(kinds)}")
    return json.loads(path.read_text(encoding="utf-8"))


def _overlaid(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _overlaid(merged[key], value) if both else value
    return merged


def _typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """Read the numbers in nested values that came as text, as those of `snakemake --config` do."""
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        return {key: _typed(child, known.get(key, {})) for key, child in value.items()}
    if isinstance(value, list):
        return [_typed(child, schema.get("items", {})) for child in value]
    numeric = isinstance(value, str) and schema.get("type") in ("integer", "number", "boolean")
    return yaml.safe_load(value) if numeric else value


def _read(value: Any, schema: Mapping[str, Any], key: str = "") -> Any:
    """Read a word in place of a list as a list of one, a year or day as text where it is a date, and keys as text."""
    if isinstance(value, Mapping):
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        other = other if isinstance(other, Mapping) else {}
        return {str(name): _read(child, known.get(name, other), str(name)) for name, child in value.items()}
    if isinstance(value, str) and schema.get("type") == "array":
        return [value]
    if isinstance(value, date) or (key == "date" and isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return value


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """Keys that are valid each on its own, and not together."""
    built = config.get("us_build", {})
    pairs = {"event_study.horizons": config.get("event_study", {}).get("horizons")}
    pairs |= {f"us_build.{key}": built.get(key) for key in ("years", "base")}
    for key, pair in pairs.items():
        if pair and pair[0] > pair[1]:
            yield f"{key}: {pair[0]} comes after {pair[1]}"
    if built.get("base") and built.get("years") and built["base"][1] >= built["years"][0]:
        yield f"us_build.base: {built['base'][1]} is not before {built['years'][0]}, the first of us_build.years"
    source, marked = config.get("source"), config.get("simulated")
    panel = "kind" not in config and isinstance(source, str) and source != "us_patents"
    if panel and marked not in (None, source == "simulated"):
        yield f"simulated: {str(marked).lower()}, but the source {source} is{'' if source == 'simulated' else ' not'}"
