"""Customers and suppliers: the five largest of each firm and year, listed and not, with spells of four years."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.simulate.draws import Streams

PARTS = ("partners", "disclosure")
TOP, SPELL = 5, 4
LISTED = 0.30  # share of partners that are listed firms
COVERED, MASKED, MASKED_LISTED, NO_CODE = 0.45, 0.55, 0.15, 0.40
N_UNLISTED = 4000
MASK_NAMES = {
    "customer": ("第一名", "客户二", "客户C", "第四名", "客户五"),
    "supplier": ("第一名", "供应商B", "供应商三", "单位四", "***公司"),
}


@dataclass(frozen=True)
class Partners:
    """One side of the network.

    Parameters
    ----------
    listed : int array, firms x years x 5
        Position of the partner among the firms, -1 where it is not listed.
    unlisted : int array, same shape
        Number of the unlisted partner, -1 where it is listed.
    share : float array, same shape
        Share of the firm's sales or purchases, two decimals of a percent.
    covered : bool array, firms x years
        The firm reports names or shares at all.
    masked, coded : bool arrays, firms x years x 5
        Name withheld; the security code of a listed partner is given.
    """

    listed: np.ndarray
    unlisted: np.ndarray
    share: np.ndarray
    covered: np.ndarray
    masked: np.ndarray
    coded: np.ndarray


def draw_network(rng: Streams, firms: pd.DataFrame, years: np.ndarray) -> dict[str, Partners]:
    """Draw ``customer`` and ``supplier`` partners of every firm and year."""
    return {side: _side(rng, firms, years) for side in ("customer", "supplier")}


def exposure(side: Partners, treated: np.ndarray) -> np.ndarray:
    """Sum the shares of the year before with partners that are treated now, firms x years.

    The first year has no year before and no exposure.
    """
    before = side.listed[:, :-1]
    now = treated[np.maximum(before, 0), np.arange(1, treated.shape[1])[None, :, None]] & (before >= 0)
    result = np.zeros(treated.shape)
    result[:, 1:] = (side.share[:, :-1] * now).sum(axis=2)
    return result


def _side(rng: Streams, firms: pd.DataFrame, years: np.ndarray) -> Partners:
    partners, seen = rng["partners"], rng["disclosure"]
    n, t = len(firms), len(years)
    spells = (t + SPELL - 1) // SPELL + 1
    offset = partners.integers(0, SPELL, (n, 1, TOP))
    spell = (np.arange(t)[None, :, None] + offset) // SPELL
    begins = np.clip(np.arange(spells)[None, :, None] * SPELL - offset, 0, t - 1)
    # Firms in order of entry: those listed when a spell begins are the first so many.
    order = np.lexsort((np.arange(n), firms["entry"].to_numpy()))
    n_listed = np.searchsorted(firms["entry"].to_numpy()[order], years, side="right")
    drawn = order[(partners.random((n, spells, TOP)) ** 1.5 * n_listed[begins]).astype(np.int64)]
    is_listed = (partners.random((n, spells, TOP)) < LISTED) & (drawn != np.arange(n)[:, None, None])
    # A partner stands once a firm: a later slot that repeats one is unlisted.
    listed = np.take_along_axis(np.where(is_listed, drawn, -1), spell, axis=1)
    for slot in range(1, TOP):
        repeats = (listed[:, :, slot, None] == listed[:, :, :slot]).any(axis=2)
        listed[:, :, slot] = np.where(repeats, -1, listed[:, :, slot])
    other = np.take_along_axis(partners.integers(0, N_UNLISTED // TOP, (n, spells, TOP)), spell, axis=1)
    unlisted = np.where(listed < 0, other * TOP + np.arange(TOP), -1)
    total = partners.beta(2.0, 4.5, (n, 1, 1)) * np.exp(0.1 * partners.standard_normal((n, t, 1)))
    split = np.sort(partners.gamma(0.8, size=(n, t, TOP)) + 0.02, axis=2)[:, :, ::-1]
    share = np.clip(total, 0.02, 0.95) * split / split.sum(axis=2, keepdims=True)
    hides = np.where(listed >= 0, MASKED_LISTED, MASKED)
    return Partners(
        listed,
        unlisted,
        np.round(share * 100, 2) / 100,
        (seen.random((n, 1)) < COVERED + 0.25) & (seen.random((n, t)) < COVERED / (COVERED + 0.25)),
        seen.random((n, t, TOP)) < hides,
        seen.random((n, t, TOP)) >= NO_CODE,
    )
