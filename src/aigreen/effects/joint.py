"""Several results in one, with one joint covariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from aigreen.arguments import typed
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects, merged, on_same_clusters
from aigreen.effects.products import Products
from aigreen.errors import EffectsError


@typed
def concat(results: Sequence[Effects] | Mapping[str, Effects], *, name: str = "model") -> Effects:
    """Stack results on the same clusters into one, with one joint covariance.

    Parameters
    ----------
    results : mapping of label to Effects, or sequence
        Labels (by default the methods) become the first index level, called `name`.
    name : str
        None of the levels of the results, as of results that are stacked already.

    Raises
    ------
    EffectsError, IncompatibleEffectsError, NoInfluenceError
    """
    if not isinstance(results, Mapping):
        labels = [f"{r.method} {r.outcome}" for r in results]
        if len(set(labels)) < len(labels):
            raise EffectsError("two results have the same method and outcome; give a mapping of labels to results")
        results = dict(zip(labels, results, strict=True))
    parts = list(results.values())
    if not parts:
        raise EffectsError("there is no result to stack")
    if any(name in part.index.names for part in parts):
        raise EffectsError(f"a result has a level {name!r} already, whose labels would be lost; give another name=")
    first = parts[0]
    own = [on_same_clusters(first, part)[1] for part in parts]
    frames = [part.index.to_frame(index=False).assign(**{name: label}) for label, part in results.items()]
    table = pd.concat(frames, ignore_index=True)
    table = table[[name, *table.columns.drop(name)]]
    index = pd.MultiIndex.from_frame(table) if len(table.columns) > 1 else pd.Index(table[name])
    post = None if any(part.post is None for part in parts) else np.concatenate([part.post for part in parts])
    values = np.concatenate([part.values for part in parts])
    known = [part.cluster_shares for part in parts if part.cluster_shares is not None]
    shares = ClusterShares.beside(known, apart=True) if len(known) == len(parts) else None
    products = Products.beside([(part.products, len(part)) for part in parts])
    facts: dict[str, Any] = {
        "mass": None,
        "post": post,
        "weights": None,
        "cluster_shares": shares,
        "products": products,
    }
    facts |= merged(parts)
    return replace(first, values=values, index=index, psi=np.hstack(own), **facts)
