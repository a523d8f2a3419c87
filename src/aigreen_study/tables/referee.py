"""What a sceptical referee attacks, and the exhibits that answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aigreen.errors import ReportError
from aigreen_study.tables.table import Cell, Group, Row, Table

TITLES = {
    "identification": ("referee", "Objections to identification, and where they are answered"),
    "measurement": ("referee_measurement", "Objections to measurement, and where they are answered"),
}


def referee_tables(
    objections: Mapping[str, Mapping[str, str]], shown: Iterable[Mapping[str, object]], *, simulated: bool = False
) -> dict[str, Table]:
    """One group an objection, with its answer; one row an exhibit. By name of the table, of which there are two.

    Parameters
    ----------
    objections : mapping of key to row
        Of `aigreen_study.specification.registry.read_objections`.
    shown : iterable of mapping
        Exhibits: place (``tables/baseline``), title, attack (keys of `objections`) and, of the registry, count (its
        number of specifications).

    Raises
    ------
    ReportError
        For an exhibit that nothing says the purpose of.
    """
    shown = list(shown)
    idle = [str(one["place"]) for one in shown if not one["attack"]]
    if idle:
        raise ReportError(f"{len(idle)} exhibits answer nothing: {', '.join(idle[:5])}")
    rows: dict[str, list[Row]] = {key: [] for key in objections}
    for one in shown:
        n = Cell.count(float(one["count"])) if "count" in one else Cell()
        for key in one["attack"]:
            rows[key].append(Row(str(one["title"]), (Cell(str(one["place"])), n)))
    return {
        name: _table(key, title, {k: objections[k] for k in rows if objections[k]["table"] == name}, rows, simulated)
        for name, (key, title) in TITLES.items()
    }


def _table(
    key: str, title: str, objections: Mapping[str, Mapping[str, str]], rows: Mapping[str, list[Row]], simulated: bool
) -> Table:
    return Table(
        key=key,
        title=title,
        stub="What is shown",
        columns=("Exhibit", "Estimates"),
        groups=tuple(
            Group(tuple(rows[name]), f"{_capital(said['objection'])}: {said['answer']}")
            for name, said in objections.items()
            if rows[name]
        ),
        notes="Exhibits named by file stand in the results of the study only, as PDF and SVG (figures) or JSON, LaTeX, "
        "Typst and HTML (tables). Estimates: specifications of the registry that the exhibit shows.",
        simulated=simulated,
    )


def _capital(text: str) -> str:
    return text if text.startswith("ln") else text[:1].upper() + text[1:]
