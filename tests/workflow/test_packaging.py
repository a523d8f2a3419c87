import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from aigreen.extras import EXTRAS

REPOSITORY = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
LOCK = (REPOSITORY / "requirements.lock").read_text("utf-8")

# Written in pieces, so that this file passes its own test.
REGISTRY_HOSTS = ["pypi" + ".org", "python" + "hosted.org", "ana" + "conda.org", "npm" + "js.org", "/op" + "t/pypi"]
MACHINE_PATHS = re.compile(r"(?<![\w.~/])/(?:home|root|Users|opt|mnt|work|tmp)/[\w.-]+|(?<![A-Za-z])[A-Z]:\\+[A-Za-z]")
BINARY = {".pdf", ".png", ".parquet", ".xlsx", ".dta", ".zip", ".gz"}


BACON = """
import pandas as pd
from aigreen import Panel, bacon_weights
df = pd.DataFrame({"unit": [1, 1, 2, 2], "time": [1, 2, 1, 2], "first": [2, 2, 0, 0], "y": [0.0, 1.0, 0.0, 0.0]})
bacon_weights(Panel(df, unit="unit", time="time", cohort="first"), "y")
"""


def distribution(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


def declared(extra: str) -> set[str]:
    return {distribution(line) for line in PYPROJECT["project"]["optional-dependencies"][extra]} - {"aigreen"}


PROVIDERS = packages_distributions()
CORE = {distribution(line) for line in PYPROJECT["project"]["dependencies"]}
DATA, ROBUST, LEARNERS, SPARK, STUDY = (declared(extra) for extra in ("data", "robust", "learners", "spark", "study"))


def tracked_files() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listing.split("\0") if name and (path := REPOSITORY / name).is_file()]


def test_every_requirement_is_pinned_by_version_and_sha256():
    joined = LOCK.replace("\\\n", " ")
    requirements = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(requirements) > 100
    pinned = re.compile(r"[a-z0-9-]+==[^\s;]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [line for line in requirements if not pinned.fullmatch(line)] == []


def test_lock_names_no_host_and_no_path():
    assert "://" not in LOCK
    assert "-index" not in LOCK
    assert "find-links" not in LOCK
    assert "/" not in re.sub(r"# .*", "", LOCK)


def test_lock_covers_the_project():
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK, flags=re.MULTILINE))
    wanted = (
        CORE | DATA | ROBUST | LEARNERS | STUDY | {distribution(name) for name in PYPROJECT["dependency-groups"]["dev"]}
    )
    assert wanted - locked == set()


# ---- who imports what, and from which extra ----


@dataclass(frozen=True)
class Import:
    """A third-party module that a file imports; `late` where a function does, when it is called."""

    module: str
    file: str
    late: bool


def third_party(path: Path) -> list[Import]:
    tree = ast.parse(path.read_text("utf-8"))
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        else:
            continue
        modules = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"aigreen", "aigreen_study"}
        found += [Import(module, path.as_posix(), id(node) in late) for module in sorted(modules)]
    return found


def place(path: Path) -> str:
    """Which part of the project a file of `src` belongs to."""
    package, room = path.relative_to(REPOSITORY / "src").parts[:2]
    if package == "aigreen_study":
        return "study"
    return "data" if room in ("data", "simulate") else "core"


def imported() -> dict[str, list[Import]]:
    parts: dict[str, list[Import]] = {"core": [], "data": [], "study": []}
    for path in sorted((REPOSITORY / "src").rglob("*.py")):
        parts[place(path)] += third_party(path)
    return parts


def undeclared(parts: dict[str, list[Import]]) -> list[str]:
    """Imports of a package that the part's dependencies do not name.

    Estimators may import `robust` when called, group-time effects `learners`, panels on disk `data`, and the module for
    Spark `spark`.
    """
    allowed = {"core": CORE, "data": CORE | DATA, "study": CORE | DATA | ROBUST | STUDY}
    return [
        f"{found.file}: {found.module}"
        for part, rows in parts.items()
        for found in rows
        if not distributions(found.module) & (allowed[part] | late(found))
    ]


def late(found: Import) -> set[str]:
    """Extras that an import may name because it runs when it is called."""
    if not found.late:
        return set()
    rooms = {"/panel/on_disk/": DATA, "/did/group_time/": LEARNERS, "/data/patents/spark.py": SPARK}
    return ROBUST.union(*(extra for room, extra in rooms.items() if room in found.file))


def distributions(module: str) -> set[str]:
    return {distribution(name) for name in PROVIDERS.get(module, [module])}


def test_every_import_is_declared_where_it_is_needed():
    assert undeclared(imported()) == []


