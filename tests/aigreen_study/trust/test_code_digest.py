"""The digest of a script's code: changed by what can change its results, and by nothing else."""

import json

import pytest

from aigreen.errors import ReportError
from aigreen_study.trust.code_digest import CodeReader

FILES = {
    "src/aigreen/__init__.py": '"""Docs."""\nfrom aigreen.mean import Mean\nfrom aigreen.other import Other\n\nV = 1\n',
    "src/aigreen/errors.py": "class E(Exception): pass\n",
    "src/aigreen/mean.py": "from .deep.sums import total\n\nclass Mean:\n    def fit(self):\n        return total()\n",
    "src/aigreen/other.py": "import numpy\nclass Other: pass\n",
    "src/aigreen/data/__init__.py": "",
    "src/aigreen/data/facts.py": "def table(name):\n    return name\n",
    "src/aigreen/places.py": "from aigreen.data import facts\n\ndef cities():\n    return facts.table('cities')\n",
    "src/aigreen/deep/__init__.py": "",
    "src/aigreen/deep/sums.py": "def total():\n    from aigreen.deep.late import add\n    return add(1, 2)\n",
    "src/aigreen/deep/late.py": 'def add(a, b):\n    """Add."""\n    return a + b  # sum\n',
    "src/aigreen/heavy/__init__.py": "import os\n\nos.environ['X'] = '1'\nfrom aigreen.heavy.inner import f\n",
    "src/aigreen/heavy/inner.py": "def f(): pass\n",
    "src/aigreen/asked/__init__.py": "import os\n__getattr__ = os.getenv\n",
    "src/aigreen/asked/__init__.pyi": "from aigreen.mean import Mean\nfrom aigreen.other import Other\n",
    "data/facts/cities.csv": "code\n1\n",
    "data/facts/unread.csv": "code\n1\n",
    "data/sources.csv": "source\nx\n",
    "mean.py": "from aigreen import Mean\n\nprint(Mean().fit())\n",
    "other.py": "from aigreen import Other\n",
    "places.py": "from aigreen.places import cities\n",
    "heavy.py": "import aigreen.heavy.inner\n",
    "named.py": "from importlib import import_module\n\nimport_module('aigreen.deep.late')\n",
    "stub.py": "from aigreen.asked import Other\n",
    "computed.py": "from importlib import import_module\n\nname = 'x'\nimport_module(f'aigreen.deep.{name}')\n",
    "typed.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from aigreen import Other\n",
    "star.py": "from aigreen import *\n",
}
MEAN = ["src/aigreen/deep/late.py", "src/aigreen/deep/sums.py", "src/aigreen/mean.py"]


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digest(project, script):
    return CodeReader(project).code(script).digest


@pytest.mark.parametrize(
    ("script", "modules"),
    [
        ("mean.py", MEAN),
        ("other.py", ["src/aigreen/other.py"]),
        ("places.py", ["src/aigreen/data/facts.py", "src/aigreen/places.py"]),
        ("heavy.py", ["src/aigreen/heavy/__init__.py", "src/aigreen/heavy/inner.py"]),
        ("stub.py", ["src/aigreen/other.py"]),
        ("named.py", ["src/aigreen/deep/late.py"]),
        ("computed.py", ["src/aigreen/deep/__init__.py", "src/aigreen/deep/late.py", "src/aigreen/deep/sums.py"]),
        ("typed.py", []),
        ("star.py", ["src/aigreen/__init__.py", *MEAN, "src/aigreen/other.py"]),
    ],
)
def test_the_modules_are_those_that_the_script_runs(project, script, modules):
    assert CodeReader(project).code(script).modules == tuple(sorted([script, *modules]))


def test_comments_docstrings_and_layout_change_nothing(project):
    before = digest(project, "mean.py")
    late = project / "src/aigreen/deep/late.py"
    late.write_text('# moved down\n\ndef add(a,\n        b):\n    """Another text."""\n    return (a + b)\n')
    (project / "mean.py").write_text("from aigreen import Mean\n# say it\nprint( Mean().fit() )\n")
    assert digest(project, "mean.py") == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("src/aigreen/deep/late.py", "a + b", "a - b"),
        ("src/aigreen/deep/sums.py", "add(1, 2)", "add(1, 3)"),
        ("mean.py", "print(", "str("),
    ],
)
def test_code_anywhere_below_changes_the_digest_of_those_that_import_it_only(project, file, old, new):
    scripts = ["mean.py", "other.py", "places.py"]
    before = [digest(project, script) for script in scripts]
    path = project / file
    path.write_text(path.read_text().replace(old, new))
    assert [digest(project, s) == b for s, b in zip(scripts, before, strict=True)] == [False, True, True]


def test_facts_count_where_they_are_read(project):
    before = {script: digest(project, script) for script in ("places.py", "mean.py")}
    assert CodeReader(project).code("places.py").facts == ("data/facts/cities.csv",)
    (project / "data/facts/unread.csv").write_text("code\n2\n")
    assert digest(project, "places.py") == before["places.py"]
    (project / "data/facts/cities.csv").write_text("code\n2\n")
    assert digest(project, "places.py") != before["places.py"]
    assert digest(project, "mean.py") == before["mean.py"]


def test_of_a_notebook_the_code_cells_count(project):
    def notebook(code, text, output):
        cells = [
            {"cell_type": "markdown", "source": [text]},
            {"cell_type": "code", "source": ["%matplotlib inline\n", code], "outputs": [output]},
        ]
        (project / "n.ipynb").write_text(json.dumps({"cells": cells}))
        return CodeReader(project).code("n.ipynb")

    first = notebook("from aigreen import Mean", "Words", {})
    assert first.modules == ("n.ipynb", *MEAN)
    assert notebook("from aigreen import Mean  # why", "Other words", {"text": "3"}) == first
    assert notebook("from aigreen import Mean\nMean()", "Words", {}).digest != first.digest


def test_the_cache_gives_what_reading_gives_and_a_damaged_one_is_read_over(project):
    cache = project / "cache.json"
    for content in (None, b"{", b"[]", b'{"x": {}}'):
        if content is not None:
            cache.write_bytes(content)
        reader = CodeReader(project, cache)
        assert reader.code("mean.py") == CodeReader(project).code("mean.py")
        reader.save()
    kept = json.loads(cache.read_bytes())
    for entry in kept.values():
        entry["digest"] = "from the cache"
    cache.write_text(json.dumps(kept))
    assert CodeReader(project, cache).code("mean.py").digest != digest(project, "mean.py")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import aigreen.nowhere\n", r"s\.py: imports aigreen\.nowhere"),
        ("from importlib import import_module\nimport_module(input())\n", r"s\.py:2: .*computed name"),
        ("def (:\n", r"s\.py: not Python"),
    ],
)
def test_what_cannot_be_followed_is_an_error(project, text, message):
    (project / "s.py").write_text(text)
    with pytest.raises(ReportError, match=message):
        CodeReader(project).code("s.py")


def test_every_script_of_the_study_can_be_followed(repository):
    reader = CodeReader(repository)
    for script in sorted((repository / "analysis/scripts").glob("*.py")):
        code = reader.code(script)
        assert f"analysis/scripts/{script.name}" in code.modules
    assert "src/aigreen/did/group_time/group_time.py" in reader.code("analysis/scripts/group_time.py").modules
    assert "src/aigreen/did/group_time/group_time.py" not in reader.code("analysis/scripts/fetch_raw.py").modules
    assert reader.code("analysis/scripts/fetch_raw.py").facts == ("data/sources.csv",)
