"""Effects on disk: influence functions as parquet, all else as JSON. Nothing is pickled."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetFile

from aigreen.disk import write_bytes
from aigreen.effects.aggregation import LogMeanMass, Mass
from aigreen.effects.cluster_shares import FLAGS, ClusterShares
from aigreen.effects.products import Products
from aigreen.errors import OptionError, SourceError

FORMAT = 2


SHARES = ("of", *FLAGS)
PRODUCTS = ("of", "slopes")
KEPT = ("df", "leads", "anticipation", "n_rows", "n_units", "n_clusters", "method", "outcome")


def write(path: Path, fields: Mapping[str, Any]) -> None:
    """Write the fields of a result as `path`.parquet and `path`.json, each aside and moved, the JSON last."""
    if not path.name:
        raise OptionError("path", str(path), ["the name of a file"])
    psi, root, mass, covariance, post = (fields[name] for name in ("psi", "root", "mass", "covariance", "post"))
    columns: dict[str, Any] = {}
    if psi is not None:
        columns |= {f"psi{j}": column for j, column in enumerate(psi.T)}
    if root is not None:
        columns |= {f"root{j}": column for j, column in enumerate(root.T)}
    if isinstance(mass, LogMeanMass):
        columns |= {f"outcome{j}": column for j, column in enumerate(mass.outcome_influence.T)}
        columns |= {f"counterfactual{j}": column for j, column in enumerate(mass.counterfactual_influence.T)}
    elif mass is not None and mass.influence is not None:
        columns |= {f"mass{j}": column for j, column in enumerate(mass.influence.T)}
    shares = fields["cluster_shares"]
    if shares is not None:
        columns |= {f"share{j}": column for j, column in enumerate(shares.share.T)} | {"control": shares.control}
        if shares.size is not None:
            columns |= {"size": shares.size}
        if shares.lost is not None:
            columns |= {f"lost{j}": column for j, column in enumerate(shares.lost.T)}
        if shares.controls is not None:
            columns |= {f"compared{j}": column for j, column in enumerate(shares.controls.T)}
    products = fields["products"]
    if products is not None:
        columns |= {f"slope{j}": column for j, column in enumerate(products.psi.T)}
    if root is None:
        columns = {"cluster": fields["clusters"].to_numpy()} | columns
    table = pd.DataFrame(columns)
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    facts = {
        "format": FORMAT,
        "values": fields["values"].tolist(),
        "index": _index_to_json(fields["index"]),
        "has_influence": psi is not None,
        "cluster_name": fields["clusters"].name,
        "mass": None if mass is None else _mass_to_json(mass),
        "post": None if post is None else post.tolist(),
        "shares": None if shares is None else _shares_to_json(shares),
        **({} if products is None else {"products": {name: getattr(products, name).tolist() for name in PRODUCTS}}),
        "covariance": None if covariance is None else covariance.tolist(),
        **{name: fields[name] for name in KEPT},
        **({"step": fields["step"]} if fields["step"] else {}),
        "conventions": dict(fields["conventions"]),
        "dropped": fields["dropped"].to_dict("list"),
    }
    write_bytes(path.with_name(path.name + ".parquet"), content.getvalue())
    write_bytes(
        path.with_name(path.name + ".json"), json.dumps(facts, ensure_ascii=False, indent=1, default=_plain).encode()
    )


def read(path: Path) -> dict[str, Any]:
    """Read the fields that `write` wrote.

    Raises
    ------
    SourceError
        Where a file is absent or was not written by `write`.
    """
    try:
        facts = json.loads(path.with_name(path.name + ".json").read_bytes())
        # Not by pandas, whose frame of them takes longer than the reading.
        table = ParquetFile(path.with_name(path.name + ".parquet")).read()
        version = facts["format"]
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{path}: not a saved result ({error})") from error
    if version != FORMAT:
        raise SourceError(f"{path}: saved in format {version}, this aigreen reads format {FORMAT}")
    mass = None if facts["mass"] is None else _mass(facts["mass"], table)
    shares = facts["shares"]
    if shares is not None:
        of = np.array(shares["of"], dtype=float).reshape(-1, len(facts["values"]))
        flags = {name: np.array(shares[name], dtype=bool) for name in SHARES[1:]}
        labels = np.array([np.inf if label is None else label for label in shares["labels"]], dtype=float)
        lost = _numbers(table, "lost")
        shares = ClusterShares(
            _numbers(table, "share"),
            of,
            labels,
            table["control"].to_numpy(),
            **flags,
            lost=lost if lost.shape[1] else None,
            result=np.array(shares["result"], dtype=np.intp) if "result" in shares else None,
            controls=_numbers(table, "compared") if "result" in shares else None,
            size=table["size"].to_numpy() if "size" in table.column_names else None,
        )
    products = facts.get("products")
    if products is not None:
        of, slopes = np.array(products["of"], dtype=np.intp), np.array(products["slopes"], dtype=float)
        products = Products(of, slopes, _numbers(table, "slope"))
    return {
        "values": np.array(facts["values"], dtype=float),
        "index": _index_from_json(facts["index"]),
        "psi": _numbers(table, "psi") if facts["has_influence"] else None,
        "root": _numbers(table, "root") if "root0" in table.column_names else None,
        "clusters": _clusters(table, facts["cluster_name"]),
        "mass": mass,
        "cluster_shares": shares,
        "products": products,
        "post": None if facts["post"] is None else np.array(facts["post"], dtype=bool),
        "covariance": None if facts["covariance"] is None else np.array(facts["covariance"], dtype=float),
        "conventions": facts["conventions"],
        "dropped": pd.DataFrame(facts["dropped"], columns=["what", "reason", "count", "first"]),
        **{name: facts[name] for name in KEPT},
        "step": facts.get("step", ""),
    }


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    """Columns ``name0``, ``name1`` ... as they stand, shape (rows, columns)."""
    columns = [table[column].to_numpy() for column in table.column_names if column.startswith(name)]
    return np.array(columns).T if columns else np.empty((len(table), 0))


def _clusters(table: pa.Table, name: str | None) -> pd.Index:
    labels = table.select(["cluster"]).to_pandas()["cluster"] if "cluster" in table.column_names else []
    return pd.Index(labels, name=name)


def _mass_to_json(mass: Mass | LogMeanMass) -> dict[str, list[float]]:
    sums = ("outcome", "counterfactual") if isinstance(mass, LogMeanMass) else ("value",)
    return {name: getattr(mass, name).tolist() for name in (*sums, "of")}


def _mass(stored: dict[str, list[float]], table: pa.Table) -> Mass | LogMeanMass:
    of = np.array(stored["of"], dtype=np.intp)
    if "value" not in stored:
        outcome, counterfactual = (np.array(stored[name], dtype=float) for name in ("outcome", "counterfactual"))
        return LogMeanMass(outcome, counterfactual, of, _numbers(table, "outcome"), _numbers(table, "counterfactual"))
    moving = _numbers(table, "mass")
    return Mass(np.array(stored["value"], dtype=float), of, moving if moving.shape[1] else None)


def _shares_to_json(shares: ClusterShares) -> dict[str, Any]:
    labels = [label if np.isfinite(label) else None for label in shares.labels.tolist()]
    result = {} if shares.result is None else {"result": shares.result.tolist()}
    return {name: getattr(shares, name).tolist() for name in SHARES} | {"labels": labels, **result}


def _index_to_json(index: pd.Index) -> dict[str, list[Any]]:
    return {str(name): index.get_level_values(i).tolist() for i, name in enumerate(index.names)}


def _index_from_json(levels: dict[str, list[Any]]) -> pd.Index:
    columns = [pd.Series(labels, name=name) for name, labels in levels.items()]
    return pd.Index(columns[0]) if len(columns) == 1 else pd.MultiIndex.from_arrays(columns)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot store a {type(value).__name__}")