@pytest.mark.parametrize(
    ("part", "module", "late"),
    [
        ("core", "ibis", False),
        ("core", "ibis", True),
        ("core", "diff_diff", False),
        ("data", "diff_diff", False),
        ("data", "snakemake", True),
        ("study", "sklearn", True),
    ],
)
def test_a_planted_import_is_seen(part, module, late):
    assert undeclared({part: [Import(module, "planted.py", late)]}) == [f"planted.py: {module}"]


# Declared, but not imported: what runs the notebooks as a command, and a dependency of ibis that is held back.
COMMANDS = {"ipykernel", "jupyter-core", "nbconvert"}
HELD_BACK = {"sqlglot"}


def test_nothing_is_declared_that_nothing_imports():
    used = {part: set().union(*(distributions(row.module) for row in rows)) for part, rows in imported().items()}
    assert CORE - used["core"] == set()
    assert DATA - used["data"] == HELD_BACK
    assert (ROBUST | LEARNERS) - used["core"] == set()
    assert STUDY - used["study"] == COMMANDS
    assert '"nbconvert"' in (REPOSITORY / "analysis/scripts/run_notebook.py").read_text("utf-8")


def test_the_extras_that_are_looked_for_are_those_declared():
    extras = {"data": DATA | {"duckdb"}, "robust": ROBUST, "learners": LEARNERS, "spark": SPARK - DATA, "study": STUDY}
    for extra, declared in extras.items():
        assert set().union(*map(distributions, EXTRAS[extra])) == declared


def without(extras: list[str], code: str) -> subprocess.CompletedProcess:
    """Run `code` where the modules of some extras are not installed."""
    absent = [name for extra in extras for name in EXTRAS[extra]]
    block = f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
    return subprocess.run([sys.executable, "-c", block + code], capture_output=True, text=True)


def test_no_estimator_needs_an_extra_to_be_imported():
    files = [path for path in sorted((REPOSITORY / "src/aigreen").rglob("*.py")) if place(path) == "core"]
    names = [".".join(path.relative_to(REPOSITORY / "src").with_suffix("").parts) for path in files]
    code = f"from importlib import import_module\nfor name in {names}: import_module(name)\nfrom aigreen import *"
    done = without(["data", "robust", "study"], code)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("name", ["GroupTimeATT", "Panel", "TWFE", "Effects", "Decomposition"])
def test_a_name_loads_no_package_that_its_fit_alone_needs(name):
    late = ("pyfixest", "matplotlib", "statsmodels", "linearmodels", "diff_diff")
    code = f"import sys\nfrom aigreen import {name}\nprint([m for m in {late} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("extra", "code", "absent"),
    [
        ("data", "import aigreen.data.facts", "duckdb, ibis, pandera, "),
        ("data", "import aigreen.simulate.world", "duckdb, ibis, pandera, "),
        ("study", "import aigreen_study.config", "docx, fontTools, "),
        ("robust", BACON, "the Goodman-Bacon decomposition needs diff_diff, which is"),
    ],
)
def test_an_absent_extra_is_one_typed_error_that_names_it(extra, code, absent):
    last = without([extra], code).stderr.splitlines()[-1]
    assert last.startswith("aigreen.errors.MissingExtraError: ")
    assert absent in last
    assert last.endswith(f"not installed: pip install 'aigreen[{extra}]'")


def test_the_commands_say_which_extra_is_absent():
    done = without(["study"], "from aigreen.cli import main; sys.exit(main(['doctor']))")
    assert done.returncode == 1
    assert done.stderr.startswith("error: aigreen_study needs docx, ")


# ---- types ----


@pytest.mark.slow
def test_mypy_finds_nothing():
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout.startswith("Success: no issues found"), done.stdout


