"""A small project with one study that is built, as far as a bundle looks at it."""

import json
import shutil

import pytest

from aigreen.data.registry.registry import sha256
from aigreen_study.bundle.readme_pdf import readme_pdf
from aigreen_study.tables import render
from aigreen_study.tables.table import Cell, Group, Row, Table
from aigreen_study.trust.code_digest import CodeReader

LOG = """\
2026-01-05 10:00:00,000 INFO start; Python 3.11.7 on Linux-6.1, 2 cores, 16 GB; aigreen 0.1.0, numpy 2.4.6
2026-01-05 10:00:12,500 INFO end after 12.5 s, peak memory 512 MB
"""
CONFIG = """\
study: small
title: "A small study"
date: "2026"
simulated: true
kind: monte-carlo
source: simulated
seed: 2019
replications: 20
economies: 2
contrasts: 2
effects: {}
level: 0.95
"""


def table(count=120, facts=None):
    return Table(
        key="main",
        title="Main results",
        stub="",
        columns=("(1)",),
        groups=(Group((Row("Effect", (Cell.number(0.25),)), count_row(count))),),
        specifications=facts or {},
    )


def count_row(count):
    return Row("Firms", (Cell(f"{count:,}", float(count), centred=True),))


@pytest.fixture
def project(tmp_path, repository):
    """Project whose study `small` has one table and a paper that shows it."""
    top = tmp_path / "pröject 绿"
    for name in (
        ".gitignore",
        "LICENSE",
        "pyproject.toml",
        "requirements.lock",
        "data/sources.csv",
        "data/facts/README.md",
    ):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, top / name)
    config = top / "analysis/config"
    config.mkdir(parents=True)
    for name in ("schema.json", "schema-monte-carlo.json"):
        shutil.copy(repository / "analysis/config" / name, config / name)
    write(top, "analysis/config/small.yaml", CONFIG)
    write(top, "analysis/scripts/make.py", 'seed = snakemake.params["seed"]\nsnakemake.output.main\n')
    write(top, "README.md", "# The project\n")
    write(top, "paper/paper.typ", '#let results = sys.inputs.results\n#include results + "/tables/main.typ"\n')
    write(top, "logs/small/make.log", LOG)
    results = top / "results/small"
    render.write(table(), results / "tables/main")
    write(top, "results/small/paper.pdf", readme_pdf("# A small study\n"))
    write(top, "results/small/numbers.json", "{}\n")
    write(top, "results/small/ledger.json", "{}\n")
    describe(top)
    return top


def write(top, name, text):
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def describe(top, copied=()):
    """Write the provenance of the study's table as it stands, and of files that another rule copies."""
    files = [f"results/small/tables/main.{ending}" for ending in ("json", "tex", "typ", "html")]
    known = {
        "rule": "make",
        "script": "analysis/scripts/make.py",
        "lines": [2, 2],
        "files": files,
        "title": "Main results",
    }
    facts = {
        "study": "small",
        "exhibits": {"tables/main": known},
        "rules": {
            "make": {
                "script": known["script"],
                "code": CodeReader(top).code(known["script"]).digest,
                "modules": [known["script"]],
                "facts": [],
            }
        },
        "files": {
            name: {"sha256": sha256(top / name), "bytes": (top / name).stat().st_size, "rule": "make"} for name in files
        },
        "sources": [],
    }
    for name in copied:
        facts["files"][name] = {"sha256": sha256(top / name), "bytes": (top / name).stat().st_size, "rule": "make"}
    write(top, "results/small/provenance.json", json.dumps(facts))
