"""Odd places and environments: the description of the data and the paper are made again, in the same bytes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .project import AGAIN, RESULTS, Project, one_line, steps

pytestmark = pytest.mark.slow
fault = pytest.mark.fault
ROOT = Path(__file__).parents[3]


def moved(project, place):
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(project.folder, place)
    return Project(place, project.mirror)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a b/绿色 专利 'x' (1) & co", marks=fault("path with spaces, quotes and Chinese", "same bytes")),
        pytest.param("/".join(["long" * 30] * 14), marks=fault("path of 1,700 characters", "same bytes")),
    ],
)
def test_odd_place(project, tmp_path, expected, seen, name):
    there = moved(project, tmp_path / name)
    there.works(*AGAIN)
    assert there.sums() == expected
    seen("same bytes")


@fault("project reached through a symbolic link", "same bytes")
def test_linked_project(project, tmp_path, expected, seen):
    (tmp_path / "link").symlink_to(project.folder, target_is_directory=True)
    there = Project(tmp_path / "link", project.mirror)
    there.works(*AGAIN)
    assert there.sums() == expected
    seen("same bytes")


@pytest.fixture(scope="module")
def gb18030(tmp_path_factory):
    """Folder of a compiled locale zh_CN.GB18030."""
    folder = tmp_path_factory.mktemp("locales")
    made = subprocess.run(
        ["localedef", "-i", "zh_CN", "-f", "GB18030", str(folder / "zh_CN.GB18030")], capture_output=True
    )
    if not (folder / "zh_CN.GB18030").is_dir():
        pytest.skip(f"localedef cannot make zh_CN.GB18030 ({made.stderr.decode(errors='replace')[:100]})")
    return folder


@fault("locale zh_CN.GB18030 (not UTF-8)", "same bytes")
def test_chinese_locale(project, expected, gb18030, seen):
    project.works(*AGAIN, LC_ALL="zh_CN.GB18030", LANG="zh_CN.GB18030", LOCPATH=str(gb18030), PYTHONUTF8="0")
    assert project.sums() == expected
    seen("same bytes")


ENVIRONMENTS = {
    "LC_ALL=C, without Python's UTF-8 mode": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "HOME not set": {"HOME": None, "XDG_CACHE_HOME": None},
    "HOME in a folder that does not exist": {"HOME": "/nonexistent/home", "XDG_CACHE_HOME": None},
    "TMPDIR in a folder that does not exist": {"TMPDIR": "/nonexistent/tmp"},
    "fonts of the system missing": {"FONTCONFIG_FILE": "/nonexistent", "FONTCONFIG_PATH": "/nonexistent"},
    "proxy variables hold junk, data from the mirror": {"HTTPS_PROXY": "not a proxy ://", "ALL_PROXY": "x"},
    "another time zone and a narrow terminal": {"TZ": "Asia/Shanghai", "COLUMNS": "20", "TERM": "dumb"},
}


@pytest.mark.parametrize("what", [pytest.param(what, marks=fault(what, "same bytes")) for what in ENVIRONMENTS])
def test_odd_environment(project, expected, seen, what):
    project.works(*AGAIN, **ENVIRONMENTS[what])
    assert project.sums() == expected
    seen("same bytes")


@fault("threads asked for in the environment (RAYON_NUM_THREADS=3)", "one thread all the same; same bytes")
def test_threads(project, expected, seen):
    estimates = f"{RESULTS}/estimates/robust_estimators"
    said = project.works(estimates, "--forcerun", estimates, RAYON_NUM_THREADS="3", OPENBLAS_NUM_THREADS="3")
    assert "estimate" in steps(said)
    assert project.sums() == expected
    seen("same bytes")


@fault("another seed of Python's hashes, a Poisson rule run again", "same bytes")
def test_hash_seed(project, expected, seen):
    estimates = f"{RESULTS}/estimates/rescaling"
    for seed in ("12345", "random"):
        said = project.works(*AGAIN, estimates, PYTHONHASHSEED=seed)
        assert "estimate" in steps(said)
        assert project.sums() == expected
    seen("same bytes")


@fault("no network, data from the mirror", "same bytes")
def test_without_network(project, expected, mounts, seen):
    project.works(*AGAIN, "fetch", inside=("unshare", "--net"))
    assert project.sums() == expected
    seen("same bytes")


@fault("umask 077", "same bytes")
def test_umask(project, expected, seen):
    project.works(*AGAIN, inside=("sh", "-c", 'umask 077 && exec "$@"', "sh"))
    assert project.sums() == expected
    seen("same bytes")


@fault("git not installed", "same bytes; `aigreen diff` says so in one line")
def test_without_git(project, tmp_path, expected, seen):
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "sh", "env"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    project.works(*AGAIN, PATH=str(tmp_path / "bin"))
    assert project.sums() == expected
    code, said = project.aigreen("diff", "HEAD", "--study", "provinces", PATH=str(tmp_path / "bin"))
    assert code == 1
    seen(f"same bytes; {one_line(said)}")


# ---- run.py ----

RUN = (
    "import importlib.util, sys\n"
    f"spec = importlib.util.spec_from_file_location('r', {str(ROOT / 'run.py')!r})\n"
    "r = importlib.util.module_from_spec(spec); spec.loader.exec_module(r)\n"
    "from pathlib import Path\n"
    "r.set_up, r.VENV = lambda *a: None, Path(sys.argv[1])\n"
    "sys.exit(r.main(sys.argv[2:]))"
)


def through_run(project, tmp_path, **environment):
    """Import aigreen with run.py, its environment being the one of the tests."""
    venv = tmp_path / "venv/bin"
    venv.mkdir(parents=True)
    (venv / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (venv / "python").chmod(0o755)
    command = ["python", "-c", "import aigreen, json, sys; print(sys.executable, len(json.dumps({})))"]
    return subprocess.run(
        [sys.executable, "-c", RUN, str(venv.parent), *command],
        cwd=project.folder,
        env=project.environment(**environment),
        capture_output=True,
        text=True,
    )


@fault("PYTHONPATH holds junk", "run.py leaves it out")
def test_junk_on_the_path(built, tmp_path, seen):
    (tmp_path / "junk/aigreen").mkdir(parents=True)
    (tmp_path / "junk/json.py").write_text("raise SystemExit('junk')")
    (tmp_path / "junk/aigreen/__init__.py").write_text("raise SystemExit('junk')")
    # A directory of modules that Python reads before everything else would end even run.py: only names of ours here.
    (tmp_path / "junk/json.py").unlink()
    done = through_run(built, tmp_path, PYTHONPATH=str(tmp_path / "junk"))
    assert (done.returncode, done.stderr) == (0, "")
    seen("the project's own aigreen is imported")


@fault("another Python first in PATH", "run.py takes that of its environment")
def test_another_python(built, tmp_path, seen):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text("#!/bin/sh\necho wrong python; exit 3\n")
    (tmp_path / "bin/python").chmod(0o755)
    done = through_run(built, tmp_path, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(sys.executable)
    seen("the environment's own Python runs")
