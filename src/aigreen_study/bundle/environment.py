"""Code and packages of this environment, for an archive that pip alone sets up: a wheel, and pinned versions."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from aigreen.errors import SourceError

NAME = "aigreen"
EXTRAS = ("study", "zh")
_OF_THE_INSTALLER = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_build.json", "uv_cache.json")


def code_wheel() -> tuple[str, bytes]:
    """Pack the installed aigreen as a wheel: its file name and its content, the same for the same files.

    Raises
    ------
    SourceError
        A checkout without hatchling, or an installation that lists no files.
    """
    found = distribution(NAME)
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return _built(Path(url2pathname(urlparse(origin["url"]).path)))
    files = {
        path.as_posix(): Path(str(found.locate_file(path))).read_bytes()
        for path in found.files or ()
        if ".." not in path.parts and "__pycache__" not in path.parts and path.name not in _OF_THE_INSTALLER
    }
    if not files:
        raise SourceError(f"the installed {NAME} has no list of its files: install it with pip, then bundle again")
    record = next(name for name in files if name.endswith(".dist-info/METADATA")).replace("METADATA", "RECORD")
    lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in sorted(files.items())]
    files[record] = ("\n".join([*lines, f"{record},,"]) + "\n").encode()
    return f"{NAME}-{found.version}-py3-none-any.whl", _packed(files)


def pins() -> list[str]:
    """Versions of all packages that a study needs here, ``name==version``; aigreen itself is not among them."""
    from packaging.requirements import Requirement

    versions: dict[str, str] = {}
    waiting, seen = [(NAME, extra) for extra in ("", *EXTRAS)], set()
    while waiting:
        name, extra = waiting.pop()
        found = _installed(name)
        if found is None or (name, extra) in seen:
            continue
        seen.add((name, extra))
        if name != NAME:
            versions[name] = found.version
        for line in found.requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                called = wanted.name.lower().replace("_", "-").replace(".", "-")
                waiting += [(called, of) for of in ("", *wanted.extras)]
    return [f"{name}=={version}" for name, version in sorted(versions.items())]


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _built(checkout: Path) -> tuple[str, bytes]:
    """Build the wheel of an editable installation."""
    with tempfile.TemporaryDirectory(prefix="aigreen-") as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, errors="replace")
        made = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not made:
            why = (done.stderr.strip().splitlines() or ["no file"])[-1]
            raise SourceError(f"aigreen cannot be packed as a wheel: {why}")
        return made[0].name, made[0].read_bytes()


def _packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            wheel.writestr(entry, files[name])
    return content.getvalue()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
