"""What the rules of a loaded workflow rest on: their code, as a parameter that reruns them, and each other's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aigreen.report.code_digest import CodeReader

CACHE = Path(".snakemake/aigreen-code.json")
_CODE = (".py", ".ipynb")


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
    reader = CodeReader(root, Path(root) / CACHE)
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


def producers(workflow: Any, targets: list[str]) -> dict[str, dict[str, Any]]:
    """Follow files back to the rules that write them.

    Returns
    -------
    dict
        For each file that a rule writes, among the targets and below them: its `rule`, and the `inputs` and the
        `outputs` of that job by name.
    """
    jobs: dict[str, dict[str, Any]] = {}
    waiting = list(targets)
    while waiting:
        file = str(waiting.pop())
        if file in jobs:
            continue
        for rule in workflow.rules:
            if any(output.match(file) for output in rule.output):
                wildcards = rule.get_wildcards(file)
                inputs, *_ = rule.expand_input(wildcards)
                outputs, _ = rule.expand_output(wildcards)
                jobs[file] = {"rule": rule.name, "inputs": dict(_named(inputs)), "outputs": dict(_named(outputs))}
                waiting += [str(item) for item in inputs]
                break
    return jobs


def _named(files: Any) -> Iterator[tuple[str, list[str]]]:
    """Names of a rule's inputs or outputs with their files, in order."""
    named = list(files._allitems())
    for i, (name, item) in enumerate(named):
        several = isinstance(item, list) or not isinstance(item, str)
        yield name or str(i), [str(part) for part in item] if several else [str(item)]
