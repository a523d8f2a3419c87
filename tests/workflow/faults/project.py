"""A copy of the repository in which a study is built and faults are put in: provinces, with few draws."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

RESULTS = "results/provinces"
PDF, PANEL = f"{RESULTS}/paper.pdf", f"{RESULTS}/panel.parquet"
DRAWS = ("inference={draws: 199}", "notebooks=[]")
STUDY = ("study=provinces", *DRAWS)
AGAIN = (PDF, "--forcerun", "describe", "paper")  # the description of the data and the paper


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


def steps(said: str) -> set[str]:
    """Return the rules that a run, or a dry run, names as its steps."""
    return set(re.findall(r"^\[ *\d+/\d+\] (\w+)", said, re.MULTILINE))


def build_project(repository: Path, folder: Path, mirror: Path) -> None:
    """Copy what git tracks or would track, and build the study there."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (repository / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, folder / name)
    Project(folder, mirror).works(cores="2")


def in_mounts(*commands: str) -> tuple[str, ...]:
    """Run what follows after mounts that only it sees, and that end with it."""
    script = " && ".join([*commands, 'exec "$@"'])
    return ("unshare", "--mount", "sh", "-c", script, "sh")
