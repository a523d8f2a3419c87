#!/usr/bin/env python3
"""Set up the environment of this repository (once) and run a command in it.

python3 run.py paper [study] [options]     rebuild a study (simulated-firms, or one of analysis/config, as cities), from
                                           raw files to results/<study>/paper.pdf; options are those of snakemake
python3 run.py test [pytest options]       run the tests
python3 run.py benchmark [options]         measure against other packages (installs them beside the environment)
python3 run.py notebook [options]          open the notebooks in JupyterLab (installs it beside the environment)
python3 run.py docs [--serve]              build the documentation into site/, or show it in the browser
python3 run.py lock [--upgrade]            rewrite requirements.lock from pyproject.toml
python3 run.py <command> [arguments]       run any command: python, snakemake, jupyter, aigreen ...

Needs Python 3.11 or newer and pip, nothing else. paper, test, benchmark, notebook, docs, lock and snakemake run at the
top of the repository, every other command where you are.
"""

import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
TOOLS = ROOT / ".uv"
STAMP = "aigreen-stamp.json"
# Outside any virtual environment: one made by uv has no pip, and may be the one about to be replaced.
PYTHON = getattr(sys, "_base_executable", None) or sys.executable

AT_THE_TOP = {
    "paper": ["python", "-m", "aigreen_study.run.engine"],
    "snakemake": ["python", "-m", "aigreen_study.run.engine"],
    "test": ["python", "-m", "pytest", "-n", "auto", "--dist", "loadscope"],
    "benchmark": ["python", "benchmarks/run.py"],
    "notebook": ["python", "-m", "jupyterlab", "notebooks"],
    "docs": ["python", "-m", "mkdocs"],
}
# Commands with an environment of their own, by the group of pyproject.toml that it has beyond requirements.lock.
GROUPS = {"benchmark": "bench", "notebook": "notebook", "docs": "docs"}
COMPILE = (
    "pip compile pyproject.toml --extra study --group dev --universal --python-version 3.11 --fork-strategy fewest "
    "--generate-hashes --quiet --output-file requirements.lock"
)
THREADS = "OMP_NUM OPENBLAS_NUM MKL_NUM BLIS_NUM VECLIB_MAXIMUM NUMEXPR_NUM NUMBA_NUM RAYON_NUM POLARS_MAX"
CHILD_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PYTHONNOUSERSITE": "1",
    "MPLBACKEND": "Agg",
    "SOURCE_DATE_EPOCH": "1577836800",  # 2020-01-01: the date that plots and archives carry
    **{name + "_THREADS": "1" for name in THREADS.split()},
}
CACHES = ("XDG_CACHE_HOME", "MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR")
NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH")


def version_problem(version):
    """One line for the user if this Python is too old, else None."""
    if tuple(version[:2]) >= (3, 11):
        return None
    return f"aigreen needs Python 3.11 or newer; this is Python {version[0]}.{version[1]}."


def say(text: str) -> None:
    print("run.py: " + text, file=sys.stderr, flush=True)


def stop(text: str):
    sys.exit("run.py: " + text)


def child_environment(base, venv: Path) -> dict:
    """Environment of every command: `venv` first on PATH, fixed seeds, one thread, no display."""
    env = {name: value for name, value in base.items() if name not in NOT_INHERITED}
    env.update(CHILD_ENVIRONMENT, VIRTUAL_ENV=str(venv))
    env["PATH"] = os.pathsep.join([str(scripts(venv)), base.get("PATH", os.defpath)])
    return env


def caches(base, root: Path = ROOT) -> dict:
    """Variables that put caches below the repository where the home folder takes none, as on read-only machines."""
    if os.name == "nt":
        return {}
    usual = Path(base.get("XDG_CACHE_HOME") or Path(base.get("HOME") or "~").expanduser() / ".cache")
    try:
        usual.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(usual)):
            return {}
    except OSError as reason:
        folder = root / ".cache"
        say(f"no cache in {usual} ({reason.strerror}): caches go to {folder}")
        folder.mkdir(exist_ok=True)
        return {name: str(folder / name.lower()) for name in CACHES if name == CACHES[0] or name not in base}


def scripts(venv: Path) -> Path:
    return venv / ("Scripts" if os.name == "nt" else "bin")


# ---- pip's settings, in uv's words ----


def pip_settings(listing: str) -> dict:
    """Options that `pip install` would use, from the output of `pip config list` (variables win over files)."""
    sections = ("global", "install", ":env:")
    rows = []
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in sections:
            rows.append((sections.index(section), name, ast.literal_eval(value)))
    return {name: value for _, name, value in sorted(rows)}


