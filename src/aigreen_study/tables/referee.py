"""What a sceptical referee attacks, and the exhibits that answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aigreen.errors import ReportError
from aigreen_study.specification.registry import ATTACKS
from aigreen_study.tables.table import Cell, Group, Row, Table

ANSWERS = {
    "logs": "Poisson, other units and transformations, extensive margin",
    "channels": "channels as outcomes first, decomposition with sensitivity",
    "weights": "weights of comparisons, estimators for staggered adoption",
    "clusters": "wild bootstrap, reassignment, effective clusters, one zone out",
    "anticipation": "earlier bases, other dates, bounds on trends",
    "selection": "balanced and matched controls, capitals, later treated, synthetic",
    "pilots": "each policy added and left out, all together, other dates",
    "spillovers": "rings, controls never exposed, additivity",
    "links": "lagged links, recentred exposure, placebo links",
    "talk": "words, core words, patents, robots; length of the report",
    "mechanical": "strict green, green without AI",
    "strategic": "inventions against utility models, grants, citations, abroad",
    "truncation": "last years left out, shares published and granted",
    "coincidences": "industry, region and pollution by year; without 2020",
    "fishing": "Romano-Wolf, specification curve, all groups shown",
}

# Objections that stand in the second of the two tables: one page holds about fifty lines.
_MEASUREMENT = ("links", "talk", "mechanical", "strategic", "truncation", "coincidences", "fishing")

# Exhibits that are not of the registry: title, what they answer.
OTHERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "figures/event_study": ("Event study with simultaneous band", ("anticipation",)),
    "figures/event_study_estimators": ("Event studies of four estimators", ("weights", "anticipation")),
    "figures/honest": ("Bounds on violations of parallel trends", ("anticipation",)),
    "figures/bacon": ("Weights of two-group comparisons", ("weights",)),
    "tables/inference": ("One estimate under many errors", ("clusters",)),
    "figures/randomisation": ("Reassignment of cohorts", ("clusters",)),
    "tables/moves": ("Outcome and channels, each as an outcome", ("channels",)),
    "tables/decomposition": ("The effect and its parts", ("channels",)),
    "tables/sensitivity": ("Correlated errors of channel and outcome", ("channels",)),
    "figures/rho": ("Parts by the correlation of errors", ("channels",)),
    "tables/ring_curve": ("Parts by the width of the ring", ("spillovers",)),
    "tables/additivity_test": ("Exposure of treated and untreated", ("spillovers",)),
    "tables/placebo_links": ("Links against random links", ("links",)),
    "tables/shift_share": ("Robots as a shift-share instrument", ("talk",)),
    "figures/dose_scatter": ("Green patents by AI words", ("talk",)),
    "figures/zone_map": ("Map of the zones", ("spillovers",)),
}


def referee_tables(
    exhibits: Iterable[Mapping[str, object]], others: Sequence[str], *, simulated: bool = False
) -> tuple[Table, Table]:
    """One group an objection, with its answer; one row an exhibit. First identification, then measurement.

    Parameters
    ----------
    exhibits : iterable of mapping
        Of the registry: exhibit, title, drawn, attack (keys of `ATTACKS`) and count (its number of specifications).
    others : sequence of str
        Those of `OTHERS` that the study has.

    Raises
    ------
    ReportError
        For an exhibit that nothing says the purpose of.
    """
    unknown = [name for name in others if name not in OTHERS]
    if unknown:
        raise ReportError(f"{len(unknown)} exhibits answer nothing: {', '.join(unknown[:5])}")
    rows: dict[str, list[Row]] = {key: [] for key in ATTACKS}
    for shown in exhibits:
        place = f"{'figures' if shown['drawn'] else 'tables'}/{shown['exhibit']}"
        cells = (Cell(place), Cell.count(float(shown["count"])))
        for key in shown["attack"]:
            rows[key].append(Row(str(shown["title"]), cells))
    for place in others:
        title, attacks = OTHERS[place]
        for key in attacks:
            rows[key].append(Row(title, (Cell(place), Cell())))
    rest = {key: rows.pop(key) for key in _MEASUREMENT}
    first = _table("referee", "Objections to identification, and where they are answered", rows, simulated)
    second = _table("referee_measurement", "Objections to measurement, and where they are answered", rest, simulated)
    return first, second


def _table(key: str, title: str, rows: Mapping[str, list[Row]], simulated: bool) -> Table:
    return Table(
        key=key,
        title=title,
        stub="What is shown",
        columns=("Exhibit", "Estimates"),
        groups=tuple(
            Group(tuple(found), f"{_capital(ATTACKS[name])}: {ANSWERS[name]}") for name, found in rows.items() if found
        ),
        notes="Exhibits named by file stand in the results of the study only, as PDF and SVG (figures) or JSON, LaTeX, "
        "Typst and HTML (tables). Estimates: specifications of the registry that the exhibit shows.",
        simulated=simulated,
    )


def _capital(text: str) -> str:
    return text if text.startswith("ln") else text[:1].upper() + text[1:]
