"""Files written whole or not at all, what they hold as one sum, and locks that end with their process."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from aigreen.errors import ReportError

_STAMP = ".snakemake_timestamp"  # Snakemake leaves it in folders
_BESIDE = re.compile(r"\..+\.(\d+)@(.*)")
_DAY = 86_400.0  # seconds


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file aside and move it into place, so that no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = beside(path)
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """Place next to a file or folder where this process of this machine writes it before it is moved."""
    return path.with_name(f".{path.name}.{os.getpid()}@{platform.node()}")


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left beside the files and folders that they were writing.

    Processes of another machine that shares the folder cannot be asked: what they left goes when it is a day old.
    """
    for path in list(folder.rglob(".*")):
        name = _BESIDE.fullmatch(path.name)
        if name is None or not _left(path, int(name[1]), name[2]):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _left(path: Path, process: int, machine: str) -> bool:
    if machine == platform.node():
        return not _alive(process)
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > _DAY
    return False


def _alive(process: int) -> bool:
    """Whether a process of this number is there; always where the system cannot tell without harm (Windows)."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def content_sum(path: Path) -> tuple[str, int]:
    """Return sha256 and size of a file, or of all files of a folder with their names."""
    if not path.is_dir():
        return sha256(path), path.stat().st_size
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != _STAMP)
    lines = "".join(f"{sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest(), sum(file.stat().st_size for file in files)


def lock(file: IO[str] | int, *, shared: bool = False, wait: bool = True) -> bool:
    """Lock a file, open for reading and writing, until it is closed or the process ends, however it ends.

    On a folder that several machines share it holds across them, where its file system keeps locks (NFS does).

    Returns
    -------
    bool
        False where another process has it and `wait` is not set. On Windows there is no lock and nothing to wait for.

    Raises
    ------
    ReportError
        Where the file system keeps no locks.
    """
    if os.name == "nt":
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        raise ReportError(
            f"{getattr(file, 'name', 'a file')}: this file system keeps no locks ({error.strerror}), so that two runs "
            "could write the same results; mount it with them (Lustre: -o flock)"
        ) from None
    return True


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Wait until no other process has the folder, and hold it."""
    if os.name == "nt":
        yield
        return
    path = folder / ".lock"
    held = _held(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        held.close()


def _held(path: Path) -> IO[str]:
    """Lock a file that its holder removes: one that was removed while this waited is none."""
    while True:
        held = path.open("a+", encoding="ascii")
        lock(held)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(held.fileno()), path.stat()):
                return held
        held.close()
