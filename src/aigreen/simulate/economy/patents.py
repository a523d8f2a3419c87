"""Patents: one row an application, in arrays; the counts of green kinds are exactly those drawn as outcomes.

A patent carries up to four IPC symbols (a green one and, at times, a second of the same mechanism; one of the firm's
field; an AI one), so its flags are known: green, strict, mechanism, AI, climate tag. Applications become visible with
their publication: inventions up to 18 months after filing, utility models and designs with their grant. Whatever is
published after the day the data were drawn is in the truth and in no raw file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.simulate.draws import Streams, counted, pick
from aigreen.simulate.economy.company_names import Names, draw_spelling
from aigreen.simulate.economy.outcomes import MECHANISMS, Outcomes
from aigreen.simulate.economy.technology import BATTERY_TRADES, FIELDS, OTHER, Technology

PARTS = ("filing", "symbols", "applicants", "lags", "citations", "battery")
KINDS = ("invention", "utility_model", "design")
OTHER_MIX = (0.55, 0.10, 0.35)  # recycling, ccs, other
JOINT, GRANTED, ABROAD, DIVISIONAL = 0.12, 0.58, 0.03, 0.004
CITED_MEAN, FOREIGN_CITED = 1.1, 0.15
ON_BATTERIES = (0.02, 0.15)  # share of green patents on prevention with a symbol of batteries: other trades, theirs
PHOSPHATE = 0.4  # of these
TAGGED = (0.75, 0.40, 0.0)  # share of green patents with a climate tag, by type
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Patents:
    """Patents in order of filing, as parallel arrays.

    Parameters
    ----------
    firm, year : int arrays
        Position of the firm; year of filing.
    kind : int array
        Position in `KINDS`.
    mechanism : int array
        Position in ``("prevention", "end_of_pipe", "recycling", "ccs", "other")``; -1 where not green.
    ai, strict : bool arrays
        AI by symbol; green by a specific rule.
    number : int array
        Twelve digits of the application: year, type, serial.
    filed, published, granted : datetime64[D] arrays
        ``granted`` is NaT where never granted.
    document : int array
        Digits of the publication, the same for all publications of an application.
    family : int array
        Simple family.
    abroad : bool array
        The family has a member in the United States.
    ipc, cpc : int arrays, rows x 4
        Positions in the vocabulary, main symbol first, -1 for none.
    applicants : int array, rows x 3
        Positions in `spelled`, -1 for none.
    entity : int array
        Body of the firm that files.
    alone : bool array
        No other applicant.
    spelled : ndarray of str
        Distinct applicant names as written.
    spelled_firm : int array
        Firm of each of them, -1 for none.
    cites : int array, pairs x 2
        Citing and cited row, sorted; the second is -1 for a foreign document.
    """

    firm: np.ndarray
    year: np.ndarray
    kind: np.ndarray
    mechanism: np.ndarray
    ai: np.ndarray
    strict: np.ndarray
    number: np.ndarray
    filed: np.ndarray
    published: np.ndarray
    granted: np.ndarray
    document: np.ndarray
    family: np.ndarray
    abroad: np.ndarray
    ipc: np.ndarray
    cpc: np.ndarray
    applicants: np.ndarray
    entity: np.ndarray
    alone: np.ndarray
    spelled: np.ndarray
    spelled_firm: np.ndarray
    cites: np.ndarray

    def ids(self) -> np.ndarray:
        """Application numbers as the canonical tables write them."""
        return np.char.add("CN", self.number.astype(str))


def draw_patents(
    rng: Streams,
    firms: pd.DataFrame,
    years: np.ndarray,
    outcomes: Outcomes,
    names: Names,
    field: np.ndarray,
    technology: Technology,
    ai_words: np.ndarray,
) -> Patents:
    """Draw the patents behind the counts of `outcomes`."""
    firm, year, kind, group = _cells(outcomes)
    filed, order = _filing_days(rng["filing"], years[year], firm)
    firm, year, kind, group, filed = (part[order] for part in (firm, year, kind, group, filed))
    size = len(firm)
    other = np.array([2, 3, 4])[pick(rng["symbols"], OTHER_MIX, size)]
    mechanism = np.where(group == 2, other, group)
    ai = _is_ai(rng["symbols"], kind, mechanism, np.log1p(ai_words[firm, year]))
    ipc, strict = _ipc(rng["symbols"], firm, kind, mechanism, ai, field, technology)
    cpc = _cpc(rng["symbols"], ipc, kind, mechanism, technology)
    _add_batteries(rng["battery"], ipc, mechanism, field[firm], technology)
    number = (years[year] * 10 + np.array([1, 2, 3])[kind]) * 10_000_000 + counted(years[year] * 10 + kind) * 3 + 11
    published, granted = _lags(rng["lags"], filed, kind)
    entity = _entity(rng["applicants"], firm, names)
    applicants, alone, spelled, spelled_firm = _applicants(rng["applicants"], entity, names)
    return Patents(
        firm,
        years[year],
        kind,
        mechanism,
        ai,
        strict,
        number,
        filed,
        published,
        granted,
        _documents(published, kind),
        _families(rng["filing"], firm),
        (rng["lags"].random(size) < ABROAD) & (kind == 0),
        ipc,
        cpc,
        applicants,
        entity,
        alone,
        spelled,
        spelled_firm,
        _citations(rng["citations"], kind, published, filed),
    )


def green_counts(patents: Patents, firms: pd.DataFrame) -> pd.DataFrame:
    """Count green applications by firm, year, mechanism (three groups) and type."""
    green = patents.mechanism >= 0
    frame = pd.DataFrame(
        {
            "firm_id": firms["firm_id"].to_numpy()[patents.firm[green]],
            "year": patents.year[green],
            "mechanism": np.array(MECHANISMS)[np.minimum(patents.mechanism[green], 2)],
            "kind": np.array(KINDS)[patents.kind[green]],
        }
    )
    return frame.groupby(list(frame.columns)).size().rename("count").reset_index()


def _cells(outcomes: Outcomes) -> tuple[np.ndarray, ...]:
    """Firm, year, kind and mechanism group (-1: not green) of each patent."""
    green = outcomes.green
    firm, year, group, kind = (axis.ravel() for axis in np.indices(green.shape))
    other_firm, other_year, other_kind = (axis.ravel() for axis in np.indices(outcomes.others.shape))
    times, other_times = green.ravel(), outcomes.others.ravel()

    def both(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.concatenate([np.repeat(first, times), np.repeat(second, other_times)])

    none = np.full(len(other_firm), -1)
    return both(firm, other_firm), both(year, other_year), both(kind, other_kind), both(group, none)


def _filing_days(rng: np.random.Generator, year: np.ndarray, firm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    start = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    days = start + np.floor(rng.random(len(year)) ** 0.8 * 365).astype(np.int64) * DAY
    return days, np.lexsort((rng.random(len(year)), days))


def _families(rng: np.random.Generator, firm: np.ndarray) -> np.ndarray:
    """Give family numbers: a new one, or that of the application that the firm filed before (divided from it)."""
    order = np.argsort(firm, kind="stable")
    divided = np.zeros(len(firm), dtype=bool)
    divided[1:] = (firm[order][1:] == firm[order][:-1]) & (rng.random(len(firm)) < DIVISIONAL)[1:]
    divided[1:] &= ~divided[:-1]
    family = np.arange(len(firm)) + 50_000_001
    family[order[divided]] = family[order[np.flatnonzero(divided) - 1]]
    return family


def _documents(published: np.ndarray, kind: np.ndarray) -> np.ndarray:
    order = np.argsort(published, kind="stable")
    number = np.empty(len(kind), dtype=np.int64)
    number[order] = counted(kind[order])
    return (kind + 1) * 100_000_000 + 1_000_003 + number * 7


def _is_ai(rng: np.random.Generator, kind: np.ndarray, mechanism: np.ndarray, words: np.ndarray) -> np.ndarray:
    base = np.where(mechanism >= 0, 0.006, 0.012) * np.exp(0.55 * words)
    return rng.random(len(kind)) < np.minimum(base, 0.35) * np.array([1.0, 0.25, 0.0])[kind]


def _ipc(
    rng: np.random.Generator,
    firm: np.ndarray,
    kind: np.ndarray,
    mechanism: np.ndarray,
    ai: np.ndarray,
    field: np.ndarray,
    technology: Technology,
) -> tuple[np.ndarray, np.ndarray]:
    size = len(firm)
    ipc = np.full((size, 4), -1, dtype=np.int32)
    fields = np.stack(technology.fields)
    own = fields[field[firm], rng.integers(0, fields.shape[1], size)]
    strict = np.zeros(size, dtype=bool)
    second_green = rng.random(size) < 0.25
    for code, pool in enumerate(technology.green.values()):
        rows = np.flatnonzero(mechanism == code)
        # A firm keeps to its part of the pool: most patents near a place of its own.
        home = (firm[rows] * 7919 + code * 104_729) % len(pool)
        for column, taken in ((0, rows), (1, rows[second_green[rows]])):
            place = home[np.isin(rows, taken)] if column else home
            near = np.minimum(rng.geometric(0.25, len(taken)) - 1, len(pool) - 1)
            ipc[taken, column] = pool[(place + near) % len(pool)]
    repeated = ipc[:, 0] == ipc[:, 1]
    ipc[repeated, 1] = -1
    strict = ((ipc[:, :2] >= 0) & technology.strict[np.maximum(ipc[:, :2], 0)]).any(axis=1)
    plain = mechanism < 0
    ipc[:, 2] = np.where(plain | (rng.random(size) < 0.6), own, -1)
    ipc[ai, 3] = technology.ai[(rng.random(int(ai.sum())) ** 1.3 * len(technology.ai)).astype(np.int64)]
    ipc[kind == 2] = -1
    front = rng.random(size) < 0.3  # the green symbol is not always the main one
    ipc[front] = ipc[front][:, [2, 0, 1, 3]]
    return _left(ipc), strict


def _cpc(
    rng: np.random.Generator, ipc: np.ndarray, kind: np.ndarray, mechanism: np.ndarray, technology: Technology
) -> np.ndarray:
    size = len(kind)
    cpc = np.full((size, 4), -1, dtype=np.int32)
    cpc[:, :3] = ipc[:, :3]
    cpc[rng.random(size) >= np.array([0.6, 0.25, 0.0])[kind]] = -1
    tagged = rng.random(size) < np.array(TAGGED)[kind]
    for code, pool in enumerate(technology.y02.values()):
        rows = np.flatnonzero((mechanism == code) & tagged)
        cpc[rows, 3] = pool[rng.integers(0, len(pool), len(rows))]
    return _left(cpc)


def _add_batteries(
    rng: np.random.Generator, ipc: np.ndarray, mechanism: np.ndarray, field: np.ndarray, technology: Technology
) -> None:
    """Put a symbol of batteries behind the others of some patents on prevention, mostly in the trades of these."""
    theirs = np.isin(field, [list(FIELDS).index(name) for name in BATTERY_TRADES])
    size = len(field)
    chosen = (mechanism == 0) & (ipc[:, 3] < 0) & (rng.random(size) < np.array(ON_BATTERIES)[theirs.astype(int)])
    phosphate, place = rng.random(size) < PHOSPHATE, rng.random(size)
    for here, pool in zip((chosen & ~phosphate, chosen & phosphate), technology.battery, strict=True):
        ipc[here, 3] = pool[(place[here] * len(pool)).astype(np.int64)]
    ipc[chosen] = _left(ipc[chosen])


def _left(symbols: np.ndarray) -> np.ndarray:
    """Move what is there to the left, in order."""
    order = np.argsort(symbols < 0, axis=1, kind="stable")
    return np.take_along_axis(symbols, order, axis=1)


def _lags(rng: np.random.Generator, filed: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size = len(kind)
    early = rng.random(size) < 0.35
    invention = np.where(early, 100 + rng.integers(0, 420, size), 540 + rng.integers(0, 14, size))
    short = 90 + (rng.gamma(4.0, 28.0, size)).astype(np.int64)
    published = filed + np.where(kind == 0, invention, short) * DAY
    after = 180 + rng.gamma(3.0, 190.0, size).astype(np.int64)
    grant = np.maximum(filed + after * DAY, published + 60 * DAY)
    granted = np.where(kind == 0, grant, published)
    never = (kind == 0) & (rng.random(size) >= GRANTED)
    return published, np.where(never, np.datetime64("NaT"), granted)


def _entity(rng: np.random.Generator, firm: np.ndarray, names: Names) -> np.ndarray:
    """Choose the body that files: the firm itself, or one of its subsidiaries."""
    owner = names.entities["firm"].to_numpy()
    n = int((names.entities["kind"] == "firm").sum())
    count = np.bincount(owner[n:], minlength=n)
    start = n + np.concatenate([[0], np.cumsum(count)[:-1]])
    chosen = start[firm] + (rng.random(len(firm)) * count[firm]).astype(np.int64)
    return np.where((rng.random(len(firm)) < 0.3) & (count[firm] > 0), chosen, firm)


def _applicants(rng: np.random.Generator, entity: np.ndarray, names: Names) -> tuple[np.ndarray, ...]:
    size, width = len(entity), names.spellings.shape[1]
    others = np.concatenate([names.institutes, names.unlisted])
    spelled = np.concatenate([names.spellings.ravel(), others])
    owner = np.repeat(names.entities["firm"].to_numpy(), width)
    spelled_firm = np.concatenate([owner, np.full(len(others), -1)])
    own = entity * width + draw_spelling(rng, size)
    joint = rng.random(size) < JOINT
    # Half of the joint applications are with institutes; a firm returns to the same few partners.
    institute = rng.random(size) < 0.5
    near = (entity * 31 + rng.integers(0, 3, size) * 97) % len(names.institutes)
    company = (entity * 17 + rng.integers(0, 4, size) * 89) % len(names.unlisted) + len(names.institutes)
    partner = names.spellings.size + np.where(institute, near, company)
    third = names.spellings.size + (entity * 13 + 5) % len(names.institutes)
    second = rng.random(size) < 0.25  # the firm stands behind its partner
    has_third = joint & (rng.random(size) < 0.15) & (third != partner)
    applicants = np.full((size, 3), -1, dtype=np.int32)
    applicants[:, 0] = np.where(joint & second, partner, own)
    applicants[:, 1] = np.where(joint, np.where(second, own, partner), -1)
    applicants[:, 2] = np.where(has_third, third, -1)
    return applicants, ~joint, spelled, spelled_firm


def _citations(rng: np.random.Generator, kind: np.ndarray, published: np.ndarray, filed: np.ndarray) -> np.ndarray:
    """Draw what inventions cite: patents published before they were filed, recent ones more often."""
    rows = np.repeat(np.arange(len(kind)), rng.poisson(CITED_MEAN, len(kind)) * (kind == 0))
    order = np.argsort(published, kind="stable")
    before = np.searchsorted(published[order], filed[rows], side="left")
    cited = order[np.maximum((rng.random(len(rows)) ** 0.6 * before).astype(np.int64), 0)]
    foreign = (rng.random(len(rows)) < FOREIGN_CITED) | (before == 0)
    pairs = np.unique(rows * (len(kind) + 1) + np.where(foreign, 0, cited + 1))
    return np.stack([pairs // (len(kind) + 1), pairs % (len(kind) + 1) - 1], axis=1)


MECHANISM_NAMES = (*MECHANISMS[:2], *OTHER)
