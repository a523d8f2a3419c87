"""How numbers are written, everywhere: typographic minus, thousands separators, fixed decimals."""

from __future__ import annotations

import math
from collections.abc import Callable

from aigreen.errors import OptionError, ReportError

MINUS = "\u2212"
P_FLOOR = 0.001


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


def year(value: float) -> str:
    """Write a whole number without separators."""
    return decimal(value, 0).replace(",", "")


def decimals(size: float) -> int:
    """Choose decimals that leave about four digits of a number of this size: three below 10, none from 1000."""
    return 3 if abs(size) < 10 else 2 if abs(size) < 100 else 1 if abs(size) < 1000 else 0


def adaptive(value: float) -> str:
    """Write about four digits."""
    return decimal(value, decimals(value))


FORMATS: dict[str, Callable[[float], str]] = {
    "coefficient": decimal,
    "coefficient4": lambda value: decimal(value, 4),
    "count": count,
    "percent": percent,
    "share": share,
    "p_value": p_value,
    "year": year,
    "adaptive": adaptive,
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
