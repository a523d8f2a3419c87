"""The house: who may import whom, no circles, every module alone, and paths held as data that lead somewhere."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Rooms of the library from the ground up; a file imports from its own room and from rooms on lower floors.
FLOORS = [
    {"errors", "extras", "options", "arguments", "disk", "on_demand", "progress"},
    {"linalg"},
    {"panel", "effects"},
    {"exposure", "regression"},
    {"inference", "counterfactual"},
    {"decomposition", "did"},
    {"mediation", "spillover"},
]
# What stands beside the floors, with the rooms that it may import from; no estimator imports from these.
BESIDE = {
    "data": FLOORS[0] | FLOORS[1],
    "simulate": FLOORS[0] | FLOORS[1] | FLOORS[2] | {"data"},
    "cli": FLOORS[0],
}
LOOSE = {"__init__.py", "__init__.pyi", "py.typed", "cli.py"} | {f"{name}.py" for name in FLOORS[0]}


def modules(source: Path) -> dict[str, Path]:
    """Dotted name of each module below `source`; packages by their ``__init__``."""
    names = {}
    for path in sorted(source.rglob("*.py")):
        name = ".".join(path.relative_to(source).with_suffix("").parts)
        names[name.removesuffix(".__init__")] = path
    return names


def imports(source: Path) -> dict[str, set[str]]:
    """First-party modules that each module imports, anywhere in the file."""
    known = modules(source)
    found: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for target in _imported(path.read_text("utf-8")):
            while target and target not in known:
                target = target.rpartition(".")[0]
            if target and target != name:
                found[name].add(target)
    return found


@cache
def _imported(text: str) -> set[str]:
    return {target for node in ast.walk(ast.parse(text)) for target in _targets(node)}


def _targets(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "aigreen" and len(parts) > 1 else parts[0]


def below(name: str) -> set[str]:
    """Rooms that a room may import from."""
    if name in BESIDE:
        return BESIDE[name]
    if name == "aigreen":
        return FLOORS[0]
    height = next((i for i, floor in enumerate(FLOORS) if name in floor), None)
    assert height is not None, f"no floor for the room {name!r}: give it one in {Path(__file__).name}"
    return set().union(*FLOORS[: max(height, 1)])


def broken(source: Path) -> list[str]:
    """Imports that run up, sideways, or from the library into the study."""
    found = []
    for name, targets in imports(source).items():
        if name.split(".")[0] == "aigreen_study":
            continue
        allowed = below(room(name)) | {room(name)}
        found += [f"{name} imports {target}" for target in sorted(targets) if room(target) not in allowed]
    return found


def circles(source: Path) -> list[list[str]]:
    """Modules that import each other in a loop: what is left when those that import none of the left are taken away."""
    graph = {name: set(targets) for name, targets in imports(source).items()}
    while free := {name for name, targets in graph.items() if not targets & graph.keys()}:
        graph = {name: targets for name, targets in graph.items() if name not in free}
    return [sorted(graph)] if graph else []


def test_nothing_imports_upwards():
    assert broken(ROOT / "src") == []


def test_there_are_no_circles():
    assert circles(ROOT / "src") == []


@pytest.mark.parametrize(
    ("file", "line", "what"),
    [
        ("aigreen/linalg/sandwich.py", "from aigreen.panel import Panel", "aigreen.linalg.sandwich imports"),
        ("aigreen/did/imputation.py", "from aigreen import spillover", "aigreen.did.imputation imports"),
        ("aigreen/did/stacked.py", "from aigreen.decomposition import parts", "aigreen.did.stacked imports"),
        ("aigreen/effects/wald.py", "import aigreen_study.tables.table", "aigreen.effects.wald imports aigreen_study"),
        ("aigreen/exposure/maps.py", "from aigreen.data import facts", "aigreen.exposure.maps imports aigreen.data"),
    ],
)
def test_a_planted_upward_import_is_seen(tmp_path, file, line, what):
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    path = source / file
    path.write_text(path.read_text("utf-8") + f"\n\ndef planted():\n    {line}\n", "utf-8")
    assert [row for row in broken(source) if row.startswith(what)] != []


def test_a_planted_circle_is_seen(tmp_path):
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    path = source / "aigreen/linalg/arrays.py"
    path.write_text(path.read_text("utf-8") + "\n\ndef planted():\n    from aigreen.linalg import sandwich\n", "utf-8")
    assert {"aigreen.linalg.arrays", "aigreen.linalg.sandwich"} <= set(circles(source)[0])


def reached_into(source: Path) -> list[str]:
    """Private names that a module of the library takes from another: imported, or of an object that is not its own."""
    found = []
    for path in sorted((source / "aigreen").rglob("*.py")):
        shown = path.relative_to(source).as_posix()
        found += [f"{shown}: {name}" for name in _private(path.read_text("utf-8"))]
    return found


@cache
def _private(text: str) -> list[str]:
    nodes = list(ast.walk(ast.parse(text)))
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= _PUBLIC
    names = []
    for node in nodes:
        names += [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        names += [node.attr] if isinstance(node, ast.Attribute) and node.attr not in own else []
    return [name for name in names if name.startswith("_") and not name.startswith("__")]


# Documented members of Python whose names start with an underscore.
_PUBLIC = {"_fields", "_replace", "_getframe"}


def test_no_module_reaches_into_another():
    assert reached_into(ROOT / "src") == []


@pytest.mark.parametrize("line", ["from aigreen.panel.panel import _order", "Panel.fit = lambda panel: panel._order"])
def test_a_planted_private_name_is_seen(tmp_path, line):
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    path = source / "aigreen/linalg/arrays.py"
    path.write_text(path.read_text("utf-8") + f"\n\n{line}\n", "utf-8")
    assert reached_into(source) == ["aigreen/linalg/arrays.py: _order"]


def test_nothing_lies_loose_in_the_root_of_the_library():
    assert {path.name for path in (ROOT / "src/aigreen").iterdir() if path.is_file()} <= LOOSE


# Third-party modules are imported once, then each module of ours in a process of its own that starts from there.
_ALONE = """
import os, sys
from importlib import import_module
for name in ("numpy", "scipy.sparse", "scipy.linalg", "scipy.stats", "pandas", "pyarrow.parquet", "matplotlib.pyplot"):
    import_module(name)
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            import_module(name)
        except BaseException as error:
            print(f"{name}: {error!r}", flush=True)
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(1 if failed else 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_every_module_can_be_imported_alone():
    names = [name for name in modules(ROOT / "src") if not name.endswith("__main__")]
    done = subprocess.run([sys.executable, "-c", _ALONE, *names], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_paths_held_as_data_lead_somewhere():
    """Modules, files and folders of ours that code, configuration and documentation name as text."""
    known = modules(ROOT / "src")
    lost = []
    for path in held():
        text = path.read_text("utf-8")
        shown = path.relative_to(ROOT).as_posix()
        if shown == "CONTRIBUTING.md":  # its code adds modules; tests/workflow/test_recipes.py carries it out
            text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for file in re.findall(r"(?<![\w./])(?:src/aigreen(?:_study)?|analysis|notebooks)/[\w./-]*\w", text):
            if not (ROOT / file).exists():
                lost.append(f"{shown}: {file}")
        for name in re.findall(r"(?<![\w./@-])aigreen(?:_study)?(?:\.\w+)+", text):
            if not leads(name, known):
                lost.append(f"{shown}: {name}")
    assert sorted(set(lost)) == []


def held() -> list[Path]:
    """Files that name modules or paths as text."""
    places = ["README.md", "CONTRIBUTING.md", "pyproject.toml", "mkdocs.yml", "Snakefile", ".ci/run"]
    patterns = ["docs/*.md", "analysis/**/*.json", "analysis/**/*.smk", "paper/**/*.typ", "data/**/*.md", "src/**/*.py"]
    found = [ROOT / place for place in places if (ROOT / place).is_file()]
    for pattern in patterns:
        some = sorted(ROOT.glob(pattern))
        assert some, f"{pattern} matches nothing"
        found += some
    return found


# Words that look like modules: commands of the shell, metadata keys, a logger.
_WORDS = {"aigreen.stamp", "aigreen.flow", "aigreen.run", "aigreen.egg"}


def leads(name: str, known: dict[str, Path]) -> bool:
    """Whether a dotted name is a module, or a name in one."""
    if name in known or name in _WORDS:
        return True
    module, _, member = name.rpartition(".")
    while module and module not in known:
        module, _, member = module.rpartition(".")
    if module == "aigreen":
        return f'"{member}"' in (ROOT / "src/aigreen/__init__.pyi").read_text("utf-8")
    return bool(module) and re.search(rf"\b{member}\b", known[module].read_text("utf-8")) is not None


def test_what_the_wheel_packs_is_there():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    packed = [*build["wheel"]["packages"], *build["wheel"]["force-include"], *build["sdist"]["include"]]
    assert [path for path in packed if not any(ROOT.glob(path.lstrip("/")))] == []


def test_facts_are_found_where_the_code_looks():
    from aigreen.data import facts
    from aigreen.data.registry.registry import registry

    assert "divisions" in facts.names()
    assert len(registry()) > 10


def test_the_stamp_of_made_tables_covers_the_code_that_makes_them(tmp_path):
    from aigreen.data.assemble import stages

    covered = {path.name for path in Path(stages.__file__).parents[1].rglob("*.py")}
    assert {"csmar.py", "classify.py", "facts.py", "canonical.py", "schemas.py", "build.py"} <= covered


def test_the_digest_of_a_script_covers_both_packages():
    from aigreen_study.trust.code_digest import CodeReader

    code = CodeReader(ROOT).code("analysis/scripts/decomposition.py").modules
    assert {name.split("/")[1] for name in code if name.startswith("src/")} == {"aigreen", "aigreen_study"}


def test_schemas_name_what_is_there():
    for path in (ROOT / "analysis/config").glob("schema*.json"):
        assert json.loads(path.read_text("utf-8"))["additionalProperties"] is False
