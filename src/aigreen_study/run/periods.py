"""What the periods of a study are called, and where an axis of them has its ticks.

The Snakefile imports this: numpy and pandas only where they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Freq = Literal["Y", "Q", "M", 1]
WORDS: dict[str | int, str] = {"Y": "year", "Q": "quarter", "M": "month", 1: "period"}
IN_A_YEAR = {"Q": 4, "M": 12}
_MOST = 8  # ticks


@dataclass(frozen=True)
class Periods:
    """Steps of a `Panel` as a study prints them.

    Parameters
    ----------
    freq : {"Y", "Q", "M", 1}
        Years, quarters, months, or periods that are numbered.
    """

    freq: Freq = "Y"

    @property
    def word(self) -> str:
        """What a period is called."""
        return WORDS[self.freq]

    def name(self, step: float) -> str:
        """Write a step: 2019, 2019Q1, 2019-03."""
        if self.freq in IN_A_YEAR:
            import pandas as pd

            return str(pd.Period(ordinal=int(step), freq=str(self.freq)))
        return f"{step:.0f}"

    def ticks(self, first: int, last: int) -> np.ndarray | None:
        """Return the steps to be named, of many quarters or months those that begin years; None for other steps."""
        if self.freq not in IN_A_YEAR:
            return None
        import numpy as np

        year, span = IN_A_YEAR[str(self.freq)], last - first + 1
        every = 1 if span <= _MOST else year * -(-span // (year * _MOST))
        return np.arange(-(-first // every) * every, last + 1, every)


YEARS = Periods()
