"""The language of the column `sample`: which rows of the panel a specification uses.

A sample is one or more conditions joined by ``&``:

- ``column op value`` with ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, as ``year <= 2021``;
- ``column in [value, value]`` or ``not in``, as ``region in [East, Central]``;
- ``above_median(column, year)`` and ``below_median(column, year)``: units whose value in that year is above, or at
  most, the median over the units seen in it;
- ``never(column)``: units whose value is never positive, as ``never(zone_year)``;
- ``at(column, year) op value``, as ``at(ownership, 2018) == state``: all rows of the units whose value in that year
  meets the condition.

A value may stand in quotes, and must where it holds ``&``.

Functions of a year sort units once, so that treatment cannot move a unit from one group to another; the year must lie
before the first treated period. Rows without the value meet no condition, whatever its operator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aigreen.errors import ConfigError, did_you_mean

MEDIANS = ("above_median", "below_median")
LISTS = ("in", "not in")
_AT, NEVER = "at", "never"
_UNITS = re.compile(rf"{NEVER}\s*\(\s*(?P<column>\w+)\s*\)")
_CALL = re.compile(r"(?P<function>\w+)\s*\(\s*(?P<column>\w+)\s*,\s*(?P<year>-?\d+)\s*\)")
_COMPARISON = re.compile(
    r"(?P<left>\w+(?:\s*\([^()]*\))?)\s*(?P<op>==|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b)\s*(?P<right>.+)"
)

_QUOTED = re.compile(r"""(?<=[=<>,\[])\s*(["']).*?\1""")


@dataclass(frozen=True)
class Condition:
    """One condition of a sample.

    Attributes
    ----------
    column : str
    op : str
        A comparison, "in", "not in", "above_median", "below_median" or "never".
    values : tuple of str
        Right-hand side as written; empty for medians and never.
    year : int, optional
        Units are sorted by their value in this year.
    """

    column: str
    op: str
    values: tuple[str, ...] = ()
    year: int | None = None

    def __str__(self) -> str:
        if self.op in MEDIANS:
            return f"{self.op}({self.column}, {self.year})"
        if self.op == NEVER:
            return f"{NEVER}({self.column})"
        left = self.column if self.year is None else f"{_AT}({self.column}, {self.year})"
        values = [f'"{value}"' if "&" in value else value for value in self.values]
        return f"{left} {self.op} {'[' + ', '.join(values) + ']' if self.op in LISTS else values[0]}"


def parse(text: str) -> tuple[Condition, ...]:
    """Read a sample expression; an empty one has no conditions.

    Raises
    ------
    ConfigError
        Where a condition cannot be read, or its function is unknown.

    Examples
    --------
    >>> [str(condition) for condition in parse("year <= 2021 & above_median(size, 2018)")]
    ['year <= 2021', 'above_median(size, 2018)']
    """
    kept = _QUOTED.sub(lambda quoted: quoted[0].replace("&", "\0"), text)
    return tuple(_condition(part.replace("\0", "&").strip()) for part in kept.split("&")) if text.strip() else ()


def _condition(part: str) -> Condition:
    units = _UNITS.fullmatch(part)
    if units:
        return Condition(units["column"], NEVER)
    call = _CALL.fullmatch(part)
    if call:
        function, column, year = call["function"], call["column"], int(call["year"])
        if function not in MEDIANS:
            raise ConfigError(
                f"sample: {part!r} is no condition{did_you_mean(function, [*MEDIANS, NEVER])}; conditions are "
                f"comparisons, {', '.join(f'{name}(column, year)' for name in MEDIANS)}, {NEVER}(column)"
            )
        return Condition(column, function, year=year)
    comparison = _COMPARISON.fullmatch(part)
    if not comparison:
        raise ConfigError(f"sample: cannot read {part!r}; write 'column == value', joined by '&'")
    column, year = comparison["left"], None
    if "(" in column:
        inner = _CALL.fullmatch(column)
        if not inner or inner["function"] != _AT:
            raise ConfigError(
                f"sample: cannot read {column!r}; before a comparison write 'column' or 'at(column, 2018)'"
            )
        column, year = inner["column"], int(inner["year"])
    right, op = comparison["right"].strip(), " ".join(comparison["op"].split())
    if op in LISTS:
        if not (right.startswith("[") and right.endswith("]")) or not right[1:-1].strip():
            raise ConfigError(f"sample: {part!r}: write '{op} [value, value]'")
        return Condition(column, op, tuple(_unquoted(value) for value in right[1:-1].split(",")), year)
    return Condition(column, op, (_unquoted(right),), year)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
