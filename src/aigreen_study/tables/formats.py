"""How numbers and significance are written, everywhere: minus sign, thousands separators, decimals, stars."""

from __future__ import annotations

import math
from collections.abc import Callable

from aigreen.errors import OptionError, ReportError

MINUS = "\u2212"
P_FLOOR = 0.001

STAR = "*"
STAR_LEVELS = (0.10, 0.05, 0.01)  # one more star at each
STARS_NOTE = f"Significance: {', '.join(f'{STAR * n} {level:.0%}' for n, level in enumerate(STAR_LEVELS, 1))}."


def decimal(value: float, digits: int = 3) -> str:
    """Write fixed decimals; a value that rounds to zero carries no sign."""
    if not math.isfinite(value):
        raise ReportError(f"cannot write {value} as a number")
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        text = text[1:] if float(text.replace(",", "")) == 0 else MINUS + text[1:]
    return text


def count(value: float) -> str:
    """Write a whole number with thousands separators."""
    return decimal(value, 0)


def percent(value: float) -> str:
    """Write percent with one decimal; `value` is in percent already (100 log points are not)."""
    return f"{decimal(value, 1)}%"


def share(value: float) -> str:
    """Write percent with one decimal, of a value between 0 and 1."""
    return percent(100 * value)


def p_value(value: float) -> str:
    """Write three decimals; below 0.001 as an inequality."""
    return f"<{P_FLOOR}" if value < P_FLOOR else decimal(value, 3)


def stars(p: float) -> int:
    """Count the `STAR_LEVELS` that a p-value stays below."""
    return sum(float(p) < level for level in STAR_LEVELS)


def interval(low: float, high: float, digits: int = 3) -> str:
    """Write an interval in brackets; an end may be infinite, and one without ends is none."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"

    def end(value: float) -> str:
        return decimal(value, digits) if math.isfinite(value) else (MINUS if value < 0 else "") + "∞"

    return f"[{end(low)}, {end(high)}]"


def significant(value: float, digits: int = 3) -> str:
    """Write so many significant digits."""
    return format(value, f".{digits}g").replace("-", MINUS)


def p_equals(value: float) -> str:
    """Write a p-value as a relation, as ``p = 0.034``."""
    return f"p < {P_FLOOR}" if value < P_FLOOR else f"p = {decimal(value)}"


def year(value: float) -> str:
    """Write a whole number without separators."""
    return decimal(value, 0).replace(",", "")


def decimals(size: float) -> int:
    """Choose decimals that leave about four digits of a number of this size: three below 10, none from 1000."""
    return 3 if abs(size) < 10 else 2 if abs(size) < 100 else 1 if abs(size) < 1000 else 0


def adaptive(value: float) -> str:
    """Write about four digits."""
    return decimal(value, decimals(value))


def effective(value: float) -> str:
    """Write an effective number of things: about four digits, none behind the point where all of these are zero."""
    whole, _, fraction = adaptive(value).partition(".")
    return whole + (f".{fraction}" if fraction.strip("0") else "")


FORMATS: dict[str, Callable[[float], str]] = {
    "coefficient": decimal,
    "coefficient4": lambda value: decimal(value, 4),
    "count": count,
    "percent": percent,
    "share": share,
    "p_value": p_value,
    "year": year,
    "adaptive": adaptive,
    "effective": effective,
}


def write_number(value: float, fmt: str) -> str:
    """Write `value` in one of `FORMATS`.

    Raises
    ------
    OptionError
        For an unknown format.
    ReportError
        For a value that is not finite.
    """
    if fmt not in FORMATS:
        raise OptionError("fmt", fmt, list(FORMATS))
    if not math.isfinite(value):
        raise ReportError(f"cannot write {value} as a number")
    return FORMATS[fmt](value)
