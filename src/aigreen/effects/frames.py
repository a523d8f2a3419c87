"""Tables of results in the kind of frame that the user works with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

import narwhals as nw
import pandas as pd

from aigreen.errors import OptionError
from aigreen.options import check_choice

Backend = Literal["pandas", "polars", "pyarrow"]


def in_kind(table: pd.DataFrame, backend: Backend) -> Any:
    """Return a table as this kind of frame; but for pandas the levels of its index become columns, the first ones.

    Raises
    ------
    OptionError
        There is no such kind, or it is not installed.
    """
    check_choice("backend", backend, Backend)
    if backend == "pandas":
        return table
    if find_spec(backend) is None:
        raise OptionError("backend", backend, ["pandas", "pyarrow", f"{backend} once it is installed"])
    flat = table if table.index.names == [None] else table.reset_index()
    mixed = [name for name in flat if pd.api.types.is_object_dtype(flat[name])]  # labels of several types
    flat = flat.assign(**{str(name): flat[name].map(str) for name in mixed})
    frame = nw.from_native(flat)
    return frame.to_polars() if backend == "polars" else frame.to_arrow()
