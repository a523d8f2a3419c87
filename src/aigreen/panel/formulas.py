"""Formulas for covariates as named numeric columns of a panel."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aigreen.errors import DataError, EmptyDataError, UnknownColumnError

_OPERATOR = re.compile(r"[+*:/()^~|`-]")
_LAG = re.compile(r"(?<![\w`.])lag\s*\(")
_NAME = re.compile(r"`([^`]+)`|([^\W\d][\w.]*)")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m|[⧛⧚]")
_INTERCEPT = "Intercept"


def is_formula(name: str, columns: Sequence[object]) -> bool:
    """Whether a name has an operator of formulas and is no column."""
    return name not in columns and _OPERATOR.search(name) is not None


def formula_columns(frame: pd.DataFrame, formula: str) -> tuple[pd.DataFrame, list[str]]:
    """Columns of a formula by formulaic, without intercept, and its variables.

    Parameters
    ----------
    frame : DataFrame
        Names in the formula are its columns.
    formula : str
        Right-hand side: ``a + b``, ``C(a)`` (a dummy for each level but the first), ``a:b`` (product), ``a * b`` (both
        and their product), ``log(a)``, ``poly(a, 2)``. A column of text is categorical as it stands.

    Returns
    -------
    columns : DataFrame
        On the rows of `frame`; missing where a variable is.
    variables : list of str

    Raises
    ------
    UnknownColumnError, EmptyDataError
    DataError
        The formula cannot be read or evaluated, or a variable is constant.
    """
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    try:
        parsed = Formula(formula)
    except FormulaicError as error:
        raise DataError(f"formula {formula!r} cannot be read: {_plain(error)}") from error
    if not isinstance(parsed, SimpleFormula):
        raise DataError(f"formula {formula!r} has two sides; covariates are one, such as 'size + C(industry) * age'")
    if _LAG.search(formula):
        raise DataError(f"formula {formula!r}: lag() shifts rows across units; make it a column first, within units")
    for name in sorted(parsed.required_variables):
        if name not in frame.columns:
            raise UnknownColumnError(str(name), list(frame.columns), role=f"formula {formula!r}")
    found = dict.fromkeys(quoted or bare for quoted, bare in _NAME.findall(formula))
    variables = [name for name in found if name in frame.columns]
    absent = frame[variables].isna()
    complete = ~absent.any(axis=1).to_numpy()
    if not complete.any():
        missing = ", ".join(name for name in variables if absent[name].any())
        raise EmptyDataError(f"every row has a missing value in {missing}", count=len(frame))
    rows = frame.loc[complete, variables]
    for name in variables:
        if rows[name].nunique() < 2:
            raise DataError(
                f"formula {formula!r}: column {name!r} is constant", column=name, count=len(rows), first=rows[name][:1]
            )
        if isinstance(rows[name].dtype, pd.CategoricalDtype):
            rows[name] = rows[name].cat.remove_unused_categories()
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            matrix = parsed.get_model_matrix(rows, context={}, na_action="ignore")
    except (FormulaicError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"formula {formula!r} cannot be evaluated: {_plain(error)}") from error
    values = np.full((len(frame), matrix.shape[1]), np.nan)
    values[complete] = np.asarray(matrix, dtype=float)
    undefined = np.isnan(values[complete]).any(axis=1)
    if undefined.any():
        at = np.flatnonzero(complete)[undefined]
        raise DataError(
            f"formula {formula!r} is not defined in {at.size:,} rows, as the logarithm of a negative number is not",
            count=at.size,
            first=list(frame.index[at[:5]]),
        )
    columns = pd.DataFrame(values, index=frame.index, columns=[str(name) for name in matrix.columns])
    return columns.drop(columns=_INTERCEPT, errors="ignore"), variables


def _plain(error: Exception) -> str:
    return " ".join(_COLOURS.sub("", str(error)).split())
