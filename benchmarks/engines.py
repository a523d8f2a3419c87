"""The patent counts on DuckDB and on Spark: the same tables from the same records, and what each engine takes.

    python3 run.py uv pip install -r pyproject.toml --extra spark     # once; and Java 17
    python3 run.py python benchmarks/engines.py --rows 1000000

Each engine runs in a process of its own: names matched, then every table of `aigreen.data.patents.counts` and what
`count_files` makes of them. A table that differs in one cell ends the program with an error. Memory is the sum of the
peaks of the process and of those it started (Java); CPU seconds are of all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ibis
import pandas as pd
from patent_records import write

from aigreen.data.patents import count_files as files
from aigreen.data.patents import counts, truncation
from aigreen.data.patents.flags import SCHEMES
from aigreen.data.patents.spark import connect_spark

ENGINES = {"duckdb": files.connect, "spark": connect_spark}
TABLES = ("patents", "patent_applicants", "citations")


def count(backend: ibis.BaseBackend, folder: Path) -> dict[str, pd.DataFrame]:
    """Every table that is made of records, sorted by its key."""
    patents, people, cited = (folder / f"{name}.parquet" for name in TABLES)
    names, found = files.match_applicants(backend, people, pd.read_parquet(folder / "registry.parquet"))
    made = files.count_files(backend, patents, people, names.table, citations=cited, keywords=True)
    tables = {"names": names.table, "name_flow": names.flow, "matches": found.matches.reset_index()}
    tables |= {"counts": made.counts.table, "flow": made.counts.flow, "visible": made.visible.table}
    table, applicants = backend.read_parquet(patents), backend.read_parquet(people)
    for scheme in SCHEMES:
        tables[scheme] = backend.to_pandas(counts.distinct_symbols(table, scheme))
    owned = counts.owners(applicants, ibis.memtable(names.table, schema=files.OWNERS), table)
    filed = counts.applications(table, owned)
    for name, expression, key in (
        ("owners", owned, ["patent_id", "firm_id"]),
        ("applications", filed, ["patent_id", "firm_id"]),
        ("coverage", counts.coverage(table, filed), ["applications"]),
        *((event, truncation.lag_counts(table, event), ["filed", "lag"]) for event in truncation.EVENTS),
    ):
        tables[name] = backend.to_pandas(expression.order_by(*key))
    return tables


def measure(engine: str, folder: Path, memory: str) -> None:
    """Run one engine in this process; write its tables and its cost."""
    started = time.perf_counter()
    backend = ENGINES[engine](folder / f"{engine}-spill", memory_limit=memory)
    ready = time.perf_counter()
    tables = count(backend, folder)
    cost = {"start": ready - started, "seconds": time.perf_counter() - ready, **_processes()}
    out = folder / engine
    out.mkdir(exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(out / f"{name}.parquet")
    (out / "cost.json").write_text(json.dumps(cost))
    if engine == "spark":
        backend.disconnect()


def _processes() -> dict[str, float]:
    """CPU seconds and peak gigabytes of this process and of all it started and that still run (Linux)."""
    own, cpu, peak = {os.getpid()}, 0.0, 0.0
    for entry in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            stat = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            status = Path(f"/proc/{entry}/status").read_text()
        except OSError:
            continue
        if entry in own or int(stat[1]) in own:
            own.add(entry)
            cpu += (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
            peak += int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9 if "VmHWM:" in status else 0
    return {"cpu": cpu, "peak_gb": peak}


def compare(folder: Path) -> None:
    """Hold the tables of the engines against each other, cell by cell."""
    one, other = ({path.stem: path for path in (folder / engine).glob("*.parquet")} for engine in ENGINES)
    if one.keys() != other.keys():
        raise AssertionError(f"other tables: {sorted(one.keys() ^ other.keys())}")
    for name in sorted(one):
        expected, found = pd.read_parquet(one[name]), pd.read_parquet(other[name])
        pd.testing.assert_frame_equal(found, expected, check_exact=True, obj=name)
        print(f"{name:<18} {len(found):>10,} rows x {found.shape[1]:>2}: identical", flush=True)


def main() -> None:
    """Write the records, run the engines, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", default="4GB", help="of DuckDB, and of Java (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep files and tables here (default: a temporary folder)")
    parser.add_argument("--run", choices=list(ENGINES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        measure(given.run, given.folder, given.memory)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = given.folder or Path(place)
        write(folder, given.rows, given.seed).to_parquet(folder / "registry.parquet")
        size = sum(path.stat().st_size for path in folder.glob("*.parquet")) / 1e9
        print(f"{given.rows:,} patents, {size:.3f} GB of Parquet", flush=True)
        for engine in ENGINES:
            child = [sys.executable, __file__, "--run", engine, "--folder", str(folder), "--memory", given.memory]
            subprocess.run(child, check=True)
            cost = json.loads((folder / engine / "cost.json").read_text())
            line = "{:<8} start {start:.1f} s, {seconds:.1f} s, CPU {cpu:.1f} s, {peak_gb:.2f} GB"
            print(line.format(engine, **cost), flush=True)
        compare(folder)


if __name__ == "__main__":
    main()
