"""Names of a package that are imported when they are first asked for, so that what sets type loads no estimator.

Where each name lives stands in the package's ``__init__.pyi``, as editors and type checkers read it (the stubs of
Scientific Python's SPEC 1).
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def offer(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package that has a stub.

    Parameters
    ----------
    package : str
        The importing package, whose ``__init__.pyi`` says ``from module import name`` for each name.
    """
    module = sys.modules[package]
    file = Path(str(module.__file__))
    stub = ast.parse(file.with_suffix(".pyi").read_text(encoding="utf-8"))
    froms = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: str(node.module) for node in froms for alias in node.names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(module, name, value)  # the next look-up finds it there
        return value

    return get, lambda: sorted({*vars(module), *homes}), sorted(homes)
