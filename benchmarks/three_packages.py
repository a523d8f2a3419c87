"""One file, six event-study estimators, three packages: what each gives, its error, statements, seconds cold and warm.

    python3 run.py python benchmarks/three_packages.py            # the table of docs/from-csv-to-paper.md
    python3 run.py python benchmarks/three_packages.py pyfixest   # one package

Each package runs in a process of its own. Cold is the first call of an estimator there, with what it loads and
compiles; warm the median of the next five. Statements are those of the function that asks for the estimator.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import statistics
import subprocess
import sys
import textwrap
import time
import warnings
from importlib.metadata import version

Y, WARM = "green_patents_log", 5
PACKAGES = ("aigreen", "pyfixest", "diff-diff")


def frame():
    """Simulated firms; units in cities that open zones in 2019, 2020 and 2021."""
    import numpy as np

    from aigreen.data.assemble.simulated_firms import firm_year
    from aigreen.simulate.world import firm_panel

    df = firm_year(firm_panel(seed=1, n_firms=600)[0]).frame
    df = df[["firm_id", "year", "zone_year", "city_code", Y]]
    g = df["zone_year"].fillna(0).astype(int)
    treated = (g > 0) & (df["year"] >= g)
    names = {"g": g, "treated": treated, "d": treated.astype(int), "uid": df["firm_id"].astype("category").cat.codes}
    rel = np.where(g > 0, (df["year"] - g).clip(-3, 3), -1)
    return df.assign(**names, rel=rel).astype({"uid": int})


def aigreen_tasks(df):
    from aigreen import TWFE, GroupTimeATT, Imputation, Panel, StackedDiD, SunAbraham

    panel = Panel(df, unit="firm_id", time="year", cohort="zone_year", cluster="city_code")

    def group_time():
        return pair(GroupTimeATT().fit(panel, Y))

    def imputation():
        return pair(Imputation(leads=3).fit(panel, Y))

    def sun_abraham():
        return pair(SunAbraham().fit(panel, Y))

    def stacked():
        return pair(StackedDiD(window=(-3, 3)).fit(panel, Y))

    def two_way():
        return pair(TWFE(event_study=(-3, 3)).fit(panel, Y))

    def pair(effects):
        line = effects.overall().to_frame().iloc[0]
        return line["estimate"], line["std_error"]

    return [two_way, group_time, imputation, sun_abraham, stacked]


def pyfixest_tasks(df):
    import pyfixest as pf

    def two_way():
        fit = pf.feols(f"{Y} ~ i(rel, ref=-1) | uid + year", df, vcov={"CRV1": "city_code"})
        return len(fit.coef())

    def imputation():  # did2s: the point estimate of imputation; it stops where a unit has one untreated row alone
        alone = df[~df["treated"]].groupby("uid")["year"].size().reindex(df["uid"]).fillna(0).to_numpy() < 2
        rows = df[~alone].reset_index(drop=True)
        names = {"first_stage": "~ 0 | uid + year", "treatment": "treated", "cluster": "city_code"}
        fit = pf.did2s(rows, yname=Y, second_stage="~ i(treated, ref=False)", **names)
        return fit.coef().iloc[0], fit.se().iloc[0], len(rows)

    def sun_abraham():
        names = {"yname": Y, "idname": "uid", "tname": "year", "gname": "g", "cluster": "city_code"}
        return len(pf.event_study(data=df, estimator="saturated", **names).aggregate())

    def local_projections():
        names = {"yname": Y, "idname": "uid", "tname": "year", "gname": "g", "vcov": {"CRV1": "city_code"}}
        fit = pf.lpdid(data=df, pre_window=-3, post_window=3, att=True, **names).tidy()
        return fit["Estimate"].iloc[0], fit["Std. Error"].iloc[0]

    return [two_way, imputation, sun_abraham, local_projections]


def diff_diff_tasks(df):
    import diff_diff as dd

    names = {"outcome": Y, "unit": "uid", "time": "year", "first_treat": "g"}

    def group_time():
        fit = dd.CallawaySantAnna(control_group="not_yet_treated", cluster="city_code")
        return pair(fit.fit(df, aggregate="event_study", **names))

    def imputation():
        return pair(dd.ImputationDiD(cluster="city_code").fit(df, aggregate="event_study", **names))

    def sun_abraham():
        return pair(dd.SunAbraham(cluster="city_code").fit(df, **names))

    def stacked():  # with the weights of Wing, Freedman and Hollingsworth; errors by unit, it takes no other cluster
        return pair(dd.StackedDiD(kappa_pre=3, kappa_post=3).fit(df, aggregate="event_study", **names))

    def local_projections():
        fit = dd.LPDiD(pre_window=3, post_window=3, cluster="city_code")
        found = fit.fit(df, outcome=Y, unit="uid", time="year", treatment="d")
        return found.att, found.se

    def pair(found):
        return found.overall_att, found.overall_se

    return [group_time, imputation, sun_abraham, stacked, local_projections]


TASKS = {"aigreen": aigreen_tasks, "pyfixest": pyfixest_tasks, "diff-diff": diff_diff_tasks}


def statements(task) -> int:
    """Count the statements of a function, an estimator's fit as one."""
    body = ast.parse(textwrap.dedent(inspect.getsource(task))).body[0]
    return sum(isinstance(node, ast.stmt) for node in ast.walk(body)) - 1


def measure(package: str) -> dict[str, object]:
    warnings.simplefilter("ignore")
    df = frame()
    start = time.process_time()
    tasks = TASKS[package](df)
    found = {"loading": time.process_time() - start}
    for task in tasks:
        seconds = []
        for _ in range(WARM + 1):
            start = time.process_time()
            told = task()
            seconds.append(time.process_time() - start)
        told = [float(part) for part in told] if isinstance(told, tuple) else told
        found[task.__name__] = [told, statements(task), seconds[0], statistics.median(seconds[1:])]
    return found


def table(found: dict[str, dict[str, object]]) -> str:
    lines = ["| |" + "".join(f" {name} {version(name)} |" for name in found), "|---|" + "---|" * len(found)]
    for task in ("two_way", "group_time", "imputation", "sun_abraham", "stacked", "local_projections"):
        lines.append(
            f"| {task.replace('_', ' ')} |" + "".join(f" {said(facts.get(task))} |" for facts in found.values())
        )
    lines.append("| loading, s |" + "".join(f" {facts['loading']:.2f} |" for facts in found.values()))
    return "\n".join(lines)


def said(facts) -> str:
    if facts is None:
        return "not there"
    told, count, cold, warm = facts
    what = f"{told} horizons" if isinstance(told, int) else f"{told[0]:.4f} ({told[1]:.4f})"
    rows = f", {told[2]:,.0f} rows" if isinstance(told, list) and len(told) > 2 else ""
    return f"{what}{rows}; {count}; {cold:.2f}, {warm:.3f} s"


def main(names: list[str]) -> None:
    if len(names) == 1:
        print(json.dumps(measure(names[0])))
        return
    found = {}
    for name in names or PACKAGES:
        env = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        run = subprocess.run([sys.executable, __file__, name], env=env, capture_output=True, text=True, check=True)
        found[name] = json.loads(run.stdout.splitlines()[-1])
    print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
