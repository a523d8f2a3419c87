"""What stands below the paper on its page: certificate, sample flow, exhibits, files and sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aigreen_study.site.body import CARD
from aigreen_study.tables.render import html_text
from aigreen_study.trust.certificate import TOLERANCE, Certificate, describe

SHOWN = 50  # changed cells listed


def certificate_section(study: str, certificate: Certificate | None, labels: Mapping[str, str]) -> str:
    """Say how the results compare with the accepted ones, exhibit by exhibit, called as in the paper."""
    if certificate is None:
        return f"<p>No accepted values of {html_text(study)} are recorded, so nothing is held against them yet.</p>"
    counts = certificate.counts()
    classes = sorted(certificate.exhibits.items(), key=lambda item: _order(labels.get(item[0], ""), item[0]))
    lines = [
        f'<p class="verdict {_slug(certificate.overall)}"><strong>{certificate.overall.capitalize()}</strong>: '
        f"{len(certificate.comparisons):,} cells and numbers compared with the accepted values; {counts['same']:,} "
        f"the same, {counts['minor']:,} with minor differences, {counts['different']:,} different.</p>",
        f"<p>The same means within {TOLERANCE:g} of the number, or of one unit of its last printed digit where that "
        "is larger; minor, off by at most one unit of the last printed digit, with the same sign. Whole numbers, "
        f"stars and words must be equal. <code>aigreen verify --study {html_text(study)}</code> repeats the "
        "comparison.</p>",
        _table(
            ("Exhibit", "Class", "Same", "Minor", "Different"),
            [
                (
                    _linked(name, labels.get(name, "")),
                    html_text(verdict),
                    *(f"{count:,}" for count in certificate.counts(name).values()),
                )
                for name, verdict in classes
            ],
            words=2,
        ),
    ]
    if certificate.changed:
        shown = [describe(comparison) for comparison in certificate.changed[:SHOWN]]
        rows = [[html_text(str(c[k] or "absent")) for k in ("exhibit", "place", "expected", "found")] for c in shown]
        lines.append(f"<h3>What differs: the worst {len(shown)} of {len(certificate.changed):,}</h3>")
        lines.append(_table(("Exhibit", "Place", "Accepted", "Found"), rows, words=2))
    return "\n".join(lines)


def flow_section(steps: Sequence[Mapping[str, str]]) -> str:
    """Write the sample flow, step by step, with a bar as long as what is left."""
    if not steps:
        return "<p>This study has no panel of its own.</p>"
    most = max(int(step["n_rows"]) for step in steps)
    rows = [
        (
            html_text(step["step"][:1].upper() + step["step"][1:]),
            f"{int(step['dropped']):,}",
            f"{int(step['n_rows']):,}",
            f"{int(step['n_units']):,}",
            f'<meter min="0" max="{most}" value="{int(step["n_rows"])}" aria-hidden="true"></meter>',
        )
        for step in steps
    ]
    return _table(("Step", "Rows dropped", "Rows left", "Units left", ""), rows, words=1)


def exhibits_section(exhibits: Mapping[str, Mapping[str, Any]]) -> str:
    """List the exhibits with the rule and the lines that write each."""
    rows = [
        (
            _linked(name, facts["label"] or name),
            html_text(facts["title"]),
            f"<code>{html_text(facts['rule'])}</code>",
            f"<code>{html_text(facts['script']).replace('scripts/', 'scripts/<wbr>')}{_lines(facts['lines'])}</code>",
        )
        for name, facts in sorted(exhibits.items(), key=lambda item: _order(item[1]["label"], item[0]))
    ]
    return _table(("Exhibit", "Title", "Rule", "Script and lines"), rows, words=4)


def sources_section(sources: Iterable[Mapping[str, str]], simulated: bool) -> str:
    """List the raw sources with licence and hash, and say where there are none."""
    items = [
        f"<li><strong>{html_text(source['source'])}</strong>, <code>{html_text(source['file'])}</code><br>"
        f"{html_text(source['citation'])} Licence: {html_text(source['licence'])}. "
        f"Access: {html_text(source['access'])}."
        f'<span class="hash">sha256 {html_text(source["sha256"])}</span></li>'
        for source in sources
    ]
    if items:
        return f'<ul class="sources">{"".join(items)}</ul>'
    return "<p>The data are simulated: there is no raw source.</p>" if simulated else "<p>No raw source of its own.</p>"


def own_section(own: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> str:
    """Name the file of a user's study, with its citation and hash."""
    hashes = [facts["sha256"] for path, facts in files.items() if path.rpartition("/")[2] == own["file"]]
    cited = f"<br>{html_text(own['citation'])}" if own["citation"] else ""
    hashed = "".join(f'<span class="hash">sha256 {html_text(one)}</span>' for one in hashes[:1])
    return f'<ul class="sources"><li><strong>{html_text(own["file"])}</strong>{cited}{hashed}</li></ul>'


def contents(headings: Iterable[tuple[int, str, str]]) -> str:
    """Write the list of contents: sections with their subsections."""
    items: list[str] = []
    below: list[str] = []

    def close() -> None:
        if below:
            items[-1] += f"<ol>{''.join(f'<li>{link}</li>' for link in below)}</ol>"
            below.clear()

    for level, place, title in headings:
        link = f'<a href="#{place}">{title}</a>'
        if level == 2 or not items:
            close()
            items.append(link)
        else:
            below.append(link)
    close()
    return f"<ol>{''.join(f'<li>{item}</li>' for item in items)}</ol>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: int) -> str:
    """Write a plain table; the first `words` columns hold words, the others numbers."""
    kind = [' class="words"' if i < words else "" for i in range(len(heads))]
    head = "".join(
        f'<th scope="col"{k}>{html_text(text)}</th>' if text else "<td></td>"
        for text, k in zip(heads, kind, strict=True)
    )
    lines = ["".join(f"<td{k}>{cell}</td>" for cell, k in zip(row, kind, strict=True)) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    table = f'<table class="plain"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _linked(exhibit: str, text: str = "") -> str:
    name = html_text(text or exhibit).replace("/", "/<wbr>").replace("_", "_<wbr>")
    return f'<a href="{CARD}{exhibit}">{name}</a>'


def _lines(lines: Sequence[int]) -> str:
    return f":{lines[0]}" + (f"–{lines[1]}" if lines[1] != lines[0] else "") if lines else ""


def _order(label: str, name: str) -> tuple[int, str, int, str]:
    """Sort by what the paper calls an exhibit; the others come last."""
    kind, _, number = label.partition(" ")
    return (0 if label else 1, kind, int(number) if number.isdigit() else 0, name)


def _slug(words: str) -> str:
    return words.replace(" ", "-")
