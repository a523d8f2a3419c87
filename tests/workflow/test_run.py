import ast
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aigreen_study.run.same_numbers import VARIABLES

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run():
    spec = importlib.util.spec_from_file_location("aigreen_run", REPOSITORY / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 4), (4, 0, 0)])
def test_new_enough_python_is_no_problem(run, version):
    assert run.version_problem(version) is None


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 8, 18), (3, 10, 13)])
def test_old_python_gets_one_line(run, version):
    problem = run.version_problem(version)
    assert "Python 3.11 or newer" in problem
    assert f"{version[0]}.{version[1]}" in problem
    assert "\n" not in problem


def test_old_python_can_at_least_parse_the_file():
    """Python 3.6 has no annotations that wait, and evaluates all of them."""
    tree = ast.parse((REPOSITORY / "run.py").read_text("utf-8"), feature_version=(3, 6))
    nodes = list(ast.walk(tree))
    assert "__future__" not in [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    written = {f.returns for f in functions} | {a.annotation for f in functions for a in f.args.args}
    assert {ast.unparse(node) for node in written if node} <= {"None", "Path", "bool", "dict", "int", "list", "str"}


def test_variables_win_over_files_and_other_commands_are_ignored(run):
    listing = "\n".join(
        [
            ":env:.find-links='/a /b'",
            "download.index-url='https://download.example/simple'",
            "global.find-links='/c'",
            "global.index-url='https://global.example/simple'",
            "install.index-url='https://install.example/simple'",
        ]
    )
    assert run.pip_settings(listing) == {"find-links": "/a /b", "index-url": "https://install.example/simple"}


def test_no_pip_settings_give_only_the_fixed_ones(run):
    assert run.uv_environment(run.pip_settings("")) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def test_pip_settings_in_uv_words(run, tmp_path):
    present, absent = tmp_path / "simple", tmp_path / "gone"
    present.mkdir()
    settings = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": f"\n{present.as_uri()}\n{absent.as_uri()} https://more.example/simple",
        "find-links": f"{absent} {tmp_path}",
        "trusted-host": "mirror.example more.example",
        "cert": "/etc/ca.pem",
        "client-cert": "/etc/me.pem",
        "proxy": "proxy.example:3128",
        "default-timeout": "180",
        "no-index": "false",
    }
    assert run.uv_environment(settings) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": f"{present.as_uri()} https://more.example/simple",
        "UV_FIND_LINKS": str(tmp_path),
        "UV_INSECURE_HOST": "mirror.example more.example",
        "UV_HTTP_TIMEOUT": "180",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "SSL_CLIENT_CERT": "/etc/me.pem",
        "ALL_PROXY": "http://proxy.example:3128",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def test_uv_is_pinned_with_hashes(run):
    pin = run.uv_pin(
        "tqdm==1 \\\n    --hash=sha256:aa\nuv==0.9.9 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n    # via x\n"
    )
    assert pin == "uv==0.9.9 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    assert run.uv_pin((REPOSITORY / "requirements.lock").read_text("utf-8")).count("--hash=sha256:") > 1


