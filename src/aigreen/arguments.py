"""Arguments of the wrong type, told in one line: which, what came, what is expected.

A function decorated with `typed`, or an object that calls `check_fields`, has its arguments held against their
annotations before anything is computed. What values of the right type are allowed is for the function to say.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import numbers
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from aigreen.errors import NotAPanelError, WrongTypeError

P = ParamSpec("P")
R = TypeVar("R")

_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    type(None): "None",
    np.ndarray: "an array",
}
_NO_NUMBERS = (bool, np.bool_, np.timedelta64)
_LARGEST = 2**63
_NO_LISTS = (bytes, Mapping, pd.DataFrame)
_DECIDED = (str, float, bool, np.generic, types.NoneType)  # whose type alone says whether a value fits
_LISTS = (list, tuple, set, frozenset, range, np.ndarray, pd.Index, pd.Series)


def typed(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments whose type is not that of their annotation.

    Checked are text, numbers, truth values, sequences and tuples of these, mappings, functions, arrays and classes; one
    text is taken for a sequence of text. Annotations that name nothing at run time are passed over.

    Raises
    ------
    WrongTypeError, NotAPanelError
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:  # of which the call itself says more
            return function(*args, **kwargs)
        for name, hint in _hints(function).items():
            if name in given and not _fits(given[name], hint):
                if any(getattr(one, "__name__", "") == "Panel" for one in (hint, *typing.get_args(hint))):
                    raise NotAPanelError(given[name])
                raise WrongTypeError(name, given[name], expected(hint))
        return function(*args, **kwargs)

    return checked


def check_fields(options: Any) -> None:
    """Refuse fields of a dataclass whose type is not that of their annotation."""
    kind: Callable[..., Any] = type(options)
    for name, hint in _hints(kind).items():
        value = getattr(options, name)
        if not _fits(value, hint):
            raise WrongTypeError(name, value, expected(hint))


def as_numbers(name: str, value: Any, shape: str = "an array of numbers") -> np.ndarray:
    """Read an argument as an array of float.

    Raises
    ------
    WrongTypeError
    """
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise WrongTypeError(name, value, shape) from error


def expected(hint: Any) -> str:
    """Say in words what an annotation stands for."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if _is_union(hint):
        return " or ".join(dict.fromkeys(expected(part) for part in inside))
    if origin is typing.Literal:
        return " or ".join(dict.fromkeys(repr(value) for value in inside))
    if origin is tuple and inside[-1:] != (...,):
        return f"({', '.join(expected(part) for part in inside)})"
    if origin in (Sequence, Iterable, list, tuple):
        return "a sequence" if inside[0] in (Any, object) else f"a sequence of {_plural(expected(inside[0]))}"
    if hint is Callable or origin is Callable:
        return "a function"
    if origin is Mapping:
        return f"a mapping to {_plural(expected(inside[1]))}"
    hint = origin or hint
    return _WORDS.get(hint) or f"{'an' if hint.__name__[0] in 'AEIOaeio' else 'a'} {hint.__name__}"


def _plural(words: str) -> str:
    several = {"a whole number": "whole numbers", "a number": "numbers"}
    return several.get(words) or words.removeprefix("an ").removeprefix("a ")


@functools.cache
def _hints(of: Callable[..., Any] | type) -> dict[str, Any]:
    """Annotations that can be read at run time, by name of the argument or field."""
    if isinstance(of, type):
        fields = dataclasses.fields(of)
        found = {item.name: (item.type, vars(sys.modules[_home(of, item.name).__module__])) for item in fields}
    else:
        namespace = of.__globals__
        found = {name: (item.annotation, namespace) for name, item in inspect.signature(of).parameters.items()}
    hints = {}
    for name, (hint, namespace) in found.items():
        if isinstance(hint, str):
            try:
                shim = type("_", (), {"__annotations__": {name: hint}})
                hint = typing.get_type_hints(shim, globalns=namespace)[name]
            except NameError:  # imported for the type checker alone
                continue
        if hint is not inspect.Parameter.empty:
            hints[name] = hint
    return hints


def _home(of: type, name: str) -> type:
    """Class of which a field comes."""
    return next(base for base in of.__mro__ if name in inspect.get_annotations(base))


def _fits(value: Any, hint: Any) -> bool:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint is object or isinstance(hint, TypeVar):
        return True
    if _is_union(hint):
        return any(_fits(value, part) for part in inside)
    if origin is typing.Literal:  # which of them is for the function to say
        return any(isinstance(value, type(one)) for one in inside)
    if hint is float:
        return isinstance(value, numbers.Real) and not isinstance(value, _NO_NUMBERS) and not _is_huge(value)
    if hint is int:
        return isinstance(value, int | np.integer) and not isinstance(value, _NO_NUMBERS) and not _is_huge(value)
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if origin is tuple and inside[-1:] != (...,):
        return isinstance(value, _LISTS) and len(value) == len(inside) and all(map(_fits, value, inside))
    if origin in (Sequence, Iterable, list, tuple):
        if isinstance(value, str):
            return inside[0] is str
        return _is_list(value) and (inside[0] in (Any, object) or _all_fit(value, inside[0]))
    if hint is Callable or origin is Callable:
        return callable(value)
    if origin is Mapping or hint is Mapping:
        return isinstance(value, pd.Series) or (
            isinstance(value, Mapping) and (not inside or _all_fit(value.values(), inside[1]))
        )
    if hint is np.ndarray:  # as for numpy, whatever makes one
        return isinstance(value, (*_LISTS, pd.DataFrame))
    kind = origin or hint
    return not isinstance(kind, type) or isinstance(value, kind)


def _all_fit(values: Iterable[Any], hint: Any) -> bool:
    """Whether each of many values fits; of a type that decides, one is asked."""
    one_of = {type(value): value for value in values}
    decided = all(issubclass(kind, _DECIDED) for kind in one_of)
    return all(_fits(value, hint) for value in (one_of.values() if decided else values))


def _is_huge(value: Any) -> bool:
    """Whether a whole number is beyond what arrays hold."""
    return isinstance(value, int) and abs(value) >= _LARGEST


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _is_list(value: Any) -> bool:
    if isinstance(value, _LISTS):
        return True
    return isinstance(value, Iterable) and isinstance(value, Sized) and not isinstance(value, _NO_LISTS)
