"""Joint results: the covariance of results on the same clusters, stacks and shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aigreen.errors import EffectsError, IncompatibleEffectsError

if TYPE_CHECKING:
    from aigreen.effects import Effects


def concat(results: Sequence[Effects] | Mapping[str, Effects], *, name: str = "model") -> Effects:
    """Stack results on the same clusters into one, with one joint covariance.

    Parameters
    ----------
    results : mapping of label to Effects, or sequence
        Labels (by default the methods) become the first index level, called `name`.
    """
    if not isinstance(results, Mapping):
        labels = [f"{r.method} {r.outcome}" for r in results]
        if len(set(labels)) < len(labels):
            raise EffectsError("two results have the same method and outcome; give a mapping of labels to results")
        results = dict(zip(labels, results, strict=True))
    parts = list(results.values())
    first = parts[0]
    psi = np.hstack([on_same_clusters(first, part)[1] for part in parts])
    frames = [part.index.to_frame(index=False).assign(**{name: label}) for label, part in results.items()]
    table = pd.concat(frames, ignore_index=True)
    table = table[[name, *table.columns.drop(name)]]
    index = pd.MultiIndex.from_frame(table) if len(table.columns) > 1 else pd.Index(table[name])
    post = None if any(part.post is None for part in parts) else np.concatenate([part.post for part in parts])
    values = np.concatenate([part.values for part in parts])
    return replace(first, values=values, index=index, psi=psi, mass=None, post=post, weights=None, **merged(parts))


def share(part: Effects, whole: Effects) -> Effects:
    r"""Ratio of two effects by the delta method, :math:`\psi = (\psi_a - (a/b)\,\psi_b)/b`.

    Raises
    ------
    EffectsError
        Where the whole is exactly zero.
    """
    psi, denominator, denominator_psi = aligned(part, whole, one_for_all=True)
    if (denominator == 0).any():
        raise EffectsError("a share of an effect that is exactly zero")
    ratio = part.values / denominator
    return replace(
        part,
        values=ratio,
        psi=(psi - ratio * denominator_psi) / denominator,
        mass=None,
        weights=None,
        **merged([part, whole]),
    )


def aligned(a: Effects, b: Effects, *, one_for_all: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the influence functions of `a`, and the values and influence functions of `b` in the order of `a`.

    Two results of one effect each go together whatever their labels; with `one_for_all`, so does one with many.
    """
    psi, other_psi = on_same_clusters(a, b)
    if len(b) == 1 and (len(a) == 1 or one_for_all):
        return psi, b.values, other_psi
    position = b.index.get_indexer(a.index)
    if len(a) != len(b) or (position < 0).any():
        raise IncompatibleEffectsError("the two results have different effects; select the common ones first")
    return psi, b.values[position], other_psi[:, position]


def on_same_clusters(a: Effects, b: Effects) -> tuple[np.ndarray, np.ndarray]:
    """Return the influence functions of both; the clusters must be those of one panel."""
    psi, other = a.require_influence("a joint covariance"), b.require_influence("a joint covariance")
    if a.clusters is not b.clusters and not (a.clusters.name == b.clusters.name and a.clusters.equals(b.clusters)):
        raise IncompatibleEffectsError(
            f"the results stand on different clusters ({len(a.clusters)} by {a.clusters.name!r}, {len(b.clusters)} by "
            f"{b.clusters.name!r}): make one Panel and use its views"
        )
    return psi, other


def _smallest(parts: Sequence[Effects]) -> int | None:
    return min((part.df for part in parts if part.df is not None), default=None)


def merged(parts: Sequence[Effects]) -> dict[str, Any]:
    """Return the facts of a result made from several."""
    conventions: dict[str, str] = {}
    for part in parts:
        for key, text in part.conventions.items():
            known = conventions.setdefault(key, text)
            if f"; {text}; " not in f"; {known}; ":
                conventions[key] = f"{known}; {text}"
    return {
        "method": " / ".join(dict.fromkeys(part.method for part in parts)),
        "outcome": " / ".join(dict.fromkeys(part.outcome for part in parts)),
        "n_rows": max(part.n_rows for part in parts),
        "n_units": max(part.n_units for part in parts),
        "n_clusters": max(part.n_clusters for part in parts),
        "df": _smallest(parts),
        "conventions": conventions,
        "dropped": pd.concat([part.dropped for part in parts], ignore_index=True).drop_duplicates(ignore_index=True),
    }
