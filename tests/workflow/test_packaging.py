import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
LOCK = (REPOSITORY / "requirements.lock").read_text("utf-8")

# Written in pieces, so that this file passes its own test.
REGISTRY_HOSTS = ["pypi" + ".org", "python" + "hosted.org", "ana" + "conda.org", "npm" + "js.org", "/op" + "t/pypi"]
MACHINE_PATHS = re.compile(r"(?<![\w.~/])/(?:home|root|Users|opt|mnt|work|tmp)/[\w.-]+|(?<![A-Za-z])[A-Z]:\\+[A-Za-z]")
BINARY = {".pdf", ".png", ".parquet", ".xlsx", ".dta", ".zip", ".gz"}


def distribution(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


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
    project = PYPROJECT["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["study"],
        *PYPROJECT["dependency-groups"]["dev"],
    ]
    assert {distribution(requirement) for requirement in wanted} - locked == set()


def test_every_import_of_the_library_is_declared():
    library = {distribution(requirement) for requirement in PYPROJECT["project"]["dependencies"]}
    study = library | {distribution(name) for name in PYPROJECT["project"]["optional-dependencies"]["study"]}
    providers = packages_distributions()
    undeclared = {}
    for path in sorted((REPOSITORY / "src").rglob("*.py")):
        declared = study if "aigreen_study" in path.parts else library
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            else:
                continue
            for module in (
                {name.split(".")[0] for name in modules}
                - sys.stdlib_module_names
                - {"aigreen", "aigreen_study", "snakemake"}
            ):
                if not {distribution(name) for name in providers.get(module, [module])} & declared:
                    undeclared.setdefault(module, path.relative_to(REPOSITORY).as_posix())
    assert undeclared == {}


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
