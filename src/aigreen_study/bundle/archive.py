"""The archive and its manifest: the same files give the same bytes, on any machine.

A zip, because every system and every journal's repository opens it and shows what is in it. Its files are not
compressed: compressed bytes depend on the version of zlib, and what takes space (PDF, raw files) is compressed already.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from aigreen.disk import write_bytes
from aigreen_study.bundle.files import MANIFEST, SUMS

DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can carry
UNIX = 3
KINDS = (
    ("results/", "result"),
    ("logs/", "log"),
    ("data/raw/", "raw data"),
    ("data/", "facts"),
    ("analysis/config/", "configuration"),
    ("paper/expected/", "expected values"),
    ("paper/", "text"),
    ("docs/", "text"),
    ("tests/", "tests"),
)


def write_archive(path: Path, top: str, contents: Mapping[str, bytes]) -> None:
    """Write files into a zip below the folder `top`, in the order of their names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(f"{top}/{name}", DATE)
            entry.create_system = UNIX
            mode = 0o100755 if contents[name].startswith(b"#!") else 0o100644
            entry.external_attr = mode << 16
            archive.writestr(entry, contents[name])
    write_bytes(path, packed.getvalue())


def with_manifest(contents: Mapping[str, bytes], licences: Mapping[str, str]) -> dict[str, bytes]:
    """Add MANIFEST.csv (path, bytes, sha256, kind, licence) and SHA256SUMS, which ``sha256sum --check`` reads.

    Parameters
    ----------
    contents : mapping of path to content
    licences : mapping of path to licence
        Of files that have one of their own; all others have that of the project.
    """
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("path", "bytes", "sha256", "kind", "licence"))
    sums = []
    for name, content in sorted(contents.items()):
        digest = hashlib.sha256(content).hexdigest()
        rows.writerow((name, len(content), digest, kind(name), licences.get(name, "BSD-3-Clause")))
        sums.append(f"{digest}  {name}\n")
    manifest = table.getvalue().encode()
    sums.append(f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n")
    return {**contents, MANIFEST: manifest, SUMS: "".join(sums).encode()}


def kind(path: str) -> str:
    """Tell what a file is by its place."""
    if "/" not in path and path.endswith((".md", ".cff", ".lock", ".txt", ".pdf", "LICENSE")):
        return "text"
    return next((kind for start, kind in KINDS if path.startswith(start)), "code")
