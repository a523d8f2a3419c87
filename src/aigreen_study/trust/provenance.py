"""Where each exhibit comes from: rule, script and its lines, modules, inputs with sha256, raw sources with licence."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from aigreen.disk import content_sum
from aigreen.errors import ReportError
from aigreen_study.trust.code_digest import CACHE, CodeReader

SOURCE_FACTS = ("source", "file", "url", "sha256", "licence", "citation", "access", "accessed")
_SHOWN_AS = {"tables": ".json", "figures": ".pdf", "numbers.json": ".json"}


def provenance(
    study: str,
    graph: Mapping[str, Any],
    root: str | Path,
    *,
    source: str | Sequence[str] | None = None,
    file: str | None = None,
    left_out: Sequence[Mapping[str, Any]] = (),
    built: str | Path | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Describe every exhibit of a built study.

    Parameters
    ----------
    study : str
    graph : mapping
        As `aigreen_study.run.workflow.exhibit_graph` returns it.
    root : path
        The project.
    source, file
        Registered sources of the study's raw data, and the one file that is used, as `source_rows` takes them.
    left_out : sequence of mapping
        Records of `aigreen_study.specification.partial.LeftOut`.
    built : path, optional
        Where the study is built, if not in the project.
    command : str, optional
        What builds the study, if not Snakemake at the top of the project.

    Returns
    -------
    dict
        `exhibits` by name, `rules` by name with their scripts and modules, `files` with sha256, size and the rule that
        made them, `sources` with licence and citation, and what is `left_out`, if anything is. Nothing depends on the
        machine, the folder or the time.

    Raises
    ------
    ReportError
        For a file of the graph that is absent.
    """
    root = Path(root).resolve()
    again = command or f"python3 run.py snakemake --config study={study}"
    built = root if built is None else Path(built).resolve()
    reader = CodeReader(root, built / CACHE)
    maker = {path: job for job in graph["jobs"] for path in _files(job["outputs"])}
    rules = {job["rule"]: _rule(reader, job["script"]) for job in graph["jobs"]}
    facts = {name for rule in rules.values() for name in rule["facts"]}
    paths = {*maker, *facts, *(path for job in graph["jobs"] for path in _files(job["inputs"]))}
    return {
        "study": study,
        "exhibits": {
            name: _exhibit(root, built, again, name, path, maker)
            for path in graph["shown"]
            if (name := exhibit_name(path))
        },
        "rules": dict(sorted(rules.items())),
        "files": {path: _file(reader, built, path, maker) for path in sorted(paths)},
        "sources": source_rows(source, file),
        **({"left_out": list(left_out)} if left_out else {}),
    }


def exhibit_name(path: str) -> str | None:
    """Name of the exhibit that a file is the main form of, as ``tables/baseline``; None for other files."""
    parts = PurePosixPath(path).parts[2:]
    if not parts or PurePosixPath(path).suffix != _SHOWN_AS.get(parts[0]):
        return None
    return PurePosixPath(*parts).with_suffix("").as_posix()


def exhibit_jobs(graph: Mapping[str, Any]) -> dict[str, tuple[dict[str, Any], str]]:
    """Job and name of its output behind each exhibit, by the exhibit's name."""
    return {
        name: (job, output)
        for job in graph["jobs"]
        for output, paths in job["outputs"].items()
        for path in paths
        if path in graph["shown"] and (name := exhibit_name(path))
    }


def written_at(script: Path, output: str) -> list[int]:
    """First and last line of the statements of a script that use an output, or of the whole script where none does."""
    text = script.read_text(encoding="utf-8")
    lines = [(first, last) for first, last, code in _statements(text) if f"snakemake.output.{output}" in code]
    return [min(a for a, _ in lines), max(b for _, b in lines)] if lines else [1, len(text.splitlines())]


