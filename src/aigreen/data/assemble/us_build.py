"""From a folder of open patent files to the firm-year panel of US listed firms: panel, codebook and ledgers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from aigreen.arguments import check_fields
from aigreen.data.assemble.codebook import Assembled
from aigreen.data.assemble.us_listed_firms import Options, us_listed_firms
from aigreen.data.patents import us_counts
from aigreen.data.patents.count_files import connect
from aigreen.data.raw import adapter, bulk
from aigreen.data.raw.flow import together
from aigreen.data.sources import us_patents as source
from aigreen.errors import MappingError, OptionError, SourceError, WrongTypeError, did_you_mean

OWNERS = {
    "kpss": source.kpss_owners,
    "discern": source.discern_owners,
    "dyevre_seager": source.dyevre_seager_owners,
}
SYMBOLS = {"patentsview": source.patentsview_symbols, "kpss": source.kpss_symbols}
_OF_OWNERS = {
    "kpss": ((source.PERMCO,),),
    "discern": ((source.DISCERN, source.GVKEYS),),
    "dyevre_seager": ((source.STATIC,), (source.TRANCHES,)),
}
_OF_SYMBOLS = {"patentsview": ((source.CURRENT,),), "kpss": ((source.CPC,),)}
OPTIONAL = ("citations and values", "names")
SOURCES = ("us_kpss", "us_discern", "us_dyevre_seager", "us_patentsview")


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How the panel is built.

    Parameters
    ----------
    panel : Options
        Sample and measures.
    owners : {"kpss", "discern", "dyevre_seager"}
        Whose match of patents to firms: companies (permco) of CRSP, or gvkeys of Compustat.
    symbols : {"patentsview", "kpss"}
        Whose CPC symbols.
    mapping : dict
        The user's column names (`aigreen.data.raw.adapter.load_mapping`).
    memory_limit, threads
        Of DuckDB; the result depends on neither.
    """

    panel: Options = field(default_factory=Options)
    owners: str = "kpss"
    symbols: str = "patentsview"
    mapping: dict[str, dict[str, str]] = field(default_factory=dict)
    memory_limit: str = "1GB"
    threads: int = 2

    def __post_init__(self) -> None:
        check_fields(self)
        for name, known in (("owners", OWNERS), ("symbols", SYMBOLS)):
            if getattr(self, name) not in known:
                raise OptionError(name, getattr(self, name), list(known))
        tables = [table.table for table in source.TABLES]
        for table in self.mapping:
            if table not in tables:
                raise MappingError(f"mapping: no table {table!r} is read{did_you_mean(table, tables)}")
        if self.threads < 1:
            raise WrongTypeError("threads", self.threads, "a whole number of at least 1")


def from_config(config: Mapping[str, Any]) -> BuildOptions:
    """Read the options from the key ``us_build`` of a study's configuration."""
    given = dict(config.get("us_build", {}))
    outer = {name: given.pop(name) for name in ("owners", "symbols", "memory_limit") if name in given}
    if "mapping" in given:
        outer["mapping"] = adapter.load_mapping(given.pop("mapping"))
    panel = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return BuildOptions(panel=Options(**panel), **outer)


def needed(options: BuildOptions) -> dict[str, tuple[tuple[adapter.Expected, ...], ...]]:
    """Give the tables that a build reads, by what for: alternatives, of each of which all tables are needed.

    What stands in `OPTIONAL` may be absent as a whole.
    """
    return {
        "match of patents to firms": _OF_OWNERS[options.owners],
        "CPC symbols": _OF_SYMBOLS[options.symbols],
        "days of filing": ((source.VALUES,), (source.PATENT, source.APPLICATION)),
        "citations and values": ((source.VALUES,),),
        "names": ((source.ASSIGNEE,),),
    }


def named(ways: tuple[tuple[adapter.Expected, ...], ...]) -> str:
    """Name the tables of alternatives."""
    return " or ".join(" and ".join(table.table for table in way) for way in ways)


def lacking(folder: Path | str, options: BuildOptions) -> list[str]:
    """List what a build reads (`needed`) and has no files of in a folder, the optional included.

    Raises
    ------
    OutsideFolderError, UnreadableFileError
        See `aigreen.data.raw.bulk.stands`.
    """
    how = adapter.Options(root=folder)
    return [
        what
        for what, ways in needed(options).items()
        if not any(all(bulk.stands(folder, table, how) for table in way) for way in ways)
    ]


def build(folder: Path | str, options: BuildOptions | None = None) -> tuple[Assembled, pd.DataFrame]:
    """Build the panel.

    Parameters
    ----------
    folder : path
        Holds the files, plain, gzipped or in zip archives, at any depth.
    options : BuildOptions, optional

    Returns
    -------
    Assembled
        Panel, sample flow and codebook.
    DataFrame
        What each raw file lost, step by step (`aigreen.data.raw.flow.FLOW`).

    Raises
    ------
    SourceError
        A needed table is absent, or has cells that are not what they should be.
    """
    options = options or BuildOptions()
    how = adapter.Options(root=folder, mapping=options.mapping)
    if absent := [what for what in lacking(folder, options) if what not in OPTIONAL]:
        listed = "; ".join(f"{what}: {named(needed(options)[what])}" for what in absent)
        raise SourceError(f"{folder}: no files of what a build needs: {listed}")
    with tempfile.TemporaryDirectory() as spill:
        backend = connect(Path(spill) / "duckdb", memory_limit=options.memory_limit, threads=options.threads)
        owners = OWNERS[options.owners](backend, folder, how)
        bulk.forget(backend, source.TABLES)
        values = source.kpss_values(backend, folder, how) if bulk.stands(folder, source.VALUES, how) else None
        bulk.forget(backend, source.TABLES)
        days = None
        if values is None or bulk.stands(folder, source.PATENT, how):
            days = source.patentsview_days(backend, folder, how)
            bulk.forget(backend, source.TABLES)
        names = source.patentsview_names(backend, folder, how) if bulk.stands(folder, source.ASSIGNEE, how) else None
        bulk.forget(backend, source.TABLES)
        symbols = SYMBOLS[options.symbols](backend, folder, how)
        bulk.forget(backend, source.TABLES)
        counted = us_counts.count(
            backend,
            owners.table,
            [read.table for read in (values, days) if read is not None],
            symbols.table,
            base=options.panel.base,
            values=None if values is None else values.table,
            names=None if names is None else names.table,
        )
        backend.disconnect()
    reads = [read.flow for read in (owners, values, days, names, symbols) if read is not None]
    return us_listed_firms(counted, options.panel), together(*reads, counted.flow)