def test_environment_of_commands(run):
    base = {"PATH": "/usr/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "/x", "OMP_NUM_THREADS": "8", "LANG": "C"}
    env = run.child_environment(base, Path("/v"))
    assert env["PATH"] == os.pathsep.join([str(run.scripts(Path("/v"))), "/usr/bin"])
    assert env["VIRTUAL_ENV"] == str(Path("/v"))
    assert env["LANG"] == "C"
    assert env["PYTHONHASHSEED"] == "0"
    assert env["MPLBACKEND"] == "Agg"
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert "PYTHONPATH" not in env
    assert {name: env[name] for name in env if name.endswith("_THREADS") or name == "PYTHONHASHSEED"} == VARIABLES


def make_project(root: Path) -> Path:
    (root / "requirements.lock").write_text("numpy==2\n", "utf-8")
    (root / "pyproject.toml").write_text("[project]\n", "utf-8")
    return root


def test_stamp_follows_place_python_and_requirements(run, tmp_path):
    root = make_project(tmp_path)
    stamp = run.wanted_stamp(root, (3, 11, 7))
    assert stamp == run.wanted_stamp(root, (3, 11, 9))
    assert stamp["content"] == hashlib.sha256(b"numpy==2\n\0[project]\n\0").hexdigest()
    assert stamp["place"] != run.wanted_stamp(root, (3, 12, 0))["place"]
    (root / "requirements.lock").write_text("numpy==3\n", "utf-8")
    assert stamp["content"] != run.wanted_stamp(root, (3, 11, 7))["content"]


def test_stamp_of_an_unfinished_environment_is_empty(run, tmp_path):
    assert run.read_stamp(tmp_path) == {}
    (tmp_path / run.STAMP).write_text("{", "utf-8")
    assert run.read_stamp(tmp_path) == {}
    (tmp_path / run.STAMP).write_text(json.dumps({"place": "here"}), "utf-8")
    assert run.read_stamp(tmp_path) == {}, "its Python has gone"
    run.scripts(tmp_path).mkdir()
    (run.scripts(tmp_path) / ("python.exe" if os.name == "nt" else "python")).touch()
    assert run.read_stamp(tmp_path) == {"place": "here"}


class Installer:
    """Stands for uv: notes the steps and can fail at one of them."""

    def __init__(self, run, venv, fail_at=None):
        self.run, self.venv, self.fail_at, self.steps = run, venv, fail_at, []

    def __call__(self, command, env):
        step = next(word for word in command[1:] if word in ("venv", "sync", "install"))
        self.steps.append(step)
        if step == self.fail_at:
            raise SystemExit("failed")
        if step == "venv":
            self.run.scripts(self.venv).mkdir(parents=True, exist_ok=True)
            (self.run.scripts(self.venv) / ("python.exe" if os.name == "nt" else "python")).touch()


@pytest.fixture
def project(run, tmp_path, monkeypatch):
    root = make_project(tmp_path)
    for name, value in {"ROOT": root, "LOCK": root / "requirements.lock", "TOOLS": root / ".uv"}.items():
        monkeypatch.setattr(run, name, value)
    monkeypatch.setattr(run, "find_uv", lambda: ("uv", {}))

    def install(fail_at=None):
        installer = Installer(run, root / ".venv", fail_at)
        monkeypatch.setattr(run, "call", installer)
        try:
            run.set_up(root / ".venv")
        except SystemExit:
            assert fail_at
        return installer.steps

    install.root = root
    return install


def test_set_up_does_nothing_twice(project):
    assert project() == ["venv", "sync", "install"]
    assert project() == []


def test_changed_requirements_are_brought_in_without_a_new_environment(project):
    project()
    (project.root / "requirements.lock").write_text("numpy==3\n", "utf-8")
    assert project() == ["sync", "install"]
    assert project() == []


@pytest.mark.parametrize("step", ["venv", "sync", "install"])
def test_interrupted_set_up_starts_over(project, step):
    project(fail_at=step)
    assert project() == ["venv", "sync", "install"]
    assert project() == []


def test_interrupted_update_starts_over(project):
    project()
    (project.root / "requirements.lock").write_text("numpy==3\n", "utf-8")
    assert project(fail_at="sync") == ["sync"]
    assert project() == ["venv", "sync", "install"]


def test_what_a_run_wrote_to_a_removed_environment_is_no_hindrance(project):
    project()
    shutil.rmtree(project.root / ".venv")
    (project.root / ".venv/lib").mkdir(parents=True)
    assert project() == ["venv", "sync", "install"]
    assert not (project.root / ".venv/lib").exists()


def test_second_start_waits_for_the_first(run, tmp_path):
    order = []

    def second():
        with run.exclusive(tmp_path / "lock"):
            order.append("second")

    with run.exclusive(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ([], []),
        (["-n"], ["-n"]),
        (["cities"], ["--config", "study=cities"]),
        (["cities", "-n", "--cores", "1"], ["-n", "--cores", "1", "--config", "study=cities"]),
        (["cities", "--config", "seed=2", "-n"], ["--config", "study=cities", "seed=2", "-n"]),
    ],
)
def test_paper_takes_a_study(run, given, options):
    assert run.of_study(given) == options


