"""One registered file over the net: https only, from the registered host, never more than registered, resumed.

What has come so far stands beside the file's place under a hidden name. A cut connection is taken up where it was cut;
content that is too much, or not the registered one, is removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import pooch
from tqdm import tqdm

from aigreen.errors import SourceError

SCHEME = "https"
TIMEOUT_SECONDS = 30
ATTEMPTS = 20
CHUNK = 1 << 15


def download(row: Mapping[str, str], part: Path, *, show: bool) -> None:
    """Bring `part` to the registered size.

    Parameters
    ----------
    row : mapping
        Row of the registry: `source`, `file`, `url` and `bytes`.
    part : Path
        Where the content goes; what stands there is taken as the beginning of the file.
    show : bool
        Show a progress bar.

    Raises
    ------
    SourceError
        For an address that is not https, and a server that sends elsewhere, too much or too little. What came stays
        where it may be the beginning of the file.
    OSError
        Where it cannot be written.
    """
    if urlsplit(row["url"]).scheme != SCHEME:
        raise SourceError(f"{row['source']}: {row['url']!r} is not a web address that begins with {SCHEME}://")
    size, came, reason = int(row["bytes"]), 0, ""
    for _ in range(ATTEMPTS):
        before = part.stat().st_size if part.is_file() else 0
        if before == size:
            return
        try:
            reason = _attempt(row, part, show=show)
        except SourceError:
            part.unlink()
            raise
        came = part.stat().st_size
        if came <= before:
            break
    if came == size:
        return
    if not came:
        part.unlink()
    kept = f"; {came:,} of {size:,} bytes came, the next run goes on from there" if came else ""
    raise SourceError(f"{row['source']}: cannot download {row['url']} ({reason or 'the server stopped'}){kept}")


def _attempt(row: Mapping[str, str], part: Path, *, show: bool) -> str:
    """Ask once for what is still missing; return what went wrong with the connection, if anything did."""
    with part.open("ab") as file:
        sink = _Sink(row, file, show=show)
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={file.tell()}-"} if file.tell() else {})
        ask = pooch.HTTPDownloader(
            chunk_size=CHUNK, timeout=TIMEOUT_SECONDS, headers=headers, hooks={"response": sink.answered}
        )
        try:
            ask(row["url"], sink, None)
        except OSError as error:
            if error.errno is not None:  # of the disk; those of the net are wrapped and have none
                raise
            return type(error).__name__
        finally:
            sink.close()
    return ""


class _Sink:
    """Takes what comes, up to the registered size, and shows how far it is."""

    def __init__(self, row: Mapping[str, str], file: BinaryIO, *, show: bool) -> None:
        self._row, self._file, self._limit = row, file, int(row["bytes"])
        self._bar = tqdm(
            total=self._limit, initial=file.tell(), unit="B", unit_scale=True, desc=row["file"], disable=not show
        )

    def answered(self, response: Any, **_: object) -> None:
        """Refuse to be sent to another host; start anew where the server does not resume."""
        if response.is_redirect:
            target = urlsplit(urljoin(response.url, response.headers["location"]))
            if (target.scheme, target.netloc) != urlsplit(self._row["url"])[:2]:
                place = f"{target.scheme}://{target.netloc}"
                raise SourceError(f"{self._row['file']}: the server sends on to {place}, which is not registered")
        elif response.status_code == 200:
            self._file.truncate(0)
            self._bar.reset()

    def write(self, chunk: bytes) -> None:
        if self._file.tell() + len(chunk) > self._limit:
            raise SourceError(f"{self._row['file']}: more than the registered {self._limit:,} bytes; stopped")
        self._file.write(chunk)
        self._bar.update(len(chunk))

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._bar.close()
