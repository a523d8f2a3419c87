"""The source registry: what each raw file is, where it comes from, and how to get it on disk unharmed.

Only registered URLs are read. A file is downloaded beside its place under a temporary name, checked against its
sha256 and then moved, so that whatever stands in the folder is whole and is the registered file.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Protocol

import pandas as pd
import pooch
from tqdm import tqdm

from aigreen.disk import sha256
from aigreen.errors import ChecksumError, SourceError, did_you_mean

MIRROR = "AIGREEN_DATA_MIRROR"
COLUMNS = (
    "source",
    "file",
    "url",
    "sha256",
    "bytes",
    "licence",
    "citation",
    "access",
    "accessed",
    "description",
    "obtain",
)
ACCESS = ("public", "converted", "manual", "licensed")
FETCHED = ("public", "converted")
TIMEOUT_SECONDS = 30
CHUNK = 1 << 15


def registry(path: Path | None = None) -> pd.DataFrame:
    """Read the source registry as text.

    Parameters
    ----------
    path : Path, optional
        Another registry file; the project's own ``data/sources.csv`` by default.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; one row a file (or a source, where files are not distributed).
    """
    with (path or _default()).open(encoding="utf-8") as lines:
        rows = pd.read_csv(lines, dtype=str, keep_default_na=False)
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise SourceError(f"source registry: missing columns {', '.join(missing)}")
    if not rows["access"].isin(ACCESS).all():
        raise SourceError(f"source registry: access must be one of {', '.join(ACCESS)}")
    return rows


def fetch(
    source: str,
    folder: Path | str,
    *,
    file: str | None = None,
    progress: bool | None = None,
    registry_path: Path | None = None,
) -> list[Path]:
    """Put the files of a public or converted source into a folder, checked.

    Public files have a URL. Converted ones were made from another format, so no URL holds them: they come from the
    mirror folder, or the registry says how to make them.

    A file already there with the right sha256 is left alone; one with another content is removed and fetched again.
    With the environment variable ``AIGREEN_DATA_MIRROR`` files are copied from that local folder, laid out as the
    registry's ``file`` column, and the net is not used.

    Parameters
    ----------
    source : str
        A name of the registry.
    folder : path
        Where to put the files, under their registered relative names.
    file : str, optional
        Only this file of the source.
    progress : bool, optional
        Show a progress bar; by default only where standard error is a terminal.
    registry_path : Path, optional
        Another registry file.

    Returns
    -------
    list of Path
        One path a file, in registry order.

    Raises
    ------
    SourceError
        Unknown source or file; a source that cannot be fetched (the message says how to obtain it); a download that
        cannot be made or exceeds the registered size.
    ChecksumError
        The content is not the registered one. Nothing is left behind.
    """
    rows = _select(registry(registry_path), source, file)
    closed = rows[~rows["access"].isin(FETCHED)]
    if not closed.empty:
        first = closed.iloc[0]
        raise SourceError(f"{source}: not downloadable (access: {first['access']}). {first['obtain']}")
    show = sys.stderr.isatty() if progress is None else progress
    return [_fetch_file(row, Path(folder), show) for row in rows.to_dict("records")]


def _select(rows: pd.DataFrame, source: str, file: str | None) -> pd.DataFrame:
    chosen = rows[rows["source"] == source]
    if chosen.empty:
        raise SourceError(f"no source {source!r} in the registry{did_you_mean(source, list(rows['source'].unique()))}")
    if file is None:
        return chosen
    if chosen[chosen["file"] == file].empty:
        raise SourceError(f"{source}: no file {file!r} in the registry{did_you_mean(file, list(chosen['file']))}")
    return chosen[chosen["file"] == file]


def _fetch_file(row: dict[str, str], folder: Path, show: bool) -> Path:
    target = folder / row["file"]
    if target.is_file() and sha256(target) == row["sha256"]:
        return target
    mirror = os.environ.get(MIRROR)
    copy = _from_mirror(row, Path(mirror)) if mirror else _from_net(row, show)

    def checked(url: str, output: str, _: object) -> None:
        copy(url, output, None)
        _check_sum(row, Path(output))

    target.unlink(missing_ok=True)
    pooch.get_logger().setLevel("WARNING")
    pooch.retrieve(row["url"], f"sha256:{row['sha256']}", target.name, target.parent, downloader=checked)
    return target


class _Copy(Protocol):
    def __call__(self, url: str, output: str, pooch: object, /) -> None: ...


def _from_mirror(row: dict[str, str], mirror: Path) -> _Copy:
    origin = mirror / row["file"]
    if not origin.is_file():
        raise SourceError(f"{row['source']}: no file {row['file']} in the mirror folder {mirror} ({MIRROR})")

    def copy(url: str, output: str, _: object, /) -> None:
        shutil.copyfile(origin, output)

    return copy


def _from_net(row: dict[str, str], show: bool) -> _Copy:
    if row["access"] == "converted":
        raise SourceError(f"{row['source']}: no address holds {row['file']}. {row['obtain']}")
    if not row["url"].startswith(("https://", "http://")):
        raise SourceError(f"{row['source']}: {row['url']!r} is not a web address; {_instead(row)}")

    def copy(url: str, output: str, _: object, /) -> None:
        meter = _Meter(row, show)
        download = pooch.HTTPDownloader(progressbar=meter, chunk_size=CHUNK, timeout=TIMEOUT_SECONDS)
        try:
            download(url, output, None)
        except OSError as reason:
            raise SourceError(
                f"{row['source']}: cannot download {url} ({type(reason).__name__}); {_instead(row)}"
            ) from reason
        finally:
            meter.close()

    return copy


def _instead(row: dict[str, str]) -> str:
    return f"or set {MIRROR} to a local folder that holds {row['file']}"


def _check_sum(row: dict[str, str], path: Path) -> None:
    if (got := sha256(path)) != row["sha256"]:
        raise ChecksumError(f"{row['file']}: sha256 is {got}, expected {row['sha256']}; nothing was kept")


class _Meter:
    """Progress object for pooch that also stops a download larger than registered."""

    def __init__(self, row: dict[str, str], show: bool) -> None:
        self._row, self._limit, self._seen = row, int(row["bytes"]), 0
        self._bar = tqdm(total=self._limit, unit="B", unit_scale=True, desc=row["file"], disable=not show)
        self.total = self._limit

    def update(self, count: int) -> None:
        self._seen += count
        if self._seen > self._limit + CHUNK:  # pooch reports whole chunks, the last one rounded up
            raise SourceError(f"{self._row['file']}: more than the registered {self._limit:,} bytes; stopped")
        self._bar.update(min(count, self._limit - self._bar.n))

    def reset(self) -> None:
        self._seen = 0
        self._bar.reset()

    def close(self) -> None:
        self._bar.close()


def _default() -> Traversable:
    packaged = files("aigreen.sources") / "sources.csv"
    return packaged if packaged.is_file() else Path(__file__).parents[3] / "data" / "sources.csv"
