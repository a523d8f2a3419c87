"""Firm-year counts of millions of patent records in Parquet: aigreen, a hand-written DuckDB query, polars, pandas.

    python3 run.py python benchmarks/panel_build.py --only aigreen "DuckDB by hand"
    python3 run.py python benchmarks/panel_build.py --rows 10000000 --repeat 3

Each engine runs in a process of its own, reads the same files, classifies the same distinct symbols with the same
table and gives the same columns, which are compared. Engines take turns. Time is that of the whole process but its
imports; memory is its peak of resident memory. The table stands in results.md afterwards.

Only aigreen also counts what is left out, by reason, and the months to publication and grant.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median

import duckdb
import pandas as pd

from aigreen.data import facts
from aigreen.data.patents.counts import PARTS, measures
from aigreen.data.patents.flags import MECHANISMS, PLACES, SCHEMES, bit, flag_names, symbol_flags

HERE = Path(__file__).resolve().parent
FIRMS, NAMES = 5_000, 200_000
TABLES = ("patents", "applicants", "matches")
COLUMNS = [measure.name for measure in measures()]


def generate(rows: int, folder: Path) -> None:
    """Write patents, applicants and matched names; three in ten patents are of a listed firm."""
    rules = facts.table("green_ipc")["symbol"]
    ai = facts.table("ai_classification").query("kind == 'ipc'")["pattern"]
    plain = [f"{s}{c:02d}{k}{g}/{n:02d}" for s in "ABCDEFGH" for c in (1, 21, 65) for k in "BDHK" for g in range(1, 9)
             for n in (0, 10, 14, 22)]  # fmt: skip
    green = [symbol for symbol in rules if "/" in symbol] + [symbol for symbol in ai if "/" in symbol]
    vocabulary = pd.DataFrame({"symbol": plain * 3 + green})
    y02 = [symbol for symbol in facts.table("cpc_y02")["symbol"] if "/" in symbol]
    base = duckdb.connect(config={"threads": 2, "preserve_insertion_order": False})
    base.execute("create table words as select list(symbol order by symbol) as w from vocabulary")
    base.execute("create table tags as select ?::varchar[] as w", [y02])
    size = len(vocabulary)

    def drawn(place: int) -> str:
        return f"(select w from words)[1 + (hash(i, {place}) % {size})::int]"

    base.execute(f"""
        copy (select 'CN' || lpad(i::varchar, 12, '0') as patent_id, 'CN' as office,
                     case hash(i, 9) % 5 when 0 then 'design' when 1 then 'utility_model' when 2 then 'utility_model'
                          else 'invention' end as patent_type,
                     timestamp '2007-01-01' + interval 1 day * (hash(i, 1) % 6500)::int as filing_date,
                     case when hash(i, 2) % 2 = 0 then timestamp '2025-01-01' end as grant_date,
                     null::timestamp as publication_date, i::varchar as family_id,
                     concat_ws(';', {drawn(3)}, case when hash(i, 4) % 2 = 0 then {drawn(5)} end,
                               case when hash(i, 6) % 3 = 0 then {drawn(7)} end) as ipc,
                     case when hash(i, 8) % 20 = 0
                          then (select w from tags)[1 + (hash(i, 10) % {len(y02)})::int] end as cpc
              from range({rows}) t(i)) to '{folder / "patents.parquet"}' (format parquet, compression zstd)""")
    base.execute(f"""
        copy (select 'CN' || lpad((k // 10)::varchar, 12, '0') as patent_id, (1 + k % 10)::bigint as position,
                     '公司' || (hash(k) % {NAMES})::varchar as name
              from range({rows} * 10) t(k) where k % 10 = 0 or (k % 10 = 1 and hash(k // 10, 11) % 8 = 0))
        to '{folder / "applicants.parquet"}' (format parquet, compression zstd)""")
    base.execute(f"""
        copy (select '公司' || n::varchar as name, lpad((n % {FIRMS})::varchar, 6, '0') as firm_id, null::bigint as year
              from range({NAMES} * 3 // 10) t(n)) to '{folder / "matches.parquet"}' (format parquet)""")


def ours(folder: Path, memory: str) -> pd.DataFrame:
    """Count with the library."""
    from aigreen.data.patents.count_files import connect, count_files

    backend = connect(folder / "spill", memory_limit=memory)
    matches = pd.read_parquet(folder / "matches.parquet")
    return count_files(backend, folder / "patents.parquet", folder / "applicants.parquet", matches).counts.table


def by_hand(folder: Path, memory: str) -> pd.DataFrame:
    """Count with SQL written for DuckDB."""
    base = duckdb.connect(config={"memory_limit": memory, "threads": 2, "preserve_insertion_order": False})
    base.execute(f"set temp_directory = '{folder / 'spill'}'")
    for table in TABLES:
        base.execute(f"create view {table} as select * from '{folder / (table + '.parquet')}'")
    base.execute(f"""
        create temp table here as
        with mine as (select patent_id, position, firm_id from applicants join matches using (name)),
             pairs as (select patent_id, firm_id, count(*) filter (position = beside) as own, count(*) as pairs
                       from mine join (select patent_id, position as beside from applicants) using (patent_id)
                       group by all)
        select patent_id, firm_id, own * own * {PARTS} // pairs as part, own * own < pairs as joint, patent_type,
               year(filing_date)::bigint as year, grant_date is not null as granted, ipc, cpc
        from pairs join patents using (patent_id) where office = 'CN' and filing_date is not null""")
    for scheme in SCHEMES:
        distinct = f"select distinct unnest(string_split({scheme}, ';')) as symbol from here where {scheme} is not null"
        found = symbol_flags(base.execute(distinct).df()["symbol"].sort_values(), scheme)
        base.register(f"{scheme}_found", found)
        base.execute(f"create table {scheme}_flags as select * from {scheme}_found")
    flag = {name: f"(mask & {bit(name)} <> 0)" for name in flag_names()}
    green, plain, strict = flag["green"], f"not {flag['ai']}", flag["green_strict"]
    kinds = {"invention": "patent_type = 'invention'", "utility": "patent_type = 'utility_model'"}
    where = {
        "patents": "true", "inventions": kinds["invention"], "utility_models": kinds["utility"],
        "patents_granted": "granted", "green_patents": green, "green_strict_patents": strict,
        "green_any_edition_patents": flag["green_any_edition"], "green_non_ai_patents": f"{green} and {plain}",
        "green_strict_non_ai_patents": f"{strict} and {plain}", "y02_patents": flag["y02"],
        "green_inventions": f"{green} and {kinds['invention']}",
        "green_utility_models": f"{green} and {kinds['utility']}",
        "green_patents_granted": f"{green} and granted", "green_joint_patents": f"{green} and joint",
        "green_inventions_granted": f"{green} and granted and {kinds['invention']}",
        **{f"green_{m}_patents": f"{green} and mechanism % {PLACES} = {k}" for k, m in enumerate(MECHANISMS)},
        **{f"{name}_patents": rule for name, rule in flag.items() if name.startswith(("tag_", "ai"))},
        "green_ai_patents": f"{green} and {flag['ai']}",
    }  # fmt: skip
    sums = [f"count(*) filter ({rule}) as {name}" for name, rule in where.items()]
    sums.append(f"sum(case when {green} then part else 0 end) / {PARTS} as green_patents_fractional")
    return base.execute(f"""
        with hits as (select patent_id, mask, mechanism
                      from (select patent_id, unnest(string_split(ipc, ';')) as symbol from here)
                      join ipc_flags using (symbol)
                      union all
                      select patent_id, mask, mechanism
                      from (select patent_id, unnest(string_split(cpc, ';')) as symbol from here)
                      join cpc_flags using (symbol)),
             found as (select patent_id, bit_or(mask) as mask, min(mechanism) as mechanism from hits group by all)
        select firm_id, year, {", ".join(sums)}
        from (select firm_id, part, joint, patent_type, year, granted, coalesce(mask, 0) as mask, mechanism
              from here left join found using (patent_id))
        group by all order by firm_id, year""").df()


def with_polars(folder: Path, memory: str) -> pd.DataFrame:
    """Count with lazy polars (streaming)."""
    import polars as pl

    patents, people, matches = (pl.scan_parquet(folder / f"{table}.parquet") for table in TABLES)
    classes = {}
    for scheme in SCHEMES:
        cells = patents.select(pl.col(scheme).str.split(";").alias("symbol")).drop_nulls()
        symbols = cells.explode("symbol").unique().collect(engine="streaming")["symbol"].sort().to_list()
        classes[scheme] = pl.from_pandas(symbol_flags(symbols, scheme)).lazy()
    own = people.join(matches, on="name").group_by("patent_id", "firm_id").agg(own=pl.len())
    named = people.join(own, on="patent_id", how="semi").group_by("patent_id").agg(total=pl.len())
    owned = own.join(named, on="patent_id").select(
        "patent_id",
        "firm_id",
        part=pl.col("own").cast(pl.Int64) * PARTS // pl.col("total"),
        joint=pl.col("own") < pl.col("total"),
    )
    here = patents.filter((pl.col("office") == "CN") & pl.col("filing_date").is_not_null())
    here = here.join(owned, on="patent_id", how="semi")
    hits = [
        here.select("patent_id", symbol=pl.col(scheme).str.split(";"))
        .drop_nulls()
        .explode("symbol")
        .join(table, on="symbol")
        for scheme, table in classes.items()
    ]
    found = pl.concat([hit.select("patent_id", "mask", "mechanism") for hit in hits]).group_by("patent_id")
    found = found.agg(pl.col("mask").bitwise_or(), pl.col("mechanism").min())
    rows = (
        owned.join(here, on="patent_id")
        .join(found, on="patent_id", how="left")
        .with_columns(
            year=pl.col("filing_date").dt.year().cast(pl.Int64),
            granted=pl.col("grant_date").is_not_null(),
            mask=pl.col("mask").fill_null(0),
        )
    )
    table = {name: pl.col("mask") & bit(name) != 0 for name in flag_names()}
    sums = _sums(table, lambda name: pl.col(name), lambda column, value: (column == value).fill_null(False))
    exact = {name: value.sum().cast(pl.Int64) for name, value in sums.items()}
    part = pl.col("part").filter(table["green"]).sum() / PARTS
    done = rows.group_by("firm_id", "year").agg(**exact, green_patents_fractional=part).sort("firm_id", "year")
    return done.collect(engine="streaming").to_pandas()


def with_pandas(folder: Path, memory: str) -> pd.DataFrame:
    """Count with pandas."""
    patents, people, matches = (pd.read_parquet(folder / f"{table}.parquet") for table in TABLES)
    classes = {}
    for scheme in SCHEMES:
        symbols = patents[scheme].dropna().str.split(";").explode().drop_duplicates().sort_values()
        classes[scheme] = symbol_flags(symbols, scheme)
    own = people.merge(matches, on="name").groupby(["patent_id", "firm_id"]).size().rename("own").reset_index()
    named = people[people["patent_id"].isin(own["patent_id"])].groupby("patent_id").size().rename("total").reset_index()
    owned = own.merge(named, on="patent_id")
    owned = owned.assign(part=owned["own"] * PARTS // owned["total"], joint=owned["own"] < owned["total"])
    here = patents[
        (patents["office"] == "CN") & patents["filing_date"].notna() & patents["patent_id"].isin(owned["patent_id"])
    ]
    hits = []
    for scheme, table in classes.items():
        cells = here[["patent_id", scheme]].dropna().rename(columns={scheme: "symbol"})
        hits.append(cells.assign(symbol=cells["symbol"].str.split(";")).explode("symbol").merge(table, on="symbol"))
    pairs = pd.concat(hits)[["patent_id", "mask", "mechanism"]].sort_values("patent_id")
    starts = (~pairs["patent_id"].duplicated()).to_numpy().nonzero()[0]
    import numpy as np

    least = pairs.groupby("patent_id", sort=False)["mechanism"].min()
    found = pd.DataFrame({"patent_id": least.index, "mechanism": least.to_numpy()})
    found["mask"] = np.bitwise_or.reduceat(pairs["mask"].to_numpy(), starts)
    rows = owned.merge(here, on="patent_id").merge(found, on="patent_id", how="left")
    rows["year"], rows["granted"] = rows["filing_date"].dt.year.astype("int64"), rows["grant_date"].notna()
    rows["mask"] = rows["mask"].fillna(0).astype("int64")
    table = {name: rows["mask"] & bit(name) != 0 for name in flag_names()}
    sums = _sums(table, lambda name: rows[name], lambda column, value: (column == value).fillna(False).astype(bool))
    frame = pd.DataFrame({name: value.astype("int64") for name, value in sums.items() if name != "patents"})
    frame["patents"] = 1
    frame["green_patents_fractional"] = rows["part"].where(table["green"], 0)
    done = frame.groupby([rows["firm_id"], rows["year"]]).sum().reset_index()
    return done.assign(green_patents_fractional=done["green_patents_fractional"] / PARTS)


def _sums(flag: dict, column: Callable, equal: Callable) -> dict:
    """Conditions of the columns, for polars and pandas alike."""
    green, plain, granted = flag["green"], ~flag["ai"], column("granted")
    invention, utility = equal(column("patent_type"), "invention"), equal(column("patent_type"), "utility_model")
    named = {
        "patents": granted | ~granted, "inventions": invention, "utility_models": utility, "patents_granted": granted,
        "green_patents": green, "green_strict_patents": flag["green_strict"],
        "green_any_edition_patents": flag["green_any_edition"], "green_non_ai_patents": green & plain,
        "green_strict_non_ai_patents": flag["green_strict"] & plain, "y02_patents": flag["y02"],
        "green_inventions": green & invention, "green_utility_models": green & utility,
        "green_patents_granted": green & granted, "green_inventions_granted": green & invention & granted,
        "green_joint_patents": green & column("joint"), "green_ai_patents": green & flag["ai"],
    }  # fmt: skip
    for place, name in enumerate(MECHANISMS):
        named[f"green_{name}_patents"] = green & equal(column("mechanism") % PLACES, place)
    return named | {f"{name}_patents": rule for name, rule in flag.items() if name.startswith(("tag_", "ai"))}


MODULES = {"aigreen": ("aigreen.data.patents.count_files", "ibis.backends.duckdb"), "polars": ("polars",)}
GENERATE = "generate"
ENGINES = {"aigreen": ours, "DuckDB by hand": by_hand, "polars": with_polars, "pandas": with_pandas}


def measure(engine: str, folder: Path, memory: str) -> None:
    """Run one engine in this process and write its result and cost."""
    for module in MODULES.get(engine, ()):
        import_module(module)
    started, worked = time.perf_counter(), time.process_time()
    table = ENGINES[engine](folder, memory)
    cost = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - worked}
    cost["peak_gb"] = peak_resident() / 1e9
    table = table.sort_values(["firm_id", "year"], ignore_index=True)[["firm_id", "year", *COLUMNS]]
    table.astype({name: "float64" for name in COLUMNS}).to_parquet(folder / f"{engine}.parquet")
    (folder / f"{engine}.json").write_text(json.dumps(cost))


def peak_resident() -> int:
    """Largest resident memory of this process, bytes.

    Not `ru_maxrss` where it can be helped: on Linux a new process begins with the peak of the one that started it.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def take_turns(rows: int, folder: Path, given: argparse.Namespace) -> list[dict]:
    """Run the engines in turn, compare what they give, and print what it cost."""
    size = sum((folder / f"{table}.parquet").stat().st_size for table in TABLES) / 1e9
    print(f"{rows:,} patents, {size:.3f} GB of Parquet", flush=True)
    costs: dict[str, list[dict]] = {engine: [] for engine in given.only}
    problems = dict.fromkeys(given.only, "")
    first = None
    for _ in range(given.repeat):
        for engine in given.only:
            if problems[engine]:
                continue
            child = _child(engine, rows, folder, given)
            code = subprocess.run(child, stdout=subprocess.DEVNULL, check=False).returncode
            if code:
                problems[engine] = f"failed with exit code {code}"
                print(f"{engine:<16} {problems[engine]}", flush=True)
                continue
            costs[engine].append(json.loads((folder / f"{engine}.json").read_text()))
            table = pd.read_parquet(folder / f"{engine}.parquet")
            first = table if first is None else first
            pd.testing.assert_frame_equal(table, first, check_dtype=False)
            last = costs[engine][-1]
            start = costs[given.only[0]]
            ratio = last["cpu_seconds"] / start[-1]["cpu_seconds"] if start else float("nan")
            shown = f"{last['seconds']:8.1f} s, CPU {last['cpu_seconds']:8.1f} s {ratio:6.2f} x"
            print(f"{engine:<16} {shown} {last['peak_gb']:6.2f} GB", flush=True)
    print(
        f"{len(first):,} firm-years of {len(COLUMNS)} columns, the same from every engine" if first is not None else ""
    )
    return [
        {
            "patents": rows,
            "parquet_gb": size,
            "engine": engine,
            "seconds": median(cost["seconds"] for cost in found) if found else None,
            "cpu_seconds": median(cost["cpu_seconds"] for cost in found) if found else None,
            "peak_gb": max(cost["peak_gb"] for cost in found) if found else None,
            "limit": _limit(engine, given),
            "rounds": len(found),
            "problem": problems[engine],
        }
        for engine, found in costs.items()
    ]


def main() -> None:
    """Generate, run every engine, compare, print, and write the section of results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000_000, 100_000_000], help="patents")
    parser.add_argument("--only", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--memory", default="3GB", help="limit of DuckDB in aigreen (default: %(default)s)")
    parser.add_argument("--memory-by-hand", default="8GB", help="the same, of the query by hand (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=1, help="rounds (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep the files here (default: a temporary folder)")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of results.md and results.json")
    parser.add_argument("--run", choices=[GENERATE, *ENGINES], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run == GENERATE:
        generate(given.rows[0], given.folder)
        return
    if given.run:
        measure(given.run, given.folder, given.memory)
        return
    from panel_report import store

    for rows in given.rows:
        with tempfile.TemporaryDirectory() as place:
            folder = (given.folder or Path(place)) / str(rows)
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "matches.parquet").exists():
                subprocess.run(_child(GENERATE, rows, folder, given), check=True)
            store(given.output, take_turns(rows, folder, given))


def _child(what: str, rows: int, folder: Path, given: argparse.Namespace) -> list[str]:
    options = ["--rows", str(rows), "--folder", str(folder), "--memory", _limit(what, given) or given.memory]
    return [sys.executable, __file__, "--run", what, *options]


def _limit(engine: str, given: argparse.Namespace) -> str:
    return {"aigreen": given.memory, "DuckDB by hand": given.memory_by_hand}.get(engine, "")


if __name__ == "__main__":
    main()
