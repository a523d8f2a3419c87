r"""Technological proximity of firms (Jaffe 1986), sparse, and the share of a firm's close peers that have adopted.

With :math:`f_i` the vector of a firm's patents over technology classes,

.. math:: p_{ij} = \frac{f_i'f_j}{\|f_i\|\,\|f_j\|}, \qquad w_{ij} = p_{ij}\,1(p_{ij} \ge c, j \ne i), \qquad
   S_{it} = \frac{\sum_j w_{ij} D_{jt}}{\sum_j w_{ij}}.

Products are taken some firms at a time and cut at c at once, so that nothing of firms by firms is ever dense.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.errors import WrongTypeError

ROWS = 256


def proximity(profiles: pd.DataFrame, firms: pd.Index, *, close: float) -> sparse.csr_array:
    """Give the proximity of firms, those nearer than ``close`` only and no firm to itself.

    Parameters
    ----------
    profiles : DataFrame
        ``firm_id, subclass, patents``.
    firms : Index
        Order of rows and columns; firms without a profile are near no other.
    close : float
        Least proximity, above 0 and at most 1.

    Returns
    -------
    csr_array, (firms, firms)
    """
    if not 0 < close <= 1:
        raise WrongTypeError("close", close, "a number above 0, of at most 1,")
    mine = profiles[profiles["firm_id"].isin(firms)]
    row = firms.get_indexer(mine["firm_id"])
    column, _ = pd.factorize(mine["subclass"], sort=True)
    shape = (len(firms), int(column.max(initial=-1)) + 1)
    counts = sparse.csr_array((mine["patents"].to_numpy(dtype=float), (row, column)), shape=shape)
    length = np.sqrt(counts.multiply(counts).sum(axis=1))
    unit = sparse.csr_array(sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ counts)
    across = unit.T.tocsr()
    blocks = [_near(unit[at : at + ROWS] @ across, at, close) for at in range(0, len(firms), ROWS)]
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def _near(block: sparse.csr_array, first: int, close: float) -> sparse.csr_array:
    block = block.tocoo()
    kept = (block.data >= close) & (block.row + first != block.col)
    return sparse.csr_array((block.data[kept], (block.row[kept], block.col[kept])), shape=block.shape)


def adopters_share(weights: sparse.csr_array, adopted: np.ndarray) -> np.ndarray:
    """Share of a firm's peers, by their weights, that have adopted: (firms, years); 0 without peers.

    Parameters
    ----------
    weights : csr_array, (firms, firms)
        Without own weights.
    adopted : ndarray of float, (firms, years)
        1 from adoption on.
    """
    whole = weights.sum(axis=1)[:, None]
    return (weights @ adopted) / np.where(whole > 0, whole, 1.0)


def industry_share(industry: np.ndarray, adopted: np.ndarray) -> np.ndarray:
    """Share of the other firms of a firm's industry that have adopted: (firms, years); 0 without other firms."""
    codes, _ = pd.factorize(industry)
    members = np.bincount(codes)[codes][:, None]
    sums = pd.DataFrame(adopted).groupby(codes).transform("sum").to_numpy()
    return (sums - adopted) / np.maximum(members - 1, 1)
