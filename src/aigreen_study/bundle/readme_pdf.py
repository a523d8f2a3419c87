"""README.pdf: the Markdown that the README is written in, set by Typst."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from aigreen.effects.fonts import FROM, chinese_font

HEAD = """\
#set document(title: {title}, date: none)
#set page(paper: "a4", margin: 20mm, numbering: "1")
#set text(size: 9.5pt, lang: "en")
#set table(stroke: 0.4pt + luma(70%), inset: 3pt)
#show table: set text(size: 7.5pt)
#show table: set par(justify: false)
#show raw.where(block: false): it => {{ show regex("[/_]"): mark => mark + "\\u{{200b}}"; it }}
"""
_CELL = re.compile(r"(?<!\\)\|")
_INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|(https?://[^\s)<>]+)")
_BOXES = {"[x] ": "\u2612 ", "[ ] ": "\u2610 "}


def readme_pdf(markdown: str) -> bytes:
    """Set a README: headings, paragraphs, lists, boxes, tables, blocks of commands, code, bold and addresses.

    The same text gives the same bytes.
    """
    import typst

    source = HEAD.format(title=json.dumps(markdown.partition("\n")[0].lstrip("# "))) + "\n".join(_blocks(markdown))
    font = chinese_font() if any(ord(letter) >= FROM for letter in markdown) else None
    folders = [font.path.parent] if font else []
    return typst.compile(source.encode(), ignore_system_fonts=True, font_paths=folders, timestamp=0, format="pdf")


def _blocks(markdown: str) -> Iterator[str]:
    lines = iter(markdown.splitlines())
    table: list[str] = []
    for line in lines:
        if line.startswith("|"):
            table.append(line)
            continue
        if table:
            yield _table(table)
            table = []
        if line.startswith("```"):
            block = []
            for inside in lines:
                if inside.startswith("```"):
                    break
                block.append(inside)
            yield f"#raw({_text(chr(10).join(block))}, block: true)"
        elif heading := re.match(r"(#+) (.*)", line):
            yield f"#heading(level: {len(heading[1])})[{_inline(heading[2])}]"
        elif item := re.match(r"(\s*)[-*] (.*)", line):
            yield f"#pad(left: {len(item[1]) * 2 + 2}mm)[{_item(item[2])}]"
        else:
            yield "#line(length: 100%)" if line == "---" else _inline(line)
    if table:
        yield _table(table)


def _item(text: str) -> str:
    mark = next((mark for mark in _BOXES if text.startswith(mark)), "")
    return f"#{_text(_BOXES.get(mark, chr(0x2022) + ' '))}{_inline(text.removeprefix(mark))}"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip()[1:-1])] for line in lines]
    width = len(rows[0])
    kept = [row for i, row in enumerate(rows) if i != 1]  # the second line holds dashes
    cells = "".join(f"[{_inline(cell)}], " for row in kept for cell in (row + [""] * width)[:width])
    return f"#table(columns: {width}, {cells})"


def _inline(text: str) -> str:
    """Write a line so that Typst takes nothing in it for markup."""
    parts, start = [], 0
    for found in _INLINE.finditer(text):
        parts.append(_plain(text[start : found.start()]))
        code, bold, address = found.groups()
        kind = "raw" if code else "strong" if bold else "link"
        parts.append(f"#{kind}({_text(code or bold or address)})")
        start = found.end()
    return "".join([*parts, _plain(text[start:])])


def _plain(text: str) -> str:
    return f"#{_text(text)}" if text else ""


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
