"""The numbers that the abstract and the introduction of the paper show, read off their sources."""

import csv
import re
from pathlib import Path

from aigreen_study.tables import ledgers

ROOT = Path(__file__).resolve().parents[3]
SECTIONS, OWN = ROOT / "paper/sections", "simulated-firms"
NUMBER = re.compile(r'#n\(\s*"([^"]+)"(?:\s*,\s*of:\s*"([^"]+)")?\s*\)')
WITHOUT_NUMBERS = {"n", "cite", "data-are", "exhibit-table", "import", "show", "set"}
TABLES = {"real_evidence"}


def text():
    """Abstract and introduction."""
    front = (SECTIONS / f"{OWN}.typ").read_text("utf-8")
    return front[front.index("#let abstract = [") :].partition("[")[2], (
        SECTIONS / f"{OWN}-introduction.typ"
    ).read_text("utf-8")


def in_text(source):
    """Study and key of every number in a text; other functions that may show numbers are refused."""
    found = {(study or OWN, key) for key, study in NUMBER.findall(source)}
    other = set(re.findall(r"#([\w-]+)\(", source)) - WITHOUT_NUMBERS
    tables = set(re.findall(r'#exhibit-table\("([^"]+)"', source)) - TABLES
    assert not other | tables, f"page 1 shows numbers by {sorted(other | tables)}, which this test cannot read"
    assert len(NUMBER.findall(source)) == len(re.findall(r"#n\(", source)), "a number whose key is no plain text"
    return found


class Recorded(dict):
    """A ledger that remembers which numbers were read."""

    def __init__(self, entries):
        super().__init__(entries)
        self.read = set()

    def __getitem__(self, key):
        self.read.add(key)
        return super().__getitem__(key)


def evidence():
    """Lines of real_evidence.csv."""
    with (ROOT / "analysis/config/real_evidence.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def accepted():
    """Accepted numbers by study."""
    return ledgers.read((ROOT / "paper/expected").glob("*/numbers.json"))


def in_table():
    """Study and key of every number that the table of real evidence is made of, and the table."""
    known = {study: Recorded(entries) for study, entries in accepted().items()}
    table = ledgers.real_evidence(evidence(), known)
    return {(study, key) for study, entries in known.items() for key in entries.read}, table


def keys():
    """Keys by study."""
    found = set.union(in_table()[0], *map(in_text, text()))
    return {study: sorted(key for of, key in found if of == study) for study in sorted({of for of, _ in found})}
