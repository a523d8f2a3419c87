"""Faults in a run of the workflow: killed, damaged, changed, full, read-only, odd places, odd environments.

All use the study of provinces with few draws, built once; each fault gets a copy of it.
"""

import hashlib
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow
fault = pytest.mark.fault
ROOT = Path(__file__).parents[3]
RESULTS = "results/provinces"
PDF, PANEL = f"{RESULTS}/paper.pdf", f"{RESULTS}/panel.parquet"
DRAWS = ("inference={draws: 199}", "notebooks=[]")
STUDY = ("study=provinces", *DRAWS)
SMALL = ("simulation={scale: small, n_firms: 60, patents_factor: 0.05}", *DRAWS)
KILLS = 2


class Project:
    """A copy of the repository with what it has built."""

    def __init__(self, folder: Path, mirror: Path) -> None:
        self.folder, self.mirror = folder, mirror

    def environment(self, **changes):
        base = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        own = {
            "PYTHONPATH": str(self.folder / "src"),
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
            "AIGREEN_DATA_MIRROR": str(self.mirror),
        }
        return {key: value for key, value in (base | own | changes).items() if value is not None}

    def start(self, *arguments, config=STUDY, cores="1", inside=(), **environment) -> subprocess.Popen:
        return subprocess.Popen(
            [*inside, sys.executable, "-m", "snakemake", *arguments, "--cores", cores, "--config", *config],
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *arguments, **options) -> tuple[int, str]:
        process = self.start(*arguments, **options)
        said, _ = process.communicate(timeout=600)
        return process.returncode, said.decode(errors="replace")

    def works(self, *arguments, **options) -> str:
        code, said = self.run(*arguments, **options)
        assert code == 0, said
        return said

    def stops(self, *arguments, **options) -> str:
        """Run; return the one line of the error."""
        code, said = self.run(*arguments, **options)
        assert code != 0, said
        return one_line(said)

    def aigreen(self, *arguments, **environment) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "aigreen.cli", *arguments],
            cwd=self.folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    def sums(self, folder=RESULTS) -> dict[str, str]:
        """Hashes of all files that a reader would find."""
        top = self.folder / folder
        files = [path for path in sorted(top.rglob("*")) if path.is_file()]
        seen = [path for path in files if not any(part.startswith(".") for part in path.relative_to(top).parts)]
        sums = {path.relative_to(top).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in seen}
        return {name: digest for name, digest in sums.items() if not name.startswith("certificate.")}


def one_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    assert "Error in rule" not in said
    return lines[0]