def usable(location: str) -> bool:
    """Whether a package index or folder can be asked at all; uv fails on a local one that does not exist."""
    if location.startswith("file:"):
        return Path(url2pathname(urlparse(location).path)).exists()
    return "://" in location or Path(location).expanduser().exists()


def uv_environment(pip: dict) -> dict:
    """Environment variables that make uv look where pip looks."""
    proxy = pip.get("proxy", "")
    env = {
        "UV_DEFAULT_INDEX": pip.get("index-url") or pip.get("index"),
        "UV_INDEX": " ".join(filter(usable, pip.get("extra-index-url", "").split())),
        "UV_FIND_LINKS": ",".join(filter(usable, pip.get("find-links", "").split())),
        "UV_NO_INDEX": "1" if str(pip.get("no-index", "")).lower() in ("1", "true", "yes", "on") else "",
        "UV_INSECURE_HOST": pip.get("trusted-host"),
        "UV_HTTP_TIMEOUT": pip.get("timeout") or pip.get("default-timeout"),
        "SSL_CERT_FILE": pip.get("cert"),
        "SSL_CLIENT_CERT": pip.get("client-cert"),
        "ALL_PROXY": proxy if "://" in proxy or not proxy else "http://" + proxy,
        # Any index may serve any package: requirements.lock fixes versions and contents.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return {name: " ".join(str(value).split()) for name, value in env.items() if value}


# ---- the environment ----


def uv_pin(lock: str) -> str:
    """The block of requirements.lock that pins uv, hashes included."""
    lines = lock.splitlines()
    first = last = next(i for i, line in enumerate(lines) if line.startswith("uv=="))
    while lines[last].endswith("\\"):
        last += 1
    return "\n".join(lines[first : last + 1]) + "\n"


def find_uv():
    """(Path of uv, its environment); installs the pinned uv below .uv at the first start."""
    listing = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True)
    env = {**uv_environment(pip_settings(listing.stdout)), **os.environ}
    pin = uv_pin(LOCK.read_text("utf-8"))
    folder = TOOLS / pin.split()[0].replace("==", "-")
    places = os.pathsep.join(str(folder / name) for name in ("bin", "Scripts"))
    if not shutil.which("uv", path=places):
        if listing.returncode:
            if shutil.which("uv"):
                return shutil.which("uv"), env
            stop(PYTHON + " has no pip. Install pip first (Debian and Ubuntu: apt install python3-pip).")
        with tempfile.TemporaryDirectory(dir=TOOLS) as partial:
            Path(partial, "uv.txt").write_text(pin, "utf-8")
            install = ["install", "-qq", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-input"]
            target = ["--target", str(Path(partial, "uv")), "-r", str(Path(partial, "uv.txt"))]
            overrides = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            call([PYTHON, "-m", "pip", *install, *target], {**os.environ, **overrides}, words=TOOLS / "pip.log")
            shutil.rmtree(folder, ignore_errors=True)
            Path(partial, "uv").replace(folder)
    return shutil.which("uv", path=places), env


def call(command, env, words=None) -> None:
    """Run one step of the set-up at the top of the repository; its failure ends the program.

    What the step says goes to the file `words`, if there is one.
    """
    if words is None:
        result = subprocess.run(command, cwd=str(ROOT), env=env, stdout=sys.stderr, close_fds=False)
    else:
        with open(str(words), "wb") as said:
            result = subprocess.run(command, cwd=str(ROOT), env=env, stdout=said, stderr=said, close_fds=False)
    if result.returncode:
        told = Path(words).read_text("utf-8", "replace") if words else ""
        offline = "no package index answers; " if re.search("Connection|Timeout|from versions: none", told) else ""
        place = str(words) if words else "above"
        stop("the set-up failed: " + offline + "it needs a network or a mirror (why: " + place + "). Then start again.")


@contextlib.contextmanager
def exclusive(path: Path):
    """Hold the lock file `path`: a second start waits here, also for an installer whose parent was killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as handle:
        if os.name == "nt":
            import msvcrt

            while True:
                with contextlib.suppress(OSError):
                    msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
                    break
                time.sleep(1)
        else:
            import fcntl

            os.set_inheritable(handle.fileno(), True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def wanted_stamp(root: Path, version) -> dict:
    """What an environment must have been made for: this place and Python, these requirements."""
    content = hashlib.sha256()
    for name in (LOCK.name, "pyproject.toml"):
        content.update((root / name).read_bytes() + b"\0")
    return {"place": f"{root} Python {version[0]}.{version[1]}", "content": content.hexdigest()}


def read_stamp(venv: Path) -> dict:
    """What `venv` was made for; empty if it is absent, unfinished or its Python has gone."""
    try:
        stamp = json.loads((venv / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if (scripts(venv) / ("python.exe" if os.name == "nt" else "python")).exists() else {}


def set_up(venv: Path, extra=()) -> None:
    """Bring `venv` in line with requirements.lock; does nothing where the stamp says that it is."""
    wanted = wanted_stamp(ROOT, sys.version_info)
    if read_stamp(venv) == wanted:
        return
    with exclusive(TOOLS / "lock"):
        present = read_stamp(venv)
        if present == wanted:
            return
        say(f"setting up {venv.name} from {LOCK.name} (once; the first time takes a minute or two)")
        uv, env = find_uv()
        quiet = [] if sys.stderr.isatty() else ["--quiet"]
        install = [uv, "pip", "install", *quiet, "--python", str(venv)]
        with contextlib.suppress(FileNotFoundError):
            (venv / STAMP).unlink()
        if present.get("place") != wanted["place"]:
            # What a run wrote to an environment that was removed under it; uv clears nothing but environments.
            if not (venv / "pyvenv.cfg").exists():
                shutil.rmtree(str(venv), ignore_errors=True)
            call([uv, "venv", "--quiet", "--clear", "--no-project", "--python", PYTHON, str(venv)], env)
        sync = [uv, "pip", "sync", *quiet, "--python", str(venv), "--require-hashes", "--build-constraints", str(LOCK)]
        call([*sync, str(LOCK)], env)
        call([*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], env)
        if extra:
            call([*install, *extra, "--constraints", str(LOCK)], env)
        # Python before 3.13 reads .pth files in the locale's encoding, so the path in there must not name our folder.
        for link in venv.glob("[Ll]ib/**/site-packages/*aigreen*.pth"):
            link.unlink()
            link.write_text(os.path.relpath(str(ROOT / "src"), str(link.parent)) + "\n", "ascii")
        partial = venv / (STAMP + ".partial")
        partial.write_text(json.dumps(wanted), "utf-8")
        partial.replace(venv / STAMP)


# ---- commands ----


def relock(options) -> int:
    """Resolve pyproject.toml anew from the main index alone, so that no local index leaves its mark."""
    with exclusive(TOOLS / "lock"):
        uv, env = find_uv()
        env = {name: value for name, value in env.items() if name not in ("UV_INDEX", "UV_FIND_LINKS")}
        header = ["--custom-compile-command", "python3 run.py lock"]
        call([uv, *COMPILE.split(), *header, "--python", PYTHON, *options], env)
    return 0


def of_study(arguments, root: Path = ROOT) -> list:
    """Options of snakemake for `paper`: a study that leads the arguments becomes a setting."""
    if not arguments or arguments[0].startswith("-"):
        return list(arguments)
    study, options = arguments[0], list(arguments[1:])
    known = sorted(path.stem for path in (root / "analysis" / "config").glob("*.yaml"))
    if study not in known:
        stop("no study " + study + "; there are " + ", ".join(known))
    # Snakemake takes one --config, and all settings behind it.
    if "--config" in options:
        options.insert(options.index("--config") + 1, "study=" + study)
        return options
    return [*options, "--config", "study=" + study]


def run(command, env, folder: Path) -> int:
    """Run `command` in `folder` and return its exit code; on POSIX this process becomes the command."""
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        say("command not found: " + command[0])
        return 127
    if os.name == "nt":
        return subprocess.call([program, *command[1:]], env=env, cwd=str(folder))
    os.chdir(str(folder))
    os.execve(program, command, env)


def main(argv) -> int:
    problem = version_problem(sys.version_info)
    if problem:
        stop(problem)
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0
    name, arguments = argv[0], argv[1:]
    if name == "paper":
        arguments = of_study(arguments)
    if name == "docs":
        arguments = ["serve" if word == "--serve" else word for word in arguments] or ["build"]
        if arguments[0] == "build":
            say("the pages go to " + str(ROOT / "site" / "index.html") + "; with search: run.py docs --serve")
    group = GROUPS.get(name)
    venv = ROOT / (".venv-" + group) if group else VENV
    try:
        if name == "lock":
            return relock(arguments)
        set_up(venv, ["--group", group] if group else [])
    except OSError as reason:
        stop("the set-up failed: " + str(reason.strerror) + ": " + str(reason.filename))
    folder = ROOT if name in AT_THE_TOP else Path.cwd()
    env = {**child_environment(os.environ, venv), **caches(os.environ)}
    return run([*AT_THE_TOP.get(name, [name]), *arguments], env, folder)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
