"""Effects on disk: influence functions as parquet, all else as JSON. Nothing is pickled."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow.parquet import ParquetFile

from aigreen.aggregation import Mass
from aigreen.disk import write_bytes
from aigreen.effects import Effects
from aigreen.errors import SourceError

FORMAT = 1


def save(effects: Effects, path: Path) -> None:
    """Write `path`.parquet and `path`.json; each is written aside and moved, the JSON last."""
    columns: dict[str, Any] = {}
    if effects.psi is not None:
        columns |= {f"psi{j}": effects.psi[:, j] for j in range(len(effects))}
    if effects.mass is not None and effects.mass.influence is not None:
        columns |= {f"mass{j}": effects.mass.influence[:, j] for j in range(len(effects.mass.value))}
    table = pd.DataFrame({"cluster": effects.clusters.to_numpy()} | columns)
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    facts = {
        "format": FORMAT,
        "values": effects.values.tolist(),
        "index": _index_to_json(effects.index),
        "has_influence": effects.psi is not None,
        "cluster_name": effects.clusters.name,
        "mass": None
        if effects.mass is None
        else {"value": effects.mass.value.tolist(), "of": effects.mass.of.tolist()},
        "post": None if effects.post is None else effects.post.tolist(),
        "covariance": None if effects.covariance is None else effects.covariance.tolist(),
        "df": effects.df,
        "n_rows": effects.n_rows,
        "n_units": effects.n_units,
        "n_clusters": effects.n_clusters,
        "method": effects.method,
        "outcome": effects.outcome,
        "conventions": dict(effects.conventions),
        "dropped": effects.dropped.to_dict("list"),
    }
    write_bytes(path.with_name(path.name + ".parquet"), content.getvalue())
    write_bytes(
        path.with_name(path.name + ".json"), json.dumps(facts, ensure_ascii=False, indent=1, default=_plain).encode()
    )


def load(path: str | Path) -> Effects:
    """Read a result written by `Effects.save` (the weights of an aggregation are not kept).

    Raises
    ------
    SourceError
        Where a file is absent or was not written by `Effects.save`.
    """
    path = Path(path)
    try:
        facts = json.loads(path.with_name(path.name + ".json").read_bytes())
        # Without the search for partitions of pandas' own reader, which takes longer than the reading.
        table = ParquetFile(path.with_name(path.name + ".parquet")).read().to_pandas()
        version = facts["format"]
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{path}: not a saved result ({error})") from error
    if version != FORMAT:
        raise SourceError(f"{path}: saved in format {version}, this aigreen reads format {FORMAT}")
    mass = facts["mass"]
    if mass is not None:
        moving = _numbers(table, "mass")
        mass = Mass(np.array(mass["value"], dtype=float), np.array(mass["of"]), moving if moving.shape[1] else None)
    return Effects(
        values=np.array(facts["values"], dtype=float),
        index=_index_from_json(facts["index"]),
        psi=_numbers(table, "psi") if facts["has_influence"] else None,
        clusters=pd.Index(table["cluster"], name=facts["cluster_name"]),
        mass=mass,
        post=None if facts["post"] is None else np.array(facts["post"], dtype=bool),
        covariance=None if facts["covariance"] is None else np.array(facts["covariance"], dtype=float),
        dropped=pd.DataFrame(facts["dropped"], columns=["what", "reason", "count", "first"]),
        **{key: facts[key] for key in ("df", "n_rows", "n_units", "n_clusters", "method", "outcome", "conventions")},
    )


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Columns ``name0``, ``name1`` ... as they stand."""
    return table[[column for column in table.columns if column.startswith(name)]].to_numpy()


def _index_to_json(index: pd.Index) -> dict[str, list[Any]]:
    return {str(name): index.get_level_values(i).tolist() for i, name in enumerate(index.names)}


def _index_from_json(levels: dict[str, list[Any]]) -> pd.Index:
    frame = pd.DataFrame(levels)
    return pd.Index(frame.iloc[:, 0]) if len(levels) == 1 else pd.MultiIndex.from_frame(frame)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot store a {type(value).__name__}")
