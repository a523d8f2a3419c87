"""What the rules of a loaded workflow rest on: their code, as a parameter that reruns them, and each other's files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

from aigreen_study.trust.code_digest import CACHE, CodeReader

_CODE = (".py", ".ipynb")
_FIGURE = re.compile(r'#exhibit-figure\(\s*"(\w+)",\s*\[.*?\],\s*"([^"]*)"', re.DOTALL)


def depend_on_code(workflow: Any, root: str | Path) -> CodeReader:
    """Give every rule that has a script a parameter `code`, which changes with the code the script rests on.

    A code file among the inputs (a notebook) counts as part of the script. Call it after the last rule.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        As the Snakefile sees it.
    root : path
        The project.
    """
    reader = CodeReader(root, CACHE)
    for rule in workflow.rules:
        if rule.script:
            rule.set_params(code=_parameter(reader, code_of(rule)))
    reader.save()
    return reader


def code_of(rule: Any) -> list[str]:
    """Script of a rule and the code files among its inputs, which may hold wildcards."""
    inputs = [str(item) for item in rule.input if isinstance(item, str) and item.endswith(_CODE)]
    return [script_of(rule), *inputs]


def script_of(rule: Any) -> str:
    """Path of a rule's script."""
    folder = Path(rule.basedir.get_path_or_uri(secret_free=True))
    return str((folder / rule.script).resolve())


def _parameter(reader: CodeReader, files: list[str]) -> str | Callable[[Any], str]:
    """Return the digest, or a function of the wildcards where the files depend on them."""
    if not any("{" in file for file in files[1:]):
        return reader.code(*files).digest
    # A function of wildcards alone: Snakemake leaves parameters made from inputs out of what it compares.
    return lambda wildcards: reader.code(files[0], *(file.format(**wildcards) for file in files[1:])).digest


def exhibit_graph(workflow: Any, root: str | Path, results: str) -> dict[str, Any]:
    """Follow what the paper shows back to where it starts.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        With a rule `page`, whose inputs below `results` are the exhibits and the numbers.
    root : path
        The project.
    results : str
        Folder of the study's results, relative to the project.

    Returns
    -------
    dict
        `shown`: files that the paper reads; `jobs`: for each job above it the `rule`, its `script` relative to the
        project, and the `inputs` and `outputs` by name. Blocks that a step gathers and its own script made count as the
        step: how many there are depends on the machine.
    """
    page = next(rule for rule in workflow.rules if rule.name == "page")
    shown = [str(file) for file in page.input if str(file).startswith(f"{results}/")]

    @cache
    def maker(file: str) -> Any:
        return next((rule for rule in workflow.rules if any(output.match(file) for output in rule.output)), None)

    jobs, made, waiting = [], set(), list(shown)
    while waiting:
        file = waiting.pop()
        rule = maker(file)
        if file in made or rule is None:
            continue
        wildcards = rule.get_wildcards(file)
        inputs, *_ = rule.expand_input(wildcards)
        outputs, _ = rule.expand_output(wildcards)
        script = script_of(rule)
        blocks = {path for path in map(str, inputs) if (above := maker(path)) and script_of(above) == script}
        job = {
            "rule": rule.name,
            "script": Path(script).relative_to(Path(root).resolve()).as_posix(),
            "inputs": _by_name(inputs, blocks),
            "outputs": _by_name(outputs),
        }
        jobs.append(job)
        made.update(map(str, outputs))
        waiting += [path for paths in job["inputs"].values() for path in paths]
    return {"shown": sorted(shown), "jobs": sorted(jobs, key=lambda job: min(map(min, job["outputs"].values())))}


def _by_name(files: Any, but: Collection[str] = ()) -> dict[str, list[str]]:
    """Files of a rule's inputs or outputs, `but` some, under their names; those without one under their position."""
    named = {}
    for i, (name, item) in enumerate(files._allitems()):
        paths = [str(path) for path in ([item] if isinstance(item, str) else item) if str(path) not in but]
        if paths:
            named[name or str(i)] = paths
    return named


def load_workflow(root: Path, study: str, folder: Path | None = None) -> Any:
    """Read the Snakefile for a study, of `folder` if it does not run at the root, without running anything."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    with SnakemakeApi(OutputSettings(dryrun=True, quiet={Quietness.ALL})) as api:
        loaded = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config={"study": study}),
            snakefile=root / "Snakefile",
            workdir=folder or root,
        )
        return loaded._workflow


def show_in_report(workflow: Any, root: str | Path, results: str) -> None:
    """Put every table and figure of the paper into `snakemake --report`, with its rule and the lines that write it.

    Call it after the last rule. A table is shown as its page, a figure as its drawing and in words.
    """
    from snakemake.io import report

    _keep_scripts_whole()
    words = alternative_texts(Path(root), Path(results).name)

    forms = {f"{results}/tables/": ".html", f"{results}/figures/": ".svg"}
    for rule in workflow.rules:
        for output in rule.output:
            path = str(output)
            folder = next(
                (folder for folder, form in forms.items() if path.startswith(folder) and path.endswith(form)), ""
            )
            if folder:
                name = path.removeprefix(folder).rpartition(".")[0]
                script = Path(script_of(rule)).relative_to(Path(root).resolve()).as_posix()
                labels = {"exhibit": name, "rule": rule.name, "script": script}
                category = Path(folder).name.capitalize()
                if category == "Figures":
                    labels["shows"] = words.get(name, "")
                output._file = report(output._file, category=category, labels=labels)


def _keep_scripts_whole() -> None:
    """Let no text of a study end the script of a report that it stands in.

    Snakemake writes parameters, labels and code as JSON between script tags, as they are.
    """
    from snakemake.report.html_reporter import data

    def without_tags(render: Callable[..., str]) -> Callable[..., str]:
        return lambda *given: render(*given).replace("<", "\\u003c")

    for name in [name for name in vars(data) if name.startswith("render_")]:
        setattr(data, name, without_tags(getattr(data, name)))


def alternative_texts(root: Path, study: str) -> dict[str, str]:
    """Read what each figure shows, in words, from the sections of the papers; those of the study's own come first."""
    files = sorted((root / "paper" / "sections").glob("*.typ"), key=lambda path: (path.name.startswith(study), path))
    return {name: words for path in files for name, words in _FIGURE.findall(path.read_text(encoding="utf-8"))}
