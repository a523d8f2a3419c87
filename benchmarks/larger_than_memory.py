"""Firm-years in Parquet, estimated from disk, in memory, and by other packages: seconds, memory, agreement.

    python3 run.py python benchmarks/larger_than_memory.py

on a machine without other work, in 20 minutes and with 10 GB of disk; or a part of it, ``--rows 500000 --only disk
memory``, whose numbers take the place of those of that size and engine. The tables say which run a number comes from,
when, on what machine and beside how much other work; the cost is drawn from one run. moderndid does not run with the
polars of this environment: it is measured where ``--peer`` names the Python of one of its own, made by

    python3 run.py uv venv .peer
    python3 run.py uv pip install --python .peer/bin/python "moderndid[dask]" "polars<2" pandas pyarrow psutil

Firms in 300 cities and 30 industries over 20 years, ten cohorts of cities and never treated ones, one file a year, so
that no file is sorted by firm; one row in twenty is absent and one outcome in fifty missing. Some cities are exposed
from a year on, a channel moves with treatment and exposure, and counts of mean one, half of them zero, rise by a fifth.
Each engine runs in a process of its own. Effects by city from disk and from memory are compared in full, and beyond the
sizes that memory holds on every hundredth firm. Tables stand in larger_than_memory/results.md afterwards, the cost by
rows in cost.svg.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from measure import cpu_seconds, peak_resident, reset_peak

HERE = Path(__file__).resolve().parent
OUT = HERE / "larger_than_memory"
FIRST, YEARS, CITIES, INDUSTRIES = 2004, 20, 300, 30
FIRMS = {"unit": "firm", "time": "year", "cohort": "first"}
ROLES = FIRMS | {"cluster": "city"}
LITTLE = "100MB"  # in which influence functions by firm have no room, so that products are summed instead
BY_FIRM, COUNTS = "group-time, errors by firm", "TWFE, counts"
COLUMNS = ["city", "industry", "size", "y", "n", "m", "near"]
COHORT = {"unit": "firm", "time": "year", "first_treat": "first", "outcome": "y"}
PACKAGES = ("aigreen", "duckdb", "pyarrow", "pyfixest", "diff-diff", "numpy", "scipy", "pandas")
COMPARED = ("values", "psi", "vcov")
WARM_UP = 5_000  # firms on which compiled functions are compiled first
SIZES = [500_000, 5_000_000, 50_000_000]
IN_MEMORY = 5_000_000  # rows up to which others than the disk are tried
PAIR = ("disk", "memory")


def generate(rows: int, folder: Path) -> None:
    """Write one file a year."""
    import duckdb

    folder.mkdir(parents=True)
    base = duckdb.connect(config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(folder / "spill")})
    normal = f"sqrt(-2 * ln({_uniform(1)} + 1e-300)) * cos(2 * pi() * {_uniform(2)})"
    for year in range(FIRST, FIRST + YEARS):
        base.execute(f"""
            copy (
                select firm, year, city, first, industry,
                       case when {_hash(3)} % 50 > 0 then
                           {_uniform(4, 0)} + (0.02 + 0.01 * (industry % 7)) * (year - {FIRST})
                           + 0.3 * sin(city + year) + {normal}
                           + case when first > 0 and year >= first then 0.3 + 0.05 * (year - first) else 0 end
                       end as y, {_uniform(10, 0)} as size,
                       {_uniform(11)} + 0.2 * (first > 0 and year >= first)::int + 0.1 * near as m, near,
                       floor(-ln({_uniform(12)} + 1e-300) * exp(
                           2 * {_uniform(13, 0)} - 1.5 + 0.03 * (year - {FIRST})
                           + 0.2 * (first > 0 and year >= first)::int
                       ) + {_uniform(14)})::int as n
                from (select *, (city % 7 = 3 and year > 2011)::int as near,
                             case when city % 5 < 2 then 0 else 2009 + city // 5 % 10 end as first
                      from (select firm, {year} as year, ({_hash(5, 0)} % {CITIES})::int as city,
                                   (({_hash(6, 0)} + ({_hash(7, 0)} % 10 = 0 and {year} > 2013)::int)
                                    % {INDUSTRIES})::int as industry
                            from range({rows // YEARS}) t(firm)))
                where {_hash(8)} % 20 > 0 order by {_hash(9)}
            ) to '{folder / f"{year}.parquet"}' (format parquet, compression zstd)""")


def _hash(k: int, year: str | int = "year") -> str:
    """Random whole numbers by firm and year, or by firm."""
    return f"hash(firm * 100000 + {year} * 40 + {k})"


def _uniform(k: int, year: str | int = "year") -> str:
    return f"(({_hash(k, year)} >> 11)::double / 9007199254740992)"


def from_disk(folder: Path, memory: str) -> dict[str, Any]:
    """Open, then fit all estimators."""
    from aigreen import Panel

    _import()
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
        files, stages = str(folder / "*.parquet"), Stages()
        options = {"columns": COLUMNS, "memory": memory, "cache": cache, **ROLES}
        stages.run("sort and check", lambda: Panel.scan(files, **options))
        stages.fit(stages.run("open again", lambda: Panel.scan(files, **options)))
        stages.fit_by_firm(Panel.scan(files, columns=COLUMNS, memory=LITTLE, cache=cache, **FIRMS))
    return stages.found


def in_memory(folder: Path, memory: str) -> dict[str, Any]:
    """Read, then fit all estimators."""
    from aigreen import Panel

    _import()
    stages = Stages()
    frame = stages.run("read", lambda: pd.read_parquet(folder))
    Stages().fit(Panel(_first(frame), **ROLES))
    stages.fit(stages.run("check", lambda: Panel(frame, **ROLES)))
    stages.fit_by_firm(Panel(frame, **FIRMS))
    return stages.found


def _first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["firm"].isin(np.unique(frame["firm"])[:WARM_UP])]


def pyfixest(folder: Path, memory: str) -> dict[str, Any]:
    """Two-way fixed effects, of the outcome and of counts."""
    import pyfixest as pf

    stages = Stages()
    frame = stages.run("read", lambda: pd.read_parquet(folder))
    frame["treated"] = ((frame["first"] > 0) & (frame["year"] >= frame["first"])).astype(int)
    for step, fit, outcome in (("TWFE", pf.feols, "y"), (COUNTS, pf.fepois, "n")):
        formula, errors = f"{outcome} ~ treated | firm + year", {"CRV1": "city"}
        fit(formula, _first(frame), vcov=errors)
        done = stages.run(step, lambda fit=fit, formula=formula, errors=errors: fit(formula, frame, vcov=errors))
        stages.found[step] |= {"estimate": float(done.coef().iloc[0]), "std_error": float(done.se().iloc[0])}
    return stages.found


def diff_diff(estimator: str, stage: str) -> Callable[[Path, str], dict[str, Any]]:
    """Group-time effects or imputation."""

    def run(folder: Path, memory: str) -> dict[str, Any]:
        import diff_diff

        stages = Stages()
        frame = stages.run("read", lambda: pd.read_parquet(folder).dropna(subset="y", ignore_index=True))
        options = {"control_group": "not_yet_treated"} if estimator == "CallawaySantAnna" else {}
        model = getattr(diff_diff, estimator)(cluster="city", **options)
        fit = stages.run(stage, lambda: model.fit(frame, **COHORT))
        stages.found[stage] |= {"estimate": float(fit.overall_att), "std_error": float(fit.overall_se)}
        return stages.found

    return run


def moderndid(dask: bool) -> Callable[[Path, str], dict[str, Any]]:
    """Group-time effects, errors by firm: its analytic ones know no other clusters."""

    def run(folder: Path, memory: str) -> dict[str, Any]:
        import moderndid

        stages = Stages()
        frame = stages.run("read", lambda: pd.read_parquet(folder).dropna(subset="y", ignore_index=True))
        options = {"control_group": "notyettreated", "allow_unbalanced_panel": True, "est_method": "reg"}
        if dask:
            from dask.dataframe import from_pandas
            from dask.distributed import Client

            Client(n_workers=2, threads_per_worker=1, memory_limit=None, dashboard_address=None)
            frame = from_pandas(frame, npartitions=8)
        columns = {"yname": "y", "tname": "year", "idname": "firm", "gname": "first"}
        fit = stages.run(BY_FIRM, lambda: moderndid.att_gt(frame, **columns, **options))
        overall = moderndid.aggte(fit, type="simple")
        stages.found[BY_FIRM] |= {"estimate": float(overall.overall_att), "std_error": float(overall.overall_se)}
        return stages.found

    return run


def _import() -> None:
    """Import what is imported on demand, which is no part of the cost."""
    for module in ("duckdb", "aigreen.did.group_time.group_time", "aigreen.did.imputation", "pyfixest.estimation"):
        import_module(module)


class Stages:
    """Seconds, peak of resident memory and results of one step after the other."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        """Do one step."""
        gc.collect()
        was_reset, started, cpu = reset_peak(), time.perf_counter(), time.process_time()
        done = work()
        seconds = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        self.found[name] = seconds | {"peak_gb": peak_resident(was_reset) / 1e9}
        return done

    def fit(self, panel: Any) -> None:
        """Fit the estimators with errors by city."""
        from aigreen import TWFE, Decomposition, GroupTimeATT, Imputation, StackedDiD, SunAbraham

        by_industry, size = ["firm", "industry^year"], {"covariates": "size"}
        parts = {"channels": "m", "exposure": "near"}
        for name, model, given in (
            ("group-time", GroupTimeATT(), {}),
            ("group-time, doubly robust", GroupTimeATT(), size),
            ("group-time, propensity scores", GroupTimeATT(method="ipw"), size),
            ("imputation", Imputation(), {}),
            ("imputation, industry x year", Imputation(fixed_effects=by_industry), {}),
            ("imputation, a covariate and five leads", Imputation(leads=5), {"covariates": "m"}),
            ("imputation, counts", Imputation(family="poisson"), {"outcome": "n"}),
            ("TWFE", TWFE(), {}),
            (COUNTS, TWFE(family="poisson"), {"outcome": "n"}),
            ("Sun-Abraham", SunAbraham(), {}),
            ("stacked", StackedDiD(), {}),
            ("decomposition", Decomposition(**parts), {}),
            ("decomposition, industry x year", Decomposition(**parts, fixed_effects=by_industry), {}),
            ("decomposition, counts", Decomposition(**parts, family="poisson"), {"outcome": "n"}),
        ):
            self.fit_one(name, model, panel, **({"outcome": "y"} | given))

    def fit_by_firm(self, panel: Any) -> None:
        """Fit with errors by firm."""
        from aigreen import GroupTimeATT

        self.fit_one(BY_FIRM, GroupTimeATT(), panel, outcome="y")

    def fit_one(self, name: str, model: Any, panel: Any, **given: str) -> None:
        """Fit and keep what is compared."""
        effects = self.run(name, lambda: model.fit(panel, **given))
        overall = effects.overall()
        self.found[name] |= {
            "rows": effects.n_rows,
            "estimate": float(overall.values[0]),
            "std_error": float(overall.std_errors.iloc[0]),
            "values": effects.values.tolist(),
        }
        if name == BY_FIRM:
            self.found[name]["vcov"] = effects.vcov.to_numpy().ravel().tolist()
        else:
            self.found[name]["psi"] = effects.psi.ravel().tolist()


ENGINES = {
    "disk": from_disk,
    "memory": in_memory,
    "pyfixest": pyfixest,
    "diff-diff group-time": diff_diff("CallawaySantAnna", "group-time"),
    "diff-diff imputation": diff_diff("ImputationDiD", "imputation"),
    "moderndid": moderndid(dask=False),
    "moderndid, Dask": moderndid(dask=True),
}


def measured(engine: str, folder: Path, memory: str, limit: float, python: str = sys.executable) -> dict[str, Any]:
    """Run an engine in a process of its own; also say how many cores other work on the machine used meanwhile."""
    before = _used()
    found = _engine(engine, folder, memory, limit, python)
    wall, others = (now - then for now, then in zip(_used(), before, strict=True))
    return {"others": max(others / wall, 0.0)} | found


def _used() -> tuple[float, float]:
    """Seconds on the clock, and CPU seconds of all processes but this one and its children."""
    times = psutil.cpu_times()
    busy = sum(getattr(times, kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq", "steal"))
    return time.perf_counter(), busy - cpu_seconds()


def _engine(engine: str, folder: Path, memory: str, limit: float, python: str) -> dict[str, Any]:
    result = folder.parent / f"{engine}.json"
    result.unlink(missing_ok=True)
    command = [python, str(Path(__file__)), "--engine", engine, str(folder), memory, str(result)]
    try:
        done = subprocess.run(command, timeout=limit, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return {"problem": f"more than {limit:g} s"}
    if done.returncode:
        return {"problem": (done.stderr.strip().splitlines() or ["stopped"])[-1][:120]}
    return {"steps": json.loads(result.read_text())}


def agreement(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """Largest differences of estimates and influence functions, relative to the largest of each."""
    out = {}
    for name, found in one.get("steps", {}).items():
        for what in COMPARED:
            if what in found and name in other.get("steps", {}):
                a, b = np.array(found[what]), np.array(other["steps"][name][what])
                out[f"{name}, {what}"] = float(np.abs(a - b).max() / np.abs(b).max())
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--memory", default="4GB", help="of Panel.scan")
    parser.add_argument("--limit", type=float, default=3600, help="seconds of an engine")
    parser.add_argument("--peer", help="Python of an environment with moderndid")
    parser.add_argument("--folder", type=Path, help="where the files are made (default: a temporary folder)")
    options = parser.parse_args()
    started = f"{datetime.now():%Y-%m-%d %H:%M}"
    for rows in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="firm-years-") as place:
            top = Path(place)
            generate(rows, top / "all")
            size = sum(file.stat().st_size for file in (top / "all").glob("*.parquet"))
            row: dict[str, Any] = {"rows": rows, "parquet_gb": size / 1e9, "memory": options.memory, "engines": {}}
            for engine in options.only:
                foreign = engine.startswith("moderndid")
                if engine == "disk" or (rows <= IN_MEMORY and (options.peer or not foreign)):
                    python = options.peer if foreign else sys.executable
                    found = measured(engine, top / "all", options.memory, options.limit, python)
                    row["engines"][engine] = {"run": started} | found
                    print(rows, engine, _short(row["engines"][engine]), flush=True)
            pair = [row["engines"].get(engine, {}) for engine in PAIR]
            row |= {"compared": "all firms", "compared_in": started}
            if rows > IN_MEMORY:
                row["compared"] = "every hundredth firm"
                _sample(top / "all", top / "part")
                pair = [measured(engine, top / "part", options.memory, options.limit) for engine in PAIR]
                if problems := [found["problem"] for found in pair if "problem" in found]:
                    raise RuntimeError(f"every hundredth firm: {problems[0]}")
            row["agreement"] = agreement(*pair)
            print(rows, row["agreement"], flush=True)
            store(row, started)


def _sample(source: Path, target: Path) -> None:
    import duckdb

    target.mkdir()
    duckdb.execute(
        f"copy (select * from '{source}/*.parquet' where firm % 100 = 7) to '{target}/part.parquet' (format parquet)"
    )


def _short(found: dict[str, Any]) -> Any:
    if "problem" in found:
        return found["problem"]
    return {name: (round(f["seconds"], 1), round(f["peak_gb"], 2)) for name, f in found["steps"].items()}


def store(row: dict[str, Any], started: str) -> None:
    """Put the measurements of a size in place of those of the same engines before."""
    from machine import describe

    OUT.mkdir(exist_ok=True)
    path = OUT / "results.json"
    whole = json.loads(path.read_text("utf-8")) if path.is_file() else {"runs": {}, "measurements": []}
    for found in row["engines"].values():
        for step in found.get("steps", {}).values():
            for what in COMPARED:
                step.pop(what, None)
    for one in whole["measurements"]:
        if one["rows"] == row["rows"]:  # engines that were not measured again
            row["engines"] = one["engines"] | row["engines"]
            if not row["agreement"]:
                row |= {what: one[what] for what in ("agreement", "compared", "compared_in")}
    kept = [one for one in whole["measurements"] if one["rows"] != row["rows"]]
    rows = sorted([*kept, row], key=lambda one: one["rows"])
    used = {found["run"] for one in rows for found in one["engines"].values()} | {one["compared_in"] for one in rows}
    runs = {name: run for name, run in (whole["runs"] | {started: describe(PACKAGES)}).items() if name in used}
    whole = {"runs": runs, "measurements": rows}
    path.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    (OUT / "results.md").write_text(page(whole), "utf-8")
    draw(of_one_run(rows))


def of_one_run(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Measurements of the run with the most sizes, the last of those: on one machine at one time."""
    sizes: dict[str, int] = {}
    for row in rows:
        if PAIR[0] in row["engines"]:
            run = row["engines"][PAIR[0]]["run"]
            sizes[run] = sizes.get(run, 0) + 1
    chosen = max(sizes, key=lambda run: (sizes[run], run), default="")
    own = [
        row | {"engines": {name: found for name, found in row["engines"].items() if found["run"] == chosen}}
        for row in rows
    ]
    return [row for row in own if row["engines"]]


def series(rows: list[dict[str, Any]], engine: str, step: str, what: str) -> tuple[list[float], list[float]]:
    """Sizes at which a step was measured, and its cost."""
    found = [(row["rows"], row["engines"].get(engine, {}).get("steps", {}).get(step)) for row in rows]
    kept = [(size, cost[what]) for size, cost in found if cost]
    return [size for size, _ in kept], [cost for _, cost in kept]


def draw(rows: list[dict[str, Any]]) -> None:
    """CPU seconds and peak memory by rows: of all steps from disk, and of other packages."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "aigreen"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 5.4), layout="constrained")
    steps = list(dict.fromkeys(step for row in rows for step in row["engines"].get(PAIR[0], {}).get("steps", {})))
    lines = [(PAIR[0], step, step, "-", "osv"[j // 10 % 3]) for j, step in enumerate(steps) if step != "open again"]
    others = dict.fromkeys(
        (engine, step)
        for row in rows
        for engine, found in row["engines"].items()
        for step in found.get("steps", {})
        if engine not in PAIR and step != "read"
    )
    lines += [(engine, step, f"{engine}: {step}", ":", "x") for engine, step in others]
    for ax, what, label in ((axes[0], "cpu", "CPU seconds"), (axes[1], "peak_gb", "Peak memory, GB")):
        for number, (engine, step, name, line, mark) in enumerate(lines):
            ax.plot(
                *series(rows, engine, step, what), line, marker=mark, markersize=4, label=name, color=f"C{number % 10}"
            )
        ax.set_xscale("log")
        ax.set_xlabel("Firm-years")
        ax.set_ylabel(label)
        ax.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8, frameon=False)
    figure.savefig(OUT / "cost.svg", metadata={"Date": None})
    plt.close(figure)


def billion(rows: list[dict[str, Any]]) -> list[str]:
    """Carry CPU seconds on to a billion rows: by the seconds a row between the two largest sizes."""
    lines = []
    for step in rows[-1]["engines"].get(PAIR[0], {}).get("steps", {}):
        sizes, seconds = series(rows, PAIR[0], step, "cpu")
        if len(sizes) > 1 and step != "open again":
            slope = (seconds[-1] - seconds[-2]) / (sizes[-1] - sizes[-2])
            lines.append(f"| {step} | {slope * 1e6:.2f} | {(seconds[-1] + slope * (1e9 - sizes[-1])) / 60:.0f} |")
    return lines


def page(whole: dict[str, Any]) -> str:
    """Show the measurements as Markdown."""
    runs, rows = whole["runs"], whole["measurements"]
    label = {run: chr(ord("A") + j) for j, run in enumerate(sorted(runs))}
    one = of_one_run(rows)
    drawn = label[next(iter(one[0]["engines"].values()))["run"]]
    lines = [
        "# Panels larger than memory",
        "",
        "Written by `python3 run.py python benchmarks/larger_than_memory.py`, which says what is measured. "
        "Wall and CPU seconds (of all threads; other work on the machine shows in the former, and in CPU seconds where "
        "cores are shared); peak resident memory of the whole process during the step, what Python, DuckDB and Arrow "
        "hold included. Of the firm-years one in twenty is absent. Others: cores that other work used meanwhile.",
        "",
        "| run | started | machine | versions |",
        "|---|---|---|---|",
    ]
    for run, machine in sorted(runs.items()):
        versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
        where = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"
        lines.append(f"| {label[run]} | {run} | {where} | {versions} |")
    lines += [
        "",
        "| firm-years | Parquet GB | engine | run | others | step | seconds | CPU s | peak GB | effect | error |",
        "|---:|---:|---|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        for engine, found in row["engines"].items():
            others = f"{found['others']:.1f}" if "others" in found else "?"
            start = f"| {row['rows']:,} | {row['parquet_gb']:.2f} | {NAMES[engine]} | {label[found['run']]} | "
            start += f"{others} |"
            if "problem" in found:
                lines.append(f"{start} {found['problem']} | | | | | |")
                continue
            for step, cost in found["steps"].items():
                effect = f"{cost['estimate']:.6f} | {cost['std_error']:.6f}" if "estimate" in cost else " | "
                lines.append(
                    f"{start} {step} | {cost['seconds']:.1f} | {cost['cpu']:.1f} | {cost['peak_gb']:.2f} | {effect} |"
                )
    lines += [
        "",
        f"![CPU seconds and peak memory by rows](cost.svg)\n\nRun {drawn}, from disk and by other packages (crosses).",
        "",
        "## A billion rows",
        "",
        f"CPU seconds a million rows between the two largest sizes of run {drawn}, and the minutes of a billion rows "
        "at that rate.",
        "",
        "| step | CPU s a million rows | CPU minutes of a billion |",
        "|---|---:|---:|",
        *billion(one),
        "",
        "## Agreement of disk and memory",
        "",
        "Largest difference over all effects, and over all influence functions, relative to the largest of each; of "
        "errors by firm over all covariances, which from disk are sums of products.",
        "",
        "| firm-years | run | compared on | numbers | largest difference |",
        "|---:|---|---|---|---:|",
    ]
    for row in rows:
        for name, gap in row["agreement"].items():
            what = name.replace(", values", ": effects").replace(", psi", ": influence functions")
            what = what.replace(", vcov", ": covariances")
            lines.append(f"| {row['rows']:,} | {label[row['compared_in']]} | {row['compared']} | {what} | {gap:.1e} |")
    return "\n".join([*lines, ""])


NAMES = {"disk": "aigreen, disk", "memory": "aigreen, memory"} | {name: name for name in list(ENGINES)[2:]}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        warnings.simplefilter("ignore")
        engine, folder, memory, result = sys.argv[2:]
        Path(result).write_text(json.dumps(ENGINES[engine](Path(folder), memory)))
    else:
        main()
