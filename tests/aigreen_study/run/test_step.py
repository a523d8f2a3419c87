"""What the scripts of a study share, and names of files in several forms."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, load
from aigreen.errors import EstimationError
from aigreen_study.run.stem import stem
from aigreen_study.run.step import study_step

PANEL = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city", "name": "called", "unit_label": "Firms"}
CONFIG = {
    "panel": PANEL,
    "inference": {"level": 0.9, "draws": 99, "multipliers": "webb"},
    "seed": 3,
    "simulated": True,
}


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame([(i, t) for i in range(6) for t in range(4)], columns=["firm", "year"])
    frame = frame.assign(
        first=np.where(frame["firm"] < 2, 2, np.inf), city=frame["firm"] // 2, called="F" + frame["firm"].astype(str)
    )
    frame.assign(y=frame["firm"] * frame["year"] % 3 + 0.1 * frame["firm"] ** 2).to_parquet("panel.parquet")
    others = "".join(f"{name},{name.capitalize()},,\n" for name in ("firm", "year", "first", "called"))
    Path("codebook.csv").write_text(f"column,label,unit,coding\ny,Outcome,NA,\n{others}city,City,,GB/T 2260\n")

    class Files(list):
        panel, codebook = "panel.parquet", "codebook.csv"

    return SimpleNamespace(log=["logs/step.log"], input=Files(), output=[], params=SimpleNamespace(config=CONFIG))


def test_a_step_reads_what_the_study_says(job):
    with study_step(job) as step:
        assert step.roles == {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}
        assert step.bands == {"n_draws": 99, "multipliers": "webb", "seed": 3}
        assert (step.level, step.simulated, step.places, step.checks) == (0.9, True, "prefecture", {})
        assert (step.panel.n_rows, step.panel.n_clusters) == (24, 3)
        assert step.panel_of(step.frame[step.frame["firm"] > 1]).n_units == 4
        assert (step.labels["y"], step.codebook.loc["y", "unit"]) == ("Outcome", "NA")
        assert step.unit_names[[1, 4]].tolist() == ["F1", "F4"]
        assert step.elsewhere == "zones elsewhere"
    job.params.config = CONFIG | {"checks": {"a": 1}, "panel": CONFIG["panel"] | {"places": "none"}}
    with study_step(job) as step:
        assert step.checks == {"a": 1}
        assert step.elsewhere == "other treated units"


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("outcomes", {"level": "y", "log": "ln_y"}, "error: study 's': outcomes.log: no column 'ln_y'"),
        (
            "panel",
            {"cluster": "called"},
            "error: study 's': panel.cluster: 'called' holds no codes of places (GB/T 2260)",
        ),
    ],
)
def test_a_column_that_cannot_play_its_part_stops_the_step_before_it_begins(job, capsys, part, changes, message):
    job.params.config = CONFIG | {"study": "s", part: CONFIG.get(part, {}) | changes}
    with pytest.raises(SystemExit), study_step(job):
        raise AssertionError
    assert capsys.readouterr().err.startswith(message)


def test_results_are_saved_under_the_names_of_their_files(job):
    with study_step(job) as step:
        result = GroupTimeATT().fit(step.panel, "y")
        step.save({"att": result}, ["estimates/att.json"])
    assert load("estimates/att").values == pytest.approx(result.values)
    assert "INFO att" in Path("logs/step.log").read_text()


def test_files_of_an_output_have_one_stem():
    assert stem(["results/s/tables/a.json", "results/s/tables/a.tex"]) == Path("results/s/tables/a")
    assert stem("results/s/tables/v1.2") == Path("results/s/tables/v1.2")


@pytest.mark.parametrize(
    ("source", "place"),
    [("city", ""), ({"file": "p.csv"}, " (decomposition: {variance: conservative} in the study's file)")],
)
def test_an_error_of_an_own_study_says_where_its_advice_stands_in_the_file(job, capsys, source, place):
    job.params.config = CONFIG | {"source": source}
    with pytest.raises(SystemExit), study_step(job):
        raise EstimationError("one cluster alone; take variance='conservative'")
    assert f"error: one cluster alone; take variance='conservative'{place} (log" in capsys.readouterr().err
