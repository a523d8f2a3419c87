"""Linear hypotheses written as text."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pandas as pd

from aigreen.effects.as_statsmodels import labels
from aigreen.errors import SHOWN, EffectsError, UnknownColumnError

_SIGN = re.compile(r"(`[^`]*`)|=\s*(?=[-+])")  # formulaic takes "= -" for one operator


def restrictions(hypothesis: str, index: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Return R, shape (q, k), and r, shape (q,), of a hypothesis about the effects that `index` labels.

    An effect is called by its label, or by one level of it that no other effect has.

    Raises
    ------
    UnknownColumnError
        A name is no effect.
    EffectsError
        The text is no linear equation, or names no effect; two effects have one name.
    """
    from formulaic.errors import FormulaicError
    from formulaic.utils.constraints import LinearConstraints

    names = labels(index)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise EffectsError(f"hypothesis {hypothesis!r}: {names.count(twice)} effects are called {twice!r}; use R")
    short = _short_names(index, names)
    signed = _SIGN.sub(lambda found: found[1] or "= 0 ", hypothesis)
    try:
        read = LinearConstraints.from_spec(signed, variable_names=[*names, *short])
    except KeyError as error:
        more = len(names) > SHOWN
        where = f"hypothesis {hypothesis!r} among {len(names)} effects ({', '.join(names[:SHOWN])}{', ...' * more})"
        raise UnknownColumnError(error.args[0], names, role=where, what="effect") from None
    except (FormulaicError, RuntimeError, ArithmeticError) as error:
        raise EffectsError(
            f"hypothesis {hypothesis!r} is no linear equation: write 'a = b', '2*a - b = 0.1' or 'a = 0, b = 0', and "
            "names with spaces or digits first between backticks, as '`-1` = 0'"
        ) from error
    columns = np.vstack([np.eye(len(names)), *(np.eye(len(names))[[of]] for of in short.values())])
    matrix = np.asarray(read.constraint_matrix, dtype=float) @ columns
    if not matrix.size or not matrix.any(axis=1).all():
        raise EffectsError(f"hypothesis {hypothesis!r} has an equation in which no effect is left")
    return matrix, np.asarray(read.constraint_values, dtype=float)


def _short_names(index: pd.Index, names: list[str]) -> dict[str, int]:
    """Positions of the effects that a level alone names."""
    if not isinstance(index, pd.MultiIndex):
        return {}
    keys = [list(map(str, key)) for key in index]
    times = Counter(part for key in keys for part in key)
    return {part: at for at, key in enumerate(keys) for part in key if times[part] == 1 and part not in names}
