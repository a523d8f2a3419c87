"""What breaks the schema of a study's file, in words: the key, what stands there, and what is expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError

from aigreen.errors import did_you_mean

TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys with values",
}
PATTERNS = {
    "^[a-z]{2}$": "two small Latin letters",
    "^[A-Z]{2}$": "two capital Latin letters",
    "^[a-z0-9-]+$": "small Latin letters, digits and hyphens",
    "^[a-z][a-z0-9-]*$": "small Latin letters, digits and hyphens, a letter first",
    "^[a-z][a-z0-9_]*$": "small Latin letters, digits and _, a letter first",
    "^[A-Za-z0-9_-]+$": "Latin letters, digits, _ and hyphens",
    r"^[0-9]+(\.[0-9]+)? ?[KMGT]i?B$": "a number with its unit, such as 4GB",
}


def explain(error: ValidationError) -> str:
    """Say in one sentence what is wrong; keys that are not known with the nearest known one."""
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    if error.validator == "additionalProperties":
        return f"unknown key {_unknown(error, where)}"
    if error.validator == "required":
        absent = [_joined(where, key) for key in error.validator_value if key not in error.instance]
        return f"no key {' and no key '.join(absent)}, which a study needs"
    if "propertyNames" in error.absolute_schema_path:
        meant = f"; {error.schema['description']}" if "description" in error.schema else ""
        return f"{where}: the name {error.instance!r} is not of {PATTERNS[error.validator_value]}{meant}"
    if error.validator == "enum":
        nearest = did_you_mean(str(error.instance), [str(v) for v in error.validator_value])
        return f"{where}: {_shown(error.instance)} is not one of {', '.join(map(str, error.validator_value))}{nearest}"
    return f"{where}: {SENTENCES[str(error.validator)](error)}"


def _unknown(error: ValidationError, where: str) -> str:
    known, patterns = list(error.schema.get("properties", {})), error.schema.get("patternProperties", {})
    unknown = sorted(
        key for key in set(error.instance) - set(known) if not any(re.search(pattern, key) for pattern in patterns)
    )
    return ", ".join(f"{_joined(where, key)}{did_you_mean(key, known)}" for key in unknown)


def _joined(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _shown(value: Any) -> str:
    """Write a value as its file has it; lists and mappings are named only."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return TYPES["object"]
    return TYPES["array"] if isinstance(value, list) else repr(value)


def _stands(expected: Callable[[Any], str]) -> Callable[[ValidationError], str]:
    return lambda error: f"found {_shown(error.instance)}, expected {expected(error.validator_value)}"


def _types(names: str | Iterable[str]) -> str:
    return " or ".join(TYPES[name] for name in ([names] if isinstance(names, str) else names))


def _count(error: ValidationError) -> str:
    low, high = error.schema.get("minItems", 0), error.schema.get("maxItems")
    wanted = f"at least {low}" if high is None else f"{low}" if low == high else f"{low} to {high}"
    return f"found {len(error.instance)} value{'s' * (len(error.instance) != 1)}, expected {wanted}"


def _keys(error: ValidationError) -> str:
    low, high = error.schema.get("minProperties", 0), error.schema.get("maxProperties")
    wanted = "one" if low == high == 1 else f"at least {low}" if high is None else f"{low} to {high}"
    known = list(error.schema.get("properties", {}))
    return f"found {', '.join(error.instance) or 'nothing'}, expected {wanted}" + (
        f" of {', '.join(known)}" if known else " names with values"
    )


def _twice(error: ValidationError) -> str:
    return f"{next(repr(x) for i, x in enumerate(error.instance) if x in error.instance[:i])} stands twice"


# By keyword of the schemas.
SENTENCES: dict[str, Callable[[ValidationError], str]] = {
    "type": _stands(_types),
    "const": _stands(_shown),
    "pattern": _stands(lambda pattern: PATTERNS[pattern]),
    "minimum": _stands(lambda least: f"{least} or more"),
    "maximum": _stands(lambda most: f"{most} or less"),
    "exclusiveMinimum": _stands(lambda bound: f"more than {bound}"),
    "exclusiveMaximum": _stands(lambda bound: f"less than {bound}"),
    "minLength": _stands(lambda _: "text"),
    "minItems": _count,
    "maxItems": _count,
    "uniqueItems": _twice,
    "minProperties": _keys,
    "maxProperties": _keys,
}
