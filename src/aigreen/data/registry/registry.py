"""The source registry: what each raw file is, where it comes from, and how to get it on disk unharmed.

Only registered URLs are read. A file is downloaded beside its place under a hidden name, checked against its sha256 and
then moved, so that whatever stands in the folder is whole and is the registered file.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd

from aigreen.arguments import typed
from aigreen.data.registry.download import download
from aigreen.disk import locked_folder, sha256
from aigreen.errors import ChecksumError, OutsideFolderError, SourceError, did_you_mean

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
BOUNDARIES = ("cn_city_geo", "cn_city_geo/prefecture_2024_simplified.geojson")  # source and file of the map of zones


@typed
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
    if path is not None and not path.is_file():
        raise SourceError(f"source registry: {path} is {'a folder' if path.is_dir() else 'no file'}")
    with (path or _default()).open(encoding="utf-8") as lines:
        rows = pd.read_csv(lines, dtype=str, keep_default_na=False)
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise SourceError(f"source registry: missing columns {', '.join(missing)}")
    if not rows["access"].isin(ACCESS).all():
        raise SourceError(f"source registry: access must be one of {', '.join(ACCESS)}")
    return rows


@typed
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
    if not target.is_relative_to(folder) or ".." in target.relative_to(folder).parts:
        raise OutsideFolderError(f"{row['source']}: {row['file']} leads out of {folder}")
    if _is_whole(row, target):
        return target
    if row["access"] == "converted" and not os.environ.get(MIRROR):
        raise SourceError(f"{row['source']}: no address holds {row['file']}. {row['obtain']}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked_folder(target.parent):
        if not _is_whole(row, target):
            target.unlink(missing_ok=True)
            part = target.with_name(f".{target.name}.part")
            _bring(row, part, show)
            if (got := sha256(part)) != row["sha256"]:
                part.unlink()
                raise ChecksumError(f"{row['file']}: sha256 is {got}, expected {row['sha256']}; nothing was kept")
            part.replace(target)
    return target


def _is_whole(row: dict[str, str], target: Path) -> bool:
    return target.is_file() and sha256(target) == row["sha256"]


def _bring(row: dict[str, str], part: Path, show: bool) -> None:
    """Copy a file from the mirror, or download it."""
    if mirror := os.environ.get(MIRROR):
        origin = Path(mirror) / row["file"]
        if not origin.is_file():
            raise SourceError(f"{row['source']}: no file {row['file']} in the mirror folder {mirror} ({MIRROR})")
        shutil.copyfile(origin, part)
    else:
        try:
            download(row, part, show=show)
        except SourceError as error:
            raise SourceError(f"{error}; or set {MIRROR} to a local folder that holds {row['file']}") from None


def _default() -> Traversable:
    packaged = files("aigreen.data.registry") / "sources.csv"
    return packaged if packaged.is_file() else Path(__file__).parents[4] / "data" / "sources.csv"
