"""Raw files where they lie: plain, gzipped, or members of a zip archive (CSMAR and PatentsView deliver those)."""

from __future__ import annotations

import gzip
import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from aigreen.data.raw.files import MOST_RATIO, MOST_UNZIPPED, SMALL, whole
from aigreen.errors import TooLargeError

BLOCK = 4 << 20
_UTF8_NAMES = 0x800  # flag of a member
_SET_ASIDE = (".", "~$", "__MACOSX")  # what file managers and spreadsheets leave behind


@dataclass(frozen=True, order=True)
class Part:
    """A raw file.

    Parameters
    ----------
    path : Path
        File on disk.
    member : str
        Its member, if it is a zip archive.
    """

    path: Path
    member: str = ""

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"{self.path.name}: {self.member}" if self.member else self.path.name

    @property
    def plain(self) -> str:
        """File name of the content."""
        name = PurePosixPath(self.member).name or self.path.name
        return name[:-3] if name.lower().endswith(".gz") else name

    @property
    def stem(self) -> str:
        """File name of the content without its ending."""
        return Path(self.plain).stem

    @property
    def suffix(self) -> str:
        """Ending of the content, in small letters."""
        return Path(self.plain).suffix.lower()

    @property
    def packed(self) -> bool:
        """Whether the content must be unpacked."""
        return bool(self.member) or self.path.suffix.lower() == ".gz"

    def below(self, folder: Path) -> str:
        """Name below a folder."""
        return " ".join(filter(None, [f"{self.path.relative_to(folder)}", self.member]))


def entries(folder: Path) -> list[Part]:
    """List the files below a folder, sorted, with the members of zip archives in the place of these.

    Raises
    ------
    UnreadableFileError
        A damaged archive: what it holds is not known.
    """
    found: list[Part] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(_SET_ASIDE):
            archive = path.suffix.lower() == ".zip"
            found += [Part(path, name) for name in members(path)] if archive else [Part(path)]
    return found


def members(path: Path) -> Sequence[str]:
    """List the files of a zip archive."""
    state = path.stat()
    return _members(path, state.st_mtime_ns, state.st_size)


@contextmanager
def unpacked(part: Part, most: int | None = None) -> Iterator[Path]:
    """Give the plain file of a part: its own, or a temporary one (the first ``most`` bytes, if given).

    Raises
    ------
    UnreadableFileError
        Damaged, cut, locked by a password, or packed in a way that is not known.
    TooLargeError
        Unfolding to more than the stated limits.
    """
    if not part.packed:
        yield part.path
        return
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / part.plain
        with whole(part.name, "a whole archive"):
            _unpack(part, target, most)
        yield target


def _unpack(part: Part, target: Path, most: int | None) -> None:
    left = most
    with ExitStack() as stack:
        if part.member:
            archive = stack.enter_context(zipfile.ZipFile(part.path))
            source = stack.enter_context(archive.open(_infos(archive)[part.member]))
        else:
            source = stack.enter_context(part.path.open("rb"))
        if (part.member or part.path.name).lower().endswith(".gz"):
            source = stack.enter_context(gzip.GzipFile(fileobj=source))
        sink = stack.enter_context(target.open("wb"))
        size, own = 0, max(part.path.stat().st_size, 1)
        while left != 0 and (block := source.read(BLOCK if left is None else min(BLOCK, left))):
            size += len(block)
            left = None if left is None else left - len(block)
            if size > MOST_UNZIPPED or (size > SMALL and size > MOST_RATIO * own):
                raise TooLargeError(
                    f"{part.name}: unfolds to more than {size:,} bytes, {size / own:,.0f} times its size"
                )
            sink.write(block)


@lru_cache(maxsize=512)
def _members(path: Path, changed: int, size: int) -> tuple[str, ...]:
    with whole(path.name, "a whole zip archive"), zipfile.ZipFile(path) as archive:
        names = [name for name, info in _infos(archive).items() if not info.is_dir()]
    return tuple(sorted(name for name in names if not PurePosixPath(name).parts[0].startswith(_SET_ASIDE)))


def _infos(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {_read_name(info): info for info in archive.infolist()}


def _read_name(info: zipfile.ZipInfo) -> str:
    """Name of a member; names that are not marked as UTF-8 are GB18030 where Chinese Windows packed them."""
    if info.flag_bits & _UTF8_NAMES or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def numbered(found: Sequence[Part], table: str) -> list[Part]:
    """Choose the files of a table by name, in the order of their numbers: ``FS_Combas.csv``, ``fs_combas(1).csv``."""
    wanted = re.compile(re.escape(table) + r"[ _-]?[(（]?(\d*)[)）]?", re.IGNORECASE)
    hits = [(hit, part) for part in found if (hit := wanted.fullmatch(part.stem))]
    return [part for _, part in sorted((int(hit[1] or 0), part) for hit, part in hits)]
