"""A specification and an exhibit: what a row of each table says, typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from aigreen_study.specification.menu import ESTIMATORS, Estimator
from aigreen_study.specification.sample import parse

LISTS = ("channels", "covariates", "exposure", "fixed_effects", "cluster")
SINCE = re.compile(r"since\((\w+)\)")


@dataclass(frozen=True, kw_only=True)
class Specification:
    """One estimate: what is regressed on what, on which rows, by which estimator.

    Attributes
    ----------
    exhibit, id : str
        Name it; files and numbers are called ``<exhibit>/<id>`` and ``<exhibit>_<id>``.
    label, group : str
        Printed name, and the heading under which it stands; contrasts are tested within groups.
    estimator : str
        One of `aigreen_study.specification.menu.ESTIMATORS`.
    outcome : str
    treatment : str
        Empty for the study's cohorts, ``since(column)`` for those in another column, or a numeric column (a dose).
    exposure, channels, covariates, fixed_effects : tuple of str
    cluster : tuple of str
        Empty for the study's clusters; two for two-way clustering.
    sample : str
        Rows used; see `aigreen_study.specification.sample`.
    options : mapping of str to str
        Of the estimator, as written.
    line : int
        Line of the table, for messages; 0 where unknown.
    """

    exhibit: str
    id: str
    estimator: str
    label: str = ""
    group: str = ""
    outcome: str = ""
    treatment: str = ""
    exposure: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    fixed_effects: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    sample: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    line: int = field(default=0, compare=False)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Specification:
        """Read what `record` wrote."""
        lists = {name: tuple(record[name]) for name in LISTS if name in record}
        return cls(**{**record, **lists})

    def record(self, *, printed: bool = False) -> dict[str, Any]:
        """Plain values, as a parameter of a rule: what is estimated, or with `printed` also how it is called."""
        record = asdict(self)
        record = {name: list(value) if isinstance(value, tuple) else value for name, value in record.items()}
        for name in ("line",) if printed else ("line", "label", "group"):
            del record[name]
        return record

    @property
    def method(self) -> Estimator:
        """The estimator's entry."""
        return ESTIMATORS[self.estimator]

    @property
    def name(self) -> str:
        """``exhibit/id``, with the line where it is known."""
        return f"{self.exhibit}/{self.id}" + (f" (line {self.line})" if self.line else "")

    @property
    def cohort(self) -> str:
        """Column of first treated periods that replaces the study's; empty for none."""
        found = SINCE.fullmatch(self.treatment)
        return found[1] if found else ""

    @property
    def dose(self) -> str:
        """Numeric treatment column; empty for none."""
        return "" if self.cohort else self.treatment

    @property
    def dose_column(self) -> str:
        """Name of the dose in the frame: lagged ones are called ``lag1_column``."""
        lag = self.options.get("lag", "0")
        return f"lag{lag}_{self.dose}" if self.dose and lag != "0" else self.dose

    def settings(self, *wanted: str) -> dict[str, Any]:
        """Options among `wanted`, read as the estimator reads them."""
        readers = self.method.options
        return {key: readers[key](text) for key, text in self.options.items() if key in wanted}

    @property
    def columns(self) -> dict[str, str]:
        """Columns of the panel that it reads, each with its role."""
        named: dict[str, str] = {}
        single = {"outcome": self.outcome, "treatment": self.cohort or self.dose}
        for role, name in single.items():
            if name:
                named.setdefault(name, role)
        for role in ("exposure", "channels", "covariates", "cluster"):
            for name in getattr(self, role):
                named.setdefault(name, role)
        for effect in self.fixed_effects:
            for name in effect.split("^"):
                named.setdefault(name, "fixed_effects")
        for condition in parse(self.sample):
            named.setdefault(condition.column, "sample")
        for option in ("instruments", "weights", "balance", "match"):
            for name in filter(None, self.options.get(option, "").partition("@")[0].split(",")):
                named.setdefault(name, option)
        return named

    def completed(self, config: Mapping[str, Any]) -> Specification:
        """Fill what is empty with the study's defaults (outcome, channels, exposure)."""
        outcomes, parts = config["outcomes"], config["decomposition"]
        filled: dict[str, Any] = {"outcome": self.outcome or outcomes["level" if self.method.counts else "log"]}
        if "channels" in self.method.reads:
            filled["channels"] = self.channels or tuple(parts["channels"])
        if "exposure" in self.method.reads:
            filled["exposure"] = self.exposure or tuple(filter(None, [parts["exposure"]]))
        return replace(self, **filled)


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A table or figure made of specifications.

    Attributes
    ----------
    exhibit : str
        Name of its files.
    kind : {"columns", "estimates", "precision", "contrast", "figure", "points", "curve", "range"}
    title, notes : str
        Printed.
    attack : tuple of str
        Objections that it answers, keys of ``objections.csv``.
    section : str
        Where the paper has it, one of `aigreen_study.specification.registry.SECTIONS`.
    quoted_as : str
        Second name under which the prose quotes its estimates, with ``{id}`` for that of the specification.
    specifications : tuple of Specification
    """

    exhibit: str
    kind: str
    title: str
    notes: str = ""
    attack: tuple[str, ...] = ()
    section: str = "results"
    quoted_as: str = ""
    specifications: tuple[Specification, ...] = ()
    line: int = field(default=0, compare=False)

    @property
    def drawn(self) -> bool:
        """Whether it is a figure; else it is a table."""
        return self.kind in ("figure", "points", "curve")

    @property
    def joint(self) -> bool:
        """Whether its estimates are tested together, which needs their influence functions."""
        return self.kind in ("contrast", "figure", "curve")

    def estimated(self) -> list[dict[str, Any]]:
        """Return what is estimated, as a parameter of a rule."""
        return [specification.record() for specification in self.specifications]

    def printed(self) -> dict[str, Any]:
        """Return all that its page shows, as a parameter of a rule."""
        record = {name: getattr(self, name) for name in ("exhibit", "kind", "title", "notes", "quoted_as")}
        return record | {"specifications": [part.record(printed=True) for part in self.specifications]}

    @classmethod
    def from_printed(cls, record: Mapping[str, Any]) -> Exhibit:
        """Read what `printed` wrote."""
        parts = tuple(Specification.from_record(part) for part in record["specifications"])
        return cls(**{**record, "specifications": parts})
