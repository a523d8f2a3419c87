"""From a built study to its web edition: a folder of static files that works from a disk and asks nobody anything."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from aigreen.disk import beside
from aigreen.errors import SourceError
from aigreen_study.site.body import Body, paper_body
from aigreen_study.site.cards import (
    QUOTED,
    exhibit_cards,
    number_cards,
    quoted_cells,
    quoted_entries,
    script_cards,
    specification_cards,
    with_quoted,
)
from aigreen_study.site.letters import STYLE, chinese_style
from aigreen_study.site.sections import (
    certificate_section,
    contents,
    exhibits_section,
    flow_section,
    own_section,
    sources_section,
)
from aigreen_study.tables.render import html_text
from aigreen_study.tables.table import Table
from aigreen_study.trust.accepted import accepted_files, built_files
from aigreen_study.trust.certificate import Certificate, compare
from aigreen_study.trust.identifiers import refuse_identifiers

_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
ASSETS = ("site.css", "site.js", "charts.js", "search.js")
BELOW = (
    ("certificate", "Certificate"),
    ("sample-flow", "Sample flow"),
    ("exhibits", "Exhibits and code"),
    ("sources", "Sources"),
)


def write_site(
    config: Mapping[str, Any], results: Path, output: Path, *, root: Path, registered: Iterable[Mapping[str, Any]] = ()
) -> dict[str, int]:
    """Write the web edition of a study; the same results give the same bytes.

    Parameters
    ----------
    config : mapping
        `study`, `title`, `date` and `simulated`.
    results : path
        Holds page.html (`aigreen_study.paper.paper.page`), numbers.json, ledger.json, provenance.json, tables/,
        figures/, paper.pdf.
    output : path
        Folder; written aside and moved into place.
    root : path
        The project.
    registered : iterable of mapping
        Specifications of the study's registry, as `Specification.record` returns them.

    Returns
    -------
    dict
        Counts of `numbers`, `exhibits` and `bytes`, for the log.

    Raises
    ------
    ReportError
        For anything that the paper quotes and the study does not have, and for a page that names a firm of licensed
        data.
    """
    provenance = _json(results / "provenance.json")
    tables = _tables(results, provenance)
    body = paper_body((results / "page.html").read_text(encoding="utf-8"), tables)
    origin = with_quoted(provenance, tables)
    certificate = _certificate(results.parents[1], config["study"])
    quoted, theirs = quoted_entries(body.keys, root, provenance)
    specifications = specification_cards(tables, registered) | theirs
    entries = _json(results / "ledger.json") | quoted | quoted_cells(tables, origin)
    titles = {"numbers": "Numbers in the text"} | {name: table.title for name, table in tables.items()} | body.titles
    exhibits = exhibit_cards(origin, body.labels, titles, root)
    copies = _copies(results, body.labels)
    for name in body.labels:
        exhibits[name]["here"] = [copy for copy in copies if copy.rpartition(".")[0] == name]
        told = described(copies[f"{name}.svg"]) if f"{name}.svg" in copies else {"chart": tables[name].chart}
        exhibits[name] |= {key: value for key, value in told.items() if value}
    data = {
        "study": config["study"],
        "numbers": number_cards(entries, tables, certificate, specifications),
        "exhibits": exhibits,
        "rules": provenance["rules"],
        "files": provenance["files"],
        "scripts": script_cards(entries, root),
        "specifications": specifications,
        "sources": provenance["sources"],
        "certificate": None if certificate is None else certificate.overall,
    }
    sections = {
        "certificate": certificate_section(config["study"], certificate, body.labels),
        "sample-flow": flow_section(_steps(results / "sample_flow.csv")),
        "exhibits": exhibits_section(exhibits),
        "sources": own_section(config["own"], provenance["files"])
        if "own" in config
        else sources_section(provenance["sources"], bool(config["simulated"])),
    }
    facts = f'"use strict";\nconst AIGREEN = {json.dumps(data, ensure_ascii=False, separators=(",", ":"))};\n'
    style, missing = chinese_style(_page(config, body, sections, "", "") + facts)
    files = {
        "index.html": _page(config, body, sections, style, missing),
        "math.css": body.style + "\n",
        "data.js": facts,
        **({STYLE: style} if style else {}),
        **{name: _asset(name) for name in ASSETS},
    }
    written = {name: text.encode() for name, text in files.items()}
    refuse_identifiers(config, results, written | {name: path.read_bytes() for name, path in copies.items()})
    _write_folder(output, files, copies)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    return {"numbers": len(data["numbers"]), "exhibits": len(body.labels), "bytes": size}


def _page(config: Mapping[str, Any], body: Body, sections: Mapping[str, str], style: str, missing: str) -> str:
    below = "\n".join(f'<section><h2 id="{place}">{title}</h2>\n{sections[place]}</section>' for place, title in BELOW)
    headings = [*body.contents, *((2, place, title) for place, title in BELOW)]
    facts = {
        "title": html_text(str(config["title"])),
        "study": html_text(str(config["study"])),
        "data": _data(config),
        "contents": contents(heading for heading in headings if heading[2] != "Abstract"),
        "fonts": f'\n<link rel="stylesheet" href="{STYLE}">' if style else "",
        "font_source": "; font-src data:" if style else "",
        "letters": f'\n<p class="hint">{missing}</p>' if missing else "",
        "paper": body.html,
        "below": below,
    }
    return Template(_asset("page.html")).substitute(facts)


def _data(config: Mapping[str, Any]) -> str:
    """Say what the data are: those of a user are called by their file."""
    if config["simulated"]:
        return "Simulated data"
    own = config.get("own")
    return f'Data: <span class="file">{html_text(own["file"])}</span>' if own else "Real data"


def _copies(results: Path, shown: Iterable[str]) -> dict[str, Path]:
    """Files that the page takes over from the results, by their place in the site."""
    endings = {"figures": ("svg", "pdf")}
    names = [f"{name}.{end}" for name in shown for end in endings.get(name.partition("/")[0], ("tex", "json"))]
    return {name: results / name for name in ("paper.pdf", *names)}


def described(drawing: Path) -> dict[str, Any]:
    """Return what a drawing tells pages: `points` (across, down, text) and `chart`, those of `save_figure`."""
    found = _DESCRIPTION.search(drawing.read_text(encoding="utf-8"))
    return json.loads(html.unescape(found[1])) if found else {}


def _asset(name: str) -> str:
    return (resources.files("aigreen_study.site") / "assets" / name).read_text(encoding="utf-8")


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


def _tables(results: Path, provenance: Mapping[str, Any]) -> dict[str, Table]:
    """Read the tables that the workflow has, those of other studies included."""
    start = f"results/{provenance['study']}/"
    quoted = [path.removeprefix(start).removesuffix(".json") for path in provenance["files"] if path.endswith(".json")]
    names = [*provenance["exhibits"], *(name for name in quoted if name.startswith(QUOTED))]
    read = {name: results / f"{name}.json" for name in names if name.startswith(("tables/", QUOTED))}
    return {name: Table.from_json(path.read_text(encoding="utf-8")) for name, path in read.items()}


def _certificate(root: Path, study: str) -> Certificate | None:
    try:
        expected = accepted_files(root, study)
    except SourceError:
        return None
    return compare(study, expected, built_files(root, study))


def _steps(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write_folder(folder: Path, files: Mapping[str, str], copies: Mapping[str, Path]) -> None:
    """Write a folder aside and move it into place."""
    aside = beside(folder)
    try:
        for name, source in copies.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, aside / name)
        for name, text in files.items():
            (aside / name).write_text(text, encoding="utf-8", newline="\n")
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
