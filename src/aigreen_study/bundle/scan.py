"""Personal data, secrets and traces of a machine in text files."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Callable, Iterator
from datetime import date

from aigreen_study.bundle.findings import Finding

PERSONAL, SECRET, MACHINE = "personal data", "secret", "trace of a machine"

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})(?![\w@-])")
_NOBODY = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net)|example|invalid|test|localhost)$|^users\.noreply\.github\.com$"
)
_IDENTITY = re.compile(r"(?<![0-9A-Za-z.])\d{17}[\dXx](?![0-9A-Za-z.])")
_PHONES = (
    re.compile(r"(?<![0-9A-Za-z.,_-])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![0-9A-Za-z_-]|[.,]\d)"),
    re.compile(r"(?<![0-9A-Za-z.])\+[1-9]\d{0,2}[ -]\(?\d{2,4}\)?[ -]\d{3,4}[ -]\d{3,4}(?![0-9A-Za-z.])"),
)
_TAG = re.compile(r"<(?!!)[^>]*>")
_SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "an access key of a cloud": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b|\bLTAI[0-9A-Za-z]{12,20}\b",
    "a token of a code host": r"\bgh[pousr]_[0-9A-Za-z]{36,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}",
    "a token of a service": (
        r"\bxox[abprs]-[0-9A-Za-z-]{10,}|\bsk-(?:\w+-)?[0-9A-Za-z_-]{24,}|\bhf_[0-9A-Za-z]{30,}|\bpypi-\w{30,}"
    ),
    "a signed token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]+:[^\s/@'\"{}<>]+@[\w.-]+",
    "a password or key as a constant": (
        r"(?i)\b(?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token)\b['\"]?\s*[:=]\s*"
        r"['\"][^'\"\s{}<>$]{8,}['\"]"
    ),
}
_FOLDER = re.compile(
    r"(?<![\w.~/:-])/(?:home|Users|root|opt|mnt|media|tmp|var/folders|private/tmp|work|scratch)/[\w.-]+"
    r"|(?<![A-Za-z0-9])[A-Za-z]:\\{1,2}(?:Users|Documents|Dokumente|Program|data|temp)\b"
)
_HOST = re.compile(
    r"(?<![\w.-])(?:10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2})(?![\w.])"
    r"|(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:internal|intranet|corp|lan)(?![\w.-])"
)
_GENERIC = {"root", "user", "users", "admin", "runner", "build", "ubuntu", "debian", "localhost", "test", "home"}


def scan(path: str, content: bytes) -> list[Finding]:
    """Look through a text file; a binary one gives nothing.

    Parameters
    ----------
    path : str
        For the findings.
    content : bytes

    Returns
    -------
    list of Finding
        E-mail addresses, Chinese identity numbers (with a valid checksum, ISO 7064 MOD 11-2), mobile and
        international phone numbers, keys and tokens, absolute paths and names of hosts. Addresses of reserved domains
        (RFC 2606) belong to nobody. Numbers of persons in drawings (.svg) are looked for in their text and comments,
        not in coordinates.
    """
    if b"\0" in content:
        return []
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return []
    found = {}
    shown = _TAG.sub(_blank, text) if path.endswith(".svg") else text
    for number, (line, words) in enumerate(zip(text.splitlines(), shown.splitlines(), strict=True), 1):
        for what, why in (*_numbers(words), *_faults(line)):
            found.setdefault((what, why), number)
    return [Finding(path, what, f"line {number}: {why}") for (what, why), number in found.items()]


def valid_identity(number: str) -> bool:
    """Whether 18 characters are a Chinese identity number (GB 11643): a possible birthday and the check character."""
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    weights = [pow(2, 17 - i, 11) for i in range(17)]
    rest = sum(weight * int(digit) for weight, digit in zip(weights, number, strict=False)) % 11
    return number[0] in "12345678" and 1900 <= born.year <= 2100 and "10X98765432"[rest] == number[17].upper()


def _blank(tag: re.Match[str]) -> str:
    return "".join(character if character.isspace() else " " for character in tag[0])


def _numbers(line: str) -> Iterator[tuple[str, str]]:
    if any(valid_identity(hit[0]) for hit in _IDENTITY.finditer(line)):
        yield PERSONAL, "an identity number"
    if any(pattern.search(line) for pattern in _PHONES):
        yield PERSONAL, "a phone number"


def _faults(line: str) -> Iterator[tuple[str, str]]:
    for hit in _EMAIL.finditer(line):
        if not _NOBODY.search(hit[1].lower()) and not line[: hit.start()].endswith("://"):
            yield PERSONAL, "an e-mail address"
    for why, pattern in _COMPILED.items():
        if pattern.search(line):
            yield SECRET, why
    if hit := _FOLDER.search(line):
        yield MACHINE, f"absolute path {hit[0]}"
    if _HOST.search(line):
        yield MACHINE, "address of a private network"
    if any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", line) for name in _OWN):
        yield MACHINE, "name of this machine or its user"


def _told(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (OSError, KeyError, ImportError):
        return ""


_COMPILED = {why: re.compile(pattern) for why, pattern in _SECRETS.items()}
# Names of this machine and its user that are too special to stand in a text by chance.
_OWN = sorted(
    name for name in {_told(socket.gethostname), _told(getpass.getuser)} if len(name) > 4 and name not in _GENERIC
)
