"""What a change of code reruns, seen in snakemake's own dry run of a small workflow."""

import os
import subprocess
import sys

import pytest

SNAKEFILE = """
from aigreen_study.run.workflow import depend_on_code

rule all:
    input: "mean.txt", "other.txt", "n_one.html", "n_two.html"

rule mean:
    output: "mean.txt"
    script: "scripts/mean.py"

rule after:
    input: "mean.txt"
    output: "after.txt"
    script: "scripts/write.py"

rule other:
    output: "other.txt"
    script: "scripts/other.py"

rule notebook:
    input: notebook="{name}.ipynb"
    output: "n_{name}.html"
    script: "scripts/write.py"

depend_on_code(workflow, workflow.basedir)
"""
WRITE = "open(snakemake.output[0], 'w').write('done')\n"
FILES = {
    "Snakefile": SNAKEFILE,
    "src/aigreen/__init__.py": "",
    "src/aigreen/data/facts.py": "def table(name): pass\n",
    "src/aigreen/mean.py": "def mean(x):\n    return sum(x) / len(x)\n",
    "data/facts/cities.csv": "code\n1\n",
    "data/sources.csv": "source\n",
    "scripts/write.py": WRITE,
    "scripts/mean.py": f"def work():\n    from aigreen.mean import mean\n\n{WRITE}",
    "scripts/other.py": f"def work():\n    from aigreen.data.facts import table\n    table('cities')\n\n{WRITE}",
    "one.ipynb": '{"cells": [{"cell_type": "code", "source": ["if 0:\\n", "    import aigreen.mean"]}]}',
    "two.ipynb": '{"cells": []}',
}


@pytest.fixture(scope="module")
def workflow(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small workflow")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    triggers = (repository / "profiles/default/config.yaml").read_text()
    (folder / "profiles/default").mkdir(parents=True)
    (folder / "profiles/default/config.yaml").write_text(triggers)
    assert rules(folder, dry=False) == {"all", "mean", "other", "notebook"}
    return folder


def rules(folder, *, dry=True):
    command = [sys.executable, "-m", "snakemake", *(["--dry-run"] if dry else [])]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    shown = run.stdout + run.stderr
    return {line.split()[1].rstrip(":") for line in shown.splitlines() if line.startswith(("rule ", "localrule "))}


COMMENTS = {
    "src/aigreen/mean.py": '# The mean.\ndef mean(x):\n    """Docs."""\n    return sum(x) / len(x)  # of all\n',
    "scripts/other.py": f"# A comment.\n{FILES['scripts/other.py']}",
}
FORMULA = {"src/aigreen/mean.py": "def mean(x):\n    return sum(x) / (len(x) - 1)\n"}
SCRIPT = {"scripts/other.py": FILES["scripts/other.py"].replace("'done'", "'well done'")}
FACT = {"data/facts/cities.csv": "code\n2\n"}


@pytest.mark.parametrize(
    ("changes", "rerun"),
    [(FORMULA, {"all", "mean", "notebook"}), (SCRIPT, {"all", "other"}), (FACT, {"all", "other"})],
)
def test_a_formula_reruns_the_rules_that_import_it(workflow, changes, rerun):
    for name, text in changes.items():
        (workflow / name).write_text(text)
    try:
        assert rules(workflow) == rerun
    finally:
        for name in changes:
            (workflow / name).write_text(FILES[name])


def test_a_comment_reruns_nothing(workflow):
    for name, text in COMMENTS.items():
        assert text != FILES[name]
        (workflow / name).write_text(text)
    assert rules(workflow) == set()
