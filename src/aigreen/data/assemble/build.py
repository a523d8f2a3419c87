"""From a folder of raw files to the firm-year panel: adapters, counts, joins; a killed build goes on where it was.

Tables are found by their names anywhere below the raw folder. Needed are the annual firm file (``STK_LISTEDCOINFOANL``)
and balance sheets (``FS_Combas``); of the others, those that are there are used, and the rest leaves its columns out::

    FS_Comins FS_Comscfd HLD_Contrshr PT_LCRDSPENDING PT_LCDOMFORAPPLY GPRD     firm-years
    STK_CompanyStaff SC_TopFiveSaleInfo SC_TopFivePurchaseInfo                  staff, customers, suppliers
    google/ (a folder of publications), else CNIPA, else lens                   patents
    company_names code_changes segments robots input_output                see aigreen.data.sources.extras
    prefecture_panel                                                       see aigreen.data.sources.cities
    reports/ (a folder of code_year.txt files, or a table reports)              annual reports
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq
from tqdm import tqdm

from aigreen.data.assemble import adoption, inventory
from aigreen.data.assemble.codebook import Assembled
from aigreen.data.assemble.listed_firms import Inputs, firm_years
from aigreen.data.assemble.options import BuildOptions
from aigreen.data.assemble.stages import Made, make
from aigreen.data.csv_export import csv_bytes
from aigreen.data.patents.match import match_names
from aigreen.data.raw.adapter import Options as Reading
from aigreen.data.raw.adapter import raw_table
from aigreen.data.raw.flow import FLOW, Flow, Read, together
from aigreen.data.raw.packed import Part
from aigreen.data.raw.reading import parts
from aigreen.data.sources import (
    cities,
    cnipa,
    cnrds,
    csmar,
    csmar_records,
    extras,
    google_patents,
    lens,
    policies,
    reports,
)
from aigreen.data.sources import csmar_firm_years as parts_of_firm_years
from aigreen.data.sources.patent_tables import PatentTables
from aigreen.data.sources.publication_parts import publications_in_parts
from aigreen.disk import remove_unfinished, write_bytes
from aigreen.errors import OptionError, SourceError

TABLES = "canonical"
# Groups of tables, each with the groups of whose tables it is made.
GROUPS: dict[str, tuple[str, ...]] = {"firms": (), "words": (), "patents": (), "counts": ("firms", "patents")}
_PARTS: dict[str, Callable[..., Read]] = {
    csmar.BALANCE.table: csmar.balance_sheet,
    csmar.INCOME.table: csmar.income_statement,
    csmar.CASH.table: csmar.cash_flow,
    csmar.CONTROLLERS.table: csmar.equity_nature,
    csmar.RD.table: csmar.rd,
    csmar_records.PATENTS.table: csmar_records.patents,
    cnrds.GREEN.table: cnrds.green_patents,
}
_NEEDED = (csmar.FIRM_FILE.table, csmar.BALANCE.table)
_LINKS = {expected.table: direction for direction, expected in csmar_records.LINKS.items()}
_SINGLE: dict[str, tuple[str, Callable[..., Read]]] = {
    "staff": (csmar_records.STAFF.table, csmar_records.staff),
    "city_years": (cities.PREFECTURES.table, cities.prefecture_panel),
    "company_names": (extras.NAMES.table, extras.company_names),
    "segments": (extras.SEGMENTS.table, extras.segments),
    "robots": (extras.ROBOTS.table, extras.robots),
    "coefficients": (extras.INPUT_OUTPUT.table, extras.input_output),
}


class Built(NamedTuple):
    """Files of a build, and the panel."""

    panel: Path
    codebook: Path
    sample_flow: Path
    source_flow: Path
    assembled: Assembled


def build(raw: Path | str, out: Path | str, options: BuildOptions | None = None, *, progress: bool = False) -> Built:
    """Build the panel of a study from its raw files.

    Parameters
    ----------
    raw : path
        Folder of raw files; nothing outside it is read and nothing in it is written.
    out : path
        Folder of ``panel.parquet``, ``codebook.csv``, ``sample_flow.csv`` (rows of the panel after each step) and
        ``source_flow.csv`` (what the adapters left out); canonical tables stand in ``canonical/`` below it.
    options : BuildOptions, optional
        Choices.
    progress : bool
        Show progress bars.

    Returns
    -------
    Built

    Raises
    ------
    SourceError, DataError
        No such folder or needed table, or what adapters and assembly raise. No file of the panel is written then.
    """
    options, out = options or BuildOptions(), Path(out)
    run = _Run(Path(raw), out, options, progress)
    remove_unfinished(out)
    tables = run.tables()
    inputs = Inputs(**{name: made.table() for name, made in tables.items() if name in Inputs.__dataclass_fields__})
    assembled, unclaimed = firm_years(inputs, options.panel), inventory.unclaimed(run.raw)
    ledgers = [made.flow() for made in tables.values()]
    if unclaimed:
        assembled = _with_unclaimed(assembled, len(unclaimed))
        ledgers.append(
            pd.DataFrame([("files", "claimed by no table", 0, 0, 1, name) for name in unclaimed], columns=FLOW)
        )
    if run.passed_over:
        rows = [(name, "not read: patents are taken from another table", 0, 0, 0, "") for name in run.passed_over]
        ledgers.append(pd.DataFrame(rows, columns=FLOW))
    flow = together(*ledgers)
    files = {
        "source_flow.csv": csv_bytes(flow),
        "sample_flow.csv": csv_bytes(assembled.flow),
        "codebook.csv": csv_bytes(assembled.codebook),
        "panel.parquet": _parquet(assembled.frame),
    }
    for name, content in files.items():
        write_bytes(out / name, content)
    return Built(*(out / name for name in reversed(files)), assembled)


def make_group(raw: Path | str, out: Path | str, group: str, options: BuildOptions | None = None) -> dict[str, str]:
    """Make the canonical tables of one of `GROUPS`, which `build` then finds and does not make again.

    Groups can be made at the same time, each by a process of its own, but for one made of others: it comes after them,
    and makes again what is no longer there.

    Parameters
    ----------
    raw, out, options
        As `build` takes them.
    group : {"firms", "words", "patents", "counts"}
        Firms with their years, links, names of partners and what else is no report or patent; AI words; patents with
        their applicants; counts of the patents of firms.

    Returns
    -------
    dict of str to str
        Stamp of each table by its name.

    Raises
    ------
    OptionError
        No such group.
    SourceError, DataError
        No such folder, or what the adapters raise.
    """
    if group not in GROUPS:
        raise OptionError("group", group, list(GROUPS))
    run = _Run(Path(raw), Path(out), options or BuildOptions(), progress=False)
    return {name: made.stamp for name, made in run.tables(*GROUPS[group], group).items()}


class _Run:
    """Stages of one build."""

    def __init__(self, raw: Path, out: Path, options: BuildOptions, progress: bool) -> None:
        if not raw.is_dir():
            raise SourceError(f"{raw}: no such folder")
        self.raw, self.folder, self.options, self.progress = raw, out / TABLES, options, progress
        self.reading = Reading(root=raw, mapping=options.mapping, codes=self._codes(raw, options))
        self.passed_over: list[str] = []
        self.spill, self.parts = out / ".spill", out / ".publications"

    def tables(self, *groups: str) -> dict[str, Made]:
        """Make every table that the raw files allow, in order, or those of some groups."""
        done: dict[str, Made] = {}
        apart: dict[str, list[Callable[[dict[str, Made]], None]]] = {
            "firms": [self._firms, self._policies, self._single, self._links],
            "words": [self._words],
            "patents": [self._patents],
            "counts": [self._counts],
        }
        stages = [stage for group in groups or GROUPS for stage in apart[group]]
        for stage in tqdm([*stages, self._names], desc="build", disable=not self.progress):
            stage(done)
        return done

    @staticmethod
    def _codes(raw: Path, options: BuildOptions) -> dict[str, str]:
        """Read the user's changes of security codes."""
        if not inventory.find(raw, extras.CODES.table):
            return {}
        changes = extras.code_changes(raw, Reading(root=raw, mapping=options.mapping)).table
        return dict(zip(changes["old_code"], changes["new_code"], strict=True))

    def _firms(self, done: dict[str, Made]) -> None:
        for table in _NEEDED:
            parts(self.raw, table, root=self.raw)
        files = {table: self._find(table) for table in (_NEEDED[0], *_PARTS)}
        firm_file = cache(lambda: raw_table(self.raw, csmar.FIRM_FILE, options=self.reading))

        def combined() -> Iterator[Read]:
            base = csmar.firm_file(firm_file(), self.reading)
            found = [read(self.raw, self.reading) for table, read in _PARTS.items() if files[table]]
            yield parts_of_firm_years.combine(base, *found)

        [done["firm_years"]] = self._make(["firm_years"], combined, [f for found in files.values() for f in found])
        for name, read in (("firms", csmar.firms), ("firm_names", csmar.firm_names)):
            [done[name]] = self._make([name], lambda read=read: [read(firm_file(), self.reading)], files[_NEEDED[0]])

    def _policies(self, done: dict[str, Made]) -> None:
        names = ["zones", "policies"]
        made = self._make(names, lambda: [policies.zones(), policies.policies()], [])
        done |= dict(zip(names, made, strict=True))

    def _single(self, done: dict[str, Made]) -> None:
        for name, (table, read) in _SINGLE.items():
            if files := self._find(table):
                [done[name]] = self._make([name], lambda read=read: [read(self.raw, self.reading)], files)

    def _links(self, done: dict[str, Made]) -> None:
        files = {table: self._find(table) for table in _LINKS}
        if not any(files.values()):
            return

        def both() -> Iterator[Read]:
            found = [csmar_records.links(self.raw, way, self.reading) for table, way in _LINKS.items() if files[table]]
            yield Read(pd.concat([part.table for part in found], ignore_index=True), together(*(p.flow for p in found)))

        [done["links"]] = self._make(["links"], both, [f for found in files.values() for f in found])

    def _words(self, done: dict[str, Made]) -> None:
        files, counted = (
            inventory.report_texts(self.raw) or self._find(reports.TABLE),
            self._find(reports.WORDS.table),
        )
        if files and counted:
            raise SourceError(f"{self.raw}: reports and {counted[0].name} both give AI words; take one of them away")
        if files:
            [done["words"]] = self._make(["words"], lambda: [self._counted_words(files)], files)
        elif counted:
            [done["words"]] = self._make(["words"], lambda: [reports.word_counts(self.raw, self.reading)], counted)

    def _counted_words(self, files: list[Part]) -> Read:
        mended: list[str] = []
        if files[0].suffix.lower() == ".txt" and inventory.report_texts(self.raw):
            listed = reports.listing(self.raw / inventory.REPORTS_FOLDER, self.reading)
            stream = reports.texts(listed, mended)
        elif all(file.suffix == ".parquet" and not file.packed for file in files):
            listed = reports.stored_listing(self.raw, self.reading)
            stream = reports.stored_texts(self.raw, listed, self.reading)
        else:
            listed = reports.table(self.raw, self.reading)
            stream = listed.table[["firm_id", "year", "text"]].itertuples(index=False, name=None)
        bar = tqdm(stream, desc="reports", total=len(listed.table), disable=not self.progress)
        counted = adoption.report_words(bar)
        flow = Flow(reports.TABLE, "firm_id")
        flow.note(reports.MENDED, counted, len(mended), mended)
        return Read(counted, together(listed.flow, flow.to_frame()))

    def _patents(self, done: dict[str, Made]) -> None:
        """Read the first source of patents that is there; the others are noted."""
        folder = self.raw / inventory.GOOGLE_FOLDER
        sources: dict[str, tuple[list[Part], Callable[[], Iterable[Read]]]] = {
            google_patents.TABLE: (inventory.publications(self.raw), partial(self._publications, folder)),
            **{
                table: (self._find(table), partial(read, self.raw, self.reading))
                for table, read in ((cnipa.TABLE, cnipa.patent_records), (lens.LENS.table, lens.patent_records))
            },
        }
        there = [name for name, (files, _) in sources.items() if files]
        self.passed_over = there[1:]
        if there:
            files, read = sources[there[0]]
            names = ["patents", "patent_applicants", "citations"]
            done |= dict(zip(names, self._make(names, read, files), strict=True))
            shutil.rmtree(self.parts, ignore_errors=True)

    def _publications(self, folder: Path) -> PatentTables:
        return publications_in_parts(folder, self.parts, self._backend, self.reading, progress=self.progress)

    def _counts(self, done: dict[str, Made]) -> None:
        """Match names of applicants, and count."""
        if "patents" not in done:
            return
        registry, chosen = _names_known(done), self.options
        options = {"office": chosen.office, "keywords": chosen.keywords, "window": chosen.panel.window}
        used = [done[name] for name in ("patents", "patent_applicants", "citations")]
        [matches] = self._make(
            ["applicant_names"], lambda: [self._matched(used[1].path, registry)], [], [*used, *registry]
        )
        done["applicant_names"] = matches
        names = ["counts", "visible"]
        made = self._make(names, lambda: self._counted(used, matches), [], [*used, matches], options)
        done |= dict(zip(names, made, strict=True))

    def _names(self, done: dict[str, Made]) -> None:
        """Match customers and suppliers by the same names."""
        if "links" not in done:
            return
        partners, registry = done["links"], _names_known(done)
        [done["names"]] = self._make(["names"], lambda: [_partners(partners, registry)], [], [partners, *registry])

    def _matched(self, applicants: Path, registry: list[Made]) -> Read:
        from aigreen.data.patents.count_files import match_applicants

        return match_applicants(self._backend(), applicants, _registry(registry))[0]

    def _counted(self, used: list[Made], matches: Made) -> Iterable[Read]:
        from aigreen.data.patents.count_files import count_files

        patents, applicants, citations = (made.path for made in used)
        return count_files(
            self._backend(),
            patents,
            applicants,
            matches.table(),
            citations=citations if pq.read_metadata(citations).num_rows else None,
            office=self.options.office,
            keywords=self.options.keywords,
            window=self.options.panel.window,
        )

    def _backend(self):
        from aigreen.data.patents.count_files import connect  # with ibis: half a second, which other groups do not need

        return connect(self.spill, memory_limit=self.options.memory_limit, threads=self.options.threads)

    def _find(self, table: str) -> list[Part]:
        return inventory.find(self.raw, table)

    def _make(
        self,
        names: list[str],
        maker: Callable[[], Iterable[Read]],
        files: Iterable[Part],
        made: Iterable[Made] = (),
        options: dict[str, object] | None = None,
    ) -> list[Made]:
        given = {"mapping": self.options.mapping, "codes": self.reading.codes, **(options or {})}
        whole = dict.fromkeys(part.path for part in files)
        return make(self.folder, names, maker, files=whole, root=self.raw, made=made, options=given)


def _with_unclaimed(assembled: Assembled, count: int) -> Assembled:
    step = f"raw files that no table claims: {count:,} (listed in source_flow.csv)"
    first = assembled.flow.iloc[:1].assign(step=step)
    return replace(assembled, flow=pd.concat([first, assembled.flow], ignore_index=True))


def _names_known(done: dict[str, Made]) -> list[Made]:
    return [done[name] for name in ("company_names", "firm_names") if name in done]


def _registry(made: list[Made]) -> pd.DataFrame:
    """Names of listed firms: those of the user's list, and those of the firm file."""
    return pd.concat([part.table() for part in made], ignore_index=True)


def _partners(partners: Made, registry: list[Made]) -> Read:
    names = partners.table()["partner_name"].dropna().drop_duplicates().sort_values(ignore_index=True)
    found = match_names(names, _registry(registry))
    flow = Flow("partners", "firm_id")
    for row in found.report.itertuples(index=False):
        flow.note(f"{' by '.join(filter(None, [row.status, row.method]))}: {row.names:,} names", names.to_frame())
    return Read(found.owners, flow.to_frame())


def _parquet(frame: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.to_parquet(content, index=False)
    return content.getvalue()