@lru_cache
def _statements(text: str) -> list[tuple[int, int, str]]:
    """First line, last line and code of the statements of a script that name outputs and hold no other statement."""
    rows = text.splitlines()
    return [
        (node.lineno, last, ast.unparse(node))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.stmt) and not hasattr(node, "body")
        for last in [node.end_lineno or node.lineno]
        if any("output" in row for row in rows[node.lineno - 1 : last])
    ]


def source_rows(source: str | Sequence[str] | None, file: str | None = None) -> list[dict[str, str]]:
    """Rows of the source registry, with licence and citation; none for a simulated study.

    Parameters
    ----------
    source : str or sequence of str, optional
        Names of sources, or an access (``licensed``), as the study's configuration has it.
    file : str, optional
        Only this file, and the borders that the map of such a study draws.
    """
    if not source:
        return []
    from aigreen.data.registry.registry import BOUNDARIES, registry  # brings pandas

    rows, names = registry(), [source] if isinstance(source, str) else list(source)
    if file is not None:
        rows = rows[rows["file"].isin([file, BOUNDARIES[1]])]
        names.append(BOUNDARIES[0])
    rows = rows[rows["source"].isin(names) | rows["access"].isin(names)]
    return rows[list(SOURCE_FACTS)].to_dict("records")


def to_json(facts: Mapping[str, Any]) -> str:
    """Write provenance as text."""
    return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"


def exhibit_table(graphs: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the exhibits of several studies as a Markdown table: exhibit, studies, rule, script.

    Parameters
    ----------
    graphs : mapping of study to graph
        As `aigreen_study.run.workflow.exhibit_graph` returns them.
    """
    rows = [
        (name, job["rule"], job["script"], study)
        for study, graph in graphs.items()
        for name, (job, _) in exhibit_jobs(graph).items()
    ]
    studies: dict[tuple[str, str, str], list[str]] = {}
    for *maker, study in rows:
        studies.setdefault(tuple(maker), []).append(study)
    lines = ["| exhibit | studies | rule | script |", "|---|---|---|---|"]
    for (name, rule, script), named in sorted(studies.items()):
        lines.append(f"| `{name}` | {', '.join(named)} | `{rule}` | `{script}` |")
    return "\n".join(lines) + "\n"


def _rule(reader: CodeReader, script: str) -> dict[str, Any]:
    code = reader.code(script)
    return {"script": script, "code": code.digest, "modules": list(code.modules), "facts": list(code.facts)}


def _exhibit(root: Path, built: Path, again: str, name: str, path: str, maker: Mapping[str, Any]) -> dict[str, Any]:
    job = maker[path]
    output = next(name for name, paths in job["outputs"].items() if path in paths)
    return {
        "title": json.loads((built / path).read_text(encoding="utf-8"))["title"] if name.startswith("tables/") else "",
        "rule": job["rule"],
        "script": job["script"],
        "lines": written_at(root / job["script"], output),
        "files": job["outputs"][output],
        "inputs": _files(job["inputs"]),
        "starts_from": _roots(path, maker),
        "rerun": f"{again} --force {path}",
    }


def _roots(path: str, maker: Mapping[str, Any]) -> list[str]:
    """Files above a file that no other file is made into: what fetching and simulating wrote, and tracked inputs."""
    found, seen, waiting = set(), set(), [path]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            above = _files(maker[file]["inputs"]) if file in maker else []
            waiting += above
            found |= set() if above else {file}
    return sorted(found)


def _file(reader: CodeReader, built: Path, path: str, maker: Mapping[str, Any]) -> dict[str, Any]:
    place = built / path if (built / path).exists() else reader.place(path)
    if not place.exists():
        raise ReportError(f"{path}: absent, so its provenance cannot be written")
    digest, size = content_sum(place)
    made = {"rule": maker[path]["rule"]} if path in maker else {}
    return {"sha256": digest, "bytes": size} | made


def _files(by_name: Mapping[str, list[str]]) -> list[str]:
    return [path for paths in by_name.values() for path in paths]