def test_paper_names_the_studies_there_are(run):
    with pytest.raises(SystemExit, match=r"no study citys; there are cities, city-industries, "):
        run.of_study(["citys"])


@pytest.mark.skipif(os.name == "nt", reason="the folder of locks is opened otherwise")
def test_a_place_that_takes_no_files_gets_one_line(run, tmp_path, monkeypatch):
    make_project(tmp_path).joinpath(".uv").write_text("no folder")
    for name, value in {"ROOT": tmp_path, "LOCK": tmp_path / "requirements.lock", "TOOLS": tmp_path / ".uv"}.items():
        monkeypatch.setattr(run, name, value)
    with pytest.raises(SystemExit, match=r"^run.py: the set-up failed: File exists: .*\.uv$"):
        run.main(["python"])


def test_without_a_command_it_prints_its_usage():
    result = subprocess.run([sys.executable, REPOSITORY / "run.py"], capture_output=True, text=True, check=True)
    assert "python3 run.py paper" in result.stdout
    assert "python3 run.py test" in result.stdout


def test_exit_code_is_that_of_the_command_and_an_unknown_one_is_named(run, tmp_path):
    code = (
        "import importlib.util, os, sys; from pathlib import Path\n"
        f"spec = importlib.util.spec_from_file_location('r', {str(REPOSITORY / 'run.py')!r})\n"
        "r = importlib.util.module_from_spec(spec); spec.loader.exec_module(r)\n"
        "sys.exit(r.run(sys.argv[1:], dict(os.environ), Path.cwd()))"
    )
    command = [sys.executable, "-c", code]
    python = Path(sys.executable).name
    env = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    result = subprocess.run([*command, python, "-c", "import sys; sys.exit(7)"], cwd=tmp_path, env=env)
    assert result.returncode == 7
    result = subprocess.run([*command, "nosuch"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (127, "run.py: command not found: nosuch\n")


def test_without_a_home_to_write_to_caches_go_to_the_repository(run, tmp_path, capsys):
    home = tmp_path / "home"
    home.mkdir()
    assert run.caches({"HOME": str(home)}, tmp_path) == {}
    home.joinpath(".cache").rmdir()
    home.rmdir()
    home.write_text("no folder")
    found = run.caches({"HOME": str(home), "IPYTHONDIR": "/mine"}, tmp_path)
    assert found == {name: str(tmp_path / ".cache" / name.lower()) for name in run.CACHES if name != "IPYTHONDIR"}
    assert f"no cache in {home / '.cache'} (Not a directory): caches go to" in capsys.readouterr().err


def test_a_workflow_runs_without_a_home_to_write_to(run, tmp_path):
    (home := tmp_path / "home").write_text("no folder")
    (tmp_path / "Snakefile").write_text('rule all:\n    output: "x.txt"\n    shell: "echo x > {output}"\n')
    environment = {**os.environ, "HOME": str(home)}
    environment.pop("XDG_CACHE_HOME", None)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    bare = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert bare.returncode != 0
    done = subprocess.run(command, cwd=tmp_path, env={**environment, **run.caches(environment, tmp_path)}, timeout=200)
    assert done.returncode == 0
    assert (tmp_path / "x.txt").read_text() == "x\n"


def test_without_a_network_one_line_says_so(tmp_path):
    for name in ("run.py", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    settings = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    for command in ("paper", "lock"):
        start = [sys.executable, str(tmp_path / "run.py"), command]
        done = subprocess.run(start, env={**os.environ, **settings}, capture_output=True, text=True)
        told = done.stderr.splitlines()[-1]
        assert told.startswith("run.py: the set-up failed: no package index answers; it needs a network or a mirror")
        assert len(done.stderr.splitlines()) == {"paper": 2, "lock": 1}[command]
        assert "No matching distribution found for uv" in (tmp_path / ".uv/pip.log").read_text()
