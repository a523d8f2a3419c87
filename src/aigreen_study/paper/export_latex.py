"""A folder for LaTeX: every table and figure of a paper, and a main file that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aigreen_study.paper.export_csv import by_key
from aigreen_study.paper.shown import Shown
from aigreen_study.tables.render import latex, latex_text
from aigreen_study.tables.table import Table

_PREAMBLE = r"""% Tables and figures of: {title}
% Written by `aigreen export --format latex`; {engine}.
\documentclass[11pt]{{article}}
\usepackage[a4paper,margin=2.5cm]{{geometry}}
\usepackage{{iftex}}
\ifpdftex\usepackage[T1]{{fontenc}}\fi
{chinese}\IfFileExists{{lmodern.sty}}{{\usepackage{{lmodern}}}}{{}}
\usepackage{{amsmath,textcomp,booktabs,threeparttable,siunitx,graphicx,etoolbox,adjustbox}}
% Tables in small print, and never wider than the page.
\AtBeginEnvironment{{tabular}}{{\small\setlength{{\tabcolsep}}{{4pt}}}}
\BeforeBeginEnvironment{{threeparttable}}{{\begin{{adjustbox}}{{max width=\textwidth}}}}
\AfterEndEnvironment{{threeparttable}}{{\end{{adjustbox}}}}
\begin{{document}}
"""
_FIGURE = r"""\begin{{figure}}[htbp]
\centering
\caption{{{caption}}}
\label{{fig-{name}}}
% Alternative text: {alt}
\includegraphics[width=\textwidth]{{figures/{name}.pdf}}
{notes}\end{{figure}}
"""
_NOTES = r"\begin{{minipage}}{{\textwidth}}\footnotesize\textit{{Notes:}} {text}\end{{minipage}}" + "\n"


def latex_files(
    config: Mapping[str, Any], shown: list[Shown], tables: Mapping[str, Table], project: Path
) -> dict[str, bytes]:
    """Return main.tex, tables/NAME.tex and figures/NAME.pdf.

    Where a text has Chinese characters, main.tex asks for the package ctex, and with it for XeLaTeX or LuaLaTeX.
    """
    files = {f"tables/{key}.tex": latex(table).encode() for key, table in by_key(tables).items()}
    body = []
    for item in shown:
        if item.kind == "Table":
            body.append(f"\\input{{tables/{tables[item.stem].key}}}\n")
        else:
            files[f"figures/{item.name}.pdf"] = (project / f"{item.stem}.pdf").read_bytes()
            notes = _NOTES.format(text=latex_text(item.notes)) if item.notes else ""
            caption, alt = latex_text(item.caption), latex_text(item.alt)
            body.append(_FIGURE.format(name=item.name, caption=caption, alt=alt, notes=notes))
    chinese = has_chinese("".join(body) + "".join(latex(table) for table in tables.values()))
    files["main.tex"] = document(config["title"], "\\clearpage\n".join(body), chinese=chinese).encode()
    return files


def document(title: str, body: str, *, chinese: bool = False) -> str:
    """Write a LaTeX document with all that the tables need; one with Chinese text loads ctex."""
    engine = "compile with XeLaTeX or LuaLaTeX" if chinese else "compile with pdfLaTeX, XeLaTeX or LuaLaTeX"
    head = _PREAMBLE.format(title=title, engine=engine, chinese="\\usepackage{ctex}\n" if chinese else "")
    return f"{head}{body}\\end{{document}}\n"


def has_chinese(text: str) -> bool:
    """Whether a text has Chinese characters, full-width signs included."""
    return any("\u3000" <= c <= "\u303f" or "\u3400" <= c <= "\u9fff" or "\uff00" <= c <= "\uffef" for c in text)