def test_the_modules_of_public_names_are_checked():
    passed_over = next(rule["module"] for rule in PYPROJECT["tool"]["mypy"]["overrides"] if rule["ignore_errors"])
    stubs = [REPOSITORY / "src/aigreen/__init__.pyi", REPOSITORY / "src/aigreen/inference/__init__.py"]
    public = {
        node.module
        for stub in stubs
        for node in ast.walk(ast.parse(stub.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert len(public) > 15
    assert public & set(passed_over) == set()


# ---- the wheel in an empty environment ----


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Python of an environment that holds the wheel and what it depends on, and nothing else."""
    spec = importlib.util.spec_from_file_location("aigreen_run", REPOSITORY / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    uv, env = run.find_uv()
    folder = tmp_path_factory.mktemp("bare")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder / "venv")], env=env, check=True)
    python = run.scripts(folder / "venv") / "python"
    subprocess.run([uv, "pip", "install", "-q", "--python", str(python), str(wheel)], env=env, check=True)
    return python


def alone(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AIGREEN"))}
    return subprocess.run([str(python), *arguments], cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_the_workflow_of_own_studies(bare):
    (wheel,) = bare.parents[2].glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "aigreen",
        "aigreen_study",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    assert {"aigreen/py.typed", "aigreen/__init__.pyi", "aigreen/data/registry/sources.csv"} <= set(names)
    assert any(name.startswith("aigreen/data/facts/") and name.endswith(".csv") for name in names)
    project = {name.removeprefix("aigreen_study/project/") for name in names}
    assert {"Snakefile", "profiles/default/config.yaml", "analysis/config/schema-own.json"} <= project
    for part in ("analysis/rules", "analysis/scripts", "paper/sections"):
        assert {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / part).glob("*.*")} <= project
    assert not {name for name in project if name.startswith(("paper/expected", "analysis/config/specifications"))}


@pytest.mark.slow
def test_a_bare_install_is_small(bare):
    (site,) = bare.parents[1].glob("[Ll]ib/**/site-packages")
    packages = len(list(site.glob("*.dist-info")))
    megabytes = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6
    print(f"{packages} packages, {megabytes:.0f} MB")
    assert packages < 75
    assert megabytes < 800  # bytecode included


@pytest.mark.slow
def test_the_example_of_the_readme_runs_on_a_bare_install(bare, tmp_path):
    readme = (REPOSITORY / "README.md").read_text("utf-8").partition("## Use the estimators")[2]
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL).group(1)
    made_up_firms().to_csv(tmp_path / "firms.csv", index=False)
    done = alone(bare, tmp_path, "-c", example)
    assert (done.stderr, done.returncode) == ("", 0)
    table = done.stdout.splitlines()
    assert table[0].split() == ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    effect = next(float(line.split()[1]) for line in table if line.startswith("ATT"))
    assert abs(effect - 0.5) < 0.1


@pytest.mark.slow
def test_the_commands_of_a_bare_install_ask_for_the_extra(bare, tmp_path):
    done = alone(bare, tmp_path, "-m", "aigreen.cli", "run", "castle.yaml")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.rstrip().endswith("not installed: pip install 'aigreen[study]'")
    assert "Traceback" not in done.stderr


def made_up_firms() -> pd.DataFrame:
    """200 firms in 20 cities over 8 years, half of them treated from 2018 or 2020 with an effect of 0.5."""
    rng = np.random.default_rng(0)
    firm, year = (grid.ravel() for grid in np.meshgrid(np.arange(200), np.arange(2015, 2023), indexing="ij"))
    first = np.select([firm % 4 == 0, firm % 4 == 1], [2018.0, 2020.0], np.nan)
    size = rng.normal(size=200)[firm] + 0.1 * rng.normal(size=firm.size)
    treated = year >= first
    log = 1 + 0.1 * (year - 2015) + 0.2 * size + 0.5 * treated + 0.3 * rng.normal(size=firm.size)
    return pd.DataFrame(
        {
            "firm": firm,
            "year": year,
            "first_treated": first,
            "city": firm // 10,
            "size": size,
            "green_patents_log": log,
            "green_patents": rng.poisson(np.exp(log)),
        }
    )


def test_versions_agree():
    version = PYPROJECT["project"]["version"]
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == version
    assert citation["license"] == PYPROJECT["project"]["license"]
    assert f"## [{version}]" in (REPOSITORY / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize(
    "path",
    ["uv.lock", ".venv/x", ".uv/x", "results/a.pdf", "logs/a", "data/raw/a", "data/restricted/a", "data/derived/a"],
)
def test_made_and_licensed_files_are_ignored(path):
    tracked_files()
    assert subprocess.run(["git", "check-ignore", "-q", path], cwd=REPOSITORY).returncode == 0


def test_hooks_are_local():
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]


@pytest.mark.parametrize("path", ["/ho" + "me/me/x", "'/ro" + "ot/x'", "C:" + "\\\\Users", "D:" + "\\data"])
def test_machine_paths_are_recognised(path):
    assert MACHINE_PATHS.search(path)
    assert not MACHINE_PATHS.search("results/home/x ../work/y https://example.org/home/a ~/opt/b")


def test_no_registry_host_and_no_machine_path_in_text_files():
    found = []
    for path in tracked_files():
        if path.suffix in BINARY:
            continue
        text = path.read_text("utf-8", errors="replace")
        hits = [host for host in REGISTRY_HOSTS if host in text] + MACHINE_PATHS.findall(text)
        found += [f"{path.relative_to(REPOSITORY).as_posix()}: {hit}" for hit in hits]
    assert found == []