@pytest.fixture(scope="module")
def built(tmp_path_factory, shared):
    """A built study: what git tracks or would track, and its results."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    folder = tmp_path_factory.mktemp("built")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    project = Project(folder, shared / "data")
    project.works(cores="2")
    return project


def copied(built: Project, folder: Path) -> Project:
    shutil.copytree(built.folder, folder, symlinks=True)
    return Project(folder, built.mirror)


@pytest.fixture
def project(built, tmp_path):
    return copied(built, tmp_path / "project")


@pytest.fixture
def expected(built):
    return built.sums()


# ---- killed ----


def wait_for(log: Path, process: subprocess.Popen) -> None:
    while process.poll() is None and not log.exists():
        time.sleep(0.01)


def kill(process: subprocess.Popen, number=signal.SIGKILL) -> bool:
    at_work = process.poll() is None
    if at_work:
        os.killpg(process.pid, number)
    process.communicate()
    return at_work


COMPLETES = "the next run completes it: same bytes, no unlock"
KILLED = {
    "fetch": (f"{RESULTS}/raw/manifest.csv", "fetch"),
    "panel": (PANEL, "panel"),
    "estimate": (f"{RESULTS}/estimates/baseline", "estimate_baseline"),
    "render_columns": (f"{RESULTS}/tables/baseline.json", "render_baseline"),
    "describe": (f"{RESULTS}/tables/descriptives.json", "describe"),
    "decomposition": (f"{RESULTS}/tables/decomposition.json", "decomposition"),
    "numbers": (f"{RESULTS}/numbers.json", "numbers"),
    "paper": (PDF, "paper"),
    "ledger": (f"{RESULTS}/ledger.json", "ledger"),
    "site": (f"{RESULTS}/site", "site"),
}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(
            rule,
            marks=fault(f"kill -9 at random moments of {rule}", COMPLETES),
        )
        for rule in KILLED
    ],
)
def test_killed(project, expected, seen, rule):
    target, name = KILLED[rule]
    log = project.folder / f"logs/provinces/{name}.log"
    at_work = 0
    for seconds in np.random.default_rng(zlib.crc32(rule.encode())).uniform(0, 2.5, KILLS):
        log.unlink(missing_ok=True)
        process = project.start(target, "--forcerun", rule)
        wait_for(log, process)
        time.sleep(seconds)
        at_work += kill(process)
        left = project.sums()
        assert left.items() <= expected.items() or rule in ("fetch", "panel")  # those two write more than one file
        project.works(target)
        assert project.sums() == expected
    seen(f"{KILLS} kills, {at_work} while at work; each time the next run gave the same bytes")


@fault("kill -9 at random moments of simulate", COMPLETES)
def test_killed_simulation(project, seen):
    truth = "results/simulated-firms/truth/truth.parquet"
    log = project.folder / "logs/simulated-firms/simulate.log"
    project.works(truth, config=SMALL)
    whole = project.sums("results/simulated-firms")
    at_work = 0
    for seconds in np.random.default_rng(3).uniform(0.5, 6, KILLS):
        log.unlink()
        process = project.start(truth, "--forcerun", "simulate", config=SMALL)
        wait_for(log, process)
        time.sleep(seconds)
        at_work += kill(process)
        project.works(truth, config=SMALL)
        assert project.sums("results/simulated-firms") == whole
    seen(f"{KILLS} kills, {at_work} while at work; each time the next run gave the same bytes")


@fault("kill -9 of snakemake alone: a step lives on", "the next run waits for the step, then completes, same bytes")
def test_step_outlives_its_run(project, expected, seen):
    log = project.folder / "logs/provinces/decomposition.log"
    log.unlink()
    target = f"{RESULTS}/tables/decomposition.json"
    process = project.start(target, "--forcerun", "decomposition")
    wait_for(log, process)
    process.kill()
    said = project.works(target)
    process.communicate()
    assert project.sums() == expected
    waited = "waiting for a step that outlived a killed run" in said
    seen(f"{'waited; ' if waited else 'the step had ended; '}same bytes")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        pytest.param(signal.SIGINT, "interrupted", marks=fault("SIGINT (Ctrl-C) once", "ends; the next run completes")),
        pytest.param(signal.SIGTERM, "terminated", marks=fault("SIGTERM once", "ends; the next run completes")),
    ],
)
def test_signal(project, expected, seen, number, name):
    log = project.folder / "logs/provinces/describe.log"
    log.unlink()
    process = project.start(PDF, "--forcerun", "describe")
    wait_for(log, process)
    os.killpg(process.pid, number)
    said = process.communicate(timeout=120)[0].decode()
    assert process.returncode != 0
    assert "Traceback" not in said
    assert f"error: {name}; run again to go on" in said
    project.works()
    assert project.sums() == expected
    seen(f"exit code {process.returncode}; error: {name}; run again to go on; the next run gave the same bytes")


@fault("two runs of a study at once", "the second stops with one line, the first completes")
def test_two_runs(project, expected, seen):
    log = project.folder / "logs/provinces/decomposition.log"
    log.unlink()
    first = project.start(f"{RESULTS}/tables/decomposition.json", "--forcerun", "decomposition")
    wait_for(log, first)
    line = project.stops(PDF, "--forcerun", "describe")
    first.communicate(timeout=300)
    assert first.returncode == 0
    assert "another run of this study is at work" in line
    project.works(PDF)
    assert project.sums() == expected
    seen(line)


@fault("two runs started at the same moment", "at least one completes, the other stops with one line or completes")
def test_two_starts(project, expected, seen):
    both = [project.start(PDF, "--forcerun", "describe") for _ in range(2)]
    said = [process.communicate(timeout=300)[0].decode() for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes, said
    for code, text in zip(codes, said, strict=True):
        assert code == 0 or "another run of this study is at work" in one_line(text)
    assert project.sums() == expected
    seen(f"exit codes {sorted(codes)}; same bytes")


@fault("lock files of Snakemake left by an older killed run", "the next run goes on without unlock")
def test_stale_lock(project, expected, seen):
    locks = project.folder / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.output.lock").write_text(f"{PDF}\n")
    project.works(PDF, "--forcerun", "paper")
    assert project.sums() == expected
    seen("same bytes")


# ---- damaged and changed files ----


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def empty(path):
    path.write_bytes(b"")


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def pickled(path):
    path.write_bytes(pickle.dumps(Evil()))


def keep_time(change):
    def quietly(path):
        before = path.stat()
        change(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    quietly.__name__ = change.__name__
    return quietly


ONE_LINE = "one line that names it; when it is deleted, the next run makes it again, same bytes"
DAMAGED = {
    "panel.parquet cut to half": (PANEL, cut, "describe", PDF),
    "one bit of panel.parquet flipped, its time kept": (PANEL, keep_time(flip), "describe", PDF),
    "a pickle in place of panel.parquet": (PANEL, pickled, "describe", PDF),
    "codebook.csv emptied": (f"{RESULTS}/codebook.csv", empty, "describe", PDF),
    "an estimate's JSON emptied": (f"{RESULTS}/estimates/group_time.json", empty, "numbers", PDF),
    "an estimate's influence functions: one bit flipped": (
        f"{RESULTS}/estimates/group_time.parquet", flip, "numbers", f"{RESULTS}/numbers.json"),
    "numbers.json cut to half": (f"{RESULTS}/numbers.json", cut, "paper", PDF),
    "a table's JSON cut to half": (f"{RESULTS}/tables/baseline.json", cut, "paper", PDF),
    "a figure emptied": (f"{RESULTS}/figures/event_study.pdf", empty, "paper", PDF),
}  # fmt: skip


@pytest.mark.parametrize("what", [pytest.param(what, marks=fault(what, ONE_LINE)) for what in DAMAGED])
def test_damaged_between_steps(project, expected, seen, what):
    name, damage, rule, target = DAMAGED[what]
    damage(project.folder / name)
    line = project.stops(target, "--forcerun", rule)
    assert name in line
    assert "delete it and run again" in line
    assert not (project.folder / "unpickled").exists()
    (project.folder / name).unlink()
    project.works(name)
    again = project.sums()
    assert again.items() <= expected.items()
    assert name.removeprefix(f"{RESULTS}/") in again
    seen(line)


@fault("one bit of paper.pdf flipped, its time kept", "`aigreen verify` names it and exits with 1")
def test_flipped_paper(project, seen):
    keep_time(flip)(project.folder / PDF)
    code, said = project.aigreen("verify", "--study", "provinces")
    line = next(line for line in said.splitlines() if "paper.pdf" in line)
    assert code == 1
    assert line.strip() == "paper.pdf: changed or damaged since the workflow wrote it"
    seen(line)


@fault("paper.pdf deleted", "the next run makes it again, same bytes; `aigreen verify` names it until then")
def test_deleted_output(project, expected, seen):
    (project.folder / PDF).unlink()
    code, said = project.aigreen("verify", "--study", "provinces")
    assert code == 1
    assert "paper.pdf: absent" in said
    project.works(PDF)
    assert project.sums() == expected
    seen("same bytes")


@fault("folder of a table deleted", "the next run makes its files again, same bytes")
def test_deleted_folder(project, expected, seen):
    shutil.rmtree(project.folder / RESULTS / "estimates/moves")
    project.works()
    assert project.sums() == expected
    seen("same bytes")


@fault("raw file cut to half after it was fetched", "fetched again and checked, same bytes")
def test_damaged_raw_file(project, expected, seen):
    (raw,) = [path for path in (project.folder / "data/raw").rglob("*.csv")]
    cut(raw)
    project.works(PANEL, "--forcerun", "panel")
    assert project.sums() == expected
    seen("same bytes")


@fault("accepted values emptied (zero bytes)", "`aigreen verify` stops with one line that names the file")
def test_empty_expected_file(project, seen):
    assert project.aigreen("accept", "--study", "provinces", "--reason", "test")[0] == 0
    assert project.aigreen("verify", "--study", "provinces")[0] == 0
    empty(project.folder / "paper/expected/provinces/numbers.json")
    code, said = project.aigreen("verify", "--study", "provinces")
    assert code == 1
    line = one_line(said)
    assert "numbers.json" in line
    seen(line)


@fault("comment and docstring edited in an imported module", "nothing is run again")
def test_edited_comment(project, seen):
    module = project.folder / "src/aigreen/did/group_time.py"
    module.write_text("# A comment.\n" + module.read_text(encoding="utf-8"), encoding="utf-8")
    assert "Nothing to be done" in project.works(PDF)
    seen("nothing to be done")


@fault("code edited in an imported module", "the rules that rest on it run again, and no others")
def test_edited_code(project, seen):
    module = project.folder / "src/aigreen/did/group_time.py"
    module.write_text(module.read_text(encoding="utf-8") + "\nADDED = 1\n", encoding="utf-8")
    said = project.works(PDF, "--dry-run")
    rules = sorted(set(re.findall(r"^(?:local)?rule (\w+):", said, re.MULTILINE)))
    assert "event_study" in rules
    assert not {"fetch", "panel", "describe"} & set(rules)
    seen(f"to run: {', '.join(rules)}")


@fault(
    "title changed in the configuration", "steps that read the whole configuration run again, data and estimates do not"
)
def test_changed_setting(project, seen):
    said = project.works(PDF, "--dry-run", config=(*STUDY, "title=Another title"))
    rules = sorted(set(re.findall(r"^(?:local)?rule (\w+):", said, re.MULTILINE)))
    assert "paper" in rules
    assert not {"fetch", "panel", "estimate"} & set(rules)
    seen(f"to run: {', '.join(rules)}")


@fault("unknown study on the command line", "one line, nothing is run")
def test_unknown_study(project, seen):
    seen(project.stops(config=["study=provnces"]))


@fault("Snakemake's own folder (.snakemake) deleted", "works; same bytes")
def test_deleted_state(project, expected, seen):
    shutil.rmtree(project.folder / ".snakemake")
    project.works(PDF, "--forcerun", "paper")
    assert project.sums() == expected
    seen("same bytes")


# ---- disks ----

AGAIN = (PDF, "--forcerun", "describe", "paper")


def in_mounts(*commands):
    """Run what follows after mounts that only it sees, and that end with it."""
    script = " && ".join([*commands, 'exec "$@"'])
    return ("unshare", "--mount", "sh", "-c", script, "sh")


@pytest.fixture
def mounts():
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("needs the right to mount (root)")


@fault("read-only results folder", "one line; nothing is lost")
def test_read_only_results(project, expected, mounts, seen):
    inside = in_mounts("mount --bind results results", "mount -o remount,ro,bind results")
    line = project.stops(*AGAIN, inside=inside)
    assert "protected output" in line or "Read-only file system" in line
    assert project.sums() == expected
    seen(line)


@fault("disk full while figures are written", "one line; with room, the next run completes, same bytes")
def test_full_disk(project, expected, mounts, seen):
    shutil.rmtree(project.folder / RESULTS / "figures")
    (project.folder / RESULTS / "figures").mkdir()
    figures = f"{RESULTS}/figures"
    inside = in_mounts(f"mount -t tmpfs -o size=8k tmpfs {figures}", f"touch {figures}/other")
    line = project.stops(f"{RESULTS}/tables/descriptives.json", "--forcerun", "describe", inside=inside)
    assert "No space left on device" in line
    project.works()
    assert project.sums() == expected
    seen(line)


@fault("limit on file size (quota) while the paper is written", "one line; without it, same bytes")
def test_quota(project, expected, seen):
    size = (project.folder / PDF).stat().st_size
    line = project.stops(PDF, "--forcerun", "paper", inside=("prlimit", f"--fsize={size // 2}"))
    assert "File too large" in line
    assert not list((project.folder / RESULTS).glob(".paper.pdf.*"))
    project.works(PDF)
    assert project.sums() == expected
    seen(line)


@fault("a file called results", "one line")
def test_results_is_a_file(project, seen):
    shutil.rmtree(project.folder / "results")
    (project.folder / "results").write_bytes(b"")
    line = project.stops(PANEL)
    assert line.endswith("Not a directory: 'results'")
    seen(line)


@fault("results is a symbolic link to a folder elsewhere", "works; same bytes")
def test_linked_results(project, tmp_path, expected, seen):
    shutil.move(project.folder / "results", tmp_path / "elsewhere")
    (project.folder / "results").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    project.works(*AGAIN)
    assert project.sums() == expected
    seen("same bytes")


# ---- clocks ----


@fault("clock set back: inputs lie in the future", "works; same bytes")
def test_inputs_in_the_future(project, expected, seen):
    later = time.time() + 86_400
    for path in (project.folder / PANEL, project.folder / "paper/references.bib"):
        os.utime(path, (later, later))
    project.works(PDF)
    assert project.sums() == expected
    seen("same bytes")


@fault("clock set back: all results lie in the future", "one line about the clock; touched, works: same bytes")
def test_results_in_the_future(project, expected, seen):
    def set_times(later):
        for path in (project.folder / RESULTS).rglob("*"):
            os.utime(path, (later, later))

    set_times(time.time() + 86_400)
    line = project.stops(*AGAIN)
    assert "clock" in line
    set_times(time.time())
    project.works(*AGAIN)
    project.works("--touch")
    assert project.sums() == expected
    seen(re.sub(r"in file \S+ ", "", line))


# ---- places and environments: the description of the data and the paper are made again ----


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
    "another seed of Python's hashes": {"PYTHONHASHSEED": "12345"},
}


@pytest.mark.parametrize("what", [pytest.param(what, marks=fault(what, "same bytes")) for what in ENVIRONMENTS])
def test_odd_environment(project, expected, seen, what):
    project.works(*AGAIN, **ENVIRONMENTS[what])
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
